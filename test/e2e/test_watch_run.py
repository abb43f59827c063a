"""moat watch run: real requests through the real gateway, judged window by window; labels that come later; kill -9."""
import csv
import http.server
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import threading
import time
import urllib.request

import numpy as np
import pytest

from conftest import MOAT, wait_port
from gateway import MODULE_ENV, gateway, upstream, wait_for  # noqa: F401

PROMTOOL = shutil.which("promtool")
SECOND = 1_000_000_000


# ---- a spool written as its format says, so that thousands of events cost nothing and time is what the test says

def crc32c(data, table=[]):
    if not table:
        for i in range(256):
            c = i
            for _ in range(8):
                c = c >> 1 ^ 0x82F63B78 if c & 1 else c >> 1
            table.append(c)
    c = 0xFFFFFFFF
    for b in data:
        c = table[(c ^ b) & 255] ^ c >> 8
    return c ^ 0xFFFFFFFF


class Spool:
    """One producer; append() is seen by a running daemon as a gateway's worker would be."""

    def __init__(self, folder, size=64 << 20):
        folder.mkdir(parents=True, exist_ok=True)
        head = b"MOATSPL1" + (1).to_bytes(4, "little") + bytes(4) + os.urandom(16) + (1).to_bytes(8, "little") + bytes(8) + bytes(16)
        head = head[:12] + crc32c(head).to_bytes(4, "little") + head[16:]
        self.file, self.at, self.seq = (folder / "0000000001.seg").open("w+b"), 64, 0
        self.file.truncate(size)
        self.file.write(head)

    def append(self, time_ns, payload, kind=1):
        data = json.dumps(payload).encode()
        rest = kind.to_bytes(2, "little") + bytes(2) + self.seq.to_bytes(8, "little") + int(time_ns).to_bytes(8, "little") + data
        length = len(data).to_bytes(4, "little")
        frame = length + crc32c(length + rest).to_bytes(4, "little") + rest
        self.file.seek(self.at + 4)
        self.file.write(frame + bytes(-(len(frame) + 4) % 8))
        self.file.flush()
        self.file.seek(self.at)
        self.file.write((0x54414F4D).to_bytes(4, "little"))
        self.file.flush()
        self.at += (len(frame) + 4 + 7) & ~7
        self.seq += 1


def request(i, row=None, label=None, score=0.9, verdict="pass", us=1000, **more):
    e = {"request": f"{i:032x}", "endpoint": "endpoints.score", "status": 200, "verdict": verdict, "reason": "ok", "total_us": us}
    if label is not None:
        e["prediction"] = {"label": label, "score": score}
    if row is not None:
        e |= {"instances": 1, "features": row}
    return e | more


YAML = """moat: 1
name: watched
{watch}
datasets:
  train: {{ path: train.csv, labels: y }}
models:
  m: {{ path: m.bin, from: [train] }}
endpoints:
  score: {{ route: /score, format: kserve-v1, model: m, upstream: "http://127.0.0.1:{port}", keys: "off",
           record: {{ features: all, prediction: computed }} }}
{sinks}
monitors:
{monitors}
"""


def pipeline(folder, monitors, rng, port=1, sinks="", watch=""):
    """y is 1 where a + b > 0; c is a group, d a name."""
    a, b = rng.normal(0, 1, 4000), rng.normal(5, 2, 4000)
    rows = [["a", "b", "c", "d", "y"]] + [[f"{x:.6f}", f"{z:.6f}", str(rng.integers(0, 2)), "rgb"[rng.integers(0, 3)], str(int(x > 0))] for x, z in zip(a, b)]
    with (folder / "train.csv").open("w", newline="") as f:
        csv.writer(f).writerows(rows)
    (folder / "m.bin").write_bytes(b"model")
    (folder / "moat.yaml").write_text(YAML.format(monitors=monitors, port=port, sinks=sinks, watch=watch))
    return Spool(folder / ".moat/spool/gate.0")


def row_of(rng, shift=0.0, names="rgb"):
    return {"a": float(rng.normal(shift, 1)), "b": float(rng.normal(5, 2)), "c": int(rng.integers(0, 2)), "d": names[rng.integers(0, len(names))]}


MINUTE = "window: 1m, lateness: 1s"


