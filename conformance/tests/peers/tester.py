#!/usr/bin/env python3
"""Network tester for COMP/ECPE 177: measures bandwidth and latency between two machines over TCP and UDP.

An independent peer of the reference, as a good student would hand it in: one file, Python 3.8 or newer, standard
library only, a control (main) thread and a data thread. Both parts of the project are implemented.

    tester.py --server
    tester.py --client --target=HOST --test=UDP_STREAM --time=10
"""

import argparse
import errno
import select
import socket
import struct
import sys
import threading
import time

CONTROL_PORT = 5678
PROTOCOL_VERSION = 1
CONTROL_TIMEOUT_S = 45.0        # silence after which the server gives a test up
CONNECT_TIMEOUT_S = 10.0        # for the data connection of the client
UDP_RR_TIMEOUT_S = 1.0          # after which a round trip counts as lost

TCP_MESSAGE = bytes(64 * 1024)
UDP_MESSAGE = bytes(1472)
ONE_BYTE = b"x"

# Message types, and the four messages as they go over the wire ("!" is big-endian and without padding).
TEST_REQUEST, TEST_REPLY, TEST_DONE, TEST_RESULTS = 1, 2, 3, 4
REQUEST = struct.Struct("!BBB")     # version, type, test type
REPLY = struct.Struct("!BBH")       # version, type, test port
DONE = struct.Struct("!BB")         # version, type
RESULTS = struct.Struct("!BBQ")     # version, type, UDP packets received

TESTS = {"TCP_STREAM": 1, "TCP_RR": 2, "UDP_STREAM": 3, "UDP_RR": 4}
TEST_NAMES = {number: name for name, number in TESTS.items()}


class TestFailed(Exception):
    """The test cannot go on; the text says why."""


def left_until(end):
    return end - time.monotonic()


def say(line):
    print(line, flush=True)


def complain(line):
    print(line, file=sys.stderr, flush=True)


# ------------------------------------------------------------------------------------------------ both ends of control

def receive(connection, layout, silence_allowed=None):
    """Reads exactly one message. recv() may return less than was asked for, so it is called until all is there.

    silence_allowed() says how many seconds the other side may still be silent; without it there is no limit.
    """
    message = b""
    while len(message) < layout.size:
        patience = None
        if silence_allowed is not None:
            patience = silence_allowed()
            if patience <= 0:
                raise TestFailed("no word from the client for too long")
        connection.settimeout(patience)
        try:
            part = connection.recv(layout.size - len(message))
        except socket.timeout:
            continue                # data may have come meanwhile: ask again how much silence is left
        if not part:
            raise TestFailed("the other side closed the connection")
        message += part
        if silence_allowed is not None:
            silence_allowed.heard()
    return layout.unpack(message)


def check_head(version, kind, expected_kind):
    if version != PROTOCOL_VERSION:
        raise TestFailed("protocol version %d instead of %d" % (version, PROTOCOL_VERSION))
    if kind != expected_kind:
        raise TestFailed("message type %d instead of %d" % (kind, expected_kind))


# -------------------------------------------------------------------------------------------------------------- server

class Silence:
    """Counts down to the control timeout; every byte, on either socket, starts it anew."""

    def __init__(self, limit_s):
        self.limit_s = limit_s
        self.heard()

    def heard(self):
        self.last_word = time.monotonic()

    def __call__(self):
        return self.last_word + self.limit_s - time.monotonic()


class Tally:
    """What the server's data thread has counted."""

    def __init__(self):
        self.udp_packets = 0


def run_server(control_timeout_s):
    with open_listener() as listener:
        while True:
            connection, (host, *_) = listener.accept()
            with connection:
                try:
                    serve_test(connection, host, control_timeout_s)
                except (TestFailed, OSError) as reason:
                    complain("Test aborted: %s" % reason)


def open_listener():
    """Listens on all addresses, for IPv6 and IPv4 at once where the machine can. create_server sets SO_REUSEADDR."""
    if socket.has_dualstack_ipv6():
        try:
            return socket.create_server(("", CONTROL_PORT), family=socket.AF_INET6, backlog=100, dualstack_ipv6=True)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise
    return socket.create_server(("", CONTROL_PORT), backlog=100)


def serve_test(connection, host, control_timeout_s):
    silence = Silence(control_timeout_s)
    version, kind, test = receive(connection, REQUEST, silence)
    check_head(version, kind, TEST_REQUEST)
    if test not in TEST_NAMES:
        raise TestFailed("unknown test type %d" % test)

    tally = Tally()
    with open_test_port(TEST_NAMES[test], connection.family) as port_socket:
        over, tell_over = socket.socketpair()
        with over, tell_over:
            data_thread = threading.Thread(
                target=server_data_thread,
                args=(TEST_NAMES[test], port_socket, host, over, tally, silence),
                daemon=True,
            )
            data_thread.start()
            try:
                connection.sendall(REPLY.pack(PROTOCOL_VERSION, TEST_REPLY, port_socket.getsockname()[1]))
                version, kind = receive(connection, DONE, silence)
                check_head(version, kind, TEST_DONE)
            finally:
                tell_over.send(ONE_BYTE)
                data_thread.join()
    connection.settimeout(control_timeout_s)
    connection.sendall(RESULTS.pack(PROTOCOL_VERSION, TEST_RESULTS, tally.udp_packets))


