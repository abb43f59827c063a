"""moat data: golden versions from outside - tampering found, versions brought back, nothing lost to crashes."""
import base64
import hashlib
import json
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import stat
import struct
import subprocess
import time

import numpy
import pytest

YAML = """moat: 1
name: golden
datasets:
  train: { path: data/train.csv, labels: y }
  images: { path: images, format: files }
  array: { path: data/x.npy, labels: data/y.npy }
"""


def write_csv(path, rows, seed=1):
    rng = random.Random(seed)
    with open(path, "w") as f:
        f.write("a,b,y\n")
        for i in range(rows):
            f.write(f"{rng.random()},{rng.random()},{i % 10}\n")


@pytest.fixture
def project(moat, tmp_path):
    """A pipeline with three datasets and a key."""
    root = tmp_path / "project"
    (root / "data").mkdir(parents=True)
    (root / "moat.yaml").write_text(YAML)
    write_csv(root / "data/train.csv", 20000)
    rng = random.Random(2)
    for i in range(12):
        p = root / f"images/{i % 3}/{i}.bin"
        p.parent.mkdir(parents=True, exist_ok=True)
        p.write_bytes(rng.randbytes(500 * i))
    os.symlink("../1", root / "images/0/link")
    numpy.save(root / "data/x.npy", numpy.random.default_rng(3).random((9000, 20), dtype=numpy.float32))
    numpy.save(root / "data/y.npy", numpy.arange(9000, dtype=numpy.uint8))
    assert moat("key", "new").code == 0
    return root


@pytest.fixture
def data(moat, project):
    def run(*args, **kw):
        return moat("data", *args, cwd=project, **kw)
    return run


def fields(result):
    return json.loads(result.out)


def objects(project):
    return sorted(p for p in (project / ".moat/objects").rglob("*") if p.is_file())


def packs(project):
    return sorted((project / ".moat/objects").glob("*.moatpack"))


def snapshot(folder):
    """Everything that a version holds, by name."""
    out = {}
    for p in sorted(folder.rglob("*")):
        name = str(p.relative_to(folder))
        if p.is_symlink():
            out[name] = ("link", os.readlink(p))
        elif p.is_dir():
            out[name] = ("folder",)
        else:
            out[name] = ("file", p.stat().st_mode & 0o111, hashlib.sha256(p.read_bytes()).hexdigest())
    return out


def writable(path):
    os.chmod(path, 0o600)
    return path


# ---- the story


def test_commit_verify_log(data, project):
    first = fields(data("commit", "train", "--json"))
    assert first["version"] == 1 and first["rows"] == 20000 and not first["unchanged"]
    assert first["bytes"] == (project / "data/train.csv").stat().st_size
    again = data("commit", "train", "--json")
    assert again.code == 0 and fields(again)["unchanged"] and fields(again)["version"] == 1
    ok = data("verify", "train", "--json")
    assert ok.code == 0 and fields(ok)["verified"] and fields(ok)["root"] == first["root"]
    with open(project / "data/train.csv", "a") as f:
        f.write("1,2,3\n")
    second = fields(data("commit", "train", "--reason", "one more", "--json"))
    assert second["version"] == 2 and second["parent"] == first["statement"] and second["new_chunks"] == 1
    log = fields(data("log", "train", "--json"))
    assert [s["version"] for s in log["steps"]] == [2, 1] and log["steps"][0]["reason"] == "one more"
    assert (log["version"], log["root"], log["rows"]) == (2, second["root"], 20001)


def leaf(row):
    return hashlib.sha256(b"\0" + row).digest()


def root_of(leaves):
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root_of(leaves[:k]) + root_of(leaves[k:])).digest()


def test_roots_are_what_the_page_says(data, project):
    """The rules of row identity, written again in another language."""
    rows = (project / "data/train.csv").read_text().splitlines()[1:]
    want = root_of([leaf(b"".join(bytes([len(f)]) + f.encode() for f in r.split(","))) for r in rows])
    assert fields(data("commit", "train", "--json"))["root"] == want.hex()
    x, y = numpy.load(project / "data/x.npy"), numpy.load(project / "data/y.npy")
    got = fields(data("commit", "array", "--json"))
    assert got["root"] == root_of([leaf(b"\2f4" + r.astype("<f4").tobytes()) for r in x]).hex()
    assert got["labels_root"] == root_of([leaf(b"\2u1" + bytes([v])) for v in y]).hex()


