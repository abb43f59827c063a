"""moat privacy account, against other people's numbers and a replay of its own promises."""
import csv
import io
import json

import pytest

RUN = ["--sigma", "1.1", "--rate", "0.004266666666666667", "--steps", "14063", "--delta", "1e-5"]
EXACT = 2.38168973                                     # contour integral and connect-the-dots of others


def account(moat, *args, **kw):
    r = moat("privacy", "account", "--json", *args, **kw)
    return r, json.loads(r.out) if r.code in (0, 1) and r.out else None


def holds(got, exact):
    assert got["epsilon_low"] <= exact * (1 + 1e-6) and exact <= got["epsilon_up"] * (1 + 1e-6)
    assert got["epsilon_low"] <= got["epsilon"] <= got["epsilon_up"] <= got["epsilon_rdp"] + 1e-6


def test_the_interval_holds_the_value(moat):
    r, got = account(moat, *RUN)
    assert r.code == 0 and got["schema"] == "moat.privacy.account/1", r
    holds(got, EXACT)
    assert got["epsilon_up"] - got["epsilon_low"] < 1e-3 * EXACT and abs(got["epsilon_rdp"] - 2.596655529521983) < 1e-9
    text = moat("privacy", "account", *RUN)
    assert text.code == 0 and "certified" in text.out and "2.38" in text.out


def test_rows_batch_and_epochs_stand_for_rate_and_steps(moat):
    r, got = account(moat, "--sigma", "1.1", "--rows", 60000, "--batch-size", 256, "--epochs", 60, "--delta", "1e-5")
    assert r.code == 0 and got["steps"] == 14063 and abs(got["rate"] - 256 / 60000) < 1e-15
    holds(got, EXACT)


def test_the_found_noise_keeps_epsilon(moat):
    r, got = account(moat, "--epsilon", 3, "--rate", 8192 / 60000, "--steps", 280, "--delta", "1e-5")
    assert r.code == 0 and abs(got["sigma"] - 3.330) < 2e-3 and got["epsilon_up"] <= 3, r
    _, again = account(moat, "--sigma", repr(got["sigma"]), "--rate", 8192 / 60000, "--steps", 280, "--delta", "1e-5")
    assert again["epsilon_up"] == got["epsilon_up"]
    _, less = account(moat, "--sigma", got["sigma"] * 0.9995, "--rate", 8192 / 60000, "--steps", 280, "--delta", "1e-5")
    assert less["epsilon_up"] > 3


def test_without_sampling_and_with_shuffling(moat):
    _, full = account(moat, "--sigma", 1, "--steps", 1, "--delta", "1e-5", "--sampler", "full")
    assert abs(full["epsilon"] - 4.377178095681) < 1e-11 and full["method"] == "closed form"
    r, got = account(moat, "--sigma", 4, "--rate", 0.01, "--steps", 300, "--delta", "1e-5", "--sampler", "shuffle")
    _, three = account(moat, "--sigma", 4, "--steps", 3, "--delta", "1e-5", "--sampler", "full")
    assert "no theorem" in r.err and got["epsilon"] == three["epsilon"]


def test_events_of_others_mean_the_same_run(moat, tmp_path):
    step = {"event": "PoissonSampled", "sampling_probability": 256 / 60000, "of": {"event": "Gaussian", "noise_multiplier": 1.1}}
    files = {
        "dp.json": {"event": "SelfComposed", "count": 14063, "of": step},
        "parts.json": {"event": "Composed", "events": [{"event": "SelfComposed", "count": 14062, "of": step}, step]},
        "opacus.json": [[1.1, 256 / 60000, 14000], [1.1, 256 / 60000, 63]],
    }
    for name, value in files.items():
        (tmp_path / name).write_text(json.dumps(value))
        r, got = account(moat, "--events", name, "--delta", "1e-5")
        assert r.code == 0, r
        holds(got, EXACT)


@pytest.mark.parametrize("text, says", [
    ('{"event":"Laplace","noise_multiplier":1}', "Laplace"),
    ('{"event":"Composed","events":[{"event":"Gaussian","noise_multiplier":1},{"event":"UnsupportedDpEvent"}]}', "UnsupportedDpEvent"),
    ('{"event":"PoissonSampled","sampling_probability":0.1,"of":{"event":"SelfComposed","count":2,"of":{}}}', "only a Gaussian"),
    ('{"event":"SelfComposed","count":1.5,"of":{"event":"Gaussian","noise_multiplier":1}}', "whole count"),
    ('{"event":"SelfComposed","count":99999999999,"of":{"event":"Gaussian","noise_multiplier":1}}', "more steps"),
    ('{"event":"PoissonSampled","sampling_probability":1.5,"of":{"event":"Gaussian","noise_multiplier":1}}', "sampling_probability"),
    ('[[1.1, 0.01]]', "history"),
    ('{"event":"Composed","events":[]}', "nothing happens"),
    ('{"event":"Gaussian","noise_multiplier":1', "events.json"),
])
def test_an_event_without_a_bound_is_an_error(moat, tmp_path, text, says):
    (tmp_path / "events.json").write_text(text)
    r, _ = account(moat, "--events", "events.json", "--delta", "1e-5")
    assert r.code == 3 and says in r.err and "events.json" in r.err and not r.out, r


