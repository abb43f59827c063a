#!/usr/bin/python3
"""CPU time of KS + Wasserstein + PSI + JS on the same numbers: scipy and numpy, and `moat watch drift` with everything else it
computes and the reading of its files; build/release/bench-stats is those four statistics alone.  Both run on one thread, after each other, in one process tree.

    test/bench/drift.py [--rows 1000000] [--columns 4] [--json]
"""
import argparse
import json
import os
import pathlib
import resource
import subprocess
import tempfile
import time

import numpy as np
from scipy import stats
from scipy.spatial.distance import jensenshannon

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOAT = os.environ.get("MOAT", str(ROOT / "build/release/moat"))


def psi(x, y):
    edges = np.unique(np.quantile(x, np.linspace(0, 1, 11)))
    edges[0], edges[-1] = -np.inf, np.inf
    a, b = (np.histogram(v, edges)[0] / len(v) for v in (x, y))
    a, b = (np.where(v == 0, 1e-4, v) for v in (a, b))
    return float(((b - a) * np.log(b / a)).sum())


def js(x, y):
    edges = np.histogram_bin_edges(np.concatenate([x, y]), bins="sturges")
    return float(jensenshannon(*(np.histogram(v, edges)[0] / len(v) for v in (x, y))))


def theirs(x, y):
    out = []
    for i in range(x.shape[1]):
        a, b = x[:, i], y[:, i]
        k = stats.ks_2samp(a, b, mode="asymp")
        out.append({"ks": k.statistic, "ks_p": k.pvalue, "wasserstein": stats.wasserstein_distance(a, b), "psi": psi(a, b), "js_evidently": js(a, b)})
    return out


def cpu(children):
    u = resource.getrusage(resource.RUSAGE_CHILDREN if children else resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--rows", type=int, default=1_000_000)
    p.add_argument("--columns", type=int, default=4)
    p.add_argument("--json", action="store_true")
    o = p.parse_args()
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, (o.rows, o.columns)), rng.normal(0.01, 1.02, (o.rows, o.columns))
    with tempfile.TemporaryDirectory() as d:
        np.save(f"{d}/x.npy", x), np.save(f"{d}/y.npy", y)
        before = cpu(False)
        want = theirs(x, y)
        peer = cpu(False) - before
        before, wall = cpu(True), time.time()
        done = subprocess.run([MOAT, "watch", "drift", f"{d}/x.npy", f"{d}/y.npy", "--json"], capture_output=True, text=True)
        ours, wall = cpu(True) - before, time.time() - wall
    got = json.loads(done.stdout)["features"]
    alone = pathlib.Path(MOAT).with_name("bench-stats")
    four = json.loads(subprocess.run([alone, str(o.rows)], capture_output=True, text=True).stdout)["cpu_s"] if alone.exists() else None
    worst = max(abs(g[k] - w[k]) / abs(w[k]) for g, w in zip(got, want) for k in ("ks", "wasserstein", "psi", "js_evidently"))
    line = {"rows": o.rows, "columns": o.columns, "scipy_cpu_s": round(peer, 2), "moat_cpu_s": round(ours, 2), "moat_wall_s": round(wall, 2),
            "ratio": round(peer / ours, 1),
            "four_cpu_s": four, "four_ratio": four and round(peer / o.columns / four, 1), "largest_relative_difference": worst}
    print(json.dumps(line) if o.json else "  ".join(f"{k} {v}" for k, v in line.items()))
    assert worst < 1e-9, worst


if __name__ == "__main__":
    main()