def test_statement_is_an_intoto_statement_that_others_verify(data, project, moat):
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    c = fields(data("commit", "train", "--json"))
    envelope = json.loads((project / f".moat/objects/statement/{c['statement']}.json").read_text())
    body = base64.b64decode(envelope["payload"])
    assert hashlib.sha256(body).hexdigest() == c["statement"]
    kind = envelope["payloadType"].encode()
    pae = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(body), body)
    public = load_pem_public_key((moat.home / ".config/moat/key.pub").read_bytes())
    public.verify(base64.b64decode(envelope["signatures"][0]["sig"]), pae)
    statement = json.loads(body)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"] == [{"name": "train", "digest": {"sha256": c["root"]}}]
    assert statement["predicate"]["tree"] == c["tree"] and statement["predicate"]["header"]["columns"] == ["a", "b", "y"]


def test_pack_is_what_its_header_says(data, project):
    """The pack format, read by a second reader; raw entries only, for the standard library has no zstd."""
    data("commit", "images")
    pack, = packs(project)
    b = pack.read_bytes()
    assert b[:8] == b"MOATPK01" and hashlib.sha256(b[:-32]).digest() == b[-32:] and b[-32:].hex() in pack.name
    index = struct.unpack("<Q", b[-40:-32])[0]
    fan = struct.unpack("<256I", b[index:index + 1024])
    ids = [b[index + 1024 + 32 * i:][:32] for i in range(fan[255])]
    assert ids == sorted(ids) and [sum(i[0] <= k for i in ids) for k in range(256)] == list(fan)
    offsets = struct.unpack(f"<{fan[255]}Q", b[index + 1024 + 32 * fan[255]:-40])
    at, seen = 8, {}
    while at < index:
        kind, codec, reserved, stored, raw = struct.unpack("<BBHII", b[at:at + 12])
        seen[b[at + 12:at + 44]] = at
        assert kind == 1 and codec == 0 and reserved == 0 and stored == raw
        assert hashlib.sha256(b[at + 44:at + 44 + raw]).digest() == b[at + 12:at + 44]
        at += 44 + stored
    assert at == index and [seen[i] for i in ids] == list(offsets)


# ---- tampering with the files


def ranges(finding):
    return [(r["row_before"], r["rows_before"], r["rows_after"]) for r in finding["evidence"]["ranges"]]


def test_changed_rows_are_named(data, project):
    csv = project / "data/train.csv"
    data("commit", "train")
    golden = csv.read_bytes()
    lines = golden.decode().splitlines(keepends=True)

    def check(now, want):
        csv.write_text("".join(now))
        got = data("verify", "train", "--json")
        assert got.code == 1
        f, = fields(got)["findings"]
        assert f["rule"] == "MOAT-D003" and f["severity"] == "high" and f["subject"] == "data/train.csv"
        assert ranges(f) == want and f["at"]["row"] == want[0][0]
    flip = list(lines)
    for row in (500, 501, 9000):
        flip[row] = "0,0,0\n"
    check(flip, [(500, 2, 2), (9000, 1, 1)])
    check(lines[:700] + lines[704:], [(700, 4, 0)])
    check(lines[:8] + ["9,9,9\n"] * 3 + lines[8:], [(8, 0, 3)])
    check(lines[:8] + ["9,9,9\n"] + lines[8:700] + lines[704:], [(8, 0, 1), (700, 4, 0)])
    csv.write_bytes(golden)
    assert data("verify", "train").code == 0
    csv.write_bytes(golden.replace(b"\n", b"\r\n"))
    got = data("verify", "train")
    assert got.code == 1 and "the same rows, written in another way" in got.out
    csv.write_bytes(golden + b"1,2\n")
    got = data("verify", "train")
    assert got.code == 1 and "does not read as csv" in got.out and "line 20002" in got.out


def test_one_flipped_bit_in_an_array(data, project):
    data("commit", "array")
    path = project / "data/x.npy"
    b = bytearray(path.read_bytes())
    b[128 + 80 * 5000 + 7] ^= 0x10
    path.write_bytes(b)
    f, = fields(data("verify", "array", "--json"))["findings"]
    assert ranges(f) == [(5001, 1, 1)] and "row 5001 changed" in f["message"]


