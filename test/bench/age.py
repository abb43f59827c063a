#!/usr/bin/python3
"""moat model seal/open against Debian's age on one file in the page cache: CPU seconds (user + system), medians of interleaved runs.

Both write to standard output, a file: with --out moat also waits for the disk (fsync), which age never does."""
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile

MOAT = os.environ.get("MOAT", "build/release/moat")
SIZE = int(os.environ.get("BENCH_MB", "1024")) << 20
RUNS = 3


def cpu(to, *args):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with open(to, "wb") as f:
        subprocess.run(args, check=True, stdout=f, stderr=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main():
    if not shutil.which("age"):
        sys.exit("age.py: needs Debian's package age")
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as d:
        d = pathlib.Path(d)
        with open(d / "m", "wb") as f:
            for _ in range(SIZE >> 24):
                f.write(os.urandom(1 << 24))
        subprocess.run(["age-keygen", "-o", d / "k"], check=True, capture_output=True)
        to = subprocess.run(["age-keygen", "-y", d / "k"], check=True, capture_output=True, text=True).stdout.strip()
        jobs = {
            "seal": (lambda: cpu(d / "s", "age", "-r", to, d / "m"), lambda: cpu(d / "s", MOAT, "model", "seal", d / "m", "-r", to, "-o", "-")),
            "open": (lambda: cpu(d / "o", "age", "-d", "-i", d / "k", d / "s"), lambda: cpu(d / "o", MOAT, "model", "open", d / "s", "-i", d / "k", "-o", "-")),
        }
        print(f"{SIZE >> 20} MiB, CPU s, median of {RUNS}: age, moat, ratio")
        for name, pair in jobs.items():
            took = ([], [])
            for _ in range(RUNS):
                for i, job in enumerate(pair):
                    took[i].append(job())
            theirs, ours = map(statistics.median, took)
            print(f"{name}: {theirs:.2f} {ours:.2f} {theirs / ours:.2f}x")


main()