def test_many_runs_are_one_table(moat, vectors, tmp_path):
    path = vectors("privacy/accountant/tiny_delta.csv")
    r = moat("privacy", "account", "--batch", path)
    rows = list(csv.DictReader(io.StringIO(r.out)))
    assert r.code == 0 and len(rows) == 8, r
    for row in rows:
        holds({k: float(v) for k, v in row.items()}, float(row["eps_exact"]))
    lines = [json.loads(line) for line in moat("privacy", "account", "--batch", path, "--json").out.splitlines()]
    assert [x["epsilon_up"] for x in lines] == [float(x["epsilon_up"]) for x in rows]
    (tmp_path / "bad.csv").write_text("sigma,rate,steps,delta\n1,0.1,10,1e-5\n0,0.1,10,1e-5\n1,0.1,x,1e-5\n")
    r = moat("privacy", "account", "--batch", "bad.csv")
    assert r.code == 3 and "bad.csv:3" in r.err and "bad.csv:4" in r.err
    assert r.out.splitlines()[1].count(",") == 7 and r.out.splitlines()[2] == "0,0.1,10,1e-5,,,,"


def statement(got, **change):
    return {"schema": "moat.privacy.statement/1", "sampler": "poisson", "delta": 1e-5, "accountant": {"error": 0.001},
            "phases": [{"sigma": 1.1, "rate": 0.004266666666666667, "steps": 14063}], "epsilon_low": got["epsilon_low"],
            "epsilon": got["epsilon"], "epsilon_up": got["epsilon_up"] + 0.001, "epsilon_rdp": got["epsilon_rdp"] + 0.001, **change}


def test_a_statement_is_computed_again(moat, tmp_path):
    _, got = account(moat, *RUN)
    right = statement(got)
    (tmp_path / "s.json").write_text(json.dumps(right))
    r, v = account(moat, "--verify", "s.json")
    assert r.code == 0 and v["verified"] is True and v["findings"] == [], r
    for change in ({"epsilon_up": 2.0}, {"delta": 1e-6}, {"phases": [{"sigma": 1.0, "rate": 0.004266666666666667, "steps": 14063}]},
                   {"accountant": {"error": 0}}, {"epsilon": 1.5}):
        (tmp_path / "s.json").write_text(json.dumps({**right, **change}))
        r, v = account(moat, "--verify", "s.json")
        assert r.code == 1 and v["verified"] is False and {f["rule"] for f in v["findings"]} == {"MOAT-P010"}, r
    for change in ({"sampler": "shuffle"}, {"schema": "x"}, {"phases": []}, {"accountant": None}, {"delta": "1e-5"}):
        (tmp_path / "s.json").write_text(json.dumps({**right, **change}))
        r, _ = account(moat, "--verify", "s.json")
        assert r.code == 3 and "s.json" in r.err, r


@pytest.mark.parametrize("args, code", [
    (["--sigma", "1", "--rate", "0.1", "--steps", "10"], 2),
    (["--rate", "0.1", "--steps", "10", "--delta", "1e-5"], 2),
    (["--sigma", "1", "--epsilon", "1", "--rate", "0.1", "--steps", "10", "--delta", "1e-5"], 2),
    (["--sigma", "0", "--rate", "0.1", "--steps", "10", "--delta", "1e-5"], 2),
    (["--sigma", "1", "--rate", "2", "--steps", "10", "--delta", "1e-5"], 2),
    (["--sigma", "1", "--rate", "0.1", "--steps", "10", "--delta", "0"], 2),
    (["--sigma", "1", "--rows", "10", "--batch-size", "20", "--epochs", "1", "--delta", "1e-5"], 2),
    (["--sigma", "1", "--rows", "10", "--rate", "0.1", "--delta", "1e-5"], 2),
    (["--sigma", "1", "--rate", "0.1", "--steps", "10", "--delta", "1e-5", "--sampler", "sobol"], 2),
    (["--sigma", "1", "--rate", "0.1", "--steps", "999999999999", "--delta", "1e-5"], 3),
    (["--events", "none.json", "--delta", "1e-5"], 3),
    (["--verify", "none.json"], 3),
    (["--batch", "none.csv"], 3),
    (["--verify", "a", "--batch", "b"], 2),
    (["extra"], 2),
])
def test_questions_without_an_answer(moat, args, code):
    r, _ = account(moat, *args)
    assert r.code == code and r.err and not r.out, r
