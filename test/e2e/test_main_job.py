"""The main job, as a user does it: commit, train, sign, verify, up, call through the gateway.

Fashion-MNIST comes from Debian's dataset-fashion-mnist, the tabular set from the vectors; without them the tests skip."""
import csv
import gzip
import hashlib
import json
import os
import pathlib
import signal
import subprocess
import time
import urllib.error
import urllib.request
from decimal import ROUND_HALF_EVEN, Decimal

import pytest

FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")


def call(port, path, body, key=None, content_type="application/json"):
    headers = {"Content-Type": content_type, **({"Authorization": f"Bearer {key}"} if key else {})}
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, headers=headers, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, answer.read()


def controlled(body, top_k, digits):
    """Output control, recomputed from its definition: keep the k largest of each row, ties to the lower index, then round."""
    rows = json.loads(body, parse_float=Decimal, parse_int=Decimal)["predictions"]
    out = []
    for row in rows:
        keep = sorted(range(len(row)), key=lambda i: (-row[i], i))[:top_k] if top_k else range(len(row))
        values = []
        for i, v in enumerate(row):
            v = (v if i in keep else Decimal(0)).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
            text = format(v, "f").rstrip("0").rstrip(".") if v else "0"
            values.append((text if text not in ("-0", "") else "0") + ("" if "." in text else ".0"))
        out.append("[" + ",".join(values) + "]")
    return ("{\"predictions\":[" + ",".join(out) + "]}").encode() + body[len(body.rstrip()):]


class System:
    """A folder with a moat.yaml, and everything a user makes in it."""

    def __init__(self, moat, spawn, folder, gate, server):
        self.moat, self.spawn, self.folder, self.gate, self.server = moat, spawn, folder, gate, server

    def ok(self, *args):
        done = self.moat(*args, cwd=self.folder, timeout=300)
        assert done.code == 0, done
        return done

    def prepare(self):
        self.ok("key", "new", "--out", "house")
        self.ok("data", "commit", "train", "--key", "house")
        trained = json.loads(self.ok("privacy", "train", "softmax", "--json").out)
        self.ok("model", "sign", "scorer.safetensors", "--key", "house")
        self.ok("model", "verify", "scorer.safetensors", "--key", "house.pub")
        self.key = next(w for w in self.ok("gate", "key", "new", "--name", "test").out.split() if w.startswith("moat_"))
        return trained

    def up(self):
        p = self.spawn("up", "moat.yaml", port=self.gate, cwd=self.folder)
        deadline = time.time() + 20
        while not (self.folder / ".moat/run/up.json").exists():
            assert time.time() < deadline and p.poll() is None, p.log.read_text()
            time.sleep(0.05)
        return p


YAML = """
moat: 1
name: test
gateway: {{ listen: "127.0.0.1:{gate}" }}
datasets:
  train: {{ path: {train}, labels: {labels}, format: {format}, golden: true }}
  test: {{ path: {test}, labels: {test_labels}, format: {format} }}
trainings:
  softmax: {{ kind: softmax, data: train, test: test, model: scorer, l2: 0.0001, epochs: {epochs}, seed: 1 }}
models:
  scorer: {{ path: scorer.safetensors, from: [train], signer: house.pub, serve: "127.0.0.1:{server}" }}
endpoints:
  plain:
    {{ route: "/v1/models/scorer/versions/1:predict", format: kserve-v1, model: scorer, upstream: "http://127.0.0.1:{server}", keys: required,
      scope: predict }}
  predict:
    route: /v1/models/scorer:predict
    format: kserve-v1
    model: scorer
    upstream: http://127.0.0.1:{server}
    keys: required
    scope: predict
    output: {{ {output} }}
"""


@pytest.fixture
def system(moat, spawn, tmp_path, free_port):
    def make(**values):
        folder = tmp_path / "system"
        folder.mkdir(exist_ok=True)
        gate, server = free_port(), free_port()
        (folder / "moat.yaml").write_text(YAML.format(gate=gate, server=server, **values))
        return System(moat, spawn, folder, gate, server)
    return make


def fashion(system, output="top_k: 2, round: 3", epochs=8):
    if not FASHION.exists():
        pytest.skip("needs Debian's dataset-fashion-mnist")
    return system(train=FASHION / "train-images-idx3-ubyte.gz", labels=FASHION / "train-labels-idx1-ubyte.gz",
                  test=FASHION / "t10k-images-idx3-ubyte.gz", test_labels=FASHION / "t10k-labels-idx1-ubyte.gz", format="idx",
                  epochs=epochs, output=output)


def pictures(n):
    with gzip.open(FASHION / "t10k-images-idx3-ubyte.gz") as f:
        f.read(16)
        return [list(f.read(784)) for _ in range(n)]


PLAIN, PREDICT = "/v1/models/scorer/versions/1:predict", "/v1/models/scorer:predict"


