"""The ledger as its users meet it; checkpoints and proofs are verified here by other people's code and by the RFC's words."""
import base64
import hashlib
import json
import shutil
import sqlite3

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from conftest import ROOT


@pytest.fixture
def house(moat, tmp_path):
    """A pipeline with a signing key and five records."""
    (tmp_path / "moat.yaml").write_text("moat: 1\nname: demo\n")
    assert moat("key", "new").code == 0
    for i in range(4):
        assert moat("key", "new", "--out", f"k{i}").code == 0
    moat.pub = moat.home / ".config/moat/key.pub"
    return moat


def documented():
    """kind -> members of its body, from doc/records.md."""
    rows = [line.strip("|\n ").split(" | ") for line in (ROOT / "doc/records.md").read_text().splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row[1].split(", ") for row in rows}


def sql(path, text):
    db = sqlite3.connect(path)
    db.executescript(text)
    db.commit()
    db.close()


def split(note):
    text, _, lines = note.rpartition("\n\n")
    return text + "\n", lines.splitlines()


def inclusion_root(leaf, index, size, path):
    """RFC 6962 s2.1.1, read backwards."""
    def node(a, b):
        return hashlib.sha256(b"\1" + a + b).digest()

    def walk(i, n, path):
        if n == 1:
            assert not path
            return leaf
        k = 1 << (n - 1).bit_length() - 1
        return node(walk(i, k, path[:-1]), path[-1]) if i < k else node(path[-1], walk(i - k, n - k, path[:-1]))
    return walk(index, size, path)


def test_log_shows_the_newest_first_and_filters(house):
    log = house("ledger", "log")
    assert log.code == 0 and len(log.out.splitlines()) == 5
    assert log.out.splitlines()[0].split()[0] == "4" and "key.new" in log.out and "uid:" in log.out
    assert len(house("ledger", "log", "--limit", 2).out.splitlines()) == 2
    assert house("ledger", "log", "--kind", "model.sign").out == ""
    records = json.loads(house("ledger", "log", "--json", "--limit", 0).out)["records"]
    assert [r["seq"] for r in records] == [4, 3, 2, 1, 0]
    wrong = house("ledger", "log", "--kind", "key.nwe")
    assert wrong.code == 2 and "key.new" in wrong.err


def test_a_checkpoint_is_a_note_that_others_verify(house, tmp_path):
    said = json.loads(house("ledger", "checkpoint", "--json", "--origin", "example.com/demo").out)
    text, lines = split(said["note"])
    origin, size, root = text.splitlines()
    assert (origin, size) == ("example.com/demo", "5") and base64.b64decode(root).hex() == said["root"]
    dash, name, signature = lines[0].split(" ")
    key = serialization.load_pem_public_key(house.pub.read_bytes())
    raw = key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    signature = base64.b64decode(signature)
    assert dash == "\u2014" and name == origin and len(lines) == 1
    assert signature[:4] == hashlib.sha256(name.encode() + b"\n\1" + raw).digest()[:4]
    key.verify(signature[4:], text.encode())
    assert said["verifier_key"] == "+".join([name, signature[:4].hex(), base64.b64encode(b"\1" + raw).decode()])


def test_a_proof_follows_the_rfc_and_stands_alone(house, tmp_path):
    for seq in range(5):
        assert house("ledger", "prove", seq, "--out", "p").code == 0
        head, extra, index, *rest = (tmp_path / "p").read_text().split("\n")
        gap = rest.index("")
        path = [base64.b64decode(h) for h in rest[:gap]]
        origin, size, root = rest[gap + 1:gap + 4]
        record = base64.b64decode(extra.removeprefix("extra "))
        assert head == "c2sp.org/tlog-proof@v1" and index == f"index {seq}" and json.loads(record)["kind"] == "key.new"
        leaf = hashlib.sha256(b"\0" + record).digest()
        assert inclusion_root(leaf, seq, int(size), path) == base64.b64decode(root)
    (tmp_path / "elsewhere").mkdir()
    shutil.move(tmp_path / "p", tmp_path / "elsewhere/p")
    alone = house("ledger", "verify", "--proof", "p", "--key", house.pub, cwd=tmp_path / "elsewhere")
    assert alone.code == 0 and '"kind":"key.new"' in alone.out
    proof = (tmp_path / "elsewhere/p").read_text()
    (tmp_path / "q").write_text(proof.replace("index 4", "index 3"))
    forged = house("ledger", "verify", "--proof", "q", "--key", house.pub)
    assert forged.code == 1 and "MOAT-L009" in forged.out
    assert house("ledger", "verify", "--proof", tmp_path / "elsewhere/p", "--key", tmp_path / "k0.pub").code == 1
    assert house("ledger", "verify", "--proof", tmp_path / "elsewhere/p", "--key", house.pub, "--origin", "else").code == 1
    gone = house("ledger", "prove", 99)
    assert gone.code == 3 and "no record 99" in gone.err and gone.out == ""


