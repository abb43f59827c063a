"""moat privacy audit on files: other people's scores and bounds, and what a broken promise looks like."""
import json

import numpy as np
import pytest


def audit(moat, *args):
    r = moat("privacy", "audit", "--json", *args)
    return r, json.loads(r.out) if r.out else None


@pytest.mark.parametrize("i", [0, 1])
def test_scores_equal_those_of_others(moat, vectors, tmp_path, i):
    z = np.load(vectors(f"privacy/mia/mia_rmia_lira_{i}.npz"))
    for name in ("signals", "population", "memberships"):
        np.save(tmp_path / f"{name}.npy", z[name])
    files = ["--signals", "signals.npy", "--members", "memberships.npy", "--population", "population.npy", "--scores", "out.npy"]
    for attack, extra, want in [("rmia", ["--offline-a", "0"], "rmia_offline_a_0.0"), ("rmia", ["--offline-a", "0.3"], "rmia_offline_a_0.3"),
                                ("rmia", ["--offline-a", "1"], "rmia_offline_a_1.0"), ("lira", [], "lira_online_fixvar_score"),
                                ("lira-offline", [], "lira_offline_fixvar_score")]:
        r, got = audit(moat, *files, "--attack", attack, *extra)
        assert r.code == 0 and got["attack"] == attack, r
        assert np.abs(np.load(tmp_path / "out.npy") - z[want]).max() < 1e-9
    member, score = z["memberships"][:, 0], z["signals"][:, 0]
    r, got = audit(moat, *files, "--attack", "loss")
    assert (np.load(tmp_path / "out.npy") == score).all()
    a, b = score[member], score[~member]
    assert abs(got["auc"] - ((a[:, None] > b).mean() + (a[:, None] == b).mean() / 2)) < 1e-12
    assert (got["members"], got["others"]) == (member.sum(), (~member).sum()) and got["tpr_at_fpr"]["0.001"] is None


def test_bounds_equal_those_of_others(moat, vectors):
    for i in range(4):
        path = vectors(f"privacy/audit/audit_canary_{i}.json")
        want = json.loads(path.read_text())["expected"]
        r, got = audit(moat, "--canaries", path)
        assert r.code == 0 and got["schema"] == "moat.privacy.audit/1" and got["confidence"] == 0.95, r
        assert abs(got["bounds"]["one_run"] - want["eps_one_run_sig0.05_delta1e-5"]) < 1e-6
        assert abs(got["bounds"]["clopper_pearson"] - want["eps_clopper_pearson_bonferroni_sig0.05_delta1e-5"]) < 1e-6
        assert abs(got["bounds"]["one_run_if_gaussian"] - want["eps_one_run_fdp_sig0.05_delta1e-5"]) < 1e-6
        assert abs(got["hull"]["auc"] - want["auroc"]) < 1e-9 and got["hull"]["vertices"] == want["hull_vertices"]
        assert 0 <= got["epsilon_lower"] <= got["bounds"]["clopper_pearson"] + 0.7


def test_a_claim_below_what_is_shown_fails(moat, vectors):
    path = vectors("privacy/audit/audit_canary_3.json")
    r, got = audit(moat, "--canaries", path, "--claim", "1")
    assert r.code == 1 and got["findings"][0]["rule"] == "MOAT-P011" and got["epsilon_lower"] > 1, r
    r, got = audit(moat, "--canaries", path, "--claim", "9")
    assert r.code == 0 and got["findings"] == []
    text = moat("privacy", "audit", "--canaries", path)
    assert text.code == 0 and "AUC" in text.out and "fair coins" in text.out


def test_what_is_no_audit_is_an_error(moat, tmp_path):
    np.save(tmp_path / "s.npy", np.full((6, 4), 0.5))
    np.save(tmp_path / "m.npy", np.arange(24).reshape(6, 4) % 2 == 0)
    np.save(tmp_path / "short.npy", np.zeros((5, 4), bool))
    np.save(tmp_path / "three.npy", np.full((6, 4), 3))
    np.save(tmp_path / "nan.npy", np.full((6, 4), np.nan))
    np.save(tmp_path / "one.npy", np.ones((6, 4), bool))
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "c.json").write_text('{"in": [1, "x"], "out": [1]}')
    (tmp_path / "d.json").write_text('{"in": [1], "out": []}')
    for code, says, args in [
        (2, "--members", ["--signals", "s.npy"]), (2, "different", ["--signals", "s.npy", "--canaries", "c.json"]),
        (3, "agree", ["--signals", "s.npy", "--members", "short.npy"]), (3, "0 or 1", ["--signals", "s.npy", "--members", "three.npy"]),
        (3, "no scores of non-members", ["--signals", "s.npy", "--members", "one.npy", "--attack", "loss"]),
        (3, "row 0, model 0", ["--signals", "nan.npy", "--members", "m.npy", "--attack", "lira"]),
        (2, "population", ["--signals", "s.npy", "--members", "m.npy", "--attack", "rmia"]),
        (2, "no attack", ["--signals", "s.npy", "--members", "m.npy", "--attack", "magic"]),
        (2, "no model 9", ["--signals", "s.npy", "--members", "m.npy", "--target", "9", "--attack", "loss"]),
        (3, "object.npy", ["--signals", "object.npy", "--members", "m.npy"]), (3, "none.npy", ["--signals", "none.npy", "--members", "m.npy"]),
        (3, "must be a number", ["--canaries", "c.json"]), (3, "no scores of non-members", ["--canaries", "d.json"]),
        (2, "--delta", ["--canaries", "d.json", "--delta", "1"]), (2, "--confidence", ["--canaries", "d.json", "--confidence", "1"]),
    ]:
        r, _ = audit(moat, *args)
        assert r.code == code and says in r.err and not r.out, (args, r)
