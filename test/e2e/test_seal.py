"""moat model seal|open against Debian's age, both ways, and what must not happen when opening fails."""
import hashlib
import os
import shutil
import subprocess

import pytest

AGE = shutil.which("age")
SIZES = [0, 1, 65535, 65536, 65537, 5 * 65536, 300_001]


def run(*args, **kw):
    return subprocess.run(args, capture_output=True, **kw)


@pytest.fixture
def key(moat, tmp_path):
    r = moat("key", "new", "--kind", "age", "--out", "seal.key", cwd=tmp_path)
    assert r.code == 0, r.err
    return r.out.split("\n")[1].split()[0]


def write(path, n):
    data = hashlib.shake_256(b"%d" % n).digest(n)
    path.write_bytes(data)
    return data


@pytest.mark.skipif(AGE is None, reason="Debian's age is not installed")
@pytest.mark.parametrize("armor", [False, True])
def test_age_opens_what_we_seal_and_we_open_what_it_seals(moat, tmp_path, key, armor):
    flag = ["-a"] if armor else []
    for n in SIZES:
        data = write(tmp_path / "m.bin", n)
        r = moat("model", "seal", "m.bin", "-r", key, "-o", "ours.age", *flag, cwd=tmp_path)
        assert r.code == 0, r.err
        assert run(AGE, "-d", "-i", "seal.key", "ours.age", cwd=tmp_path).stdout == data
        assert run(AGE, *flag, "-r", key, "-o", "theirs.age", "m.bin", cwd=tmp_path).returncode == 0
        r = moat("model", "open", "theirs.age", "-i", "seal.key", "-o", "opened", cwd=tmp_path)
        assert r.code == 0, r.err
        assert (tmp_path / "opened").read_bytes() == data
        for f in ("ours.age", "theirs.age", "opened"):
            (tmp_path / f).unlink()


@pytest.mark.skipif(AGE is None, reason="Debian's age is not installed")
def test_keys_made_by_either_work_with_both(moat, tmp_path):
    run("age-keygen", "-o", "k", cwd=tmp_path)
    recipient = run("age-keygen", "-y", "k", cwd=tmp_path).stdout.decode().strip()
    write(tmp_path / "m", 1000)
    assert moat("model", "seal", "m", "-r", recipient, cwd=tmp_path).code == 0
    assert moat("model", "open", "m.age", "-i", "k", "-o", "o", cwd=tmp_path).code == 0
    moat("key", "new", "--kind", "age", "--out", "ours", cwd=tmp_path)
    assert run("age-keygen", "-y", "ours", cwd=tmp_path).stdout.decode().strip() in (tmp_path / "ours").read_text()


def test_a_changed_or_cut_file_leaves_nothing_behind(moat, tmp_path, key):
    write(tmp_path / "m", 200_000)
    moat("model", "seal", "m", "-r", key, cwd=tmp_path)
    good = (tmp_path / "m.age").read_bytes()
    before = {p.name for p in tmp_path.iterdir()} | {"bad.age"}
    for at in (30, 150, len(good) - 100_000, len(good) - 1):
        for bad in (good[:at] + bytes([good[at] ^ 1]) + good[at + 1:], good[:at]):
            (tmp_path / "bad.age").write_bytes(bad)
            r = moat("model", "open", "bad.age", "-i", "seal.key", cwd=tmp_path)
            assert r.code == 3 and "bad.age" in r.err, r.err
            assert {p.name for p in tmp_path.iterdir()} == before


def test_ranges_and_memory_never_touch_the_disk(moat, tmp_path, key):
    data = write(tmp_path / "m", 500_000)
    moat("model", "seal", "m", "-r", key, cwd=tmp_path)
    (tmp_path / "m").unlink()
    names = {p.name for p in tmp_path.iterdir()}
    got = run(moat.path, "model", "open", "m.age", "-i", "seal.key", "--range", "65530:20", cwd=tmp_path)
    assert got.stdout == data[65530:65550]
    r = moat("model", "open", "m.age", "-i", "seal.key", "--memfd", "--", "sha256sum", "{}", cwd=tmp_path)
    assert r.out.split()[0] == hashlib.sha256(data).hexdigest()
    code = "import os,sys; fd=os.open(sys.argv[1],os.O_RDWR); os.write(fd,b'x')"
    r = moat("model", "open", "m.age", "-i", "seal.key", "--memfd", "--", "python3", "-c", code, "{}", cwd=tmp_path)
    assert r.code != 0                                # the memory is sealed against writing
    assert {p.name for p in tmp_path.iterdir()} == names


def test_secrets_of_others_and_wrong_words_are_refused(moat, tmp_path, key):
    write(tmp_path / "m", 10)
    (tmp_path / "pw").write_text("correct horse\n")
    r = moat("model", "seal", "m", "--passphrase-file", "pw", cwd=tmp_path)
    assert r.code == 3 and "chmod 600" in r.err
    os.chmod(tmp_path / "pw", 0o600)
    assert moat("model", "seal", "m", "--passphrase-file", "pw", cwd=tmp_path).code == 0
    (tmp_path / "wrong").write_text("wrong\n")
    os.chmod(tmp_path / "wrong", 0o600)
    r = moat("model", "open", "m.age", "--passphrase-file", "wrong", "-o", "o", cwd=tmp_path)
    assert r.code == 3 and "no match" in r.err and not (tmp_path / "o").exists()
    assert moat("model", "open", "m.age", "--passphrase-file", "pw", "-o", "o", cwd=tmp_path).code == 0
    for args in (["m"], ["m", "-r", "age1nonsense"], ["m", "-r", key, "--passphrase-file", "pw"], [str(tmp_path), "-r", key], ["m", "-r", key]):
        r = moat("model", "seal", *args, cwd=tmp_path)      # the last: m.age is there already
        assert r.code == 2 and "hint" in r.err, (args, r.err)


def test_sealing_is_recorded_with_both_digests(moat, tmp_path, key):
    data = write(tmp_path / "m", 10)
    (tmp_path / "moat.yaml").write_text("moat: 1\nmodels:\n  scorer: { path: m }\n")
    assert moat("model", "seal", "scorer", "-r", key, cwd=tmp_path).code == 0
    text = moat("ledger", "log", "--json", cwd=tmp_path).out
    assert hashlib.sha256(data).hexdigest() in text
    assert hashlib.sha256((tmp_path / "m.age").read_bytes()).hexdigest() in text
