"""moat data run, import, filter, trace, who-uses, revoke, prove: where rows come from, held against what is known by construction."""
import base64
import csv
import hashlib
import json
import os
import random
import signal
import sqlite3
import subprocess
import time

import pytest

YAML = """moat: 1
name: rows
sources:
  lake: { uri: lake.csv }
datasets:
  raw: { path: data/raw.csv, from: [lake] }
  clean: { path: data/clean.csv, from: [raw], labels: y }
  train: { path: data/train.csv, from: [clean], labels: y }
  test: { path: data/test.csv, from: [clean], labels: y }
  text: { path: data/text.txt }
trainings:
  t: { data: train, model: m, epochs: 2 }
models:
  m: { path: m.safetensors, from: [train] }
endpoints:
  e: { route: /e, model: m, upstream: "http://127.0.0.1:9" }
"""


@pytest.fixture
def project(moat, tmp_path):
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    (root / "moat.yaml").write_text(YAML)
    assert moat("key", "new").code == 0
    return root


@pytest.fixture
def data(moat, project):
    def run(*args, code=0, **kw):
        done = moat("data", *args, cwd=project, **kw)
        assert done.code == code, done
        return done
    return run


def fields(result):
    return json.loads(result.out)


def write_csv(path, header, rows):
    with open(path, "w", newline="") as f:
        w = csv.writer(f, lineterminator="\n")
        w.writerow(header)
        w.writerows(rows)


def make_raw(project, n=4000, seed=1):
    """Rows of (id, name, price, y); some with id % 11 == 5 stand there twice, the second time anywhere behind."""
    rng = random.Random(seed)
    rows = [[i, f"name {rng.randrange(40)}", f"{rng.random() * 100:.2f}", "ab"[i % 2]] for i in range(1, n + 1)]
    for row in [r for r in rows if r[0] % 11 == 5 and r[0] % 50 != 1]:
        rows.insert(rng.randrange(rows.index(row) + 1, len(rows) + 1), list(row))
    write_csv(project / "data/raw.csv", ["id", "name", "price", "y"], rows)
    return rows


# What both programs below do: drop id % 7 == 0 and repeated rows, edit the price of id % 10 == 3, write id % 50 == 1 twice,
# add 25 rows of their own, shuffle.
AWK = r"""
BEGIN { FS = OFS = ","; srand(7) }
NR == 1 { print; next }
$1 % 7 == 0 || seen[$0]++ { next }
$1 % 10 == 3 { $3 = $3 + 1000 }
{ line[++n] = $0 }
$1 % 50 == 1 { line[++n] = $0 }
END { for (i = 1; i <= 25; i++) line[++n] = (1000000 + i) ",made up," i ",a"
      for (i = n; i > 1; i--) { j = int(rand() * i) + 1; t = line[i]; line[i] = line[j]; line[j] = t }
      for (i = 1; i <= n; i++) print line[i] }
"""
SQL = r"""
import csv, sqlite3, sys
db = sqlite3.connect(":memory:")
rows = list(csv.reader(open(sys.argv[1])))
db.execute("create table t (id integer, name text, price text, y text)")
db.executemany("insert into t values (?,?,?,?)", rows[1:])
got = db.execute("""  + '"""' + r"""
  with d as (select distinct * from t where id % 7 <> 0),
       e as (select id, name, case when id % 10 = 3 then 'x' || price else price end, y from d),
       n(id) as (select 1 union all select id + 1 from n where id < 25)
  select * from (select * from e union all select * from e where id % 50 = 1
                 union all select 1000000 + id, 'made up', 'x', 'b' from n)
  order by (id * 7919 + 13) % 10007, id""" + '"""' + r""").fetchall()
w = csv.writer(open(sys.argv[2], "w"), lineterminator="\n", quoting=csv.QUOTE_ALL)
w.writerow(rows[0])
w.writerows(got)
"""


def expected_class(id, copies_seen):
    if id > 1000000:
        return "opaque"
    if id % 10 == 3:
        return "modified"
    return "copy" if id % 50 == 1 and copies_seen else "kept"