def check_answers(s, bodies):
    for body in bodies:
        status, direct = call(s.server, PLAIN, body)
        assert status == 200
        assert call(s.gate, PLAIN, body, s.key) == (200, direct), "with output control off the bytes are the server's"
        assert call(s.gate, PREDICT, body, s.key) == (200, controlled(direct, 2, 3))


def test_fashion_mnist_end_to_end(system):
    s = fashion(system)
    trained = s.prepare()
    assert trained["metrics"]["test_accuracy"] >= 0.83
    s.up()
    check_answers(s, [json.dumps({"instances": pictures(n)}).encode() for n in (1, 7)])
    assert call(s.gate, PREDICT, b'{"instances": [[1]]}')[0] == 401
    posture = json.loads(s.moat("check", "--json", cwd=s.folder).out)
    state = {(c["id"], c["subjects"][0]): c["state"] for c in posture["controls"]}
    assert state["C16", "datasets.train"] == state["C19", "models.scorer"] == state["C20", "models.scorer"] == "verified"
    assert state["C39", "models.scorer"] == state["C28", "endpoints.predict"] == "verified"
    assert state["C29", "endpoints.predict"] == "failed"
    assert 0 < posture["score"] < 100


def test_tabular_end_to_end(system, vectors):
    source = vectors("data/adbench/csv") / "38_thyroid.csv"
    with open(source) as f:
        rows = list(csv.reader(f))
    s = system(train="train.csv", labels="label", test="test.csv", test_labels="label", format="csv", epochs=20,
               output="top_k: 2, round: 3")
    for name, part in (("train.csv", [r for i, r in enumerate(rows[1:]) if i % 4]), ("test.csv", rows[1::4])):
        with open(s.folder / name, "w", newline="") as f:
            csv.writer(f).writerows([rows[0], *part])
    trained = s.prepare()
    majority = sum(r[-1] == "0" for r in rows[1::4]) / len(rows[1::4])
    assert trained["metrics"]["test_accuracy"] > majority - 0.01
    s.up()
    check_answers(s, [json.dumps({"instances": [[float(v) for v in r[:-1]] for r in rows[k:k + 5]]}).encode() for k in (1, 9)])
    version = json.loads(s.ok("data", "log", "train", "--json").out)
    assert version


@pytest.fixture
def small(system):
    """Two clouds of points: a model in a second."""
    s = system(train="train.csv", labels="label", test="train.csv", test_labels="label", format="csv", epochs=5,
               output="label_only: true")
    with open(s.folder / "train.csv", "w") as f:
        f.write("a,b,label\n" + "".join(f"{i % 7},{i % 5 + 10 * (i % 2)},{'odd' if i % 2 else 'even'}\n" for i in range(200)))
    s.prepare()
    return s


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def test_a_changed_byte_in_the_model_keeps_it_down(small):
    model = small.folder / "scorer.safetensors"
    good = hashlib.sha256(model.read_bytes()).hexdigest()
    flip(model, -1)
    bad = hashlib.sha256(model.read_bytes()).hexdigest()
    done = small.moat("up", cwd=small.folder)
    assert done.code == 1
    assert "scorer.safetensors" in done.err and good in done.err and bad in done.err


def test_the_model_with_its_published_sha256(small):
    model = small.folder / "scorer.safetensors"
    digest = hashlib.sha256(model.read_bytes()).hexdigest()
    small.ok("model", "verify", model, "--sha256", digest)
    wrong = small.moat("model", "verify", model, "--sha256", "0" * 64, cwd=small.folder)
    assert wrong.code == 1 and digest in wrong.out + wrong.err


def test_up_stops_cleanly_and_leaves_nothing_behind(small):
    for stop in (signal.SIGINT, signal.SIGTERM):
        p = small.up()
        assert call(small.gate, PREDICT, b'{"instances": [[1, 2]]}', small.key)[0] == 200
        p.send_signal(stop)
        assert p.wait(15) == 0, p.log.read_text()
        left = subprocess.run(["pgrep", "-f", str(small.folder)], capture_output=True, text=True).stdout
        assert left == ""


def test_what_the_gateway_saw_reaches_the_sinks_whoever_dies(small):
    with (small.folder / "moat.yaml").open("a") as f:
        f.write("sinks: { log: { kind: file, path: seen.jsonl, format: ocsf } }\n")
    p, seen = small.up(), small.folder / "seen.jsonl"

    def arrived(n):
        end = time.time() + 20
        while not seen.exists() or len(seen.read_text().splitlines()) < n:
            assert time.time() < end, p.log.read_text()
            time.sleep(0.05)
        return [json.loads(line) for line in seen.read_text().splitlines()]

    body = b'{"instances": [[1, 2]]}'
    assert call(small.gate, PREDICT, body, small.key)[0] == 200 and call(small.gate, PREDICT, body, "wrong")[0] == 401
    events = arrived(2)
    assert [e["http_response"]["code"] for e in events] == [200, 401] and events[0]["ai_model"]["name"] == "scorer"
    shipper = int(subprocess.run(["pgrep", "-P", str(p.pid), "-f", "watch ship"], capture_output=True, text=True).stdout)
    os.kill(shipper, signal.SIGKILL)
    assert call(small.gate, PREDICT, body, small.key)[0] == 200
    assert len({e["metadata"]["uid"] for e in arrived(3)}) == 3
    p.terminate()
    assert p.wait(15) == 0
    assert subprocess.run(["pgrep", "-f", str(small.folder)], capture_output=True, text=True).stdout == ""