def test_names_types_and_modes(data, project):
    data("commit", "images")
    shutil.rmtree(project / "images/1")
    (project / "images/0/extra.bin").write_bytes(b"x")
    (project / "images/0/3.bin").chmod(0o755)
    with open(project / "images/2/5.bin", "r+b") as f:
        f.seek(77)
        f.write(b"\0\1\2\3")
    (project / "images/2/8.bin").unlink()
    os.symlink("/etc/passwd", project / "images/2/8.bin")
    (project / "images/0/link").unlink()
    os.symlink("/etc", project / "images/0/link")
    got = data("verify", "images", "--json")
    seen = {(f["rule"], f["subject"]) for f in fields(got)["findings"]}
    assert got.code == 1 and seen == {
        ("MOAT-D004", "images/1"), ("MOAT-D005", "images/0/extra.bin"), ("MOAT-D010", "images/0/3.bin"), ("MOAT-D003", "images/2/5.bin"),
        ("MOAT-D003", "images/2/8.bin"), ("MOAT-D003", "images/0/link")}


def test_restore_after_tampering_gives_the_same_bytes(data, project):
    before = snapshot(project / "images")
    data("commit", "images")
    data("commit", "train")
    csv = (project / "data/train.csv").read_bytes()
    shutil.rmtree(project / "images/1")
    (project / "images/0/3.bin").write_bytes(b"poison")
    (project / "images/9").mkdir()
    (project / "data/train.csv").write_bytes(csv[:-9] + b"9,9,9\n")
    assert data("restore", "images@1").code == 0 and data("restore", "train@1").code == 0
    assert snapshot(project / "images") == before and (project / "data/train.csv").read_bytes() == csv
    assert data("verify", "images").code == 0 and data("verify", "train").code == 0
    shutil.rmtree(project / "data")
    assert data("restore", "train@1").code == 0 and (project / "data/train.csv").read_bytes() == csv
    assert sorted(p.name for p in project.iterdir()) == [".moat", "data", "images", "moat.yaml"]


def test_revert_is_a_new_version(data, project, moat):
    data("commit", "train")
    golden = (project / "data/train.csv").read_bytes()
    (project / "data/train.csv").write_text("a,b,y\n1,2,3\n")
    data("commit", "train", "-m", "mistake")
    got = data("restore", "train@1", "--as-head", "--keep", "-m", "mistake undone", "--json")
    assert got.code == 0 and fields(got)["head"] == 3
    assert (project / "data/train.csv").read_bytes() == golden and data("verify", "train").code == 0
    kept, = (project / "data").glob("train.csv.replaced-*")
    assert kept.read_text() == "a,b,y\n1,2,3\n"
    steps = fields(data("log", "train", "--json"))["steps"]
    assert [(s["version"], s["reverts"]) for s in steps] == [(3, 1), (2, 0), (1, 0)] and steps[0]["root"] == steps[2]["root"]
    assert data("restore", "train@3", "--as-head").code == 2
    assert data("verify", "train@2").code == 0
    log = moat("ledger", "log", "--json", cwd=project)
    assert log.out.count('data.restore') == 1 and log.out.count('data.commit') == 3


def test_restore_into_another_folder(data, project):
    data("commit", "array")
    data("commit", "images")
    assert data("restore", "array@1", "--to", "look").code == 0 and data("restore", "images@1", "--to", "look").code == 0
    assert (project / "look/x.npy").read_bytes() == (project / "data/x.npy").read_bytes()
    assert (project / "look/y.npy").read_bytes() == (project / "data/y.npy").read_bytes()
    assert snapshot(project / "look/images") == snapshot(project / "images")
    got = data("restore", "images@1", "--to", "look")
    assert got.code == 3 and "already exists" in got.err and sorted(p.name for p in (project / "look").iterdir()) == ["images", "x.npy", "y.npy"]


# ---- links


def test_nothing_is_read_or_written_through_links(data, project, tmp_path):
    data("commit", "train")
    outside = tmp_path / "outside"
    shutil.copytree(project / "data", outside)
    before = snapshot(outside)
    shutil.rmtree(project / "data")
    os.symlink(outside, project / "data")
    got = data("restore", "train@1")
    assert got.code == 3 and "link" in got.err and snapshot(outside) == before
    (project / "data").unlink()
    (project / "data").mkdir()
    os.symlink(outside / "train.csv", project / "data/train.csv")
    got = data("commit", "train")
    assert got.code == 3 and "symbolic link" in got.err
    assert data("restore", "train@1").code == 0
    assert not (project / "data/train.csv").is_symlink() and snapshot(outside) == before


