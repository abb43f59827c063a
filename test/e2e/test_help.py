"""What `moat help` prints is what lies in doc/, and the JSON Schema agrees with the loader about what a moat.yaml may say."""
import json
import shutil
import subprocess

import pytest
import yaml

from conftest import ROOT


@pytest.mark.parametrize("args, path", [(["config"], "config.md"), (["config", "--schema"], "moat.schema.json"), (["records"], "records.md")])
def test_the_documents_are_what_help_prints(args, path, moat):
    r = moat("help", *args)
    assert r.code == 0 and r.out == (ROOT / "doc" / path).read_text(), f"moat help {' '.join(args)} >doc/{path}"


GOOD = [
    "moat: 1",
    "moat: 1\nname: x\nsources:\nmodels: {}",
    "moat: 1\ngateway: {listen: '[::1]:80', workers: 2}",
    "moat: 1\nmodels: {a: {path: m, labels: [0, one], serve: 'localhost:1'}}",
    "moat: 1\nendpoints: {a: {route: /x, max_body: 64KiB, limits: [{per: key, rate: 1r/s, nodelay: true}], output: {round: -1}}}",
    "moat: 1\nendpoints: {a: {route: /x, max_body: 1000}}",
    "moat: 1\nidentities: {etl: }",
    "moat: 1\nwaivers: {w: {rule: R, owner: o, expires: '2030-01-01', reason: r}}",
    "moat: 1\nsinks: {s: {kind: file, path: /tmp/x}}",
]
BAD = [
    "name: x",
    "moat: 1\nmodel: {}",
    "moat: 1\nmodels: [a]",
    "moat: 1\nmodels: {a: {}}",
    "moat: 1\nmodels: {a: {path: [x]}}",
    "moat: 1\nmodels: {a: {path: x, pth: y}}",
    "moat: 1\nmodels: {'a b': {path: x}}",
    "moat: 1\nmodels: {a: {path: x, sha256: abc}}",
    "moat: 1\nmodels: {a: {path: x, serve: 8501}}",
    "moat: 1\nendpoints: {a: {route: x}}",
    "moat: 1\nendpoints: {a: {route: /x, keys: none}}",
    "moat: 1\nendpoints: {a: {route: /x, limits: [{per: key}]}}",
    "moat: 1\nendpoints: {a: {route: /x, limits: [{per: key, rate: 1/s}]}}",
    "moat: 1\nendpoints: {a: {route: /x, output: {topk: 1}}}",
    "moat: 1\nendpoints: {a: {route: /x, upstream: 'ftp://h'}}",
    "moat: 1\nendpoints: {a: {route: /x, max_body: many}}",
    "moat: 1\ngateway: {workers: -1}",
    "moat: 1\nwaivers: {w: {rule: R, owner: o, expires: soon, reason: r}}",
]


@pytest.mark.parametrize("text, good", [(t, True) for t in GOOD] + [(t, False) for t in BAD])
def test_the_schema_and_the_loader_agree(text, good, moat, tmp_path):
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((ROOT / "doc/moat.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    (tmp_path / "moat.yaml").write_text(text + "\n")
    r = moat("map", "--json")
    assert (r.code != 3) == good, r
    assert jsonschema.Draft202012Validator(schema).is_valid(yaml.safe_load(text)) == good


def test_an_error_names_file_line_and_what_to_do(moat, tmp_path):
    (tmp_path / "moat.yaml").write_text("moat: 1\nmodels:\n  a:\n    pat: x\n")
    sub = tmp_path / "deep" / "er"
    sub.mkdir(parents=True)
    r = moat("map", cwd=sub)                            # found two folders above
    assert r.code == 3 and r.out == ""
    assert "../../moat.yaml" in r.err and "(line 4)" in r.err and "did you mean 'path'?" in r.err


def test_every_rule_is_explained(moat):
    rules = json.loads(moat("help", "rules", "--json").out)["rules"]
    assert len({r["id"] for r in rules}) == len(rules) > 10
    for r in rules:
        assert r["id"] in moat("help", "rules", r["id"]).out
    assert moat("help", "rules", "MOAT-X999").code == moat("help", "MOAT-X999").code == 2
    assert moat("help", "MOAT-M001").out == moat("help", "rules", "MOAT-M001").out


def test_a_verb_without_arguments_says_no_null(moat):
    for args in ["privacy"], ["privacy", "account"], ["privacy", "audit"], ["help"]:
        out = moat(*args, "--help").out
        assert out and "(null)" not in out and not any(line.endswith(" ") for line in out.splitlines()), args


@pytest.mark.skipif(not shutil.which("dot"), reason="needs graphviz")
def test_dot_output_is_a_graph(moat, tmp_path):
    (tmp_path / "moat.yaml").write_text(
        'moat: 1\nname: "odd \\" name \\\\ <b>"\nsources: {s: {uri: "a\\"b\\\\c"}}\ndatasets: {d: {path: "x y", from: [s]}}\n')
    r = moat("map", "--dot")
    done = subprocess.run(["dot", "-Tplain"], input=r.out, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert "edge sources.s datasets.d" in done.stdout.replace('"', "")