def test_one_up_for_a_pipeline_and_a_taken_port_says_so(small, spawn):
    p = small.up()
    again = small.moat("up", cwd=small.folder)
    assert again.code == 3 and "up already" in again.err
    p.terminate()
    assert p.wait(15) == 0
    blocker = subprocess.Popen(["/usr/bin/python3", "-m", "http.server", str(small.gate), "--bind", "127.0.0.1"],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=small.folder)
    try:
        time.sleep(1)
        taken = small.moat("up", cwd=small.folder)
        assert taken.code == 3 and str(small.gate) in taken.err
    finally:
        blocker.kill()
        blocker.wait()


@pytest.mark.parametrize("wrap", [0, 1 << 32])
def test_a_reload_signals_nobody_when_nothing_is_up(moat, tmp_path, wrap):
    """A state file may be left over, or come with a folder: its process is somebody else's by now."""
    bystander = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        (tmp_path / "moat.yaml").write_text("moat: 1\nname: x\n")
        (tmp_path / ".moat/run").mkdir(parents=True)
        (tmp_path / ".moat/run/up.lock").touch()
        (tmp_path / ".moat/run/up.json").write_text(json.dumps({"pid": bystander.pid + wrap, "generation": 1, "ok": True, "message": "up"}))
        done = moat("up", "--reload", cwd=tmp_path)
        assert done.code == 3 and "not up" in done.err, done
        with pytest.raises(subprocess.TimeoutExpired):
            bystander.wait(0.3)
    finally:
        bystander.kill()
        bystander.wait()


def test_reload_takes_over_changes_and_refuses_bad_ones(small):
    p = small.up()
    body = b'{"instances": [[1, 2]]}'
    text = (small.folder / "moat.yaml").read_text()
    assert call(small.gate, PREDICT, body, small.key)[0] == 200
    (small.folder / "moat.yaml").write_text(text.replace("route: /v1/models/scorer:predict", "route: /elsewhere"))
    small.ok("up", "--reload")
    assert call(small.gate, PREDICT, body, small.key)[0] == 404
    (small.folder / "moat.yaml").write_text(text.replace("keys: required", "kyes: required"))
    done = small.moat("up", "--reload", cwd=small.folder)
    assert done.code != 0 and "kyes" in done.err
    (small.folder / "moat.yaml").write_text(text)
    small.ok("up", "--reload")
    assert call(small.gate, PREDICT, body, small.key)[0] == 200
    flip(small.folder / "scorer.safetensors", -1)
    done = small.moat("up", "--reload", cwd=small.folder)
    assert done.code != 0 and call(small.gate, PREDICT, body, small.key)[0] == 200, "what runs goes on"
    assert p.poll() is None


def test_every_request_is_one_event_and_anchored(small):
    small.up()
    for i in range(20):
        call(small.gate, PREDICT, b'{"instances": [[1, 2]]}', small.key if i % 2 else None)
    for _ in range(50):
        records = json.loads(small.ok("ledger", "log", "--kind", "event.batch", "--json").out)["records"]
        batches = [r["record"] for r in records]
        if sum(b["body"]["count"] for b in batches) >= 20:
            break
        time.sleep(0.2)
    assert sum(b["body"]["count"] for b in batches) == 20
    small.ok("ledger", "verify")


def test_data_is_restored_after_tampering(small):
    train = small.folder / "train.csv"
    before = train.read_bytes()
    train.write_bytes(before.replace(b"odd", b"even", 1))
    done = small.moat("data", "verify", "train", cwd=small.folder)
    assert done.code == 1 and "train.csv" in done.out + done.err
    assert small.moat("check", cwd=small.folder).code == 1
    small.ok("data", "restore", "train@1")
    assert train.read_bytes() == before
    small.ok("data", "verify", "train")


def test_check_records_what_it_found_when_asked(small):
    small.moat("check", cwd=small.folder)
    assert json.loads(small.ok("ledger", "log", "--kind", "check", "--json").out)["records"] == []
    posture = json.loads(small.moat("check", "--record", "--json", cwd=small.folder).out)
    record = json.loads(small.ok("ledger", "log", "--kind", "check", "--json").out)["records"][0]["record"]
    assert record["body"] == {"score": posture["score"], "coverage": posture["coverage"], "findings": len(posture["findings"])}