def judge(rows, output, report):
    """Every line of the report against what the program did to that row; returns how many of each class were right."""
    places = {}
    for at, row in enumerate(rows, 1):
        places.setdefault(row[0], []).append(at)
    right, seen, used = {}, set(), set()
    for line in report:
        row = int(line["row"])
        if line["place"] == "clean":
            id = int(output[row - 1][0])
            want = expected_class(id, id in seen)
            seen.add(id)
            assert line["class"] == want, (line, output[row - 1])
            assert (line["from_row"] == "") == (want == "opaque"), line
            if want != "opaque":
                assert line["from"] == "raw" and int(line["from_row"]) in places[id], line
                used.add(int(line["from_row"]))
            assert line["changed"] == ("price" if want == "modified" else ""), line
            assert line["evidence"] == {"opaque": "opaque", "modified": "key"}.get(want, "exact"), line
        else:
            id = rows[row - 1][0]
            want = "dropped" if id % 7 == 0 else "duplicate"
            assert line["class"] == want and (want == "dropped" or len(places[id]) == 2), (line, rows[row - 1])
        right[want] = right.get(want, 0) + 1
    inputs = {int(line["row"]) for line in report if line["place"] == "raw"}
    assert inputs | used == set(range(1, len(rows) + 1)) and not inputs & used
    return right


@pytest.mark.parametrize("program", ["awk", "sql"])
@pytest.mark.parametrize("key", [["--key", "id"], []])
def test_a_foreign_program_is_seen_through(data, project, tmp_path, program, key):
    rows = make_raw(project)
    data("commit", "raw")
    (tmp_path / "p.awk").write_text(AWK)
    (tmp_path / "p.py").write_text(SQL)
    command = {"awk": ["--stdout", "--", "awk", "-f", tmp_path / "p.awk", "{in}"], "sql": ["--", "python3", tmp_path / "p.py", "{in}", "{out}"]}[program]
    done = fields(data("run", "--json", "--in", "raw", "--out", "clean", *key, "--report", tmp_path / "report.csv", *command))
    output = list(csv.reader(open(project / "data/clean.csv")))[1:]
    right = judge(rows, output, list(csv.DictReader(open(tmp_path / "report.csv"))))
    assert right["opaque"] == 25 and right["modified"] > 300 and right["copy"] > 50 and right["dropped"] > 500 and right["duplicate"] > 300
    (made,) = done["outputs"]
    assert made["rows"] == len(output) and made["version"] == 1 and made["edges"]["opaque"] == 25 and made["modified"] == right["modified"]
    assert made["edges"]["exact"] == right["kept"] + right["copy"] and made["copies"] == right["copy"] and made["ambiguous"] == 0
    assert made["key"] == (None if key else "id") and made["changed"] == {"price": right["modified"]}
    assert done["input_rows"] == {"used": done["input_rows"]["used"], "dropped": right["dropped"], "duplicates": right["duplicate"]}
    data("verify", "clean")


# ---- an independent check of a proof: RFC 6962 s2.1.1, DSSE, Ed25519; no line of moat

def rfc6962_ok(row, index, size, path, root):
    """The audit path of section 2.1.1, from the leaf up."""
    if not 0 <= index < size:
        return False
    h = hashlib.sha256(b"\x00" + row).digest()
    last, path = size - 1, list(path)
    while last:
        if index % 2 or index < last:
            if not path:
                return False
            other = path.pop(0)
            h = hashlib.sha256(b"\x01" + (other + h if index % 2 else h + other)).digest()
        index, last = index // 2, last // 2
    return not path and h == root


