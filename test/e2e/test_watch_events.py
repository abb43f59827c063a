"""What the gateway writes into events for monitors: the row that came in, the answer that went out, by policy."""
import json

import pytest

from gateway import endpoint, gateway, upstream, wait_for  # noqa: F401

ROWS = {"instances": [[1, 2.50, -3e2], [4, 5, 6]]}
SCORES = {"predictions": [[0.123456, 0.8, 0.076544], [0.5, 0.3, 0.2]]}


def say(upstream, answer, **headers):
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    upstream.answer = lambda q: (200, {"Content-Type": "application/json", **headers}, body)


def one_event(g, n=1):
    wait_for(lambda: len(g.events()) >= n)
    return g.events()[-1]


def test_features_and_both_predictions_are_recorded(gateway, upstream):
    say(upstream, SCORES)
    g = gateway(endpoint(upstream, keys="off", format="tf-serving", output="{ label_only: true }",
                         record="{ features: all, prediction: computed }"))
    r = g.ask(body=ROWS)
    assert r.json == {"predictions": [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]}
    e = one_event(g)
    assert e["features"] == [1, 2.5, -300] and e["instances"] == 2
    assert e["prediction"] == {"label": 1, "score": 1} and e["computed"] == {"label": 1, "score": 0.8}


def test_an_answer_without_output_control_passes_untouched_and_is_read(gateway, upstream):
    g = gateway(endpoint(upstream, keys="off", format="kserve-v2", record="{ features: all }"))
    body = b'{"model_name":"m", "outputs":[{"name":"p","shape":[2,2],"datatype":"FP32","data":[0.250,0.75,1,0]}]}'
    say(upstream, body)
    asked = {"inputs": [{"name": "x", "shape": [2, 2], "datatype": "FP32", "data": [1, 2, 3, 4]}]}
    assert g.ask(body=asked).body == body
    e = one_event(g)
    assert e["features"] == [1, 2] and e["prediction"] == {"label": 1, "score": 0.75} and "computed" not in e
    say(upstream, {"outputs": [{"name": "y", "shape": [1], "datatype": "INT64", "data": [3]}]})
    g.ask(body=asked)
    assert one_event(g, 2)["prediction"] == {"value": 3}


def test_nothing_is_recorded_that_the_policy_does_not_ask_for(gateway, upstream):
    say(upstream, SCORES)
    g = gateway(endpoint(upstream, keys="off", format="kserve-v1", record="{ prediction: none }"))
    assert g.ask(body=ROWS).json == SCORES
    e = one_event(g)
    assert not {"features", "instances", "prediction", "computed"} & set(e)


def test_a_share_of_the_requests_is_sampled(gateway, upstream):
    say(upstream, SCORES)
    g = gateway(endpoint(upstream, keys="off", format="kserve-v1", record="{ features: sampled, share: 0.3 }"))
    for _ in range(200):
        g.ask(body=ROWS)
    wait_for(lambda: len(g.events()) == 200)
    kept = sum("features" in e for e in g.events())
    assert 30 <= kept <= 95, kept                       # 60 expected, 6.5 the deviation
    assert all("prediction" in e for e in g.events())


def test_answers_that_cannot_be_read_still_pass(gateway, upstream):
    g = gateway(endpoint(upstream, keys="off", format="kserve-v1", record="{ features: all }"))
    long = json.dumps({"predictions": [[0.5] * 200000]}).encode()
    for body, headers in [(b"not json", {}), (long, {}), (b'{"predictions":[[0.5,', {}), (b"\x1f\x8b\0", {"Content-Encoding": "gzip"}), (b"", {})]:
        say(upstream, body, **headers)
        r = g.ask(body=ROWS)
        assert r.status == 200 and r.body == body
    upstream.answer = lambda q: (200, {"Content-Type": "application/json", "Transfer-Encoding": "chunked"},
                                 b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in [long[i:i + 65536] for i in range(0, len(long), 65536)]) + b"0\r\n\r\n")
    assert g.ask(body=ROWS).body == long
    wait_for(lambda: len(g.events()) == 6)
    assert not any("prediction" in e for e in g.events()) and all(e["verdict"] == "pass" for e in g.events())


@pytest.mark.parametrize("body", [b'{"instances":[[1,2', b'{"instances":[[' + b"1," * 200000 + b"1]]}"], ids=["broken", "long"])
def test_no_part_of_a_row_is_recorded(gateway, upstream, body):
    say(upstream, SCORES)
    g = gateway(endpoint(upstream, keys="off", format="kserve-v1", record="{ features: all }"))
    g.ask(body=body)
    assert "features" not in one_event(g)


def test_a_record_policy_out_of_range_is_refused(gateway, upstream):
    g = gateway(endpoint(upstream, record="{ features: sampled, share: 1.5 }"), start=False)
    r = g.moat("gate", "run", "--check", cwd=g.folder)
    assert r.code != 0 and "share" in r.err