def once(moat, folder):
    r = moat("watch", "run", "--once", "--json", cwd=folder)
    assert r.out, r
    return r, json.loads(r.out)


def values(got, monitor):
    return [w["value"] for w in got["windows"] if w["monitor"] == monitor]


def minutes_ago(n):
    return (int(time.time()) // 60 - n) * 60 * SECOND


def fill(spool, rng, start, n, first, **how):
    for i in range(n):
        row = row_of(rng, **how)
        spool.append(start + i * 60 * SECOND // n, request(first + i, row, label=int(row["a"] > 0)))


def test_drifted_input_fires_and_benign_input_does_not(moat, tmp_path):
    rng = np.random.default_rng(4)
    spool = pipeline(tmp_path, f"  input: {{ kind: drift, endpoint: score, features: [a, b, d], {MINUTE} }}\n"
                               f"  mix: {{ kind: drift, endpoint: score, metric: class_mix, {MINUTE} }}\n", rng)
    start = minutes_ago(30)
    for w in range(8):
        fill(spool, rng, start + w * 60 * SECOND, 400, w * 1000)
    r, got = once(moat, tmp_path)
    assert r.code == 0 and got["findings"] == [] and len(values(got, "input")) == 8 and got["events"] == 3200 and got["late"] == 0
    assert max(values(got, "input")) < 0.25 and max(values(got, "mix")) < 0.1
    for w in range(8, 11):
        fill(spool, rng, start + w * 60 * SECOND, 400, w * 1000, shift=1.2, names="rrgx")
    r, got = once(moat, tmp_path)
    assert r.code == 1 and {f["rule"] for f in got["findings"]} == {"MOAT-W010", "MOAT-W011"}
    worst = {f["name"]: f["effect"] for f in got["windows"][10]["details"]["features"]}
    assert got["windows"][10]["monitor"] == "input" and worst["a"] > 0.25 and worst["d"] > 0.25 and worst["b"] < 0.1
    assert "alert firing" in r.err
    for w in range(11, 15):
        fill(spool, rng, start + w * 60 * SECOND, 400, w * 1000)
    r, got = once(moat, tmp_path)
    assert r.code == 0 and got["findings"] == [] and r.err.count("alert resolved") == 2
    log = json.loads(moat("ledger", "log", "--json", "--kind", "watch.alert", cwd=tmp_path).out)
    states = [x["record"]["body"]["state"] for x in log["records"]]
    assert sorted(states) == ["firing", "firing", "resolved", "resolved"]
    alerts = json.loads(moat("watch", "events", "--kind", "alerts", "--json", cwd=tmp_path).out)["events"]
    assert [a["event"]["state"] for a in alerts] == ["firing", "firing", "resolved", "resolved"]


def write_labels(path, rows):
    path.write_text("id,y\n" + "".join(f"{i:032x},{y}\n" for i, y in rows))
    return path


def test_labels_that_come_late_give_the_metrics_of_their_window(moat, tmp_path, vectors):
    """The classification vector, one request a row; the labels come before, after and never."""
    folder = vectors("watch/perf/classif.csv").parent
    want = json.loads((folder / "classif_expected.json").read_text())
    rows = [(int(r["y"]), float(r["p"]), r["group"]) for r in csv.DictReader((folder / "classif.csv").open())]
    rng = np.random.default_rng(4)
    spool = pipeline(tmp_path, f"  acc: {{ kind: performance, endpoint: score, threshold: 0.9, pending: 1, of: 1, window: 10m, lateness: 1s }}\n"
                               f"  fair: {{ kind: fairness, endpoint: score, metric: equalized_odds, group: c, window: 10m, lateness: 1s, pending: 1, of: 1 }}\n"
                               f"  parity: {{ kind: fairness, endpoint: score, group: c, window: 10m, lateness: 1s, pending: 1, of: 1 }}\n", rng)
    start = (minutes_ago(40) // (600 * SECOND)) * 600 * SECOND
    early = write_labels(tmp_path / "early.csv", [(i, y) for i, (y, _, _) in enumerate(rows[:1000])])
    assert moat("watch", "label", early, cwd=tmp_path).code == 0
    once(moat, tmp_path)
    for i, (_, p, g) in enumerate(rows):
        label = int(p >= 0.5)
        spool.append(start + i * SECOND // 10, request(i, {"a": 0.5, "c": g}, label=label, score=p if label else 1 - p))
    r, got = once(moat, tmp_path)
    assert got["labels"] == got["matched"] == 1000 and values(got, "parity") != []
    late = write_labels(tmp_path / "late.csv", [(i, y) for i, (y, _, _) in enumerate(rows)][1000:] + [(10**9, 1)])
    assert moat("watch", "label", late, cwd=tmp_path).code == 0
    r, got = once(moat, tmp_path)
    assert got["labels"] == 5001 and got["matched"] == 5000 and r.code == 1
    details = {w["monitor"]: w["details"] for w in got["windows"]}
    for name in ("accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc", "brier", "log_loss"):
        assert details["acc"][name] == pytest.approx(want[name], rel=1e-9), name
    assert details["acc"]["auc"] == pytest.approx(want["roc_auc"], rel=1e-9) and details["acc"]["ap"] == pytest.approx(want["pr_auc_ap"], rel=1e-9)
    assert values(got, "fair") == [pytest.approx(want["equalized_odds_difference"], rel=1e-9)]
    assert values(got, "parity") == [pytest.approx(want["demographic_parity_difference"], rel=1e-9)]
    assert {f["rule"] for f in got["findings"]} == {"MOAT-W012", "MOAT-W014"}
    again = once(moat, tmp_path)[1]
    assert again["windows"] == got["windows"] and again["labels"] == 5001


def test_a_label_counts_once(moat, tmp_path):
    rng = np.random.default_rng(4)
    spool = pipeline(tmp_path, f"  acc: {{ kind: performance, endpoint: score, min_rows: 1, {MINUTE} }}\n", rng)
    spool.append(minutes_ago(5), request(7, label=1))
    for y in ("1", "0", "1"):
        assert moat("watch", "label", "--id", f"{7:032x}", "--y", y, cwd=tmp_path).code == 0
    got = once(moat, tmp_path)[1]
    assert got["matched"] == 1 and values(got, "acc") == [1]


@pytest.mark.parametrize("text,why", [("id\n1\n", "columns"), ("id,y\nxyz,1\n", "line 2"), ("id,y\nab,\n", "line 2"), ("id,y\nab,1,2\n", "line 2")])
def test_label_files_that_are_wrong_say_where(moat, tmp_path, text, why):
    pipeline(tmp_path, f"  acc: {{ kind: performance, endpoint: score, {MINUTE} }}\n", np.random.default_rng(4))
    (tmp_path / "l.csv").write_text(text)
    r = moat("watch", "label", "l.csv", cwd=tmp_path)
    assert r.code == 3 and why in r.err, r


def test_traffic_that_is_refused_or_slow_fires(moat, tmp_path):
    rng = np.random.default_rng(4)
    spool = pipeline(tmp_path, f"  refused: {{ kind: performance, endpoint: score, metric: refusals, {MINUTE}, pending: 1, of: 1 }}\n"
                               f"  slow: {{ kind: performance, endpoint: score, metric: latency_p99, threshold: 0.5, {MINUTE}, pending: 1, of: 1 }}\n", rng)
    start = minutes_ago(10)
    for i in range(300):
        spool.append(start + i * SECOND // 10, request(i, verdict="refuse" if i % 5 == 0 else "pass", us=800_000 if i % 20 == 1 else 2000))
    r, got = once(moat, tmp_path)
    assert values(got, "refused") == [0.2] and values(got, "slow")[0] == pytest.approx(0.8, rel=1 / 16)
    assert len(got["findings"]) == 2


def test_what_cannot_be_watched_is_an_error_at_the_start(moat, tmp_path):
    rng = np.random.default_rng(4)
    for monitor, why in [("{ kind: drift, endpoint: score, features: [nosuch] }", "nosuch"), ("{ kind: drift, endpoint: score, metric: accuracy }", "metric"),
                         ("{ kind: fairness, endpoint: score }", "group"), ("{ kind: drift, endpoint: score, pending: 3, of: 2 }", "pending")]:
        pipeline(tmp_path, f"  x: {monitor}\n", rng)
        r = moat("watch", "run", "--once", cwd=tmp_path)
        assert r.code in (2, 3) and why in r.err, r
    pipeline(tmp_path, "  x: { kind: drift, endpoint: score }\n", rng)
    text = (tmp_path / "moat.yaml").read_text()
    (tmp_path / "moat.yaml").write_text(text.replace("features: all", "features: none"))
    r = moat("watch", "run", "--once", cwd=tmp_path)
    assert r.code in (2, 3) and "records no features" in r.err and "record: { features: all }" in r.err


def test_another_reference_is_a_record(moat, tmp_path):
    spool = pipeline(tmp_path, f"  input: {{ kind: drift, endpoint: score, {MINUTE} }}\n", np.random.default_rng(4))
    once(moat, tmp_path), once(moat, tmp_path)
    fill(spool, np.random.default_rng(1), (int(time.time()) // 60) * 60 * SECOND, 10, 0)
    once(moat, tmp_path)
    with (tmp_path / "train.csv").open("a") as f:
        f.write("9,9,1,r,1\n")
    r, _ = once(moat, tmp_path)
    log = json.loads(moat("ledger", "log", "--json", "--kind", "watch.reference", cwd=tmp_path).out)
    assert len(log["records"]) == 2 and "another reference" in r.err


# ---- the daemon

def start_daemon(folder, *args):
    log = (folder / f"daemon{time.time()}.log").open("w")
    p = subprocess.Popen([MOAT, "watch", "run", *args], cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    return p


def stop(p):
    p.terminate()
    assert p.wait(timeout=20) == 0


def state_of(moat, folder):
    got = once(moat, folder)[1]
    return {k: got[k] for k in ("events", "late", "labels", "matched", "strange", "lost_frames", "windows")}


def test_killed_at_any_moment_it_counts_each_event_once(moat, tmp_path):
    """The same events and labels, once read in peace and once by a daemon that is killed again and again.

    The windows stay open until all events are there (lateness), since what comes after its window was judged is late."""
    monitors = (f"  input: {{ kind: drift, endpoint: score, {MINUTE} }}\n  acc: {{ kind: performance, endpoint: score, threshold: 0.5, min_rows: 50, {MINUTE} }}\n"
                f"  parity: {{ kind: fairness, endpoint: score, group: c, {MINUTE} }}\n  refused: {{ kind: performance, endpoint: score, metric: refusals, {MINUTE} }}\n")
    quiet, killed = tmp_path / "quiet", tmp_path / "killed"
    for f in (quiet, killed):
        f.mkdir()
    start = minutes_ago(20)
    spools = [pipeline(f, monitors.replace("lateness: 1s", "lateness: 2h"), np.random.default_rng(4)) for f in (quiet, killed)]
    labels = Spool(killed / ".moat/spool/labels.0"), Spool(quiet / ".moat/spool/labels.0")
    rng, chance = np.random.default_rng(7), random.Random(7)
    kills, p = 0, start_daemon(killed)
    for step in range(16):
        for i in range(step * 250, step * 250 + 250):
            row = row_of(rng)
            event = request(i, row, label=int(row["a"] > 0), verdict="refuse" if i % 9 == 0 else "pass")
            for s in spools:
                s.append(start + i * SECOND // 10, event)
            if i % 3:
                for s in labels:
                    s.append(start, {"request": f"{i - i % 2 * 50:032x}", "y": str(i % 2)}, kind=3)
        time.sleep(chance.random() * 0.25)
        p.send_signal(signal.SIGKILL)
        p.wait()
        kills += 1
        p = start_daemon(killed)
    time.sleep(1)
    p.kill()
    p.wait()
    for f in (quiet, killed):
        (f / "moat.yaml").write_text((f / "moat.yaml").read_text().replace("lateness: 2h", "lateness: 1s"))
    assert kills == 16 and state_of(moat, killed) == state_of(moat, quiet)
    assert state_of(moat, quiet)["events"] == 4000
    records = [json.loads(moat("ledger", "log", "--json", "--limit", "0", "--kind", "watch.alert", cwd=f).out)["records"] for f in (quiet, killed)]
    assert [len(r) for r in records] == [len(records[0])] * 2


def test_a_spool_that_was_made_anew_is_read_from_its_beginning(moat, tmp_path):
    rng = np.random.default_rng(5)
    spool = pipeline(tmp_path, f"  input: {{ kind: drift, endpoint: score, {MINUTE} }}\n", rng)
    fill(spool, rng, minutes_ago(9), 300, 0)
    assert once(moat, tmp_path)[1]["events"] == 300
    shutil.rmtree(tmp_path / ".moat/spool/gate.0")
    fill(Spool(tmp_path / ".moat/spool/gate.0"), rng, minutes_ago(5), 40, 1000)
    assert once(moat, tmp_path)[1]["events"] == 340


def fetch(port):
    return urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()


def test_metrics_are_clean_and_say_what_is_known(moat, tmp_path, free_port):
    port, rng = free_port(), np.random.default_rng(4)
    spool = pipeline(tmp_path, f"  input: {{ kind: drift, endpoint: score, {MINUTE}, pending: 1, of: 1 }}\n"
                               f"  acc: {{ kind: performance, endpoint: score, min_rows: 10, {MINUTE} }}\n", rng, watch=f"watch: {{ metrics: \"127.0.0.1:{port}\" }}")
    fill(spool, rng, minutes_ago(5), 400, 0, shift=3)
    write_labels(tmp_path / "l.csv", [(i, i % 2) for i in range(200)])
    moat("watch", "label", "l.csv", cwd=tmp_path)
    p = start_daemon(tmp_path)
    try:
        wait_port(port, process=p)
        wait_for(lambda: "moat_events_total 400" in fetch(port))
        text = fetch(port)
        assert 'moat_alerts_firing{monitor="input",endpoint="endpoints.score",metric="psi"} 1' in text
        assert 'moat_drift_ratio{monitor="input",endpoint="endpoints.score",feature="a",statistic="psi"}' in text
        assert 'moat_model_accuracy_ratio{monitor="acc"' in text and "moat_labels_matched_total 200" in text
        if PROMTOOL is None:
            pytest.skip("needs promtool")
        done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout + done.stderr == "", done
    finally:
        stop(p)


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.got.append((self.path, json.loads(self.rfile.read(int(self.headers["Content-Length"])))))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 200)
        self.end_headers()

    def log_message(self, *a):
        pass


def alertmanager(free_port, tmp_path):
    """The real one when it is here, else None."""
    exe = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if exe is None:
        return None
    port = free_port()
    (tmp_path / "am.yml").write_text("route: { receiver: none }\nreceivers: [ { name: none } ]\n")
    p = subprocess.Popen([exe, f"--config.file={tmp_path}/am.yml", f"--web.listen-address=127.0.0.1:{port}", f"--storage.path={tmp_path}/am",
                          "--cluster.listen-address="], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port, process=p)
    return p, port


def test_the_real_alertmanager_takes_alerts_and_their_end(moat, tmp_path, free_port):
    started = alertmanager(free_port, tmp_path)
    if started is None:
        pytest.skip("needs prometheus-alertmanager")
    am, port = started
    rng = np.random.default_rng(4)
    spool = pipeline(tmp_path, f"  input: {{ kind: drift, endpoint: score, {MINUTE}, pending: 1, of: 1, sinks: [am] }}\n", rng,
                     sinks=f"sinks:\n  am: {{ kind: alertmanager, uri: \"http://127.0.0.1:{port}\" }}")

    def active():
        return json.loads(urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v2/alerts", timeout=5).read())
    p = None
    try:
        fill(spool, rng, minutes_ago(9), 300, 0, shift=2)
        p = start_daemon(tmp_path)
        wait_for(lambda: len(active()) == 1)
        alert = active()[0]
        assert alert["labels"]["alertname"] == "MOAT-W010" and alert["labels"]["monitor"] == "input" and "features beyond psi" in alert["annotations"]["description"]
        fill(spool, rng, minutes_ago(7), 300, 1000)
        wait_for(lambda: active() == [], seconds=15)
    finally:
        am.terminate()
        am.wait()
        if p is not None:
            stop(p)


def test_an_alertmanager_that_fails_is_asked_again(moat, tmp_path):
    server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
    server.got, server.answers = [], [500]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    rng = np.random.default_rng(4)
    spool = pipeline(tmp_path, f"  input: {{ kind: drift, endpoint: score, {MINUTE}, pending: 1, of: 1, sinks: [am] }}\n", rng,
                     sinks=f"sinks:\n  am: {{ kind: alertmanager, uri: \"http://127.0.0.1:{server.server_address[1]}/\" }}")
    fill(spool, rng, minutes_ago(9), 300, 0, shift=2)
    p = start_daemon(tmp_path)
    try:
        wait_for(lambda: len(server.got) >= 2, seconds=15)
        assert {path for path, _ in server.got} == {"/api/v2/alerts"}
    finally:
        stop(p)
        server.shutdown()


# ---- the whole way

def test_real_requests_through_the_gateway_are_judged(gateway, upstream, moat):  # noqa: F811
    """Windows of a second: benign traffic is quiet; a drifted stream and a model that errs, told by late labels, fire."""
    rng = np.random.default_rng(4)

    def model(q):
        a = json.loads(q["body"])["instances"][0][0]
        return 200, {"Content-Type": "application/json"}, json.dumps({"predictions": [[1 - (a > 0) * 0.8 - 0.1, (a > 0) * 0.8 + 0.1]]}).encode()
    upstream.answer = model
    g = gateway("", start=False)
    pipeline(g.folder, "", rng)
    how = "window: 1s, lateness: 300ms, min_rows: 40, pending: 1, of: 2"
    g.yaml.write_text(YAML.format(port=upstream.port, sinks="", watch=f"gateway: {{ listen: \"127.0.0.1:{g.port}\" }}", monitors=(
        f"  input: {{ kind: drift, endpoint: score, metric: ks, threshold: 0.3, features: [a, b], {how} }}\n"
        f"  acc: {{ kind: performance, endpoint: score, threshold: 0.8, {how} }}\n")))
    shutil.rmtree(g.folder / ".moat")
    g.start()

    def send(n, shift, wrong):
        before = len(g.events())
        wait_for(lambda: time.time() % 1 < 0.1, what="the start of a window")
        rows = [[float(rng.normal(shift, 1)), float(rng.normal(5, 2)), 0, "r"] for _ in range(n)]
        for row in rows:
            assert g.ask(path="/score", body={"instances": [row]}).status == 200
        wait_for(lambda: len(g.events()) == before + n)
        write = [(e["request"], int((e["features"][0] > 0) != wrong)) for e in g.events()[before:]]
        (g.folder / "l.csv").write_text("id,y\n" + "".join(f"{i},{y}\n" for i, y in write))
        time.sleep(1.5)
        assert moat("watch", "label", "l.csv", cwd=g.folder).code == 0
        return once(moat, g.folder)
    r, got = send(120, 0, False)
    assert r.code == 0 and got["findings"] == [] and got["matched"] == 120
    assert max(v for v in values(got, "acc") if v is not None) == 1
    r, got = send(120, 0, True)
    assert {f["rule"] for f in got["findings"]} == {"MOAT-W012"}, got
    r, got = send(120, 2, False)
    assert "MOAT-W010" in {f["rule"] for f in got["findings"]}, got


UP = """moat: 1
name: up
gateway: {{ listen: "127.0.0.1:{port}" }}
watch: {{ metrics: "127.0.0.1:{metrics}" }}
datasets:
  train: {{ path: train.csv, labels: y }}
endpoints:
  score: {{ route: /score, format: kserve-v1, upstream: "http://127.0.0.1:{upstream}", keys: "off", record: {{ features: all }} }}
monitors:
  input: {{ kind: drift, endpoint: score, reference: train, {minute} }}
"""


def test_up_starts_the_daemon_and_stops_it(moat, spawn, free_port, upstream, tmp_path):  # noqa: F811
    pipeline(tmp_path, "", np.random.default_rng(4)).file.close()
    shutil.rmtree(tmp_path / ".moat")
    port, metrics = free_port(), free_port()
    (tmp_path / "moat.yaml").write_text(UP.format(port=port, metrics=metrics, upstream=upstream.port, minute=MINUTE))
    upstream.answer = lambda q: (200, {"Content-Type": "application/json"}, b'{"predictions":[[0.5,0.5]]}')
    up = spawn("up", port=port, cwd=tmp_path, env=MODULE_ENV)
    wait_port(metrics)
    done = urllib.request.Request(f"http://127.0.0.1:{port}/score", json.dumps({"instances": [[1, 2, 0, "r"]]}).encode(), {"Content-Type": "application/json"})
    assert urllib.request.urlopen(done, timeout=10).status == 200
    wait_for(lambda: "moat_events_total 1" in fetch(metrics))
    up.terminate()
    assert up.wait(timeout=30) == 0
    with pytest.raises(OSError):
        fetch(metrics)
