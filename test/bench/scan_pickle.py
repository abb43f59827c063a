"""How fast pickles are followed and judged, beside Python's own pickletools.genops, which only lists opcodes.

    make build/release/bench-scan_pickle && /usr/bin/python3 test/bench/scan_pickle.py
"""
import json
import os
import pathlib
import pickle
import pickletools
import resource
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOAT = os.environ.get("MOAT", str(ROOT / "build/release/moat"))
BENCH = str(ROOT / "build/release/bench-scan_pickle")


def numbers(n):
    return [i % 60000 for i in range(n)]


def records(n):
    return [{"id": i, "v": [i % 256, i % 65536, i * .5], "t": (i, i + 1), "s": str(i)} for i in range(n)]


def follow(path, times=1):
    return json.loads(subprocess.run([BENCH, path, str(times)], capture_output=True, check=True, text=True).stdout)


def genops(data):
    start = time.process_time()
    n = sum(1 for _ in pickletools.genops(data))
    return n / (time.process_time() - start)


def scan(path):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall = time.time()
    subprocess.run([MOAT, "model", "scan", path], capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.time() - wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    if not os.path.exists(BENCH):
        sys.exit(f"build it first: make {os.path.relpath(BENCH, ROOT)}")
    peers = {"numbers": genops(pickle.dumps(numbers(500000), 4)), "records": genops(pickle.dumps(records(20000), 4))}
    print(f"{'pickle':10} {'MB':>6} {'opcodes':>10} {'CPU s':>7} {'M opcodes/s':>12} {'judged CPU s':>13} {'own MiB':>8} {'genops M/s':>11} {'ratio':>6}   scan wall, CPU")
    with tempfile.TemporaryDirectory() as d:
        for name, value in (("numbers", numbers(38000000)), ("records", records(1200000))):
            path = os.path.join(d, name + ".pkl")
            with open(path, "wb") as f:
                pickle.dump(value, f, 4)
            del value
            r = min((follow(path) for _ in range(3)), key=lambda x: x["follow_s"])
            rate = r["opcodes"] / r["follow_s"]
            wall, cpu = scan(path)
            print(f"{name:10} {os.path.getsize(path) / 1e6:6.0f} {r['opcodes']:10} {r['follow_s']:7.3f} {rate / 1e6:12.1f} {r['judge_s']:13.3f} {r['anonymous_kib'] / 1024:8.0f} "
                  f"{peers[name] / 1e6:11.2f} {rate / peers[name]:6.0f}   {wall:.3f} s, {cpu:.3f} s")
        small = os.path.join(d, "small.pkl")
        with open(small, "wb") as f:
            pickle.dump({"a": [1, 2, 3], "b": {"c": 1.5, "d": "text"}}, f, 4)
        r = follow(small, 20000)
        print(f"small pickles judged in a second of CPU: {20000 / r['judge_s']:.0f}")


if __name__ == "__main__":
    main()
