"""The isolation forest beside scikit-learn's: the same detection on public outlier sets, and the cost on a million rows.

    forest.py [SEEDS]      20 seeds of both on every set of $MOAT_VECTORS/data/adbench: about five minutes of CPU.

Detection: a set passes when the means of the two AUCs over the seeds differ by less than three standard errors of that
difference; all of them pass when the mean over the sets is within 0.01.  Cost: CPU seconds (user and system) of
everything `moat data scan` does with the file, against fit and score_samples alone."""
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

import numpy as np
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

MOAT = os.environ.get("MOAT", "build/release/moat")
SEEDS = int(sys.argv[1]) if len(sys.argv) > 1 else 20


def moat_scores(x, seed, folder):
    data, out = folder / "x.npy", folder / "scores.csv"
    if seed == 0:
        np.save(data, x)
    subprocess.run([MOAT, "data", "scan", data, "--seed", str(seed), "--contamination", "0.001", "--top", "0", "--scores", out], check=True, stdout=subprocess.DEVNULL)
    return np.loadtxt(out, delimiter=",", skiprows=1)[:, 1]


def one_set(path, folder):
    with np.load(path) as z:
        x, y = z["X"].astype(np.float32), z["y"].ravel()
    ours = [roc_auc_score(y, moat_scores(x, s, folder)) for s in range(SEEDS)]
    theirs = [roc_auc_score(y, -IsolationForest(random_state=s).fit(x).score_samples(x)) for s in range(SEEDS)]
    return np.array(ours), np.array(theirs)


def detection(folder):
    root = os.environ.get("MOAT_VECTORS")
    if root is None:
        print("skipped: detection needs $MOAT_VECTORS/data/adbench")
        return True
    diffs, bad = [], 0
    print(f"{'AUC over ' + str(SEEDS) + ' seeds':22} {'moat':>8} {'sklearn':>8} {'difference':>11} {'3 s.e.':>8}")
    for path in sorted(pathlib.Path(root, "data/adbench").glob("*.npz")):
        a, b = one_set(path, folder)
        diff, se = a.mean() - b.mean(), 3 * np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / SEEDS)
        bad += abs(diff) >= se
        diffs.append(diff)
        print(f"{path.stem:22} {a.mean():8.4f} {b.mean():8.4f} {diff:+11.4f} {se:8.4f}{'' if abs(diff) < se else '   <- apart'}", flush=True)
    print(f"mean difference {np.mean(diffs):+.4f} over {len(diffs)} sets, {bad} of them apart by 3 standard errors or more")
    return abs(np.mean(diffs)) < 0.01 and bad == 0


def cpu(who):
    r = resource.getrusage(who)
    return r.ru_utime + r.ru_stime


def cost(folder, rows=1_000_000, cols=10):
    x = np.random.default_rng(0).standard_normal((rows, cols), dtype=np.float32)
    np.save(folder / "big.npy", x)
    before = cpu(resource.RUSAGE_CHILDREN)
    subprocess.run([MOAT, "data", "scan", folder / "big.npy", "--contamination", "0.001", "--top", "0"], check=True, stdout=subprocess.DEVNULL)
    ours = cpu(resource.RUSAGE_CHILDREN) - before
    before = cpu(resource.RUSAGE_SELF)
    IsolationForest(random_state=0).fit(x).score_samples(x)
    theirs = cpu(resource.RUSAGE_SELF) - before
    print(f"{rows} x {cols}: moat {ours:.2f} s of CPU, scikit-learn {theirs:.2f} s: {theirs / ours:.1f} times")
    return theirs / ours >= 10


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as t:
        quick = cost(pathlib.Path(t))
        sys.exit(0 if detection(pathlib.Path(t)) and quick else 1)
