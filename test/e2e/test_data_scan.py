"""`moat data scan` as a data scientist meets it: odd rows found and explained, files written, forests kept, errors said."""
import json
import os
import struct

import numpy as np
import pytest


@pytest.fixture
def planted(tmp_path):
    """500 ordinary rows of six columns and three that are not: 100 (b), 200 (e), 300 (a and f)."""
    x = np.random.default_rng(1).standard_normal((500, 6)).astype(np.float32)
    x[100, 1], x[200, 4], x[300, 0], x[300, 5] = 900, -700, 800, -500
    path = tmp_path / "x.csv"
    path.write_text("a,b,c,d,e,f\n" + "".join(",".join(repr(float(v)) for v in r) + "\n" for r in x))
    np.save(tmp_path / "x.npy", x)
    return path, x


def scan(moat, *args):
    r = moat("data", "scan", *args, "--json")
    assert r.code == 0, r
    return json.loads(r.out)


def test_planted_rows_are_found_with_their_columns(moat, planted):
    got = scan(moat, planted[0], "--contamination", 0.01)
    top = {o["row"]: [f["name"] for f in o["features"]] for o in got["outliers"]}
    assert len(top) == 5 and {100, 200, 300} <= set(top) and got["rows"] == 500
    assert top[100][0] == "b" and top[200][0] == "e" and set(top[300][:2]) == {"a", "f"}
    assert all(o["score"] > got["threshold"] for o in got["outliers"])
    assert all(abs(sum(f["share"] for f in o["features"])) <= 1 + 1e-9 for o in got["outliers"])
    assert {f["at"]["row"] for f in got["findings"]} == {r + 1 for r in top}
    assert {(f["rule"], f["severity"]) for f in got["findings"]} == {("MOAT-D101", "low")}


def test_text_names_row_column_and_value(moat, planted):
    r = moat("data", "scan", planted[0], "--contamination", 0.006)
    assert r.code == 0 and "500 rows of 6 columns; 3 are odd" in r.out and "b = 900 (above 99.9 %)" in r.out


def test_fails_a_build_only_when_asked(moat, planted):
    assert moat("data", "scan", planted[0]).code == 0
    assert moat("data", "scan", planted[0], "--fail-on", "low").code == 1


def test_scores_kept_and_formats_agree(moat, planted, tmp_path):
    csv, x = planted
    a = moat("data", "scan", csv, "--contamination", 0.01, "--scores", "s.csv", "--kept", "k.csv")
    b = moat("data", "scan", "x.npy", "--contamination", 0.01, "--scores", "t.csv", "--kept", "k.npy", "--threads", 2)
    assert a.code == b.code == 0
    assert (tmp_path / "s.csv").read_bytes() == (tmp_path / "t.csv").read_bytes()
    scores = np.loadtxt(tmp_path / "s.csv", delimiter=",", skiprows=1)
    assert (scores[:, 0] == np.arange(500)).all()
    kept = np.load(tmp_path / "k.npy")
    odd = np.argsort(-scores[:, 1])[:5]
    assert len(kept) == 495 and (kept == np.delete(x, odd, axis=0)).all()
    lines = csv.read_text().splitlines(True)
    assert (tmp_path / "k.csv").read_text() == "".join(l for i, l in enumerate(lines) if i - 1 not in odd)


def test_sklearn_names_and_signs(moat, planted, tmp_path):
    moat("data", "scan", planted[0], "--scores", "s.csv")
    r = moat("data", "scan", planted[0], "--scores", "t.csv", "--format", "sklearn", "--json")
    s = np.loadtxt(tmp_path / "s.csv", delimiter=",", skiprows=1)[:, 1]
    t = np.genfromtxt(tmp_path / "t.csv", delimiter=",", names=True)
    assert (t["score_samples"] == -s).all() and (t["decision_function"] == -s + 0.5).all()
    assert (t["predict"] == np.where(-s + 0.5 < 0, -1, 1)).all() and json.loads(r.out)["threshold"] == -0.5