def open_test_port(test, family):
    """A socket on a free port, ready for data before the client is told the number."""
    kind = socket.SOCK_STREAM if test.startswith("TCP") else socket.SOCK_DGRAM
    port_socket = socket.socket(family, kind)
    try:
        if family == socket.AF_INET6:
            port_socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if kind == socket.SOCK_DGRAM:
            port_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * 1024 * 1024)
        port_socket.bind(("", 0))
        if kind == socket.SOCK_STREAM:
            port_socket.listen(5)
        port_socket.setblocking(False)
        return port_socket
    except OSError:
        port_socket.close()
        raise


def server_data_thread(test, port_socket, host, over, tally, silence):
    say("Data thread opening")
    try:
        if test.startswith("TCP"):
            take_tcp(port_socket, host, over, silence, echo=test == "TCP_RR")
        else:
            take_udp(port_socket, host, over, silence, tally, echo=test == "UDP_RR")
    except OSError as error:
        complain("Data connection lost: %s" % error)
    over.recv(1)                    # the test lasts until the control thread says so
    say("Data thread closing")


def take_tcp(listener, host, over, silence, echo):
    """Takes one data connection from the client's address and empties it; echo sends every byte back."""
    connection = None
    try:
        while connection is None:
            if over in select.select([listener, over], [], [])[0]:
                return
            candidate, (candidate_host, *_) = listener.accept()
            if candidate_host == host:
                connection = candidate
            else:
                candidate.close()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(1.0)
        buffer = memoryview(bytearray(256 * 1024))
        while over not in select.select([connection, over], [], [])[0]:
            count = connection.recv_into(buffer)
            if count == 0:
                return
            silence.heard()
            if echo:
                connection.sendall(buffer[:count])
    finally:
        if connection is not None:
            connection.close()


def take_udp(port_socket, host, over, silence, tally, echo):
    """Counts the packets that come from the client's address, to the last that had arrived when the test was over."""
    is_over = False
    while not is_over:
        is_over = over in select.select([port_socket, over], [], [])[0]
        take_packets(port_socket, host, silence, tally, echo)


def take_packets(port_socket, host, silence, tally, echo):
    """Takes what has arrived, for a second at most: a client that never stops must not hold the server."""
    end = time.monotonic() + 1.0
    while left_until(end) > 0:
        try:
            packet, address = port_socket.recvfrom(2048)
            if address[0] != host:
                continue
            tally.udp_packets += 1
            silence.heard()
            if echo:
                port_socket.sendto(packet[:1], address)
        except BlockingIOError:
            return
        except ConnectionError:
            pass                    # an ICMP answer to an echo: the client has closed its socket


# -------------------------------------------------------------------------------------------------------------- client

class Sent:
    """What the client's data thread has done."""

    def __init__(self):
        self.bytes = 0
        self.packets = 0
        self.round_trips = 0
        self.seconds = 0.0
        self.note = None


def run_client(target, test, seconds):
    try:
        connection = socket.create_connection((target, CONTROL_PORT))
    except OSError as error:
        raise TestFailed("cannot connect to %s: %s" % (target, error.strerror or error))
    except UnicodeError:
        raise TestFailed("%r cannot be the name of a host" % target)
    with connection:
        connection.sendall(REQUEST.pack(PROTOCOL_VERSION, TEST_REQUEST, TESTS[test]))
        version, kind, port = receive(connection, REPLY)
        check_head(version, kind, TEST_REPLY)

        sent = Sent()
        data_thread = threading.Thread(
            target=client_data_thread, args=(test, connection, port, seconds, sent), daemon=True
        )
        data_thread.start()
        data_thread.join()

        connection.sendall(DONE.pack(PROTOCOL_VERSION, TEST_DONE))
        version, kind, received = receive(connection, RESULTS)
        check_head(version, kind, TEST_RESULTS)
    report(target, test, sent, received)


def client_data_thread(test, connection, port, seconds, sent):
    say("Data thread opening")
    start = time.monotonic()
    end = start + seconds
    try:
        peer = connection.getpeername()
        kind = socket.SOCK_STREAM if test.startswith("TCP") else socket.SOCK_DGRAM
        with socket.socket(connection.family, kind) as data_socket:
            data_socket.settimeout(CONNECT_TIMEOUT_S if seconds == 0 else min(CONNECT_TIMEOUT_S, seconds))
            data_socket.connect((peer[0], port, *peer[2:]))
            CLIENT_TESTS[test](data_socket, end, sent)
    except (OSError, OverflowError) as error:
        sent.note = "no data could be exchanged on the test port: %s" % error
    sent.seconds = time.monotonic() - start
    # A server of Part 1 has no test port: the test then is to wait.
    time.sleep(max(0.0, end - time.monotonic()))
    say("Data thread closing")


