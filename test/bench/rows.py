"""moat data run beside what people do by hand: pandas.merge and sort | join, on the same files in the same minute."""
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

MOAT = os.path.abspath(os.environ.get("MOAT", "build/release/moat"))
ROWS = int(os.environ.get("ROWS", "300000"))

PANDAS = """
import sys, pandas
a = pandas.read_csv(sys.argv[1], dtype=str)
b = pandas.read_csv(sys.argv[2], dtype=str)
columns = list(b.columns)
a["k"], b["k"] = a.groupby(columns).cumcount(), b.groupby(columns).cumcount()
a["from"] = range(len(a))
exact = b.merge(a, on=columns + ["k"], how="left")
left = exact[exact["from"].isna()].drop(columns=["from", "k"])
key = left.merge(a[["id", "from"]].drop_duplicates("id"), on="id", how="left")
print(exact["from"].notna().sum(), key["from"].notna().sum())
"""
SHELL = """
export LC_ALL=C; T=$3
tail -n +2 "$1" | awk '{ print $0 "\\t" NR }' | sort -t '\t' -k1,1 > $T/a; tail -n +2 "$2" | awk '{ print $0 "\\t" NR }' | sort -t '\t' -k1,1 > $T/b
join -t '\t' $T/a $T/b > $T/exact; join -t '\t' -v 2 $T/a $T/b > $T/left
sort -t , -k1,1 $T/a > $T/ak; sort -t , -k1,1 $T/left > $T/lk; join -t , $T/ak $T/lk > $T/key
wc -l < $T/exact
"""


def timed(args, **kw):
    start, before = time.time(), os.times()
    done = subprocess.run([str(a) for a in args], capture_output=True, text=True, **kw)
    after = os.times()
    if done.returncode:
        sys.exit(done.stderr)
    return time.time() - start, after.children_user + after.children_system - before.children_user - before.children_system, done.stdout


def main():
    root = pathlib.Path(tempfile.mkdtemp(prefix="moat-bench-"))
    env = {**os.environ, "HOME": str(root)}
    rng = random.Random(1)
    rows = [f"{i},{rng.random()},{rng.random()},{rng.random()},name {rng.randrange(10 ** 6)},{i % 10}\n" for i in range(ROWS)]
    head = "id,a,b,c,name,y\n"
    out = [r if rng.random() > .05 else r.replace("name", "edited") for r in rows if rng.random() < .8]
    rng.shuffle(out)
    (root / "a.csv").write_text(head + "".join(rows))
    (root / "b.csv").write_text(head + "".join(out))
    (root / "moat.yaml").write_text("moat: 1\ndatasets:\n  d: { path: d.csv }\n  a: { path: a.csv }\n")
    subprocess.run([MOAT, "key", "new"], env=env, check=True, capture_output=True)
    moat = [MOAT, "data", "run", "--json", "--in", root / "a.csv", "--out", root / "out.csv", "--key", "id", "--", "cp", root / "b.csv", "{out}"]
    wall, cpu, text = timed(moat, cwd=root, env=env)
    made = json.loads(text)["outputs"][0]
    total = len(rows) + len(out)
    print(f"{len(rows)} rows in, {len(out)} out, {(root / 'a.csv').stat().st_size / len(rows):.0f} B a row; {made['edges']}")
    print(f"moat data run          {wall:6.2f} s  {cpu:6.2f} s CPU  {total / cpu / 1e6:6.2f} M rows/s CPU   map {made['map_bytes'] / made['rows']:.2f} B an output row")
    for name, args in [("pandas merge", [sys.executable, "-c", PANDAS, root / "a.csv", root / "b.csv"]), ("sort | join", ["sh", "-c", SHELL, "sh", root / "a.csv", root / "b.csv", root])]:
        w, c, _ = timed(args)
        print(f"{name:22} {w:6.2f} s  {c:6.2f} s CPU  {total / c / 1e6:6.2f} M rows/s CPU   {c / cpu:.2f} x the CPU, {w / wall:.2f} x the time")
    subprocess.run([MOAT, "data", "commit", "a"], cwd=root, env=env, check=True, capture_output=True)
    subprocess.run([MOAT, "data", "run", "--in", "a", "--out", "d", "--key", "id", "--", "cp", root / "b.csv", "{out}"], cwd=root, env=env, check=True, capture_output=True)
    for verb in ("trace", "prove"):
        took = sorted(timed([MOAT, "data", verb, f"d:{rng.randrange(len(out)) + 1}", "--json"], cwd=root, env=env)[0] for _ in range(15))
        print(f"moat data {verb:13} {1e3 * took[7]:6.1f} ms median of 15, the whole command")
    shutil.rmtree(root)


main()
