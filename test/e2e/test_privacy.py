"""moat privacy train, against numpy and other people's data."""
import gzip
import hashlib
import json
import pathlib
import struct
import urllib.request

import numpy as np
import pytest

FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")


def tensors(path):
    raw = path.read_bytes()
    n = struct.unpack("<Q", raw[:8])[0]
    head = json.loads(raw[8:8 + n])
    meta = head.pop("__metadata__")
    data = raw[8 + n:]
    return {k: np.frombuffer(data[slice(*v["data_offsets"])], np.float32).reshape(v["shape"]) for k, v in head.items()}, meta


def accuracy(path, x, y):
    """Of the model in the file, computed here in double from its tensors."""
    t, meta = tensors(path)
    z = ((x - t["mean"].astype(float)) / t["scale"].astype(float)) @ t["weight"].astype(float).T + t["bias"].astype(float)
    return float((np.array(json.loads(meta["classes"]))[z.argmax(axis=1)] == y.astype(str)).mean())


def write_csv(path, x, y, names=None):
    names = names or [f"f{i}" for i in range(x.shape[1])]
    path.write_text("\n".join([",".join([*names, "label"])] + [",".join([*map(repr, row), str(c)]) for row, c in zip(x.tolist(), y)]) + "\n")
    return path


@pytest.fixture
def blobs(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(300, 4)), rng.integers(0, 3, 300)
    x[np.arange(300), y] += 3
    x[:, 3] = 7                                        # a constant column
    return write_csv(tmp_path / "blobs.csv", x.round(5), np.array(["ant", "bee", "cat"])[y])


def train(moat, path, *args, out="m.safetensors"):
    return moat("privacy", "train", "--data", path, "--labels", "label", "--out", out, "--json", *args)


def test_what_is_reported_is_what_the_file_computes(moat, blobs, tmp_path):
    r = train(moat, blobs, "--test", blobs)
    got = json.loads(r.out)
    assert r.code == 0 and got["schema"] == "moat.privacy.train/1" and got["private"] is False, r
    table = [line.split(",") for line in blobs.read_text().split()[1:]]
    x, y = np.array([row[:-1] for row in table], float), np.array([row[-1] for row in table])
    mine = accuracy(tmp_path / "m.safetensors", x, y)
    assert mine > 0.9 and abs(mine - got["metrics"]["train_accuracy"]) < 0.004 and abs(mine - got["metrics"]["test_accuracy"]) < 0.004
    assert tensors(tmp_path / "m.safetensors")[0]["scale"][3] == 1


def test_same_seed_same_bytes_on_any_number_of_threads(moat, blobs, tmp_path):
    files = []
    for i, args in enumerate([("--threads", 1), ("--threads", 2), ("--threads", 3), ("--seed", 2)]):
        assert train(moat, blobs, "--seed", 1, *args, out=f"{i}").code == 0
        files.append((tmp_path / f"{i}").read_bytes())
    assert files[0] == files[1] == files[2] != files[3]


def test_l2_draws_the_weights_to_zero_and_leaves_the_biases_free(moat, blobs, tmp_path):
    norms = []
    for l2 in 0, 0.01, 0.1, 1:
        assert train(moat, blobs, "--l2", l2, "--epochs", 60).code == 0
        t, _ = tensors(tmp_path / "m.safetensors")
        norms.append(float((t["weight"] ** 2).sum()))
    assert norms == sorted(norms, reverse=True) and norms[0] > 5 * norms[2] > 5 * norms[3]


def test_the_optimum_of_the_stated_loss_is_found(moat, tmp_path):
    """At the minimum of mean(-log p) + l2/2 |W|^2 the gradient, recomputed here, vanishes."""
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(200, 3)).round(4), rng.integers(0, 2, 200)
    path = write_csv(tmp_path / "d.csv", x, y)
    assert train(moat, path, "--l2", 0.05, "--epochs", 400, "--batch", 200).code == 0
    t = {k: v.astype(float) for k, v in tensors(tmp_path / "m.safetensors")[0].items()}
    u = (x - t["mean"]) / t["scale"]
    z = u @ t["weight"].T + t["bias"]
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    g = p - np.eye(2)[y]
    np.testing.assert_allclose(g.T @ u / 200 + 0.05 * t["weight"], 0, atol=2e-4)
    np.testing.assert_allclose(g.mean(axis=0), 0, atol=2e-4)