def test_special_files_are_refused(data, project):
    os.mkfifo(project / "images/0/pipe")
    got = data("commit", "images")
    assert got.code == 3 and "pipe" in got.err and "neither file, folder nor link" in got.err
    assert data("log", "images").out == ""


def test_link_that_leads_out_is_told(data, project):
    os.symlink("../../data/train.csv", project / "images/2/out")
    got = data("commit", "images", "--json")
    assert got.code == 0 and [(f["rule"], f["subject"]) for f in fields(got)["findings"]] == [("MOAT-D012", "images/2/out")]


def test_labels_that_do_not_match(data, project):
    numpy.save(project / "data/y.npy", numpy.arange(8999, dtype=numpy.uint8))
    got = data("commit", "array", "--json")
    assert got.code == 0 and [f["rule"] for f in fields(got)["findings"]] == ["MOAT-D011"]


# ---- signers, rollback


def test_another_signer_is_refused_and_found(data, project, moat, tmp_path):
    data("commit", "train")
    moat("key", "new", "--out", tmp_path / "other")
    (project / "data/train.csv").write_text("a,b,y\n1,2,3\n")
    got = data("commit", "train", "--key", tmp_path / "other")
    assert got.code == 3 and "is signed by key" in got.err and "signer.pub" in got.err
    assert data("verify", "train", "--signer", tmp_path / "other.pub").code == 1
    pin = project / ".moat/refs/data/train/signer.pub"
    good = pin.read_text()
    pin.write_bytes((tmp_path / "other.pub").read_bytes())
    got = data("verify", "train", "--json")
    assert got.code == 1 and "MOAT-D002" in got.out and not fields(got)["verified"]
    pin.write_text("no key")
    assert data("verify", "train").code == 1
    pin.unlink()
    got = data("verify", "train", "--no-files", "--json")
    assert got.code == 0 and [f["rule"] for f in fields(got)["findings"]] == ["MOAT-D013"] and pin.read_text() == good


def test_rollback_is_critical(data, project):
    head = project / ".moat/refs/data/train/head"
    data("commit", "train")
    first_head, first_csv = head.read_text(), (project / "data/train.csv").read_bytes()
    (project / "data/train.csv").write_text("a,b,y\n1,2,3\n")
    data("commit", "train")
    second_head = head.read_text()
    head.write_text(first_head)
    (project / "data/train.csv").write_bytes(first_csv)
    got = data("verify", "train", "--json")
    assert got.code == 1
    found = {f["rule"]: f for f in fields(got)["findings"]}
    assert found["MOAT-D001"]["severity"] == "critical" and "rolled back to version 1" in found["MOAT-D001"]["message"]
    assert data("restore", "train@2").code == 0 and head.read_text() == second_head and data("verify", "train").code == 0
    head.write_text(second_head.replace("2 ", "3 "))
    assert "MOAT-D015" in data("verify", "train").out
    head.write_text("2 " + first_head[2:])
    assert "another version 2" in data("verify", "train").out
    head.unlink()
    assert "MOAT-D008" in data("verify", "train").out


def test_a_version_that_the_ledger_never_heard_of(data, project):
    data("commit", "train")
    for f in (project / ".moat").glob("ledger.db*"):
        f.unlink()
    got = data("verify", "train")
    assert got.code == 1 and "MOAT-D015" in got.out
    assert data("commit", "train").code == 3


def test_a_version_expires(data, project):
    assert data("commit", "train", "--expires", "yesterday").code == 2
    assert data("commit", "train", "--expires", "1s").code == 0
    time.sleep(1.1)
    got = data("verify", "train")
    assert got.code == 1 and "MOAT-D009" in got.out


# ---- a damaged store


def flips(path, places):
    good = path.read_bytes()
    for name, at in places.items():
        bad = bytearray(good)
        bad[at] ^= 1
        path.write_bytes(bad)
        yield name
    path.write_bytes(good)