def test_contamination_is_numpys_percentile(moat, planted, tmp_path):
    for share in (0.003, 0.05, 0.25, 0.5):
        got = scan(moat, planted[0], "--contamination", share, "--scores", "s.csv")
        s = np.loadtxt(tmp_path / "s.csv", delimiter=",", skiprows=1)[:, 1]
        assert got["threshold"] == -np.percentile(-s, 100.0 * share)
        assert [o["row"] for o in got["outliers"]] == sorted(np.flatnonzero(s > got["threshold"]), key=lambda i: (-s[i], i))


def test_a_kept_forest_scores_alike(moat, planted, tmp_path):
    first = scan(moat, planted[0], "--save", "f.forest", "--seed", 7, "--contamination", 0.01, "--scores", "s.csv")
    again = scan(moat, planted[0], "--load", "f.forest", "--scores", "t.csv")
    assert (tmp_path / "s.csv").read_bytes() == (tmp_path / "t.csv").read_bytes()
    assert first["outliers"] == again["outliers"] and first["threshold"] == again["threshold"] and again["forest"]["seed"] == 7


def test_a_forest_of_other_columns_is_refused(moat, planted):
    moat("data", "scan", planted[0], "--save", "f.forest")
    fewer = moat("data", "scan", planted[0], "--load", "f.forest", "--ignore", "c")
    other = moat("data", "scan", planted[0], "--load", "f.forest", *[w for c in "bacdef" for w in ("--columns", c)])
    assert fewer.code == 3 and "fitted on 6" in fewer.err
    assert other.code == 3 and "column 0 is 'b'; the forest was fitted on 'a'" in other.err


def test_a_damaged_forest_is_refused(moat, planted, tmp_path):
    moat("data", "scan", planted[0], "--save", "f.forest")
    whole = (tmp_path / "f.forest").read_bytes()
    for bad in (whole[:-1], whole[:50], b"", b"pickle", whole[:100] + bytes([whole[100] ^ 1]) + whole[101:]):
        (tmp_path / "bad.forest").write_bytes(bad)
        r = moat("data", "scan", planted[0], "--load", "bad.forest")
        assert r.code == 3 and "bad.forest" in r.err, r


def test_seed_and_threads(moat, planted, tmp_path):
    def scores(*args):
        moat("data", "scan", planted[0], "--scores", "s.csv", *args)
        return (tmp_path / "s.csv").read_bytes()
    assert scores("--threads", 1) == scores("--threads", 3) != scores("--seed", 1)