def test_growth_verifies_and_tampering_does_not(house, tmp_path):
    db = tmp_path / ".moat/ledger.db"
    assert house("ledger", "checkpoint", "--out", "cp").code == 0
    assert house("key", "new", "--out", "later").code == 0
    check = ["ledger", "verify", "--checkpoint", "cp", "--key", house.pub]
    grown = house(*check)
    assert grown.code == 0 and "demo signed exactly the first 5; 2 came later" in grown.out
    assert "no checkpoint was given" in house("ledger", "verify").err
    shutil.copy(db, tmp_path / "good.db")
    for text, rule in [
        ("UPDATE record SET bytes = CAST(replace(CAST(bytes AS TEXT), 'uid', 'gid') AS BLOB) WHERE seq = 2", "MOAT-L003"),
        ("DELETE FROM record WHERE seq = 2", "MOAT-L002"),
        ("DELETE FROM record WHERE seq >= 3; DELETE FROM signed", "MOAT-L007"),
        ("CREATE TRIGGER t AFTER INSERT ON record BEGIN SELECT 1; END", "MOAT-L001"),
    ]:
        shutil.copy(tmp_path / "good.db", db)
        sql(db, text)
        bad = house(*check)
        assert bad.code == 1 and rule in bad.out, (text, bad)
        said = json.loads(house(*check, "--json").out)
        assert said["verified"] is False and said["findings"][0]["rule"] == rule
    shutil.copy(tmp_path / "good.db", db)
    assert house(*check).code == 0
    assert house("ledger", "verify", "--checkpoint", "cp", "--key", tmp_path / "k0.pub").code == 1


def test_a_rolled_back_ledger_does_not_replace_the_checkpoint_elsewhere(house, tmp_path):
    db = tmp_path / ".moat/ledger.db"
    shutil.copy(db, tmp_path / "old.db")
    assert house("key", "new", "--out", "later").code == 0
    assert house("ledger", "checkpoint", "--out", "cp").code == 0
    before = (tmp_path / "cp").read_bytes()
    shutil.copy(tmp_path / "old.db", db)
    refused = house("ledger", "checkpoint", "--out", "cp")
    assert refused.code == 1 and "MOAT-L007" in refused.out and "not signed" in refused.err
    assert (tmp_path / "cp").read_bytes() == before


def test_errors_say_what_to_do(house, tmp_path):
    assert house("ledger", "verify", "--checkpoint", "cp").code == 2
    assert house("ledger", "verify", "--witness", "x").code == 2
    assert house("ledger", "prove").code == 2 and house("ledger", "prove", "x").code == 2
    assert house("ledger", "checkpoint", "--origin", "two words").code == 2
    missing = house("ledger", "log", "--ledger", "none.db")
    assert missing.code == 3 and "there is no ledger" in missing.err
    (tmp_path / "text.db").write_text("not a database\n" * 100)
    foreign = house("ledger", "log", "--ledger", "text.db")
    assert foreign.code == 3 and "not a database" in foreign.err
    outside = house("ledger", "log", cwd="/")
    assert outside.code == 3 and "--ledger FILE" in outside.err


def test_an_auditor_needs_the_file_alone(house, tmp_path):
    shutil.copy(tmp_path / ".moat/ledger.db", tmp_path / "copy.db")
    (tmp_path / "moat.yaml").unlink()
    assert house("ledger", "verify", "--ledger", "copy.db").code == 0
    nameless = house("ledger", "checkpoint", "--ledger", "copy.db")
    assert nameless.code == 2 and "--origin" in nameless.err
    assert house("ledger", "checkpoint", "--ledger", "copy.db", "--origin", "example.com/x").code == 0


def test_an_export_is_a_static_log(house, tmp_path):
    said = json.loads(house("ledger", "export", "log", "--json").out)
    leaves = []
    entries = (tmp_path / "log/tile/entries/000.p/5").read_bytes()
    while entries:
        n = int.from_bytes(entries[:2], "big")
        leaves.append(hashlib.sha256(b"\0" + entries[2:2 + n]).digest())
        entries = entries[2 + n:]
    assert (tmp_path / "log/tile/0/000.p/5").read_bytes() == b"".join(leaves)
    assert (tmp_path / "log/checkpoint").read_text() == said["note"] and said["size"] == 5
    assert house("ledger", "verify", "--checkpoint", "log/checkpoint", "--key", house.pub).code == 0
    assert house("ledger", "export", "log").code == 0
    assert (tmp_path / "log/tile/0/000.p/6").exists()
    assert house("ledger", "export").code == 2
    (tmp_path / "log/tile/0/000.p/7").write_bytes(b"x")
    other = house("ledger", "export", "log")
    assert other.code == 3 and "another history" in other.err
    assert b"\n6\n" in (tmp_path / "log/checkpoint").read_bytes()


def test_bodies_have_the_members_that_the_manual_lists(house):
    assert house("ledger", "checkpoint").code == 0
    table = documented()
    records = [r["record"] for r in json.loads(house("ledger", "log", "--json").out)["records"]]
    assert {r["kind"] for r in records} == {"key.new", "checkpoint"}
    for r in records:
        assert list(r) == ["kind", "time", "actor", "subject", "body"] and list(r["body"]) == table[r["kind"]]
    assert house("help", "records").out == (ROOT / "doc/records.md").read_text()


def test_a_witness_that_is_asked_for_must_have_cosigned(house, tmp_path):
    assert house("ledger", "checkpoint", "--out", "cp").code == 0
    key = Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    key_id = hashlib.sha256(b"witness.example/w\n\4" + raw).digest()[:4]
    vkey = "+".join(["witness.example/w", key_id.hex(), base64.b64encode(b"\4" + raw).decode()])
    check = ["ledger", "verify", "--checkpoint", "cp", "--key", house.pub, "--witness", vkey]
    alone = house(*check)
    assert alone.code == 1 and "not cosigned by witness.example/w" in alone.out
    note = (tmp_path / "cp").read_text()
    said = f"cosignature/v1\ntime 1700000000\n{split(note)[0]}"
    line = base64.b64encode(key_id + (1700000000).to_bytes(8, "big") + key.sign(said.encode())).decode()
    (tmp_path / "cp").write_text(f"{note}\u2014 witness.example/w {line}\n")
    assert house(*check).code == 0
    assert house(*check[:-1], vkey.replace("+", "x", 1)).code == 3
