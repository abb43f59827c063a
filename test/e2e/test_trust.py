"""What a declared model needs before it is used: its signer, a clean scan of the same bytes, and a history in the ledger."""
import hashlib
import json
import shutil
import struct
import subprocess
import sys

import pytest

YAML = "moat: 1\nmodels:\n  m: {{ path: {path}, signer: k.pub{more} }}\n"


def safetensors(path):
    head = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + b"\0\0\0\0")


@pytest.fixture
def house(moat, tmp_path, tmp_path_factory):
    """Signs `path` in a folder of its own, whose ledger is not ours: as a model arrives from elsewhere."""
    there = tmp_path_factory.mktemp("there")
    assert moat("key", "new", "--out", "k", cwd=there).code == 0

    def declare(path, more=""):
        assert moat("model", "sign", path, "--key", "k", cwd=there).code == 0
        for name in (path, path + ".sig", "k.pub"):
            shutil.copy(there / name, tmp_path / name)
        (tmp_path / "moat.yaml").write_text(YAML.format(path=path, more=more))
        return tmp_path

    declare.there = there
    return declare


def verdict(moat, *args):
    r = moat("model", "verify", "m", "--json", *args)
    out = json.loads(r.out)
    return r.code, out["verified"], {f["rule"] for f in out["findings"]}


def test_a_model_of_unknown_origin_is_refused_until_somebody_accepts_it(moat, house):
    safetensors(house.there / "m.safetensors")
    house("m.safetensors")
    assert verdict(moat) == (1, False, {"MOAT-M112"})
    assert verdict(moat, "--accept") == (0, True, set())
    assert verdict(moat) == (0, True, set())


def test_accepting_one_version_accepts_no_other(moat, house, tmp_path):
    safetensors(house.there / "m.safetensors")
    house("m.safetensors")
    assert verdict(moat, "--accept")[1]
    (house.there / "m.safetensors").write_bytes((house.there / "m.safetensors").read_bytes()[:-1] + b"\1")
    house("m.safetensors")                               # the same signer signed other bytes
    assert verdict(moat) == (1, False, {"MOAT-M112"})


def test_accepting_needs_the_proof_first(moat, house, tmp_path):
    safetensors(house.there / "m.safetensors")
    house("m.safetensors")
    (tmp_path / "m.safetensors").write_bytes((tmp_path / "m.safetensors").read_bytes()[:-1] + b"\1")
    code, verified, rules = verdict(moat, "--accept")
    assert (code, verified) == (1, False) and "MOAT-M104" in rules
    assert "model.accept" not in moat("ledger", "log", "--json").out


def test_a_signed_pickle_that_runs_code_is_refused_by_verify_and_up(moat, house):
    (house.there / "m.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    house("m.pkl")
    code, verified, rules = verdict(moat, "--accept")
    assert (code, verified) == (1, False) and "MOAT-M111" in rules
    r = moat("up")
    assert r.code == 1 and "MOAT-M111" in r.err + r.out, r


def test_a_format_that_cannot_be_scanned_needs_a_declared_exception(moat, house, tmp_path):
    (house.there / "m.gguf").write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0))
    house("m.gguf")
    assert not verdict(moat, "--accept")[1]
    house("m.gguf", ", scan: off")
    assert verdict(moat, "--accept")[1]


def test_a_published_digest_is_history_enough(moat, house, tmp_path):
    safetensors(house.there / "m.safetensors")
    house("m.safetensors")
    digest = json.loads(moat("model", "verify", "m", "--json").out)["digest"]
    (tmp_path / "moat.yaml").write_text(YAML.format(path="m.safetensors", more=f", sha256: {digest}"))
    assert verdict(moat) == (0, True, set())


def test_accept_wants_a_declared_model(moat, tmp_path):
    safetensors(tmp_path / "x.safetensors")
    assert moat("model", "verify", "x.safetensors", "--sha256", "0" * 64, "--accept").code == 2


def test_what_a_signer_left_out_is_scanned_each_time(moat, tmp_path):
    folder = tmp_path / "m"
    (folder / "cache").mkdir(parents=True)
    safetensors(folder / "w.safetensors")
    (tmp_path / "moat.yaml").write_text(YAML.format(path="m", more=""))
    assert moat("key", "new", "--out", "k").code == 0 and moat("model", "sign", "m", "--key", "k", "--ignore", "cache").code == 0
    assert moat("model", "scan", "m").code == 0 and verdict(moat) == (0, True, set())
    safetensors(folder / "cache/x.safetensors")
    assert verdict(moat) == (0, True, set())
    (folder / "cache/weights.data").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    code, verified, rules = verdict(moat)
    assert (code, verified) == (1, False) and "MOAT-M111" in rules


FLIP = """
import mmap, sys, time
f = open(sys.argv[1], "r+b")
m = mmap.mmap(f.fileno(), 512)
good, evil = (bytes.fromhex(x) for x in sys.argv[2:])
print(flush=True)
while True:
    m[0:512] = evil; time.sleep(0.001); m[0:512] = good; time.sleep(0.001)
"""


def test_what_was_hashed_is_what_was_judged(moat, tmp_path):
    good, evil = b"I1\n.".ljust(512, b"\0"), b"cposix\nsystem\n(S'true'\ntR.".ljust(512, b"\0")
    (tmp_path / "m.pkl").write_bytes(evil)
    (tmp_path / "moat.yaml").write_text("moat: 1\nmodels:\n  m: { path: m.pkl }\n")
    writer = subprocess.Popen([sys.executable, "-c", FLIP, str(tmp_path / "m.pkl"), good.hex(), evil.hex()], stdout=subprocess.PIPE)
    try:
        writer.stdout.readline()
        for _ in range(60):
            moat("model", "scan", "m")
    finally:
        writer.kill(), writer.wait()
    log = json.loads(moat("ledger", "log", "--json", "--kind", "model.scan").out)["records"]
    said = {(r["record"].get("subject"), r["record"]["body"]["verdict"]) for r in log}
    assert len(log) > 0 and (hashlib.sha256(evil).hexdigest(), "clean") not in said and (hashlib.sha256(good).hexdigest(), "malicious") not in said
