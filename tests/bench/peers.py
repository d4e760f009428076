#!/usr/bin/env python3
"""Measures this tester beside the tools that one would use instead, over the loopback, in one run.

Nothing is installed: iperf3, qperf, sockperf and nuttcp are used where they are in PATH, and named where they are not.
The tools take turns, round by round, so that whatever else the machine does hits all of them alike; what counts is the
median of the per-round ratios, and not how two figures from different moments compare. Run it on a release build:

    cargo build --release && tests/bench/peers.py target/release/tester --rounds 7 --time 3
"""

import argparse
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time

HOST = "127.0.0.1"
PATIENCE = 10  # seconds that a server may take to listen, and a client to come back after its time


def free_port():
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def listens(port):
    """Whether somebody listens on the TCP port, from the kernel's table: a trial connection would be served."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            with open(table) as lines:
                rows = [line.split() for line in lines][1:]
        except FileNotFoundError:
            continue
        # Local address and state; 0A is LISTEN.
        if any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows):
            return True
    return False


class Server:
    """A server process that is up when the block begins and gone when it ends."""

    def __init__(self, command, port):
        self.command, self.port = command, port

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE
        while not listens(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise RuntimeError(f"{self.command[0]} does not listen on {self.port}")
            time.sleep(0.01)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def run(command, seconds):
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + PATIENCE)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def tester(binary, test, *options):
    """A measurement by this tester: received Mbit/s, received datagrams/s, or round trips/s, by the test."""

    def measure(seconds):
        port = free_port()
        with Server([binary, "--server", "--port", str(port), "--bind", HOST, *options], port):
            out = run([binary, "--client", "--target", HOST, "--port", str(port), "--test", test, "--time",
                       str(seconds), "--json", *options], seconds)
        report = json.loads(out)
        measured = report["measured"]
        if test.endswith("RR"):
            return measured["round_trips_per_s"], None
        if test == "UDP_STREAM":
            received = report["results_udp_packets_received"] / measured["time_s"]
            return received, measured["loss_percent"]
        return measured["throughput_mbit_per_s"], None

    return measure


def iperf3(*options, udp=False):
    def measure(seconds):
        port = free_port()
        with Server(["iperf3", "-s", "-p", str(port)], port):
            out = run(["iperf3", "-c", HOST, "-p", str(port), "-t", str(seconds), "-J", *options], seconds)
        end = json.loads(out)["end"]
        if udp:
            total = end["sum"]
            lost = total["lost_packets"]
            return (total["packets"] - lost) / total["seconds"], 100 * lost / max(total["packets"], 1)
        return end["sum_received"]["bits_per_second"] / 1e6, None

    return measure


def qperf(test):
    """qperf tells the one-way latency, half of a round trip."""

    def measure(seconds):
        port = free_port()
        with Server(["qperf", "--listen_port", str(port)], port):
            out = run(["qperf", "--listen_port", str(port), "-t", str(seconds), "-m", "1", "-u", HOST, test], seconds)
        value, unit = re.search(r"latency\s*=\s*([\d.]+) (ns|us|ms)", out).groups()
        latency = float(value) * {"ns": 1e-9, "us": 1e-6, "ms": 1e-3}[unit]
        return 1 / (2 * latency), None

    return measure


def sockperf(*options):
    """sockperf tells the one-way latency as half of what it measured, in microseconds."""

    def measure(seconds):
        port = free_port()
        common = ["-i", HOST, "-p", str(port), *options]
        server = subprocess.Popen(["sockperf", "server", *common], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        try:
            # It opens a UDP port, or a TCP one that a look at the table finds; it is up within the warm-up.
            deadline = time.monotonic() + PATIENCE
            while "--tcp" in options and not listens(port) and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.3)
            out = run(["sockperf", "ping-pong", *common, "-t", str(seconds), "-m", "14"], seconds)
        finally:
            server.kill()
            server.wait()
        latency = float(re.search(r"avg-lat(?:ency)?\s*=\s*([\d.]+)", out.replace("avg-latency", "avg-lat")).group(1))
        return 1 / (2 * latency * 1e-6), None

    return measure


def nuttcp(*options, udp=False):
    def measure(seconds):
        control, data = free_port(), free_port()
        with Server(["nuttcp", "-S", "--nofork", "-P", str(control), "-1"], control):
            out = run(["nuttcp", "-P", str(control), "-p", str(data), f"-T{seconds}", "-fparse", *options, HOST],
                      seconds)
        fields = dict(re.findall(r"(\w+)=([\d.]+)", out))
        if udp:
            received = float(fields["pkt"]) - float(fields["drop"])
            return received / float(fields["real_seconds"]), float(fields["data_loss"])
        return float(fields["rate_Mbps"]), None

    return measure


def comparisons(binary):
    """Title, unit, our way, and the peers' ways, each with the program that it needs."""
    udp = ["-u", "-l", "1472", "-b", "0"]
    return [
        ("TCP_STREAM", "Mbit/s", tester(binary, "TCP_STREAM"), {
            "iperf3 -l 64K -Z": ("iperf3", iperf3("-l", "64K", "-Z")),
            "iperf3 -l 64K": ("iperf3", iperf3("-l", "64K")),
            "nuttcp -l64K": ("nuttcp", nuttcp("-l64K")),
        }),
        ("TCP_STREAM --copy", "Mbit/s", tester(binary, "TCP_STREAM", "--copy"), {
            "iperf3 -l 64K": ("iperf3", iperf3("-l", "64K")),
        }),
        ("UDP_STREAM", "received/s", tester(binary, "UDP_STREAM"), {
            "iperf3 -u -l 1472": ("iperf3", iperf3(*udp, udp=True)),
            "nuttcp -u -l1472": ("nuttcp", nuttcp("-u", "-l1472", "-Ru", udp=True)),
        }),
        ("UDP_STREAM --no-offload", "received/s", tester(binary, "UDP_STREAM", "--no-offload"), {
            "iperf3 -u -l 1472": ("iperf3", iperf3(*udp, udp=True)),
            "nuttcp -u -l1472": ("nuttcp", nuttcp("-u", "-l1472", "-Ru", udp=True)),
        }),
        ("TCP_RR", "round trips/s", tester(binary, "TCP_RR"), {
            "qperf tcp_lat": ("qperf", qperf("tcp_lat")),
            "sockperf --tcp": ("sockperf", sockperf("--tcp")),
        }),
        ("UDP_RR", "round trips/s", tester(binary, "UDP_RR"), {
            "qperf udp_lat": ("qperf", qperf("udp_lat")),
            "sockperf": ("sockperf", sockperf()),
        }),
        ("TCP_RR --busy-poll", "round trips/s", tester(binary, "TCP_RR", "--busy-poll"), {
            "qperf tcp_lat": ("qperf", qperf("tcp_lat")),
            "TCP_RR": (binary, tester(binary, "TCP_RR")),
        }),
        ("UDP_RR --busy-poll", "round trips/s", tester(binary, "UDP_RR", "--busy-poll"), {
            "qperf udp_lat": ("qperf", qperf("udp_lat")),
            "UDP_RR": (binary, tester(binary, "UDP_RR")),
        }),
    ]