@pytest.mark.parametrize("text, args, code, says", [
    ("", [], 3, "is empty"),
    ("a,b\n", [], 3, "has no rows"),
    ("a,b\n1,2\n", [], 0, "1 row of 2 columns; 0 are odd"),
    ("a,b\n" + "1,2\n" * 50, ["--contamination", "0.1"], 0, "0 are odd"),
    ("id,name,x\n1,bob,2\n", [], 3, "--ignore NAME"),
    ("id,name,x\n1,bob,2\n3,al,4\n", ["--ignore", "name", "--ignore", "id"], 0, "2 rows of 1 columns"),
    ("id,name,x\n1,bob,2\n3,al,4\n", ["--labels", "name", "--columns", "x"], 0, "2 rows of 1 columns"),
    ("a\nx\n", ["--ignore", "a"], 3, "no columns"),
    ("a,b\n1,2\n,3\n", [], 3, "row 1 (from 0), column 'a': is missing"),
    ("a,b\n1,2\n,3\n5,6\n", ["--missing", "impute"], 0, "1 missing cells"),
    ("a,b\n1,2\n1e300,3\n", ["--missing", "impute"], 3, "too large for a 32-bit float"),
    ("a,b\n1,2\n3\n", [], 3, "line 3"),
    ("a,b\n1,2\n", ["--contamination", "0.6"], 2, "up to 0.5"),
    ("a,b\n1,2\n", ["--contamination", "nan"], 2, "up to 0.5"),
    ("a,b\n1,2\n", ["--max-samples", "0.3"], 2, "less than one row"),
    ("a,b\n1,2\n", ["--max-samples", "-1"], 2, "--max-samples"),
    ("a,b\n1,2\n", ["--max-samples", "7"], 0, "more than the 1 rows"),
    ("a,b\n1,2\n", ["--trees", "0"], 2, "--trees"),
    ("a,b\n1,2\n", ["--columns", "c"], 2, "no column 'c'"),
    ("a,b\n1,2\n", ["--ignore", "c"], 2, "no column 'c'"),
    ("a,b\n1,2\n", ["--detector", "magic"], 2, "--detector"),
    ("a,b\n1,2\n", ["--missing", "imputee"], 2, "did you mean 'impute'"),
    ("a,b\n1,2\n", ["--load", "nowhere"], 3, "nowhere"),
    ("a,b\n1,2\n", ["--scores", "no/such/folder"], 3, "no/such/folder"),
    ("a,b\n1,2\n", ["--kept-labels", "x"], 2, "--kept"),
    ("a,b\n1,2\n", ["--kept", "./x.csv"], 2, "is read here"),
    ("a,b\n1,2\n", ["--scores", "x.csv"], 2, "is read here"),
    ("a,b\n1,2\n", ["--save", "x.csv"], 2, "is read here"),
])
def test_what_it_says(moat, tmp_path, text, args, code, says):
    (tmp_path / "x.csv").write_text(text)
    r = moat("data", "scan", "x.csv", *args)
    assert r.code == code and says in r.out + r.err, r
    assert (tmp_path / "x.csv").read_text() == text


def test_no_output_lands_on_an_input_by_another_name_or_in_a_dataset(moat, tmp_path):
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    (tmp_path / "soft.csv").symlink_to("x.csv"), (tmp_path / "hard.csv").hardlink_to(tmp_path / "x.csv")
    (tmp_path / "set").mkdir()
    (tmp_path / "moat.yaml").write_text("moat: 1\nname: t\ndatasets:\n  set: { path: set, format: files }\n")
    for out, says in ("soft.csv", "is read here"), ("hard.csv", "is read here"), ("set/new.csv", "dataset 'set'"), ("./set/../set/new.csv", "dataset 'set'"):
        r = moat("data", "scan", "x.csv", "--kept", out)
        assert r.code == 2 and says in r.err, r
    assert moat("data", "scan", "x.csv", "--kept", "set.csv").code == 0
    assert (tmp_path / "soft.csv").is_symlink() and not list((tmp_path / "set").iterdir())


def test_kept_csv_is_the_bytes_that_were_there(moat, tmp_path):
    rows = [b'"1""",2\r\n'.replace(b'"1"""', b'"1"'), b"+1.50,2\r\n", b"900,-800\r\n", b'"1\r\n",2\r\n'.replace(b"\r\n\"", b"\""), b"1,2"]
    (tmp_path / "x.csv").write_bytes(b"\xef\xbb\xbfa,b\r\n" + b"".join(rows))
    r = moat("data", "scan", "x.csv", "--contamination", 0.2, "--kept", "k.csv", "--json")
    assert [o["row"] for o in json.loads(r.out)["outliers"]] == [2], r
    assert (tmp_path / "k.csv").read_bytes() == b"\xef\xbb\xbfa,b\r\n" + b"".join(rows[:2] + rows[3:])


def write_idx(path, a):
    path.write_bytes(bytes([0, 0, 8, a.ndim]) + struct.pack(f">{a.ndim}I", *a.shape) + a.tobytes())


