import json
import os
import stat
import subprocess

import pytest


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.mark.parametrize("kind", ["ed25519", "p256", "p384", "p521"])
def test_new_makes_a_key_that_openssl_reads(moat, tmp_path, kind):
    made = moat("key", "new", "--kind", kind, "--out", "k", "--json")
    assert made.code == 0, made
    said = json.loads(made.out)
    assert said["schema"] == "moat.key.new/1" and said["kind"] == kind and said["record"] is None
    assert mode(tmp_path / "k") == 0o600 and mode(tmp_path / "k.pub") == 0o644
    public = subprocess.run(["openssl", "pkey", "-in", tmp_path / "k", "-pubout"], capture_output=True, check=True).stdout
    assert public == (tmp_path / "k.pub").read_bytes()
    digest = subprocess.run(["openssl", "dgst", "-sha256", "-r"], input=public, capture_output=True, check=True).stdout
    assert digest.decode().split()[0] == said["key_id"]


def test_the_default_place_is_below_home_and_nothing_is_overwritten(moat):
    first = moat("key", "new")
    key = moat.home / ".config/moat/key"
    assert first.code == 0 and str(key) in first.out and "key id " in first.out
    assert mode(key.parent) == 0o700
    before = key.read_bytes()
    again = moat("key", "new")
    assert again.code == 3 and "already exists" in again.err and "--out" in again.err
    assert key.read_bytes() == before


def test_inside_a_pipeline_the_ledger_records_it(moat, tmp_path):
    (tmp_path / "moat.yaml").write_text("moat: 1\nname: demo\n")
    made = json.loads(moat("key", "new", "--json").out)
    log = json.loads(moat("ledger", "log", "--json").out)["records"]
    assert made["record"] == 0 and len(log) == 1
    assert log[0]["record"]["kind"] == "key.new" and log[0]["record"]["subject"] == made["key_id"]


def test_a_broken_pipeline_is_said_before_a_key_is_made(moat, tmp_path):
    (tmp_path / "moat.yaml").write_text("moat: 1\nnaem: demo\n")
    assert moat("key", "new", "--out", "k").code == 3
    assert not (tmp_path / "k").exists()


def test_wrong_use(moat):
    for args in (["--kind", "rsa"], ["extra"], ["--nope"]):
        assert moat("key", "new", *args).code == 2
    assert moat("key", "list", "a", "b").code == 2
    nowhere = moat("key", "list")
    assert nowhere.code == 3 and "moat key new" in nowhere.err
    assert moat("key", "list", "/nowhere").code == 3


def test_list_shows_what_is_wrong_with_which_key(moat, tmp_path):
    keys = tmp_path / "keys"
    keys.mkdir()
    for name in ("good", "open", "pair"):
        assert moat("key", "new", "--out", keys / name).code == 0
    (keys / "notes.txt").write_text("no key")
    assert moat("key", "list", keys).code == 0
    os.chmod(keys / "open", 0o640)
    (keys / "pair.pub").write_bytes((keys / "good.pub").read_bytes())
    listed = moat("key", "list", keys, "--json")
    said = json.loads(listed.out)
    assert listed.code == 1
    assert [(k["path"].rsplit("/")[-1], k["half"]) for k in said["keys"]] == [
        ("good", "private"), ("good.pub", "public"), ("open", "private"), ("open.pub", "public"), ("pair", "private"), ("pair.pub", "public")]
    assert {f["rule"]: f["subject"].rsplit("/")[-1] for f in said["findings"]} == {"MOAT-K001": "open", "MOAT-K003": "pair.pub"}
    assert f"chmod 600 {keys}/open" in moat("key", "list", keys).out


def test_a_key_of_another_kind_cannot_be_judged(moat, tmp_path):
    subprocess.run(["openssl", "genrsa", "-out", tmp_path / "rsa", "2048"], capture_output=True, check=True)
    os.chmod(tmp_path / "rsa", 0o600)
    listed = moat("key", "list", tmp_path)
    assert listed.code == 3 and "MOAT-K002" in listed.out and "UNKNOWN" in listed.out