def test_one_flipped_bit_in_each_kind_of_byte(data, project):
    data("commit", "train")
    pack, = packs(project)
    size = pack.stat().st_size
    index = struct.unpack("<Q", pack.read_bytes()[-40:-32])[0]
    writable(pack)
    for name in flips(pack, {"header": 3, "entry type": 8, "entry reserved": 10, "entry length": 12, "entry id": 30, "data": 1000,
                             "fan-out": index + 1023, "index id": index + 1030, "offset": size - 60, "index place": size - 39,
                             "trailer": size - 5}):
        got = data("verify", "train", "--json")
        assert got.code == 1, name
        rules = {f["rule"] for f in fields(got)["findings"]}
        assert rules == {"MOAT-D006"}, name
        assert any(pack.name in f["subject"] for f in fields(got)["findings"]), name
        if name in ("entry id", "data", "entry length"):
            assert any(f["subject"] == "data/train.csv" and "cannot be brought back" in f["message"] for f in fields(got)["findings"]), name
    tree, = (project / ".moat/objects/tree").iterdir()
    statement, = (project / ".moat/objects/statement").iterdir()
    head = project / ".moat/refs/data/train/head"
    pin = project / ".moat/refs/data/train/signer.pub"
    for path, rule in ((tree, "MOAT-D007"), (statement, "MOAT-D007"), (head, "MOAT-D0"), (pin, "MOAT-D002")):
        writable(path)
        n = path.stat().st_size
        for name in flips(path, {at: at for at in {0, n // 3, n // 2, n - 1}}):
            got = data("verify", "train")
            assert got.code == 1 and rule in got.out, (path, name, got)
    assert data("verify", "train").code == 0
    for path in (pack, tree, statement):
        path.rename(path.with_suffix(".away"))
        assert data("verify", "train").code == 1, path
        path.with_suffix(".away").rename(path)
    assert data("verify", "train").code == 0


def test_a_damaged_store_is_mended_from_good_files(data, project):
    data("commit", "train")
    pack, = packs(project)
    b = bytearray(writable(pack).read_bytes())
    b[1000] ^= 1
    pack.write_bytes(b)
    assert data("verify", "train").code == 1
    assert data("restore", "train@1").code == 3
    got = data("commit", "train", "--rewrite", "--json")
    assert got.code == 0 and fields(got)["unchanged"] and fields(got)["new_chunks"] == fields(got)["chunks"]
    assert packs(project) == [pack]                       # the same content is the same pack, now without the damage
    assert data("verify", "train").code == 0 and data("restore", "train@1").code == 0


def test_restore_that_fails_leaves_the_files_alone(data, project):
    data("commit", "images")
    pack, = packs(project)
    b = bytearray(writable(pack).read_bytes())
    b[-3000] ^= 1
    pack.write_bytes(b)
    (project / "images/0/3.bin").write_bytes(b"mine")
    before = snapshot(project / "images")
    got = data("restore", "images@1")
    assert got.code == 3 and "data/" in got.err and snapshot(project / "images") == before
    assert sorted(p.name for p in project.iterdir()) == [".moat", "data", "images", "moat.yaml"]


def test_history_without_a_link_is_found(data, project):
    first = fields(data("commit", "train", "--json"))["statement"]
    (project / "data/train.csv").write_text("a,b,y\n1,2,3\n")
    data("commit", "train")
    assert data("verify", "train").code == 0
    (project / f".moat/objects/statement/{first}.json").unlink()
    got = data("verify", "train")
    assert got.code == 1 and "MOAT-D007" in got.out and first in got.out
    assert data("restore", "train@2").code == 0 and data("restore", "train@1").code == 3


# ---- files that look unchanged are not read again


def test_what_looks_the_same_is_not_read_and_what_does_not_is(data, project):
    path = project / "images/2/5.bin"
    old = time.time() - 100
    for p in (project / "images").rglob("*"):
        os.utime(p, (old, old), follow_symlinks=False)
    data("commit", "images")
    time.sleep(2.1)                                       # the times of change are younger than the commit trusts
    stamps = project / ".moat/refs/data/images/stamps"
    assert fields(data("commit", "images", "--json"))["chunks"] == 11
    assert fields(data("commit", "images", "--json"))["chunks"] == 0
    assert fields(data("commit", "images", "--paranoid", "--json"))["chunks"] == 11
    st = path.stat()
    path.write_bytes(path.read_bytes()[::-1])
    os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))   # the time of change cannot be set back
    got = fields(data("commit", "images", "--json"))
    assert got["version"] == 2 and got["chunks"] == 1 and data("verify", "images").code == 0
    for junk in (b"", b"MOATST01", b"MOATST01" + b"\xff" * 200, stamps.read_bytes()[:-1]):
        stamps.write_bytes(junk)
        got = fields(data("commit", "images", "--json"))
        assert got["unchanged"] and got["chunks"] == 11
    time.sleep(2.1)
    data("commit", "images")
    assert fields(data("commit", "images", "--json"))["chunks"] == 0
    for p in packs(project):
        p.unlink()
    got = fields(data("commit", "images", "--json"))
    assert got["unchanged"] and got["new_chunks"] == 11 and data("verify", "images").code == 0


# ---- crashes, full disks, two at once


def check_after_crash(data, project, version):
    """The old head or the new one, whole; and the next commit works."""
    got = data("verify", "train", "--no-files", "--json")
    assert got.code == 0 and fields(got)["version"] in (version, version + 1), got
    got = data("commit", "train", "--json")
    assert got.code == 0 and fields(got)["version"] == version + 1, got
    got = data("verify", "train")
    assert got.code == 0, got
    assert not list((project / ".moat/objects").glob(".new-*"))


def test_killed_at_random_moments(data, project, moat):
    rng = random.Random(5)
    write_csv(project / "data/train.csv", 20000)
    assert data("commit", "train").code == 0
    start = time.time()
    write_csv(project / "data/train.csv", 20000, seed=10)
    assert data("commit", "train").code == 0
    span, version = time.time() - start, 2
    for i in range(int(os.environ.get("MOAT_KILLS", 25))):
        write_csv(project / "data/train.csv", 20000, seed=100 + i)
        p = subprocess.Popen([moat.path, "data", "commit", "train"], cwd=project, env={**os.environ, "HOME": str(moat.home)},
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.random() * span)
        p.send_signal(signal.SIGKILL)
        p.wait()
        check_after_crash(data, project, version)
        version += 1


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("call", ["write", "fsync", "rename", "unlink", "pwrite64", "fdatasync"])
def test_killed_before_each_system_call(data, project, moat, call):
    """Deterministic: the process dies at the Nth call of a kind, for every N until it survives."""
    write_csv(project / "data/train.csv", 500)
    assert data("commit", "train").code == 0
    version = 1
    for n in range(1, 200):
        write_csv(project / "data/train.csv", 500, seed=1000 + n)
        done = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={n}",
                               moat.path, "data", "commit", "train"], cwd=project, env={**os.environ, "HOME": str(moat.home)},
                              capture_output=True, text=True)
        if "ptrace" in done.stderr or "not permitted" in done.stderr:
            pytest.skip("strace may not trace here")
        check_after_crash(data, project, version)
        version += 1
        if done.returncode == 0:
            break
    else:
        raise AssertionError("never came to the end")
    assert n > 1 or call in ("pwrite64", "fdatasync")


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
@pytest.mark.parametrize("call,error", [("write", "ENOSPC"), ("fsync", "EIO"), ("rename", "EIO"), ("write", "EIO")])
def test_each_system_call_that_fails_is_an_error(data, project, moat, call, error):
    write_csv(project / "data/train.csv", 500)
    assert data("commit", "train").code == 0
    version, failed = 1, 0
    for n in range(1, 200):
        write_csv(project / "data/train.csv", 500, seed=1000 + n)
        done = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={n}",
                               moat.path, "data", "commit", "train"], cwd=project, env={**os.environ, "HOME": str(moat.home)},
                              capture_output=True, text=True)
        if "ptrace" in done.stderr or "not permitted" in done.stderr:
            pytest.skip("strace may not trace here")
        failed += done.returncode == 3
        assert done.returncode in (0, 3), done
        check_after_crash(data, project, version)
        version += 1
        if done.returncode == 0 and n > failed + 3:
            break
    assert failed > 0