def test_a_dataset_of_the_pipeline_with_its_labels(moat, tmp_path):
    rng = np.random.default_rng(3)
    x, y = rng.integers(90, 110, (300, 4, 2)).astype(np.uint8), rng.integers(0, 3, 300).astype(np.uint8)
    x[42] = 255
    write_idx(tmp_path / "x.idx", x), write_idx(tmp_path / "y.idx", y)
    (tmp_path / "moat.yaml").write_text("moat: 1\nname: t\ndatasets:\n  train: { path: x.idx, labels: y.idx, format: idx }\n")
    r = moat("data", "scan", "train", "--contamination", 0.0034, "--kept", "k.idx", "--kept-labels", "l.idx", "--json")
    got = json.loads(r.out)
    assert r.code == 0 and 42 in [o["row"] for o in got["outliers"]] and got["findings"][0]["part"] == "datasets.train"
    odd = [o["row"] for o in got["outliers"]]
    write_idx(tmp_path / "want.x", np.delete(x, odd, 0)), write_idx(tmp_path / "want.y", np.delete(y, odd, 0))
    assert (tmp_path / "k.idx").read_bytes() == (tmp_path / "want.x").read_bytes()
    assert (tmp_path / "l.idx").read_bytes() == (tmp_path / "want.y").read_bytes()
    assert b'"kind":"data.scan"' in (tmp_path / ".moat/ledger.db").read_bytes()


@pytest.mark.parametrize("kind", ["<f8", ">i2", "<f2", "|u1"])
def test_kept_npy_has_the_type_it_had(moat, tmp_path, kind):
    x = np.arange(60).reshape(20, 3).astype(kind)
    x[7] = 120
    np.save(tmp_path / "x.npy", np.asfortranarray(x))
    got = scan(moat, "x.npy", "--contamination", 0.05, "--kept", "k.npy")
    kept = np.load(tmp_path / "k.npy")
    assert (kept == np.delete(x, [o["row"] for o in got["outliers"]], 0)).all() and kept.dtype == x.dtype.newbyteorder("<")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission(moat, tmp_path):
    (tmp_path / "x.csv").write_text("a\n1\n")
    (tmp_path / "x.csv").chmod(0)
    r = moat("data", "scan", "x.csv")
    assert r.code == 3 and "Permission denied" in r.err


# ---- labels

def digits(vectors, noise):
    table = np.genfromtxt(vectors(f"data/labelnoise/digits_{noise}_knn10.csv"), delimiter=",", names=True)
    x = np.loadtxt(vectors("data/digits/digits_8x8.csv"), delimiter=",")[:, :-1]
    return x, table["true"].astype(int), table["given"].astype(int)


def f1(truth, given, flagged):
    bad, said = truth != given, np.isin(np.arange(len(truth)), flagged)
    return 2 * (bad & said).sum() / (bad.sum() + said.sum())


@pytest.mark.parametrize("noise, least", [("sym10", 0.89), ("sym20", 0.929), ("pair10", 0.883), ("pair20", 0.884)])
def test_flipped_digits_are_found_from_pixels_alone(moat, vectors, tmp_path, noise, least):
    x, truth, given = digits(vectors, noise)
    np.savetxt(tmp_path / "d.csv", np.column_stack([x, given]), delimiter=",", fmt="%d")
    got = scan(moat, "d.csv", "--labels", "x64", "--detector", "labels")
    assert f1(truth, given, [o["row"] for o in got["outliers"]]) >= least
    assert abs(got["noise"] - (truth != given).mean()) < 0.03 and got["threshold"] is None
    right = [int(o["suggested"]) == truth[o["row"]] for o in got["outliers"] if truth[o["row"]] != given[o["row"]]]
    assert np.mean(right) > 0.95
    assert {(f["rule"], f["severity"]) for f in got["findings"]} == {("MOAT-D102", "medium")}


