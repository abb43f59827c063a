"""moat gate key: what operators see, and what must never be seen again."""
import json
import pathlib
import re
import stat
import subprocess

import pytest

YAML = """moat: 1
name: demo
models:
  scorer: { path: model.bin, serve: "127.0.0.1:9001" }
endpoints:
  score: { route: /v1/score, model: scorer }
"""
TOKEN = re.compile(r"^moat_live_([0-9A-Za-z]{8})_[0-9A-Za-z]{27}_[0-9A-Za-z]{6}\n$")


@pytest.fixture
def house(tmp_path):
    (tmp_path / "moat.yaml").write_text(YAML)
    return tmp_path


def new(moat, *args):
    r = moat("gate", "key", "new", *args)
    assert r.code == 0, r
    return TOKEN.match(r.out).group(1), r.out.strip()


def listed(moat):
    r = moat("gate", "key", "list", "--json")
    assert r.code == 0, r
    return json.loads(r.out)


def test_a_key_is_shown_once_and_kept_nowhere(moat, house):
    key, token = new(moat, "--name", "mobile", "--scope", "score", "--expires", "30d", "--cidr", "10.0.0.0/8,::1")
    row, = listed(moat)["keys"]
    assert (row["id"], row["state"], row["name"], row["scopes"]) == (key, "live", "mobile", ["score"])
    assert row["cidrs"] == ["10.0.0.0/8", "::1/128"] and row["env"] == "live"
    secret = token.split("_")[3].encode()
    for path in house.rglob("*"):
        assert not path.is_file() or secret not in path.read_bytes(), path


def test_secrets_are_for_the_owner_alone(moat, house):
    new(moat)
    keys = house / ".moat/keys"
    for name in ("pepper", "table.key"):
        assert stat.S_IMODE((keys / name).stat().st_mode) == 0o600
    (keys / "pepper").chmod(0o640)
    r = moat("gate", "key", "list")
    assert r.code == 3 and "others may read it" in r.err and "chmod 600" in r.err


def test_rotation_and_revocation_are_seen_and_recorded(moat, house):
    key, first = new(moat, "--name", "mobile")
    r = moat("gate", "key", "rotate", key, "--grace", "2h")
    assert r.code == 0 and TOKEN.match(r.out).group(1) == key and r.out.strip() != first
    assert [k["state"] for k in listed(moat)["keys"]] == ["live", "live"]
    assert moat("gate", "key", "rotate", key).code == 3
    assert moat("gate", "key", "revoke", key).code == 0
    assert [k["state"] for k in listed(moat)["keys"]] == ["revoked", "revoked"] and listed(moat)["generation"] == 3
    log = moat("ledger", "log", "--json")
    actions = re.findall(r'"action":\s*"(\w+)"', log.out)
    assert sorted(actions) == ["new", "revoke", "rotate"], log
    assert first.split("_")[3] not in log.out


def test_a_damaged_table_is_not_used(moat, house):
    new(moat)
    table = house / ".moat/keys/keys.tbl"
    good = table.read_bytes()
    for cut in (good[:-1], good[:100], b"", good[:70] + bytes([good[70] ^ 1]) + good[71:], good + b"\0"):
        table.write_bytes(cut)
        r = moat("gate", "key", "new")
        assert r.code == 3 and r.out == "" and table.read_bytes() == cut, r
    table.write_bytes(good)
    assert len(listed(moat)["keys"]) == 1


def test_no_key_is_given_out_that_could_not_be_saved(moat, house):
    new(moat)
    before = (house / ".moat/keys/keys.tbl").read_bytes()
    limit = subprocess.run(["sh", "-c", f"ulimit -f 0; exec {moat.path} gate key new"], cwd=house, capture_output=True, text=True)
    assert limit.returncode != 0 and limit.stdout == ""
    assert (house / ".moat/keys/keys.tbl").read_bytes() == before
    assert not [p for p in (house / ".moat/keys").iterdir() if p.name.startswith(".keys.tbl")] or limit.returncode < 0


@pytest.mark.parametrize("args, word", [
    (["new", "extra"], "options only"), (["new", "--scope", "scor"], "did you mean 'score'"), (["new", "--expires", "yesterday"], "30d"),
    (["new", "--expires", "2001-01-01"], "expired"), (["new", "--cidr", "10.0.0.0/64"], "network"), (["new", "--env", "Live"], "a-z"),
    (["rotate"], "one ID"), (["revoke"], "one ID"), (["rotat"], "key rotate"), (["xyzzy"], "--help"), ([], "wants"),
])
def test_wrong_use_is_explained(moat, house, args, word):
    r = moat("gate", "key", *args)
    assert r.code == 2 and word in r.err and r.out == "", r


def test_unknown_ids_and_empty_houses_are_explained(moat, house):
    r = moat("gate", "key", "list")
    assert r.code == 3 and "moat gate key new" in r.err
    new(moat)
    r = moat("gate", "key", "revoke", "nobodyhr")
    assert r.code == 2 and "moat gate key list" in r.err


def test_many_at_once_lose_nothing(moat, house):
    new(moat)
    jobs = [subprocess.Popen([moat.path, "gate", "key", "new"], cwd=house, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(8)]
    tokens = {j.communicate(timeout=60)[0] for j in jobs}
    assert all(j.returncode == 0 for j in jobs) and len(tokens) == 8
    view = listed(moat)
    assert len(view["keys"]) == 9 and view["generation"] == 9