@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_each_step_is_on_the_disk_before_the_next(data, project, moat):
    """What a power cut would show and a kill does not: the order of fsync and rename."""
    data("commit", "train")
    write_csv(project / "data/train.csv", 500, seed=9)
    log = project / "strace.log"
    done = subprocess.run(["strace", "-f", "-y", "-qq", "-o", log, "-e", "trace=fsync,fdatasync,rename,unlink", moat.path, "data", "commit", "train"],
                          cwd=project, env={**os.environ, "HOME": str(moat.home)}, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("strace may not trace here")
    steps = []
    for line in log.read_text().splitlines():
        m = re.search(r"(fsync|fdatasync)\(\d+<(?:.*/)?([^/>]+)>|(rename)\(.*/([^/\"]+)\"\)|(unlink)\(\".*/([^/\"]+)\"", line)
        call, name = [x for x in m.groups() if x]
        name = re.sub(r"[0-9a-f]{64}", "HEX", re.sub(r"^\.new-\w+$", ".new", re.sub(r"^(\..*)\.\w{6}$", r"\1", name)))
        steps.append((call.replace("fdata", "f"), name))

    def file(name, folder):
        return [("fsync", "." + name), ("rename", name), ("fsync", folder)]
    want = [("fsync", ".new"), ("rename", "pack-HEX.moatpack"), ("fsync", "objects"), *file("HEX", "tree"), *file("HEX.json", "statement"),
            *file("pending", "train"), ("fsync", "ledger.db-wal"), *file("head", "train"), ("unlink", "pending")]
    rest = iter(steps)
    assert all(w in rest for w in want), steps


def test_full_disk(data, project, moat):
    rng = random.Random(6)
    (project / "images/0/noise.bin").write_bytes(rng.randbytes(400000))
    data("commit", "images")
    (project / "images/0/noise.bin").write_bytes(rng.randbytes(4000000))

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000000, 1000000))
    done = subprocess.run([moat.path, "data", "commit", "images"], cwd=project, env={**os.environ, "HOME": str(moat.home)}, preexec_fn=limit,
                          capture_output=True, text=True)
    assert done.returncode == 3 and "File too large" in done.stderr
    assert not list((project / ".moat/objects").glob(".new-*"))
    assert data("verify", "images@1", "--no-files").code == 0
    assert fields(data("commit", "images", "--json"))["version"] == 2 and data("verify", "images").code == 0
    (project / "images/0/noise.bin").write_bytes(b"x")
    before = snapshot(project / "images")
    done = subprocess.run([moat.path, "data", "restore", "images@2"], cwd=project, env={**os.environ, "HOME": str(moat.home)}, preexec_fn=limit,
                          capture_output=True, text=True)
    assert done.returncode == 3 and snapshot(project / "images") == before
    assert sorted(p.name for p in project.iterdir()) == [".moat", "data", "images", "moat.yaml"]