@pytest.mark.parametrize("text, why", [
    ("a,label\n1,x\nnan,y\n", "finite"), ("a,label\n1,x\ninf,y\n", "line 3"), ("a,label\n1,x\n,y\n", "finite"), ("a,label\n1,x\n2,x\n", "same label"),
    ("a,label\n", ""), ("", ""), ("a,b\n1,2\n", "label"), ("a,label\nred,x\nblue,y\n", "a"), ("a,label\n1,x\n2\n", ""),
])
def test_what_cannot_be_learned_from(moat, tmp_path, text, why):
    path = tmp_path / "bad.csv"
    path.write_text(text)
    r = train(moat, path)
    assert r.code in (2, 3) and r.err.count("bad.csv") == 1 and why in r.err and not (tmp_path / "m.safetensors").exists(), r


def idx(path, array):
    path.write_bytes(struct.pack(">HBB", 0, 8, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes())
    return path


def test_counts_that_do_not_match_and_labels_nobody_learned(moat, tmp_path, blobs):
    x, y = idx(tmp_path / "x", np.arange(40).reshape(10, 2, 2)), idx(tmp_path / "y", np.arange(9) % 2)
    r = moat("privacy", "train", "--data", x, "--labels", y, "--out", "o")
    assert r.code == 3 and "9" in r.err and "10" in r.err, r
    other = tmp_path / "other.csv"
    other.write_text("f0,f1,f2,f3,label\n1,2,3,4,dog\n1,2,3,4,ant\n")
    r = train(moat, blobs, "--test", other)
    assert r.code == 3 and "dog" in r.err
    narrow = tmp_path / "narrow.csv"
    narrow.write_text("f0,label\n1,ant\n2,bee\n")
    assert train(moat, blobs, "--test", narrow).code == 3


def test_images_are_divided_not_standardised(moat, tmp_path):
    rng = np.random.default_rng(1)
    y = rng.integers(0, 2, 50)
    x = rng.integers(0, 100, (50, 2, 2))
    x[:, 0, 0] = 255 * y
    r = moat("privacy", "train", "--data", idx(tmp_path / "x", x), "--labels", idx(tmp_path / "y", y), "--out", "o.safetensors")
    t, _ = tensors(tmp_path / "o.safetensors")
    assert r.code == 0 and (t["mean"] == 0).all() and (t["scale"] == 255).all()


def test_what_cannot_be_is_refused(moat, blobs):
    for bad in ("--epochs", 0), ("--batch", 0), ("--rate", -1), ("--l2", -1), ("--rate", "nan"), ("--rate", 0), ("--epochs", -1), ("--batch", -1), ("--seed", -1), ("--threads", -1), \
            ("--seed-noise", -1):
        assert train(moat, blobs, *bad).code == 2, bad
    was = blobs.read_bytes()
    assert train(moat, blobs, out=blobs).code == 2 and blobs.read_bytes() == was
    assert moat("privacy", "train", "--data", "nowhere", "--labels", "l", "--out", "o").code == 2


# ---- layers

def forward(t, x):
    """Probabilities of an MLP from the tensors of its file, in double."""
    v, n = (x - t["mean"].astype(float)) / t["scale"].astype(float), sum(k.endswith(".weight") for k in t)
    for i in range(n):
        v = v @ t[f"layers.{i}.weight"].astype(float).T + t[f"layers.{i}.bias"].astype(float)
        v = np.maximum(v, 0) if i < n - 1 else v
    p = np.exp(v - v.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def rings(path, n=400):
    """Two classes that no plane parts."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, n)
    angle, r = rng.uniform(0, 2 * np.pi, n), 1 + 2 * y + rng.normal(0, 0.2, n)
    return write_csv(path, np.c_[r * np.cos(angle), r * np.sin(angle)].round(5), np.array(["in", "out"])[y])


def read_csv(path):
    table = [line.split(",") for line in path.read_text().split()[1:]]
    return np.array([row[:-1] for row in table], float), np.array([row[-1] for row in table])


def test_layers_learn_what_a_plane_cannot_and_the_server_answers_what_the_file_computes(moat, tmp_path, spawn, free_port):
    path, port = rings(tmp_path / "rings.csv"), free_port()
    assert json.loads(train(moat, path, "--epochs", 60).out)["metrics"]["train_accuracy"] < 0.75
    r = train(moat, path, "--model", "mlp:16,8", "--epochs", 60, "--batch", 32)
    got = json.loads(r.out)
    t, meta = tensors(tmp_path / "m.safetensors")
    x, y = read_csv(path)
    p = forward(t, x)
    assert got["parameters"]["kind"] == meta["kind"] == "mlp" and got["parameters"]["hidden"] == [16, 8], r
    mine = float((np.array(json.loads(meta["classes"]))[p.argmax(1)] == y).mean())
    assert mine > 0.97 and abs(mine - got["metrics"]["train_accuracy"]) < 0.004
    spawn("model", "serve", "m.safetensors", "--sha256", got["digest"], "--name", "rings", "--listen", f"127.0.0.1:{port}", port=port)
    ask = urllib.request.Request(f"http://127.0.0.1:{port}/v1/models/rings:predict", json.dumps({"instances": x.tolist()}).encode(),
                                 {"Content-Type": "application/json"})
    np.testing.assert_allclose(json.load(urllib.request.urlopen(ask))["predictions"], p, atol=1e-5)


def test_dropout_changes_the_training_and_not_the_shape(moat, tmp_path):
    path = rings(tmp_path / "rings.csv")
    files = []
    for p in 0, 0.5, 0.5:
        assert train(moat, path, "--model", "mlp:16", "--dropout", p, "--threads", len(files) + 1).code == 0
        files.append((tmp_path / "m.safetensors").read_bytes())
    assert files[1] == files[2] != files[0] and len(files[0]) // 100 == len(files[1]) // 100
    assert train(moat, path, "--dropout", 1).code == 2 and train(moat, path, "--model", "mlp:0").code == 2
    assert train(moat, path, "--model", "mlp:1,1,1,1,1").code == 2


# ---- privacy

def private(moat, path, *args, out="p.safetensors"):
    return train(moat, path, "--scale", "-4:4", "--batch", 40, "--epochs", 4, *args, out=out)


def test_a_private_model_carries_its_statement_everywhere(moat, tmp_path, blobs):
    (tmp_path / "moat.yaml").write_text("""moat: 1
name: t
datasets:
  blobs: { path: blobs.csv, labels: label }
trainings:
  fit: { data: blobs, model: scorer, kind: mlp, hidden: 8, dropout: 0.1, epsilon: 2, delta: 0.0001, clip: 0.5, batch: 40, epochs: 4, scale: "-4:12" }
models:
  scorer: { path: scorer.safetensors, from: [blobs] }
""")
    r = moat("privacy", "train", "fit", "--json")
    got = json.loads(r.out)
    assert r.code == 0 and got["private"] is True and got["statement"]["private"] is True, r
    s = json.loads((tmp_path / "scorer.safetensors.privacy.json").read_text())
    t, meta = tensors(tmp_path / "scorer.safetensors")
    assert json.loads(meta["privacy"]) == s == got["statement"] and meta["private"] == "true"
    assert s["schema"] == "moat.privacy.statement/1" and s["adjacency"] == "add or remove one" and s["sampler"] == "poisson"
    assert 1.9 < s["epsilon_low"] <= s["epsilon"] <= s["epsilon_up"] <= 2 or s["epsilon_low"] == 0 < s["epsilon"] <= s["epsilon_up"] <= 2
    assert s["delta"] == 1e-4 and s["clip"] == 0.5 and s["phases"][0]["rate"] == 40 / 300 and s["phases"][0]["steps"] == 30
    assert "train_accuracy" not in got["metrics"]                       # it would be a release of its own
    weights = b"".join(t[f"layers.{i}.{w}"].tobytes() for i in (0, 1) for w in ("weight", "bias"))
    assert s["model"]["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    log = [json.loads(line) for line in moat("ledger", "log", "--json").out.splitlines()]
    text = json.dumps(log)
    assert '"privacy"' in text and s["model"]["weights_sha256"] in text
    r = moat("privacy", "account", "--sigma", s["phases"][0]["sigma"], "--rate", s["phases"][0]["rate"], "--steps", 30, "--delta", 1e-4, "--json")
    if r.code == 0:
        assert abs(json.loads(r.out)["epsilon_up"] + s["accountant"]["error"] - s["epsilon_up"]) < 1e-9


def test_noise_from_a_seed_repeats_and_is_not_called_private(moat, tmp_path, blobs):
    files = []
    for seed, threads in (1, 1), (1, 2), (2, 1):
        r = private(moat, blobs, "--epsilon", 3, "--seed-noise", seed, "--threads", threads)
        assert r.code == 0 and json.loads(r.out)["private"] is False and json.loads(r.out)["statement"]["private"] is False, r
        files.append((tmp_path / "p.safetensors").read_bytes())
    assert files[0] == files[1] != files[2]
    secret = [private(moat, blobs, "--epsilon", 3) for _ in range(2)]
    assert json.loads(secret[0].out)["digest"] != json.loads(secret[1].out)["digest"] and json.loads(secret[0].out)["private"] is True


def test_a_statement_does_not_outlive_its_model(moat, tmp_path, blobs):
    assert private(moat, blobs, "--epsilon", 3).code == 0 and (tmp_path / "p.safetensors.privacy.json").exists()
    assert train(moat, blobs, out="p.safetensors").code == 0
    assert not (tmp_path / "p.safetensors.privacy.json").exists()


def test_less_epsilon_is_more_noise(moat, tmp_path, blobs):
    sigma = [json.loads(private(moat, blobs, "--epsilon", e).out)["statement"]["phases"][0]["sigma"] for e in (8, 3, 1, 0.1)]
    assert sigma == sorted(sigma) and sigma[0] * 4 < sigma[3]
    direct = json.loads(private(moat, blobs, "--sigma", sigma[1]).out)["statement"]
    assert abs(direct["epsilon_up"] - 3) < 0.01 and direct["epsilon_target"] is None


@pytest.mark.parametrize("args, why", [
    (["--epsilon", 1], "--scale LOW:HIGH"), (["--epsilon", 1, "--scale", "standard"], "looks at the data"), (["--epsilon", 0], "above 0"),
    (["--epsilon", 1, "--scale", "0:1", "--delta", 0.01], "1 / rows"), (["--epsilon", 1, "--sigma", 1], "not both"), (["--clip", 1], "private training"),
    (["--epsilon", 1, "--scale", "0:1", "--batch", 1000], "batch"), (["--epsilon", 1, "--scale", "1:0"], "LOW:HIGH"),
    (["--epsilon", "nan", "--scale", "0:1"], ""), (["--epsilon", 1, "--scale", "0:1", "--clip", -1], ""),
])
def test_promises_nobody_can_keep_are_refused(moat, tmp_path, blobs, args, why):
    r = train(moat, blobs, *args)
    assert r.code == 2 and why in r.err and not (tmp_path / "m.safetensors").exists(), r


def test_fashion_mnist(moat, tmp_path):
    if not FASHION.exists():
        pytest.skip("needs the Debian package dataset-fashion-mnist")
    (tmp_path / "moat.yaml").write_text(f"""moat: 1
name: t
datasets:
  train: {{ path: {FASHION}/train-images-idx3-ubyte.gz, labels: {FASHION}/train-labels-idx1-ubyte.gz }}
  test: {{ path: {FASHION}/t10k-images-idx3-ubyte.gz, labels: {FASHION}/t10k-labels-idx1-ubyte.gz }}
trainings:
  fit: {{ data: train, test: test, model: scorer, epochs: 8 }}
models:
  scorer: {{ path: scorer.safetensors, from: [train] }}
""")
    r = moat("privacy", "train", "fit", "--json")
    got = json.loads(r.out)
    read = lambda name, at: np.frombuffer(gzip.open(FASHION / name).read(), np.uint8, offset=at)
    x, y = read("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 784).astype(float), read("t10k-labels-idx1-ubyte.gz", 8)
    mine = accuracy(tmp_path / "scorer.safetensors", x, y)
    assert r.code == 0 and mine >= 0.83 and abs(mine - got["metrics"]["test_accuracy"]) < 5e-4
    assert b'"kind":"training"' in (tmp_path / ".moat/ledger.db").read_bytes()


@pytest.mark.parametrize("name, least", [("6_cardio", 0.97), ("38_thyroid", 0.98), ("42_WBC", 0.97)])
def test_tabular_sets(moat, vectors, name, least):
    r = train(moat, vectors(f"data/adbench/csv/{name}.csv"))
    assert r.code == 0 and json.loads(r.out)["metrics"]["train_accuracy"] >= least


def test_digits_generalise(moat, vectors, tmp_path):
    rows = np.loadtxt(vectors("data/digits/digits_8x8.csv"), delimiter=",")
    order = np.random.default_rng(0).permutation(len(rows))
    a, b = rows[order[:1400]], rows[order[1400:]]
    train_csv, test_csv = [write_csv(tmp_path / n, r[:, :-1], r[:, -1].astype(int)) for n, r in (("a.csv", a), ("b.csv", b))]
    got = json.loads(train(moat, train_csv, "--test", test_csv).out)
    assert got["metrics"]["test_accuracy"] >= 0.95