def compare(title, unit, ours, peers, rounds, seconds):
    present = {name: measure for name, (program, measure) in peers.items() if shutil.which(program)}
    rates = {name: [] for name in [title, *present]}
    losses = {name: [] for name in rates}
    for number in range(rounds):
        turns = list({title: ours, **present}.items())
        # Whoever always came first would always find the machine as the last one left it.
        turns = turns[number % len(turns):] + turns[:number % len(turns)]
        for name, measure in turns:
            try:
                rate, loss = measure(seconds)
            except Exception as error:  # one tool's failure is a gap in its column, not the end of the run
                print(f"{name}: {error}", file=sys.stderr)
                rate, loss = None, None
            rates[name].append(rate)
            losses[name].append(loss)
    for name, column in rates.items():
        seen = [rate for rate in column if rate is not None]
        pairs = [mine / theirs for mine, theirs in zip(rates[title], column) if mine and theirs]
        lost = [loss for loss in losses[name] if loss is not None]
        median = f"{statistics.median(seen):.0f}" if seen else "-"
        ratio = "" if name == title else f"{statistics.median(pairs):.2f}" if pairs else "-"
        loss = f"{statistics.median(lost):.2f}" if lost else ""
        print(f"| {title if name == title else ''} | {name} | {median} | {unit} | {ratio} | {loss} |", flush=True)
    for name in peers.keys() - present.keys():
        print(f"| | {name} | not in PATH | | | |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tester", help="the tester's binary, a release build")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--time", type=int, default=3, help="seconds of each measurement")
    parser.add_argument("--only", default="", help="a part of the tests' titles")
    options = parser.parse_args()
    load = os.getloadavg()
    print(f"{platform.system()} {platform.release()}, {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}, "
          f"load average before {load[0]:.1f}, {options.rounds} rounds of {options.time} s\n")
    print("| test | tool | median | unit | ours / theirs (median of rounds) | loss in percent |")
    print("|---|---|---|---|---|---|")
    for title, unit, ours, peers in comparisons(os.path.abspath(options.tester)):
        if options.only in title:
            compare(title, unit, ours, peers, options.rounds, options.time)
    print(f"\nLoad average after: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