def proof_ok(proof, signer):
    """The row lies under a root that `signer` (a PEM of our own) has signed for that dataset, version and number of rows."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    try:
        root = bytes.fromhex(proof["root"])
        if not rfc6962_ok(base64.b64decode(proof["row"], validate=True), proof["index"], proof["size"], [bytes.fromhex(d) for d in proof["path"]], root):
            return False
        body = base64.b64decode(proof["statement"]["payload"], validate=True)
        kind = proof["statement"]["payloadType"].encode()
        pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)
        load_pem_public_key(signer).verify(base64.b64decode(proof["statement"]["signatures"][0]["sig"], validate=True), pae)
        said = json.loads(body)
        p = said["predicate"]
        return (said["subject"] == [{"name": proof["dataset"], "digest": {"sha256": proof["root"]}}] and p["root"] == proof["root"]
                and p["rows"] == proof["size"] and p["version"] == proof["version"] and p["dataset"] == proof["dataset"])
    except (InvalidSignature, ValueError, KeyError, TypeError, IndexError):
        return False


def canonical(fields):
    """A CSV row as moat hashes it: each field's length (LEB128) and bytes."""
    out = b""
    for f in fields:
        n, data = len(f.encode()), f.encode()
        while n >= 128:
            out, n = out + bytes([n & 127 | 128]), n >> 7
        out += bytes([n]) + data
    return out


def test_the_verifier_itself_knows_the_published_vectors(vectors):
    v = json.loads(vectors("data/merkle_rfc6962.json").read_text())
    leaves = [bytes.fromhex(x) for x in v["leaves"]]
    assert v["inclusion"]
    for case in v["inclusion"]:
        path, root = [bytes.fromhex(x) for x in case["path"]], bytes.fromhex(v["roots_by_size"][case["size"]])
        assert rfc6962_ok(leaves[case["index"]], case["index"], case["size"], path, root)
        assert not rfc6962_ok(leaves[case["index"]] + b"x", case["index"], case["size"], path, root)
        assert not rfc6962_ok(leaves[case["index"]], case["index"], case["size"], path + [root], root)


