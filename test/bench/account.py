"""moat privacy account on every row of other people's table: is the truth inside, how wide, how fast.  Beside it, connecting
the dots on a fixed grid of 1e-4 with numpy's FFT, which certifies nothing.  Needs $MOAT_VECTORS; CPU time of one thread."""
import csv
import json
import math
import os
import pathlib
import resource
import subprocess
import sys
import time

import numpy as np

MOAT = os.environ.get("MOAT", "build/release/moat")
erfc = np.vectorize(math.erfc)


def cpu_ms(args):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(args, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return done, 1e3 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def dots(sigma, q, steps, delta, h=1e-4):
    """The remove direction only, no tilting: what a library does at its default grid."""
    loss = lambda x: np.log1p(q * np.expm1((2 * x - 1) / (2 * sigma**2)))
    z = 1 + sigma * (math.sqrt(2 * math.log(steps / delta)) + 1)
    j = np.arange(math.floor(loss(-z) / h), math.ceil(loss(z) / h) + 1)
    e = j * h
    y = np.expm1(e) / q
    x = np.where(y > -1, sigma**2 * np.log1p(np.maximum(y, -1 + 1e-16)) + .5, -60 * sigma)
    below = lambda mean: .5 * erfc((mean - x) / (sigma * math.sqrt(2)))
    b = np.diff(below(0))
    a = (1 - q) * b + q * np.diff(below(1))
    alpha = np.clip((b * np.exp(e[:-1]) - a * math.exp(-h)) / -math.expm1(-h), 0, a)
    p = np.zeros(len(j))
    p[:-1] += alpha
    p[1:] += a - alpha
    mean, sd = steps * (p @ e), math.sqrt(steps * (p @ e**2 - (p @ e)**2))
    n = 1 << max(12, math.ceil(math.log2(40 * sd / h)))
    f = np.zeros(n)
    np.add.at(f, j % n, p)
    g = np.fft.irfft(np.fft.rfft(f)**steps, n)
    start = round(mean / h) - n // 2
    l = (start + np.arange(n)) * h
    g = g[(start + np.arange(n)) % n]
    lo, hi = 0, l[-1]
    for _ in range(50):
        mid = (lo + hi) / 2
        lo, hi = (mid, hi) if (g * np.maximum(-np.expm1(np.minimum(mid - l, 0)), 0)).sum() > delta else (lo, mid)
    return hi


def spread(v):
    v = sorted(v)
    return f"median {v[len(v) // 2]:9.2e}   p95 {v[len(v) * 95 // 100]:9.2e}   max {v[-1]:9.2e}"


def table(path):
    rows = list(csv.DictReader(open(path)))
    over, under, point, ms, outside, wide, peers = [], [], [], [], 0, 0, []
    for i, r in enumerate(rows):
        sigma, q, t, delta = float(r["noise_multiplier"]), float(r["sampling_prob"]), int(float(r["steps"])), float(r["delta"])
        done, took = cpu_ms([MOAT, "privacy", "account", "--json", "--sigma", repr(sigma), "--rate", repr(q), "--steps", str(t), "--delta", repr(delta)])
        got = json.loads(done.stdout)
        ms.append(took)
        wide += got["epsilon_up"] > 1e-3 and got["epsilon_up"] - got["epsilon_low"] > 1e-3 * got["epsilon_up"]
        if i % 20 == 0 and 1 < t <= 20000 and q < 1 and delta >= 1e-8:
            before = time.process_time()
            dots(sigma, q, t, delta)
            peers.append((took, 1e3 * (time.process_time() - before)))
        if not r["eps_exact"]:
            continue
        exact = float(r["eps_exact"])
        outside += not (got["epsilon_low"] <= exact * (1 + 1e-6) and exact * (1 - 1e-6) <= got["epsilon_up"])
        if exact > 1e-3:
            over.append(got["epsilon_up"] / exact - 1)
            under.append(1 - got["epsilon_low"] / exact)
            point.append(abs(got["epsilon"] / exact - 1))
    print(f"{path.name}: {len(rows)} rows, truth outside the interval in {outside}, interval wider than 1e-3 in {wide}")
    print(f"  (up - exact) / exact    {spread(over)}\n  (exact - low) / exact   {spread(under)}\n  |epsilon - exact| / exact {spread(point)}")
    print(f"  CPU ms a query          {spread(ms)}")
    if peers:
        print(f"  numpy dots, uncertified: {sorted(b / a for a, b in peers)[len(peers) // 2]:.1f} times the CPU (median of {len(peers)} rows)")


root = pathlib.Path(os.environ.get("MOAT_VECTORS", "")) / "privacy/accountant"
if not root.is_dir():
    sys.exit("needs $MOAT_VECTORS/privacy/accountant")
for name in ("accountant_vectors.csv", "tiny_delta.csv"):
    table(root / name)