def test_restore_killed_leaves_old_or_new(data, project, moat):
    data("commit", "images")
    golden = snapshot(project / "images")
    rng = random.Random(7)
    for i in range(10):
        (project / "images/0/3.bin").write_bytes(b"poison %d" % i)
        poisoned = snapshot(project / "images")
        p = subprocess.Popen([moat.path, "data", "restore", "images@1"], cwd=project, env={**os.environ, "HOME": str(moat.home)},
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.random() * 0.05)
        p.send_signal(signal.SIGKILL)
        p.wait()
        assert snapshot(project / "images") in (golden, poisoned)
    assert data("restore", "images@1").code == 0 and snapshot(project / "images") == golden
    assert sorted(p.name for p in project.iterdir()) == [".moat", "data", "images", "moat.yaml"]


def test_two_commits_at_once(data, project, moat):
    data("commit", "train")
    for i in range(5):
        write_csv(project / "data/train.csv", 20000, seed=i + 50)
        both = [subprocess.Popen([moat.path, "data", "commit", name, "--json"], cwd=project, env={**os.environ, "HOME": str(moat.home)},
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for name in ("train", "train", "images")]
        done = [(p.communicate()[0], p.returncode) for p in both]
        assert [code for _, code in done] == [0, 0, 0]
        assert sorted(json.loads(out)["unchanged"] for out, _ in done[:2]) == [False, True]
        assert {json.loads(out)["version"] for out, _ in done[:2]} == {i + 2}
    assert data("verify", "train").code == 0 and data("verify", "images").code == 0


def test_verify_while_committing(data, project, moat):
    data("commit", "train")
    for i in range(8):
        write_csv(project / "data/train.csv", 20000, seed=i + 80)
        p = subprocess.Popen([moat.path, "data", "commit", "train"], cwd=project, env={**os.environ, "HOME": str(moat.home)},
                             stdout=subprocess.DEVNULL)
        while p.poll() is None:
            got = data("verify", "train", "--no-files", "--no-store")
            assert got.code == 0, got
        assert p.returncode == 0


# ---- what cannot be done says so


def test_errors_say_what_to_do(data, project, moat):
    assert data("commit").code == 2 and data("restore", "train").code == 2 and data("verify", "train@0").code == 2
    got = data("commit", "tarin")
    assert got.code == 2 and "no dataset 'tarin'" in got.err
    assert data("verify", "train").code == 2 and "moat data commit train" in data("verify", "train").err
    assert data("log", "train").code == 0
    data("commit", "train")
    got = data("restore", "train@7")
    assert got.code == 2 and "the newest is 1" in got.err
    (moat.home / ".config/moat/key").unlink()
    got = data("commit", "train")
    assert got.code == 3 and "moat key new" in got.err
    with open(project / "data/train.csv", "a") as f:
        f.write('1,"2\n')
    moat("key", "new", "--out", project / "k")
    got = data("commit", "images", "--key", "k")
    assert got.code == 0
    (project / ".moat/refs/data/train/signer.pub").write_bytes((project / "k.pub").read_bytes())
    got = data("log", "train")
    assert got.code == 3 and "not signed by key" in got.err


def test_a_reader_who_may_not_write(data, project, moat):
    data("commit", "train")
    as_nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] if os.geteuid() == 0 else []
    for p in [project, *project.parents][:-2]:
        os.chmod(p, p.stat().st_mode | 0o755)
    for p in [project / ".moat", *(project / ".moat").rglob("*")]:
        p.chmod(0o555)

    def verify():
        done = subprocess.run([*as_nobody, moat.path, "data", "verify", "train", "--json"], cwd=project,
                              env={**os.environ, "HOME": str(moat.home)}, capture_output=True, text=True)
        return done.returncode, [f["rule"] for f in json.loads(done.stdout)["findings"]]
    assert verify() == (0, [])
    refs = project / ".moat/refs/data/train"
    refs.chmod(0o755)
    (refs / "signer.pub").unlink()
    refs.chmod(0o555)
    assert verify() == (0, ["MOAT-D013"]) and not (refs / "signer.pub").exists()