@pytest.mark.parametrize("n", [1, 2, 4096, 4097, 9001])
def test_a_row_is_proved_to_somebody_without_moat(data, moat, project, tmp_path, n):
    rows = [[i, f"name {i}", "x" * (i % 300), "a"] for i in range(1, n + 1)]
    write_csv(project / "data/raw.csv", ["id", "name", "long", "y"], rows)
    data("commit", "raw")
    signer = (moat.home / ".config/moat/key.pub").read_bytes()
    for row in {1, n, n // 2 + 1, min(n, 4096), min(n, 4097)}:
        data("prove", f"raw:{row}", "--out", tmp_path / "p.json")
        proof = json.loads((tmp_path / "p.json").read_text())["proof"]
        assert base64.b64decode(proof["row"]) == canonical([str(f) for f in rows[row - 1]])
        assert proof["index"] == row - 1 and proof["size"] == n and proof_ok(proof, signer)
    (project / "data/raw.csv").write_text("id,name,long,y\n1,changed,,a\n")             # proofs are of the version, not of the file
    assert fields(data("prove", f"raw:{n}"))["proof"]["size"] == n
    data("prove", f"raw:{n + 1}", code=2)


def test_any_altered_byte_of_row_or_proof_fails(data, moat, project, tmp_path):
    make_raw(project, 600)
    data("commit", "raw")
    signer = (moat.home / ".config/moat/key.pub").read_bytes()
    proof = fields(data("prove", "raw:77"))["proof"]
    assert proof_ok(proof, signer)
    row = base64.b64decode(proof["row"])
    for i in range(len(row)):
        bad = bytearray(row)
        bad[i] ^= 1
        assert not proof_ok({**proof, "row": base64.b64encode(bad).decode()}, signer)
    for k, digest in enumerate(proof["path"]):
        for i in range(0, 64, 2):
            bad = digest[:i] + format(int(digest[i:i + 2], 16) ^ 1, "02x") + digest[i + 2:]
            assert not proof_ok({**proof, "path": proof["path"][:k] + [bad] + proof["path"][k + 1:]}, signer)
    for change in [{"index": 77}, {"index": 75}, {"size": proof["size"] + 1}, {"path": proof["path"][:-1]}, {"path": proof["path"] + proof["path"][:1]},
                   {"root": "00" * 32}, {"dataset": "clean"}, {"version": 2}]:
        assert not proof_ok({**proof, **change}, signer), change
    body = bytearray(base64.b64decode(proof["statement"]["payload"]))
    for i in range(0, len(body), 7):
        bad = bytearray(body)
        bad[i] ^= 1
        assert not proof_ok({**proof, "statement": {**proof["statement"], "payload": base64.b64encode(bad).decode()}}, signer)


# ---- filter, sample, split

def rows_of(path):
    return list(csv.reader(open(path)))


@pytest.mark.parametrize("where, keeps", [
    ("price >= 50 and y = 'a'", lambda r: float(r[2]) >= 50 and r[3] == "a"),
    ("not (id < 100 or id > 3000)", lambda r: 100 <= int(r[0]) <= 3000),
    ("name in ('name 1', 'name 2') or id = 7.0", lambda r: r[1] in ("name 1", "name 2") or r[0] == "7"),
    ('"name" ~ \'e 3\' and y != \'b\'', lambda r: "e 3" in r[1] and r[3] != "b"),
    ("y is empty", lambda r: False),
    ("y is not empty", lambda r: True),
])
def test_filter_keeps_exactly_what_it_says(data, project, where, keeps):
    make_raw(project)
    data("commit", "raw")
    done = fields(data("filter", "raw", "--out", "clean", "--where", where, "--json"))
    before, after = rows_of(project / "data/raw.csv"), rows_of(project / "data/clean.csv")
    want = [i for i, r in enumerate(before[1:], 1) if keeps(r)]
    assert after == before[:1] + [before[i] for i in want]
    assert done["outputs"][0]["edges"]["exact"] == len(want)
    for k in range(0, len(want), max(1, len(want) // 5)):
        steps = fields(data("trace", f"clean:{k + 1}", "--json"))["steps"]
        assert [(s["name"], s["row"], s["evidence"]) for s in steps] == [("clean", k + 1, None), ("raw", want[k], "exact")]


def test_rows_keep_their_bytes(data, project):
    """Quotes, line ends and a last line without one are taken over as they are."""
    (project / "data/raw.csv").write_bytes(b'\xef\xbb\xbfid,v\r\n1,"a ""b""\r\nc"\r\n2,x\n3,"y"')
    data("commit", "raw")
    data("filter", "raw", "--out", "clean", "--where", "id != 2")
    assert (project / "data/clean.csv").read_bytes() == b'\xef\xbb\xbfid,v\r\n1,"a ""b""\r\nc"\r\n3,"y"'


@pytest.mark.parametrize("condition, word", [("", "column"), ("price >", "number"), ("prize = 1", "prize"), ("price = 1 price", "'and'"), ("(price = 1", "')'"),
                                             ("price = 'a", "text"), ("price ~ 3", "text"), ("y = 1 and", "column"), ("(" * 100 + "y = 1", "deep")])
def test_a_wrong_condition_says_where(data, project, condition, word):
    make_raw(project, 20)
    done = data("filter", "raw", "--out", "clean", "--where", condition, code=3 if word == "deep" else 2)
    assert word in done.err and not (project / "data/clean.csv").exists()
    assert not list((project / "data").glob(".*"))


def test_sample_and_split_are_exact_seeded_and_disjoint(data, project):
    make_raw(project)
    data("commit", "raw")
    data("sample", "raw", "--out", "clean", "--rows", "500", "--seed", "9")
    first = (project / "data/clean.csv").read_bytes()
    data("sample", "raw", "--out", "clean", "--rows", "500", "--seed", "9")
    assert (project / "data/clean.csv").read_bytes() == first and len(rows_of(project / "data/clean.csv")) == 501
    data("sample", "raw", "--out", "clean", "--rows", "500", "--seed", "10")
    assert (project / "data/clean.csv").read_bytes() != first
    total = len(rows_of(project / "data/raw.csv")) - 1
    done = fields(data("split", "raw", "--into", "train=0.8", "--into", "test=0.2", "--json"))
    a, b = rows_of(project / "data/train.csv"), rows_of(project / "data/test.csv")
    assert len(a) - 1 == round(total * .8) and len(a) + len(b) - 2 == total and done["outputs"][1]["rows"] == len(b) - 1
    assert sorted(a[1:] + b[1:]) == sorted(rows_of(project / "data/raw.csv")[1:])
    data("split", "raw", "--into", "train=0.5", "--into", "test=0.5", "--by", "name")
    a, b = rows_of(project / "data/train.csv"), rows_of(project / "data/test.csv")
    assert not {r[1] for r in a[1:]} & {r[1] for r in b[1:]} and len(a) > 500 and len(b) > 500
    data("sample", "raw", "--out", "clean", "--rows", str(total + 1), code=2)
    data("split", "raw", "--into", "train=0.8", "--into", "test=0.3", code=2)


# ---- a pipeline of four steps with a trained model: trace, who-uses, revoke

CLEAN = r"""
BEGIN { FS = OFS = ","; srand(3) }
NR == 1 { print; next }
$1 % 9 == 4 { next }
$1 % 6 == 1 { $2 = $2 + 0.5 }
{ line[++n] = $0 }
END { for (i = 1; i <= 10; i++) line[++n] = (500000 + i) ",0." i ",0.5," i % 2
      for (i = n; i > 1; i--) { j = int(rand() * i) + 1; t = line[i]; line[i] = line[j]; line[j] = t }
      for (i = 1; i <= n; i++) print line[i] }
"""


@pytest.fixture
def pipeline(moat, data, project, tmp_path):
    """lake.csv -> raw -> clean (awk) -> train, test -> m, signed; returns rows of the lake by id."""
    rng = random.Random(5)
    ids = rng.sample(range(1, 5001), 3000)
    write_csv(project / "lake.csv", ["id", "a", "b", "y"], [[i, f"{rng.random():.3f}", f"{rng.random():.3f}", i % 2] for i in ids])
    (tmp_path / "clean.awk").write_text(CLEAN)
    data("import", "lake", "raw")
    data("run", "--in", "raw", "--out", "clean", "--key", "id", "--stdout", "--", "awk", "-f", tmp_path / "clean.awk", "{in}")
    data("split", "clean", "--into", "train=0.75", "--into", "test=0.25", "--seed", "4")
    assert moat("privacy", "train", "t", cwd=project).code == 0
    assert moat("model", "sign", "m.safetensors", cwd=project).code == 0
    return {id: at for at, id in enumerate(ids, 1)}


def test_a_row_is_traced_over_three_steps(data, project, pipeline):
    raw, clean, train = (rows_of(project / f"data/{n}.csv") for n in ("raw", "clean", "train"))
    for at in range(1, len(train), 97):
        row, steps = train[at], fields(data("trace", f"train:{at}", "--json"))
        id = int(row[0])
        names = [s["name"] for s in steps["steps"]]
        assert steps["proven"] and names == ["train", "clean", "raw", "lake"]
        assert clean[steps["steps"][1]["row"]] == row and steps["steps"][1]["evidence"] == "exact"
        if id > 500000:
            assert [s["row"] for s in steps["steps"][2:]] == [None, None] and steps["weakest"] == "opaque"
            continue
        assert steps["steps"][2]["row"] == steps["steps"][3]["row"] == pipeline[id] and raw[pipeline[id]][0] == row[0]
        assert steps["steps"][2]["evidence"] == ("key" if id % 6 == 1 else "exact") == steps["weakest"]
    new = next(i for i, r in enumerate(train) if r[0] > "500000" and len(r[0]) == 6)
    out = data("trace", f"train:{new}").out
    assert "opaque (unknown)" in out and "any of 3000 rows" in out and "source" in out
    edited = next(i for i, r in enumerate(train) if i and int(r[0]) % 6 == 1 and int(r[0]) < 5001)
    assert "key (inferred)" in data("trace", f"train:{edited}").out


def reached(answer, section="datasets", name="name"):
    return {(x[name], x.get("version")): (x["certain"], x["possible"]) for x in answer[section]}


def test_who_uses_a_source_down_to_the_model(data, project, pipeline):
    clean, train, test = (rows_of(project / f"data/{n}.csv")[1:] for n in ("clean", "train", "test"))

    def count(rows, wanted):
        return sum(int(r[0]) in wanted for r in rows), sum(int(r[0]) > 500000 for r in rows)
    got = fields(data("who-uses", "lake", "--json"))
    every = set(pipeline)
    assert reached(got) == {("raw", 1): (3000, 0), ("clean", 1): count(clean, every), ("train", 1): count(train, every), ("test", 1): count(test, every)}
    (model,) = got["models"]
    assert model["model"] == "m" and model["signed"] and not model["deployed"] and model["training"] == "t" and got["proven"]
    assert model["digest"] == hashlib.sha256((project / "m.safetensors").read_bytes()).hexdigest()
    wanted = {id for id, at in pipeline.items() if 100 <= at <= 160}
    got = fields(data("who-uses", "sources.lake", "--rows", "100-160", "--json"))
    assert reached(got) == {("raw", 1): (61, 0), ("clean", 1): count(clean, wanted), ("train", 1): count(train, wanted), ("test", 1): count(test, wanted)}
    assert {x["name"]: x["weakest"] for x in got["datasets"]} == {"raw": "exact", "clean": "opaque", "train": "exact", "test": "exact"}
    got = fields(data("who-uses", "clean", "--json"))
    assert {n for n, _ in reached(got)} == {"clean", "train", "test"}
    assert "nobody" in data("who-uses", "nobody", code=2).err
    data("who-uses", "lake", "--rows", "5-3", code=2)
    text = data("who-uses", "lake").out
    assert "dataset  train@1 (newest)" in text and "model    m, trained" in text and "signed" in text


def test_revoke_plans_in_the_order_of_the_pipeline(data, project, pipeline):
    got = fields(data("revoke", "lake", "--plan", "--json"))
    plan = [(p["action"], p["target"]) for p in got["plan"]]
    assert plan == [("rebuild", "raw"), ("rebuild", "clean"), ("rebuild", "train"), ("rebuild", "test"), ("retrain", "m"), ("sign", "m"), ("reload", "endpoints.e")]
    assert "moat privacy train t" in got["plan"][4]["how"] and "moat data run" in got["plan"][1]["how"]
    # rows that the program dropped reach nothing but raw, as far as is known; rows of unknown origin still may be of them
    gone = next(at for id, at in pipeline.items() if id % 9 == 4)
    got = fields(data("revoke", "lake", "--plan", "--rows", str(gone), "--json"))
    assert {n: c for (n, _), c in reached(got).items()}["clean"] == (0, 10)
    data("revoke", "lake", code=2)
    # once the source is taken back and all is made anew, nothing new is affected: the old versions still are
    before = (project / "data/raw.csv").read_bytes()
    lake = (project / "lake.csv").read_text().splitlines(True)
    (project / "other.csv").write_text("".join(lake[:1] + ["999,0.1,0.2,1\n"] * 50))
    data("import", "other.csv", "raw")
    assert before != (project / "data/raw.csv").read_bytes()
    got = fields(data("who-uses", "lake", "--json"))
    assert {(x["name"], x["version"]): x["newest"] for x in got["datasets"]}[("raw", 1)] is False and ("raw", 2) not in reached(got)


def objects(project, kind):
    return sorted((project / f".moat/objects/{kind}").iterdir())


def test_what_was_tampered_with_is_not_believed(data, moat, project, pipeline):
    def statement_of(verb):
        return next(p for p in objects(project, "statement") if f'"verb":"{verb}"' in base64.b64decode(json.loads(p.read_text())["payload"]).decode())
    signed = statement_of("run")
    maps = json.loads(base64.b64decode(json.loads(signed.read_text())["payload"]))["predicate"]["map"]
    path = project / f".moat/objects/map/{maps}.moatmap"
    was = path.read_bytes()
    os.chmod(path, 0o600)
    for i in range(0, len(was), max(1, len(was) // 40)):
        path.write_bytes(was[:i] + bytes([was[i] ^ 4]) + was[i + 1:])
        done = data("trace", "train:5", "--json", code=1)
        got = fields(done)
        assert not got["proven"] and got["findings"][0]["rule"] == "MOAT-D202" and got["weakest"] == "opaque"
    data("trace", "train:5", code=1)
    path.unlink()
    assert not fields(data("who-uses", "lake", "--json"))["proven"]
    assert reached(fields(data("who-uses", "lake", "--rows", "1", "--json")))[("clean", 1)][1] == len(rows_of(project / "data/clean.csv")) - 1
    path.write_bytes(was)
    assert fields(data("trace", "train:5", "--json"))["proven"]
    envelope = json.loads(signed.read_text())
    os.chmod(signed, 0o600)
    sig = base64.b64decode(envelope["signatures"][0]["sig"])
    envelope["signatures"][0]["sig"] = base64.b64encode(sig[:-1] + bytes([sig[-1] ^ 1])).decode()
    signed.write_text(json.dumps(envelope))
    done = data("trace", "train:5", code=1)
    assert "not signed" in done.out and "MOAT-D202" not in done.err
    signed.unlink()
    assert "NOT PROVEN" in data("trace", "train:5", code=1).out


def test_equal_input_and_output_do_not_go_in_circles(data, project):
    make_raw(project, 50)
    data("commit", "raw")
    data("filter", "raw", "--out", "clean", "--where", "id > 0")
    data("filter", "clean", "--out", "raw", "--where", "id > 0")
    data("filter", "raw", "--out", "clean", "--where", "id > 0")
    assert [s["name"] for s in fields(data("trace", "clean:3", "--json"))["steps"]] == ["clean", "raw", "clean", "raw"]
    assert len(fields(data("who-uses", "raw", "--json"))["datasets"]) == 2


def test_equal_rows_elsewhere_are_not_where_a_row_came_from(data, project):
    make_raw(project, 50)
    data("commit", "raw")
    for out in "a.csv", "b.csv":
        data("run", "--in", "raw", "--out", out, "--", "cp", "{in}", "{out}")
    first, second = (fields(data("trace", f"{out}:1", "--json"))["steps"] for out in ("a.csv", "b.csv"))
    assert [s["name"] for s in first] == ["a.csv", "raw"] and [s["name"] for s in second] == ["b.csv", "raw"]
    assert first[0]["statement"] != second[0]["statement"]
    data("filter", "raw", "--out", "clean", "--where", "id < 20")
    data("filter", "clean", "--out", "raw", "--where", "id > 0")
    data("run", "--in", "clean", "--out", "c.csv", "--", "cp", "{in}", "{out}")
    assert [(s["name"], s["step"]) for s in fields(data("trace", "raw@1:1", "--json"))["steps"]] == [("raw", None)]
    assert [s["name"] for s in fields(data("trace", "raw@2:1", "--json"))["steps"]] == ["raw", "clean", "raw"]


def test_what_is_read_is_not_written_and_a_key_is_a_column(data, project):
    make_raw(project, 50)
    data("commit", "raw")
    was = (project / "data/raw.csv").read_bytes()
    for args in (["run", "--in", "raw", "--out", "data/raw.csv", "--", "cp", "{in}", "{out}"], ["filter", "raw", "--out", "data/raw.csv", "--where", "id > 9"],
                 ["prove", "raw:1", "--out", "data/raw.csv"], ["run", "--in", "raw", "--out", "data/clean.csv", "--", "cp", "{in}", "{out}"]):
        data(*args, code=2)
    assert (project / "data/raw.csv").read_bytes() == was and not (project / "data/clean.csv").exists()
    done = data("run", "--in", "raw", "--out", "clean", "--key", "zzz", "--", "cp", "{in}", "{out}", code=2)
    assert "zzz" in done.err and "id, name, price, y" in done.err and not (project / "data/clean.csv").exists()


def test_several_inputs_outputs_and_a_floor_for_coverage(data, project, tmp_path):
    write_csv(tmp_path / "a.csv", ["id", "v"], [[i, f"a{i}"] for i in range(1, 101)])
    write_csv(tmp_path / "b.csv", ["id", "v"], [[i, f"b{i}"] for i in range(101, 151)])
    (tmp_path / "p.py").write_text("import sys\na, b, x, y = [sys.argv[i] for i in (1, 2, 3, 4)]\n"
                                   "l = open(a).readlines() + open(b).readlines()[1:]\nopen(x, 'w').writelines(l[:1] + l[1::2])\n"
                                   "open(y, 'w').writelines(l[:1] + l[2::2] + ['900,new\\n'] * 25)\n")
    args = ["run", "--json", "--in", tmp_path / "a.csv", "--in", tmp_path / "b.csv", "--out", tmp_path / "x.csv", "--out", tmp_path / "y.csv"]
    program = ["--", "python3", tmp_path / "p.py", "{in}", "{in2}", "{out1}", "{out2}"]
    done = fields(data(*args, "--require", "80%", *program, code=1))
    assert done["findings"][0]["rule"] == "MOAT-D201" and "75.00 %" in done["findings"][0]["message"] and not (tmp_path / "x.csv").exists()
    done = fields(data(*args, "--require", "75%", *program))
    assert [o["rows"] for o in done["outputs"]] == [75, 100] and [o["edges"]["opaque"] for o in done["outputs"]] == [0, 25]
    assert done["input_rows"] == {"used": 150, "dropped": 0, "duplicates": 0}
    data("commit", "raw", code=3)                      # a file's step is signed, but no key is pinned to believe it by
    got = fields(data("trace", f"{tmp_path}/x.csv:60", "--json", code=1))
    assert (got["steps"][1]["name"], got["steps"][1]["row"]) == (str(tmp_path / "b.csv"), 19) and not got["proven"]
    make_raw(project, 10)
    data("commit", "raw")
    assert fields(data("trace", f"{tmp_path}/x.csv:60", "--json"))["proven"]


def test_lines_have_lineage_too(data, project, tmp_path):
    (project / "data/text.txt").write_text("one\ntwo\nthree\ntwo\n")
    data("commit", "text")
    data("filter", "text", "--out", tmp_path / "t.txt", "--where", "line ~ 't'")
    assert (tmp_path / "t.txt").read_text() == "two\nthree\ntwo\n"
    done = fields(data("run", "--json", "--in", "text", "--out", tmp_path / "u.txt", "--stdout", "--", "sort", "-u", "{in}"))
    assert done["outputs"][0]["edges"]["exact"] == 3 and done["input_rows"] == {"used": 3, "dropped": 0, "duplicates": 1}


def test_openlineage_events_follow_the_schema(data, project, pipeline, vectors):
    import jsonschema
    root = vectors("data/lineage")
    schema = json.loads((root / "OpenLineage.json").read_text())
    facet = json.loads((root / "facets/DatasetVersionDatasetFacet.json").read_text())
    store = {schema["$id"]: schema, facet["$id"]: facet}
    resolver = jsonschema.RefResolver(schema["$id"], schema, store={**store, "https://openlineage.io/spec/2-0-2/OpenLineage.json": schema})
    check = jsonschema.Draft202012Validator({"$ref": schema["$id"] + "#/$defs/RunEvent"}, resolver=resolver, format_checker=jsonschema.FormatChecker())
    check_facet = jsonschema.Draft202012Validator({"$ref": facet["$id"] + "#/$defs/DatasetVersionDatasetFacet"}, resolver=resolver)
    events = [json.loads(line) for line in data("lineage", "--openlineage").out.splitlines()]
    assert len(events) == 8 and [e["eventType"] for e in events] == ["START", "COMPLETE"] * 4
    for e in events:
        check.validate(e)
        for d in e["inputs"] + e["outputs"]:
            check_facet.validate(d["facets"]["version"])
    assert not check.is_valid({**events[0], "run": {"runId": "no uuid", "facets": 3}}) and not check.is_valid({k: v for k, v in events[0].items() if k != "job"})
    assert [e["outputs"][0]["name"] for e in events[::2]] == ["raw", "clean", "train", "test"]
    assert events[0]["run"]["runId"] == events[1]["run"]["runId"] != events[2]["run"]["runId"]
    assert len(fields(data("lineage", "clean", "--json"))["steps"]) == 1
    assert "raw@1 -> clean" in data("lineage").out
