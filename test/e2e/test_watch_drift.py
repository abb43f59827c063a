"""moat watch drift against numbers that scipy computed, and what it must not call drift."""
import csv
import json

import numpy as np
import pytest

NAMES = {"ks_stat": "ks", "ks_p_asymp": "ks_p_asymptotic", "ks_p_auto": "ks_p", "wasserstein": "wasserstein", "energy": "energy",
         "wasserstein_norm_ref_std": "wasserstein_norm", "psi_decile_ref": "psi", "psi_evidently": "psi_evidently",
         "js_evidently": "js_evidently", "cvm_stat": "cvm", "mannwhitney_p": "mannwhitney_p"}


def columns_of(path):
    out = {}
    for row in csv.DictReader(path.open()):
        out.setdefault(row["column"], {}).setdefault(row["set"], []).append(row["value"])
    return out


def write(path, columns):
    """Columns of different lengths: short ones are padded with missing values, which no statistic may see."""
    n = max(map(len, columns.values()))
    rows = [[c[i] if i < len(c) else "NaN" for c in columns.values()] for i in range(n)]
    path.write_text("\n".join([",".join(columns), *[",".join(map(str, r)) for r in rows]]) + "\n")
    return path


def drift(moat, ref, cur, *args):
    r = moat("watch", "drift", ref, cur, "--json", *args)
    return r, json.loads(r.out) if r.out else None


def test_the_command_prints_what_scipy_computed(moat, vectors, tmp_path):
    folder = vectors("watch/drift/numeric.csv").parent
    data = columns_of(folder / "numeric.csv")
    ref, cur = (write(tmp_path / f"{s}.csv", {k: v[s] for k, v in data.items()}) for s in ("ref", "cur"))
    r, got = drift(moat, ref, cur)
    features = {f["name"]: f for f in got["features"]}
    checked = 0
    for want in csv.DictReader((folder / "numeric_expected.csv").open()):
        f = features[want["column"]]
        for theirs, ours in NAMES.items():
            if want[theirs] in ("", "nan") or (want["column"] == "constant" and ours == "cvm"):
                continue
            assert f[ours] == pytest.approx(float(want[theirs]), rel=1e-9 if "_p" in ours else 1e-12, abs=1e-15), (want["column"], ours)
            checked += 1
    assert checked > 100
    drifted = {n for n, f in features.items() if f["drifted"]}
    assert drifted >= {"shift_0.2", "exp_vs_lognorm", "bimodal"} and "same_normal" not in drifted
    assert features["tiny"]["drifted"] is None and r.code == 1


def test_an_effect_is_needed_not_only_a_p_value(moat, tmp_path):
    rng = np.random.default_rng(1)
    np.save(tmp_path / "a.npy", rng.normal(0, 1, (60000, 1)))
    np.save(tmp_path / "b.npy", rng.normal(0.03, 1, (60000, 1)))
    r, got = drift(moat, tmp_path / "a.npy", tmp_path / "b.npy")
    assert got["features"][0]["ks_p"] < 1e-3 and got["features"][0]["drifted"] is False and r.code == 0
    r, got = drift(moat, tmp_path / "a.npy", tmp_path / "b.npy", "--threshold", "0.02")
    assert got["features"][0]["drifted"] is True and r.code == 1


def test_categories_new_gone_and_missing_are_findings(moat, tmp_path):
    a = write(tmp_path / "a.csv", {"city": ["Rom"] * 300 + ["Bonn"] * 300, "n": list(range(600))})
    b = write(tmp_path / "b.csv", {"city": ["Rom"] * 300 + ["\x1b[31mOslo"] * 250 + [""] * 50, "n": list(range(600))})
    r, got = drift(moat, a, b)
    assert {f["rule"] for f in got["findings"]} == {"MOAT-W001", "MOAT-W002", "MOAT-W003", "MOAT-W004"} and r.code == 1
    city = got["features"][0]
    assert city["kind"] == "categorical" and city["new_categories"] == 1 and city["current"]["missing"] == 50
    assert "\x1b" not in moat("watch", "drift", a, b).out


def test_what_cannot_be_judged_is_never_called_clean(moat, tmp_path):
    a = write(tmp_path / "a.csv", {"x": list(range(50))})
    gone = write(tmp_path / "gone.csv", {"y": list(range(500))})
    empty = tmp_path / "empty.csv"
    empty.write_text("x\n")
    assert drift(moat, a, a)[0].code == 3
    assert moat("watch", "drift", a, a, "--min-rows", "20").code == 0
    assert moat("watch", "drift", a, gone).code == 1
    r = moat("watch", "drift", a, empty)
    assert r.code == 3 and "no rows" in r.err
    assert moat("watch", "drift", a).code == 2
    assert moat("watch", "drift", a, tmp_path / "absent.csv").code == 3
    assert moat("watch", "drift", a, a, "--columns", "z").code == 2
    r = moat("watch", "drift", a, a, "--categorical", "z")
    assert r.code == 2 and "'z'" in r.err and "it has x" in r.err


def test_numbers_may_be_names(moat, tmp_path):
    a = write(tmp_path / "a.csv", {"code": [10, 20] * 200})
    b = write(tmp_path / "b.csv", {"code": [10, 10, 10, 20] * 100})
    f = drift(moat, a, b, "--categorical", "code")[1]["features"][0]
    assert f["kind"] == "categorical" and f["test"] == "z" and f["chi2"] > 50 and f["drifted"]