@pytest.mark.parametrize("name,content", [("train", "a,b,y\n"), ("train", ""), ("images", None)])
def test_nothing_is_a_version_too(data, project, name, content):
    if content is None:
        shutil.rmtree(project / "images")
        (project / "images").mkdir()
    else:
        (project / "data/train.csv").write_text(content)
    got = fields(data("commit", name, "--json"))
    assert got["rows"] == 0 and got["root"] == hashlib.sha256(b"").hexdigest()
    shutil.rmtree(project / ("images" if content is None else "data"))
    assert data("verify", name).code == 1 and data("restore", f"{name}@1").code == 0 and data("verify", name).code == 0


def test_a_csv_that_does_not_parse_is_not_committed(data, project):
    with open(project / "data/train.csv", "a") as f:
        f.write("1,2\n")
    got = data("commit", "train")
    assert got.code == 3 and "data/train.csv" in got.err and "line 20002" in got.err and "format: files" in got.err
    assert data("log", "train").out == "" and not (project / ".moat/refs/data/train/signer.pub").exists()


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root reads everything")
def test_what_may_not_be_read_is_unknown(data, project, moat):
    data("commit", "images")
    (project / "images/0/3.bin").chmod(0)
    as_nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] if os.geteuid() == 0 else []
    for p in [project, *project.parents][:-2]:
        os.chmod(p, p.stat().st_mode | 0o755)
    for p in (project / ".moat").rglob("*"):
        p.chmod(0o755)
    (project / ".moat").chmod(0o755)
    done = subprocess.run([*as_nobody, moat.path, "data", "verify", "images", "--json"], cwd=project, env={**os.environ, "HOME": str(moat.home)},
                          capture_output=True, text=True)
    found = [(f["rule"], f["state"], f["subject"]) for f in json.loads(done.stdout)["findings"]]
    assert ("MOAT-D014", "unknown", "images/0/3.bin") in found and done.returncode == 3