@pytest.mark.parametrize("prune, column", [("noise-rate", "prune_by_noise_rate"), ("class", "prune_by_class"), ("both", "both")])
def test_with_probabilities_the_masks_are_cleanlabs(moat, vectors, tmp_path, prune, column):
    t = np.genfromtxt(vectors("data/labelnoise/digits_pair20_logreg.csv"), delimiter=",", names=True)
    np.save(tmp_path / "p.npy", np.column_stack([t[f"p{k}"] for k in range(10)]))
    np.save(tmp_path / "x.npy", np.zeros((len(t), 1))), np.save(tmp_path / "y.npy", t["given"].astype(np.int64))
    r = scan(moat, "x.npy", "--labels", "y.npy", "--detector", "labels", "--probabilities", "p.npy", "--prune", prune,
             "--kept", "kx.npy", "--kept-labels", "ky.npy", "--scores", "s.csv")
    assert sorted(o["row"] for o in r["outliers"]) == list(np.flatnonzero(t[column]))
    assert (np.load(tmp_path / "ky.npy") == t["given"][t[column] == 0]).all()
    s = np.loadtxt(tmp_path / "s.csv", delimiter=",", skiprows=1)
    assert np.abs(1 - s[:, 1] - t["normalized_margin"]).max() < 1e-6
    assert np.abs(np.sum(r["joint"]) - 1) < 1e-9 and r["classes"] == [str(k) for k in range(10)]


def test_columns_of_other_units_do_not_drown_the_rest(moat, tmp_path):
    rng = np.random.default_rng(5)
    y = rng.integers(0, 2, 400)
    x = np.column_stack([y + rng.normal(0, 0.1, 400), rng.normal(0, 1e6, 400)])
    given = y.copy()
    given[:20] ^= 1
    (tmp_path / "d.csv").write_text("a,b,y\n" + "".join(f"{a},{b},{'ham spam'.split()[g]}\n" for (a, b), g in zip(x, given)))
    got = scan(moat, "d.csv", "--labels", "y", "--detector", "labels")
    assert f1(y, given, [o["row"] for o in got["outliers"]]) > 0.9 and got["classes"] == ["ham", "spam"]


@pytest.mark.parametrize("text, args, code, says", [
    ("a,y\n1,0\n2,1\n", [], 2, "which are the labels"),
    ("a,y\n1,0\n", ["--labels", "y"], 3, "neighbours need two"),
    ("a,y\n1,0\n2,1\n", ["--labels", "y"], 0, "2 rows, 2 labels; 0 probably wrong"),
    ("a,y\n" + "1,0\n" * 30, ["--labels", "y"], 0, "1 labels; 0 probably wrong"),
    ("y\n0\n1\n", ["--labels", "y"], 3, "no columns to judge by"),
    ("a,y\n1,0\n,1\n3,1\n", ["--labels", "y"], 3, "is missing"),
    ("a,y\n1,0\n,1\n3,1\n", ["--labels", "y", "--missing", "impute"], 0, "1 missing cells"),
    ("a,y\n1,0\n2,\n", ["--labels", "y"], 3, "is no label"),
    ("a,y\n1,0\n2,1\n", ["--labels", "y", "--probabilities", "no.npy"], 3, "no.npy"),
    ("a,y\n1,0\n2,1\n", ["--labels", "y", "--probabilities", "p.npy"], 3, "2 rows of 2 classes are needed"),
    ("a,y\n1,0\n2,1\n3,2\n", ["--labels", "y", "--probabilities", "p.npy"], 3, "is no probability"),
    ("a,y\n" + "".join(f"{i},{i}\n" for i in range(5000)), ["--labels", "y"], 3, "is this a label?"),
    ("a,y\n1,0\n2,1\n", ["--labels", "y", "--contamination", "0.1"], 2, "of the isolation forest"),
    ("a,y\n1,0\n2,1\n", ["--labels", "y", "--prune", "all"], 2, "--prune is noise-rate, class or both"),
])
def test_what_it_says_of_labels(moat, tmp_path, text, args, code, says):
    (tmp_path / "x.csv").write_text(text)
    np.save(tmp_path / "p.npy", np.full((3, 3), [0.5, 0.5, np.nan]))
    r = moat("data", "scan", "x.csv", "--detector", "labels", *args)
    assert r.code == code and says in r.out + r.err, r