def send_stream(data_socket, end, sent):
    """64 KiB messages over TCP without a pause."""
    rest = memoryview(TCP_MESSAGE)
    while True:
        left = left_until(end)
        if left <= 0:
            return
        data_socket.settimeout(left)
        try:
            count = data_socket.send(rest)
        except socket.timeout:
            return
        sent.bytes += count
        rest = rest[count:] or memoryview(TCP_MESSAGE)


def send_packets(data_socket, end, sent):
    """1472-byte packets over UDP without a pause."""
    while left_until(end) > 0:
        try:
            data_socket.send(UDP_MESSAGE)
        except socket.timeout:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            continue                # the interface's queue is full: the packet has not left
        sent.packets += 1
        sent.bytes += len(UDP_MESSAGE)


def ping_tcp(data_socket, end, sent):
    """One byte there, one byte back, over TCP."""
    data_socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while left_until(end) > 0:
        data_socket.send(ONE_BYTE)
        data_socket.settimeout(max(0.001, left_until(end)))
        try:
            if not data_socket.recv(1):
                raise ConnectionError("the server closed the data connection")
        except socket.timeout:
            return
        sent.round_trips += 1


def ping_udp(data_socket, end, sent):
    """One packet of one byte there, one back. A packet that is lost must not stop the test."""
    late_answer_possible = False
    while left_until(end) > 0:
        if late_answer_possible:
            forget_late_answers(data_socket)
            late_answer_possible = False
        data_socket.send(ONE_BYTE)
        sent.packets += 1
        data_socket.settimeout(max(0.001, min(UDP_RR_TIMEOUT_S, left_until(end))))
        try:
            data_socket.recv(16)
            sent.round_trips += 1
        except socket.timeout:
            late_answer_possible = True


def forget_late_answers(data_socket):
    data_socket.setblocking(False)
    try:
        while True:
            data_socket.recv(16)
    except BlockingIOError:
        pass


CLIENT_TESTS = {"TCP_STREAM": send_stream, "TCP_RR": ping_tcp, "UDP_STREAM": send_packets, "UDP_RR": ping_udp}


def report(target, test, sent, received):
    seconds = max(sent.seconds, 1e-9)
    say("%s test with %s finished after %.2f s" % (test, target, sent.seconds))
    if sent.note is not None:
        say("Note: " + sent.note)
    if test == "TCP_STREAM":
        say("Throughput: %.2f Mbit/s" % (sent.bytes * 8 / seconds / 1e6))
    if test == "UDP_STREAM":
        arrived_bytes = min(received, sent.packets) * len(UDP_MESSAGE)
        say("Throughput: %.2f Mbit/s" % (arrived_bytes * 8 / seconds / 1e6))
    if test in ("TCP_RR", "UDP_RR"):
        say("Round trips: %.1f per second" % (sent.round_trips / seconds))
    if test in ("UDP_STREAM", "UDP_RR"):
        lost = max(0, sent.packets - received)
        say("UDP packets sent: %d" % sent.packets)
        say("UDP packets received: %d" % received)
        say("Packet loss: %.2f %%" % (100 * lost / sent.packets if sent.packets else 0.0))


# -------------------------------------------------------------------------------------------------------- command line

def whole_seconds(text):
    if not (text.isascii() and text.isdigit()) or len(text) > 8:
        raise argparse.ArgumentTypeError("%r is not a whole number of seconds" % text)
    return int(text)


def parse_arguments():
    parser = argparse.ArgumentParser(description="Network tester for COMP/ECPE 177", allow_abbrev=False)
    parser.add_argument("--version", action="version", version="%(prog)s 1.0")
    parser.add_argument("--test", choices=list(TESTS), default="TCP_STREAM", help="Kind of test (%(default)s)")
    parser.add_argument("--target", help="Host that the client contacts (localhost)")
    parser.add_argument("--time", type=whole_seconds, default=30, help="Duration in seconds (%(default)s)")
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--client", action="store_true", help="Run as the client")
    mode.add_argument("--server", action="store_true", help="Run as the server")
    # For our own tests only: nobody wants to wait for 45 s.
    parser.add_argument("--control-timeout", type=float, default=CONTROL_TIMEOUT_S, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.target is not None and not arguments.client:
        parser.error("--target is only allowed with --client")
    return arguments


def main():
    arguments = parse_arguments()
    try:
        if arguments.server:
            run_server(arguments.control_timeout)
        else:
            run_client(arguments.target or "localhost", arguments.test, arguments.time)
    except KeyboardInterrupt:
        say("Exiting Server" if arguments.server else "Exiting Client")
        return 0 if arguments.server else 130
    except (TestFailed, OSError) as reason:
        complain("Error: %s" % reason)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
