#!/usr/bin/env python3
"""How long a class takes: makes a folder of submissions, grades it, and prints a row of the README's table.

    cargo build --release --workspace --bins --examples
    tests/bench/class.py 1 10 30 100

Two submissions of three are Python (the peer of the tests, half of them with a mistake of peers/faults.toml); the others
are mutants and legal variants of the examples. Needs Linux, and Python 3.11 or newer.
"""

import argparse
import csv
import itertools
import pathlib
import random
import resource
import shutil
import subprocess
import tempfile
import threading
import time
import tomllib

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTS = ROOT / "conformance/tests/peers"
EXAMPLES = ROOT / "conformance/examples"


def entries(path, table):
    return tomllib.loads(path.read_text())[table]


def python_sources():
    """The peer itself, and the peer with one mistake, in turn."""
    text = (TESTS / "tester.py").read_text()
    for fault in itertools.cycle(entries(TESTS / "faults.toml", "fault")):
        yield text
        broken = text
        for edit in fault["edit"]:
            assert broken.count(edit["find"]) == 1, fault["name"]
            broken = broken.replace(edit["find"], edit["replace"])
        yield broken


def binaries(target):
    """A mutant and a legal variant, in turn: the arguments of the example."""
    # In a mixed order that is always the same, so that every area is there.
    mixed = random.Random(1)
    mutants = [fault["name"] for fault in entries(EXAMPLES / "mutant/faults.toml", "fault")]
    variants = entries(EXAMPLES / "legal/variants.toml", "variant")
    legal = [variant["name"] for variant in variants if not variant.get("heavy")]
    mixed.shuffle(mutants)
    mixed.shuffle(legal)
    for mutant, variant in zip(itertools.cycle(mutants), itertools.cycle(legal)):
        yield target / "examples/mutant", f"--fault={mutant}"
        yield target / "examples/legal", f"--variant={variant}"


def make_class(folder, size, target):
    python, programs = python_sources(), binaries(target)
    for number in range(size):
        submission = folder / f"student-{number:03}"
        submission.mkdir()
        if number % 3 < 2:
            (submission / "tester.py").write_text(next(python))
            continue
        program, argument = next(programs)
        shutil.copy(program, submission / "program")
        starter = submission / "tester"
        starter.write_text(
            f'#!/bin/sh\nexec "${{0%/*}}/program" {argument} "$@"\n'
        )
        starter.chmod(0o755)


def grade(runner, folder, output, options):
    """Grades the folder. Returns the seconds, the processor seconds and the runner's peak memory in MB."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    command = [runner, "grade", folder, "--output", output, "--quiet", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0

    def watch():
        nonlocal peak
        while process.poll() is None:
            try:
                status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            except OSError:
                return
            lines = [line.split() for line in status.splitlines() if line.startswith("VmHWM:")]
            peak = max([peak, *(int(words[1]) for words in lines)])
            time.sleep(0.2)

    thread = threading.Thread(target=watch)
    thread.start()
    process.wait()
    seconds = time.monotonic() - began
    thread.join()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return seconds, used, peak / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", type=int, nargs="+", help="how many submissions")
    parser.add_argument("--target", type=pathlib.Path, default=ROOT / "target/release", help="where the builds are")
    parser.add_argument("--keep", type=pathlib.Path, help="keep the classes and the gradebooks here")
    parser.add_argument("--options", default="--part p1", help="further options of the grading")
    arguments = parser.parse_args()
    print("| submissions | time | processor time | memory of the runner | hold |")
    print("|---|---|---|---|---|")
    for size in arguments.sizes:
        with tempfile.TemporaryDirectory() as temporary:
            base = (arguments.keep or pathlib.Path(temporary)) / str(size)
            (base / "class").mkdir(parents=True)
            make_class(base / "class", size, arguments.target)
            options = arguments.options.split()
            seconds, used, memory = grade(arguments.target / "conformance", base / "class", base / "out", options)
            with open(base / "out/gradebook.csv", newline="") as book:
                rows = list(csv.DictReader(book))
            hold = sum(row["result"] == "holds" for row in rows)
            print(f"| {size} | {seconds:.0f} s | {used:.0f} s | {memory:.0f} MB | {hold} |", flush=True)


if __name__ == "__main__":
    main()
