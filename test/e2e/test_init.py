"""moat init finds what was planted in five sample repositories, invents nothing, and writes a file that loads.

A repository of test/e2e/repos is a folder and NAME.json: its planted parts (section and what identifies them), its edges, and
the binary files and links that are made here because they do not belong into a repository."""
import json
import os
import pathlib
import pickle
import shutil
import struct
import zipfile

import pytest

REPOS = pathlib.Path(__file__).parent / "repos"
NAMES = sorted(p.stem for p in REPOS.glob("*.json"))


def zip_file(path, members):
    with zipfile.ZipFile(path, "w") as z:
        for name, data in members.items():
            z.writestr(name, data)


def write_safetensors(path):
    header = json.dumps({"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}).encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 8)


def write_npy(x=8):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (%d,), }" % x
    header += b" " * (64 - (10 + len(header) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + b"\0" * 4 * x


# A ModelProto: ir_version 8, producer, an empty graph, opset 17.
ONNX = b"\x08\x08\x12\x04moat\x3a\x03\x12\x01g\x42\x02\x10\x11"
MAKE = {
    "sklearn": lambda p: p.write_bytes(b"\x80\x04\x95\x30\0\0\0\0\0\0\0\x8c\x18sklearn.ensemble._forest\x94\x8c\x16RandomForestClassifier\x94\x93."),
    "torch": lambda p: zip_file(p, {"defects/data.pkl": pickle.dumps({}), "defects/version": b"3\n"}),
    "npz": lambda p: zip_file(p, {"x.npy": write_npy()}),
    "parquet": lambda p: p.write_bytes(b"PAR1" + b"\0" * 64 + struct.pack("<I", 8) + b"PAR1"),
    "safetensors": write_safetensors,
    "gguf": lambda p: p.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0)),
    "onnx": lambda p: p.write_bytes(ONNX),
    "xgboost": lambda p: p.write_text('{"learner":{"attributes":{},"gradient_booster":{"model":{}}},"version":[2,0,0]}'),
    "text": lambda p: p.write_text("home = /usr\n"),
}


def plant(name, to):
    want = json.loads((REPOS / f"{name}.json").read_text())
    shutil.copytree(REPOS / name, to)
    for path, kind in want["binary"].items():
        (to / path).parent.mkdir(parents=True, exist_ok=True)
        MAKE[kind](to / path)
    for link, target in want.get("links", {}).items():
        (to / link).symlink_to(target)
    return want


def identity(part):
    if part["section"] == "endpoints":
        return part["route"]
    if part["section"] == "sources":
        return part["uri"]
    return part.get("resource", part.get("path"))


def edges_of(mapped, found):
    """Edges of `moat map --json`, spelt with what identifies their ends."""
    names = {f'{p["section"]}.{p["name"]}': identity(p) for p in found}
    return {(names[e["from"]], names[e["to"]]) for e in mapped["edges"]}


@pytest.mark.parametrize("name", NAMES)
def test_finds_what_was_planted_and_nothing_else(name, moat, tmp_path):
    repo = tmp_path / name
    want = plant(name, repo)
    r = moat("init", "--json", cwd=repo)
    assert r.code == 0, r
    out = json.loads(r.out)
    found = {(p["section"], identity(p)) for p in out["found"]}
    planted = {tuple(p) for p in want["parts"]}
    print(f"{name}: planted {len(planted)}, found {len(planted & found)}, invented {len(found - planted)}")
    assert found == planted
    mapped = moat("map", "--json", cwd=repo)
    assert mapped.code in (0, 1), mapped
    assert edges_of(json.loads(mapped.out), out["found"]) == {tuple(e) for e in want["edges"]}


@pytest.mark.parametrize("name", NAMES)
def test_every_part_has_its_evidence_and_no_secret_is_written(name, moat, tmp_path):
    repo = tmp_path / name
    plant(name, repo)
    out = json.loads(moat("init", "--json", cwd=repo).out)
    text = (repo / "moat.yaml").read_text()
    for p in out["found"]:
        where = f'{p["file"]}:{p["line"]}' if p["line"] else p["file"]
        assert where in text
        if p["line"]:
            lines = (repo / p["file"]).read_text().splitlines()
            assert 1 <= p["line"] <= len(lines) and lines[p["line"] - 1].strip(), where
    for secret in ("hunter2", "s3cr3t", "change-me", "key=abc", "user:pw", "me:me"):
        assert secret not in text


def test_a_token_in_the_path_of_an_address_is_cut_off(moat, tmp_path):
    digest = "0123456789abcdef" * 4
    (tmp_path / "app.py").write_text("\n".join([
        'MODEL_URL = "https://api.openai.com/v1/completions/sk-proj-0123456789abcdef"',
        'PREDICT_URL = "https://hooks.example.com/T0/predict/aB3dE5gH7jK9mN1pQ3sT5vW7"',
        f'SCORING_URL = "https://ml.example.com/models/{digest}/score"']))
    moat("init", cwd=tmp_path)
    text = (tmp_path / "moat.yaml").read_text()
    assert "sk-proj" not in text and "aB3dE5" not in text, text
    assert '"https://api.openai.com/v1/completions/"' in text and '"https://hooks.example.com/T0/predict/"' in text, text
    assert f"/models/{digest}/score" in text


def test_an_existing_file_is_left_as_it_is(moat, tmp_path):
    (tmp_path / "moat.yaml").write_text("mine\n")
    r = moat("init", cwd=tmp_path)
    assert r.code == 3 and "already exists" in r.err and "moat init --dry-run" in r.err
    assert (tmp_path / "moat.yaml").read_text() == "mine\n"
    link = tmp_path / "new.yaml"
    link.symlink_to(tmp_path / "elsewhere.yaml")
    assert moat("init", "--out", "new.yaml", cwd=tmp_path).code == 3
    assert not (tmp_path / "elsewhere.yaml").exists()


def test_a_dry_run_writes_nothing_and_prints_the_file(moat, tmp_path):
    repo = tmp_path / "repo"
    plant("churn-notebook", repo)
    before = sorted(repo.rglob("*"))
    r = moat("init", "--dry-run", "--name", 'odd "name"', cwd=repo)
    assert r.code == 0 and sorted(repo.rglob("*")) == before
    (repo / "moat.yaml").write_text(r.out)
    assert json.loads(moat("map", "--json", cwd=repo).out)["name"] == 'odd "name"'


def test_an_empty_folder_gives_a_file_that_loads(moat, tmp_path):
    repo = tmp_path / "empty"
    repo.mkdir()
    assert moat("init", cwd=repo).code == 0
    r = moat("map", cwd=repo)
    assert r.code == 0 and r.out.startswith("empty (moat.yaml)")


def test_names_are_made_unique_and_hostile_names_stay_in_comments(moat, tmp_path):
    repo = tmp_path / "repo"
    for folder in ("a", "b", "c/x", 'ev"il: [ # x', "ü", "true", "new\nline"):
        (repo / folder).mkdir(parents=True)
        (repo / folder / "net.gguf").write_bytes(b"GGUF" + b"\0" * 20)
    r = moat("init", "--json", cwd=repo)
    out = json.loads(r.out)
    names = [p["name"] for p in out["found"]]
    assert len(names) == 6 and len(set(names)) == 6            # a path with a line end in it cannot be declared
    assert out["files_skipped"] == 1
    assert json.loads(moat("map", "--json", cwd=repo).out)["parts"]


def test_line_breaks_of_old_yaml_and_terminal_commands_in_names_are_written_as_escapes(moat, tmp_path):
    names = ["a\u2028moat: 2 #.safetensors", "b\u2029.safetensors", "c\u0085name: x #.safetensors", "d\u009b31m.safetensors"]
    for n in names:
        write_safetensors(tmp_path / n)
        (tmp_path / n).with_suffix(".csv").write_text("x,y\n1,2\n")
    done = moat("init", cwd=tmp_path)
    assert done.code == 0 and "\u009b" not in done.out, done
    text = (tmp_path / "moat.yaml").read_text()
    assert not set(text) & set("\u2028\u2029\x85\x9b"), text
    shown = moat("map", "--json", cwd=tmp_path)
    assert {os.path.basename(p["what"]) for p in json.loads(shown.out)["parts"] if p["id"].startswith("models.")} == set(names), shown
    assert "\u009b" not in moat("map", cwd=tmp_path).out
    assert "\u009b" not in moat("init", "x\u009b31m", cwd=tmp_path).err


def test_folders_it_may_not_enter_are_skipped(moat, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may enter every folder")
    repo = tmp_path / "repo"
    (repo / "closed").mkdir(parents=True)
    (repo / "closed").chmod(0)
    r = moat("init", cwd=repo)
    (repo / "closed").chmod(0o700)
    assert r.code == 0


def test_a_missing_folder_is_an_error(moat, tmp_path):
    r = moat("init", "nowhere", cwd=tmp_path)
    assert r.code == 3 and "nowhere" in r.err


def test_the_same_folder_gives_the_same_file(moat, tmp_path):
    repo = tmp_path / "repo"
    plant("fraud-kserve", repo)
    assert moat("init", "--dry-run", cwd=repo).out == moat("init", "--dry-run", cwd=repo).out
