"""moat privacy audit --attack, through a real gateway: the same model with and without output control."""
import json
import types

import numpy as np
import pytest

from gateway import *  # noqa: F401,F403
from gateway import endpoint

D, K = 12, 3


def write_csv(path, x, y):
    path.write_text("\n".join([",".join([*[f"f{i}" for i in range(D)], "label"])] + [",".join([*map(str, r), str(c)]) for r, c in zip(x, y)]) + "\n")
    return path


@pytest.fixture
def world(moat, spawn, gateway, tmp_path, free_port):
    """Two models of grey values that remember their 40 rows, their servers, and a gateway to come."""
    rng = np.random.default_rng(7)
    rows = lambda n: (rng.integers(0, 256, (n, D)), rng.integers(0, K, n))
    members, others = (write_csv(tmp_path / n, *rows(40)) for n in ("members.csv", "others.csv"))
    test = write_csv(tmp_path / "test.csv", *rows(400))
    made = moat("privacy", "train", "--data", members, "--labels", "label", "--scale", "0:255", "--model", "mlp:64", "--l2", 0, "--epochs", 400,
                "--out", "deep.safetensors", "--json")
    flat = moat("privacy", "train", "--data", members, "--labels", "label", "--scale", "0:255", "--epochs", 100, "--out", "flat.safetensors", "--json")
    assert json.loads(made.out)["metrics"]["train_accuracy"] == 1, made
    w = types.SimpleNamespace(members=members, others=others, test=test, port={})
    for name, done in ("deep", made), ("flat", flat):
        w.port[name] = free_port()
        spawn("model", "serve", f"{name}.safetensors", "--sha256", json.loads(done.out)["digest"], "--name", "m", "--listen",
              f"127.0.0.1:{w.port[name]}", port=w.port[name])
    w.gate = gateway("", start=False)
    return w


def through(world, name, output):
    """The gateway with two routes onto one model: all of the answer, and `output`."""
    server = types.SimpleNamespace(port=world.port[name])
    path = "/v1/models/m:predict"
    world.gate.write(endpoint(server, "open", path, keys="off", format="kserve-v1") +
                     endpoint(server, "shut", "/v1/models/m/versions/1:predict", keys="required", format="kserve-v1", output=output))
    world.gate.start()
    key = world.gate.folder / "key.txt"
    key.write_text(world.gate.key("shut") + "\n")
    none = world.gate.folder / "none.txt"
    none.write_text("none\n")
    return ["--before", f"http://127.0.0.1:{world.gate.port}{path}", "--after", "shut", "--key", none, "--key", key]


def audit(moat, world, *args):
    r = moat("privacy", "audit", "--json", "--labels", "label", "--config", world.gate.yaml, *args)
    assert r.code in (0, 1), r
    return json.loads(r.out), r.code


def test_labels_alone_end_exact_theft(moat, world):
    targets = through(world, "flat", {"label_only": True})
    got, code = audit(moat, world, "--attack", "extract", "--test", world.test, "--data", world.others, "--queries", f"{D + 1},800", *targets)
    before, after, before2, after2 = got["attacks"]
    assert before["released"] == "all scores" and before["queries"] == D + 1 and before["agreement"] == 1 == before2["agreement"], got
    assert after["released"] == "label only" and after["method"] == "surrogate" and after["agreement"] < after2["agreement"] < 1, got
    assert code == 1 and {f["rule"] for f in got["findings"]} == {"MOAT-P020"} and all(":predict" in f["subject"] for f in got["findings"])
    assert not any("versions" in f["subject"] for f in got["findings"])
    lines = moat("privacy", "audit", "--labels", "label", "--config", world.gate.yaml, "--attack", "extract", "--test", world.test, *targets).out.splitlines()
    assert lines[0].split() == ["attack", "method", "released", "queries", "result"] and "agreement 1.0000" in lines[1]


def test_rounding_is_paid_with_questions(moat, world):
    targets = through(world, "flat", {"round": 3})
    got, _ = audit(moat, world, "--attack", "extract", "--test", world.test, "--queries", f"{D + 1},6000", *targets)
    assert got["attacks"][1]["released"] == "all scores, 3 digits" and got["attacks"][1]["agreement"] < 1
    assert got["attacks"][3]["agreement"] >= 0.97 and got["attacks"][3]["queries"] == 6000


def test_who_was_trained_on_shows_in_the_scores(moat, world):
    targets = through(world, "deep", {"label_only": True})
    got, code = audit(moat, world, "--attack", "membership", "--members", world.members, "--others", world.others, *targets)
    before, after = got["attacks"]
    assert before["auc"] > 0.8 and before["queries"] == 80 and code == 1 and got["findings"][0]["rule"] == "MOAT-P021"
    # A model that knows its rows by heart tells by right and wrong alone: 40 right of 40, a third of the others.
    assert 0.6 < after["auc"] < before["auc"]


def test_inversion_needs_scores(moat, world):
    targets = through(world, "flat", {"label_only": True})
    got, _ = audit(moat, world, "--attack", "invert", "--class", 1, "--members", world.members, "--queries", 1500, *targets)
    before, after = got["attacks"]
    assert before["method"] == "ascent" and before["score"] > 0.9 and before["likeness"] > 0.2 and before["queries"] <= 1500
    assert after["method"] == "centre" and abs(after["likeness"]) < 0.01


def test_mistakes_are_named(moat, world, tmp_path):
    for args, why in [((), "which attack"), (("--attack", "steal"), "steal"), (("--attack", "extract"), "--test"), (("--attack", "extract", "--test", "nowhere"), "nowhere"),
                      (("--attack", "extract", "--test", world.test), "attack what"), (("--attack", "invert", "--class", 9, "--members", world.members), "--class"),
                      (("--attack", "extract", "--test", world.test, "--target", "x"), "endpoint"), (("--attack", "membership", "--members", world.members), "--others"),
                      (("--attack", "extract", "--test", world.test, "--queries", "1,x", "--target", "http://127.0.0.1:1/"), "--queries")]:
        r = moat("privacy", "audit", "--labels", "label", *args)
        assert r.code in (2, 3) and why in r.err, r
    r = moat("privacy", "audit", "--labels", "label", "--attack", "extract", "--test", world.test, "--target", "http://127.0.0.1:1/v1/models/m:predict")
    assert r.code == 3 and "127.0.0.1:1" in r.err, r
