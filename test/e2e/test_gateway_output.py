"""Output control over HTTP, against an independent recomputation in decimal."""
import decimal
import json
import random
import re

import pytest

from gateway import *  # noqa: F401,F403
from gateway import endpoint, wait_for

NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


def plain(text, digits):
    """The literal rounded half to even, plain notation, zeros cut but one; integers as they are."""
    if not re.search(r"[.eE]", text):
        return text
    d = decimal.Decimal(text).quantize(decimal.Decimal(1).scaleb(-digits), decimal.ROUND_HALF_EVEN, decimal.Context(prec=400))
    whole, _, part = f"{abs(d):f}".partition(".")
    part = part.rstrip("0") or "0"
    return ("-" if d < 0 else "") + whole + "." + part


def round_all(body, digits):
    return NUMBER.sub(lambda m: plain(m[0].decode(), digits).encode(), body)


def literal(rng):
    return rng.choice(["%.17g", "%.3f", "%.1e", "%.6E", "%d.5"]) % (rng.uniform(-3, 3) if rng.random() < 0.5 else rng.randint(0, 9))


def rows(rng, n, classes):
    return "[" + ",".join("[" + ",".join("%.12g" % rng.random() if rng.random() > 0.1 else "0.5" for _ in range(classes)) + "]" for _ in range(n)) + "]"


def top_k(row, k):
    """Keeps the k largest, ties to the lower index; others become 0.0 (no logits here)."""
    best = sorted(range(len(row)), key=lambda i: (-decimal.Decimal(row[i]), i))[:k]
    return [v if i in best else "0.0" for i, v in enumerate(row)]


def one_hot(row):
    best = max(range(len(row)), key=lambda i: (decimal.Decimal(row[i]), -i))
    return ["1.0" if i == best else "0.0" for i in range(len(row))]


def predictions(rows_):
    return ('{"predictions":[' + ",".join("[" + ",".join(r) + "]" for r in rows_) + "]}").encode()


def serve(upstream, body, **headers):
    upstream.answer = lambda q: (200, {"Content-Type": "application/json", **headers}, body)


def test_without_control_every_byte_is_the_upstreams(gateway, upstream):
    g = gateway(endpoint(upstream, keys="off"))
    rng = random.Random(1)
    for body, kind in [(b"\x00\xff binary \r\n\r\n", "application/octet-stream"), (b'{"a":  1.50, "a": NaN}', "application/json"), (b"", "text/plain"),
                       (bytes(rng.randrange(256) for _ in range(300000)), "application/json")]:
        upstream.answer = lambda q: (200, {"Content-Type": kind, "ETag": '"v"', "X-A": "b"}, body)
        a = g.ask(body={})
        assert a.status == 200 and a.body == body and a.headers["etag"] == '"v"' and a.headers["x-a"] == "b" and a.headers["content-type"] == kind


@pytest.mark.parametrize("digits", [0, 2, 4])
def test_round_equals_decimal(gateway, upstream, digits):
    g = gateway(endpoint(upstream, keys="off", format="tf-serving", output=f"{{ round: {digits} }}"))
    rng = random.Random(digits)
    for _ in range(20):
        body = predictions([[literal(rng) for _ in range(7)] for _ in range(rng.randint(1, 40))])
        serve(upstream, body)
        a = g.ask(body={"instances": [[1]]})
        assert a.status == 200 and a.body == round_all(body, digits), (body, a)
        assert int(a.headers["content-length"]) == len(a.body)


def test_top_k_and_round_equal_decimal(gateway, upstream):
    g = gateway(endpoint(upstream, keys="off", format="tf-serving", output="{ top_k: 2, round: 3 }"))
    rng = random.Random(7)
    for _ in range(20):
        table = [["%.9f" % rng.choice([rng.random(), 0.25]) for _ in range(10)] for _ in range(rng.randint(1, 8))]
        serve(upstream, predictions(table))
        a = g.ask(body={"instances": [[1]]})
        assert a.body == predictions([[plain(v, 3) for v in top_k(r, 2)] for r in table]), a


def test_label_only_shows_the_winner_alone(gateway, upstream):
    g = gateway(endpoint(upstream, keys="off", format="tf-serving", output="{ label_only: true }"))
    table = [["0.1", "0.7", "0.2"], ["0.5", "0.5", "0.0"], ["1e-3", "2e-3", "0.5e-3"]]
    serve(upstream, predictions(table))
    assert g.ask(body={"instances": [[1]]}).body == predictions([one_hot(r) for r in table])
    wait_for(lambda: g.events())
    assert g.events()[0]["prediction"] in ({"label": 1, "score": 1.0}, '{"label":1,"score":1}')


@pytest.mark.parametrize("extra, body, status", [
    ({"Content-Encoding": "gzip"}, b"{}", 200),
    ({"Content-Type": "text/html"}, b"<p>1.2345</p>", 200),
    ({}, b'{"predictions":[[1.5,', 200), ({}, b'{"predictions":[[NaN]]}', 200), ({}, b"", 200),
    ({"Content-Range": "bytes 0-1/2"}, b"{}", 206),
    ({}, b'{"predictions":[[1.5]]} {}', 200),
])
def test_an_answer_that_cannot_be_controlled_is_a_502(gateway, upstream, extra, body, status):
    g = gateway(endpoint(upstream, keys="off", format="tf-serving", output="{ round: 2 }"))
    upstream.answer = lambda q: (status, {"Content-Type": "application/json", **extra}, body)
    a = g.ask(body={"instances": [[1]]})
    assert a.status == 502 and a.headers["content-type"] == "application/problem+json", a
    assert "content-encoding" not in a.headers and "content-range" not in a.headers and b"1.2345" not in a.body
    wait_for(lambda: g.events())
    assert g.events()[0]["verdict"] == "fail" and g.events()[0]["status"] == 502


@pytest.mark.parametrize("interim", [b"100 Continue", b"103 Early Hints"])
def test_an_interim_answer_does_not_carry_scores_past_the_control(gateway, upstream, interim):
    g = gateway(endpoint(upstream, keys="off", output="{ round: 2 }"))
    real = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n[1.2345]"
    upstream.answer = lambda q: b"HTTP/1.1 " + interim + b"\r\n\r\n" + real
    raw, _ = g.raw(b"POST /api/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
    assert b"1.2345" not in raw and raw.startswith(b"HTTP/1.1 502 "), raw


def test_an_upstream_does_not_steer_the_gateway(gateway, upstream):
    """nginx obeys X-Accel-Redirect of an upstream; ours is not trusted that far."""
    other = endpoint(upstream, "other", "/other", keys="off")
    g = gateway(endpoint(upstream, keys="off", output="{ round: 2 }") + other)
    upstream.answer = lambda q: (200, {"Content-Type": "application/json", "X-Accel-Redirect": "/other", "X-Accel-Limit-Rate": "1"}, b"[1.2345]")
    a = g.ask(body={})
    assert a.status == 200 and a.body == b"[1.23]" and [q["path"] for q in upstream.seen] == ["/api/predict"], a


def test_an_unbuffered_answer_that_breaks_off_is_a_502_at_once(gateway, upstream):
    g = gateway(endpoint(upstream, keys="off", output="{ round: 2 }"))
    upstream.answer = lambda q: (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Accel-Buffering: no\r\n"
                                 b"Content-Length: 100\r\n\r\n[1.2345,")
    a = g.ask(body={}, timeout=5)
    assert a.status == 502 and b"1.2345" not in a.body, a


def test_an_answer_larger_than_we_hold_is_a_502(gateway, upstream):
    g = gateway(endpoint(upstream, keys="off", output="{ round: 2 }"))
    serve(upstream, b"[" + b"1.25," * (4 << 20) + b"1]")
    assert g.ask(body={}).status == 502
    serve(upstream, b"[" + b"1.255," * 200000 + b"1]")
    assert g.ask(body={}).body == b"[" + b"1.26," * 200000 + b"1]"


def test_ranges_and_encodings_do_not_reach_the_upstream(gateway, upstream):
    g = gateway(endpoint(upstream, keys="off", output="{ round: 2 }", methods=["GET", "HEAD", "POST"]))
    serve(upstream, b"[1.555]", ETag='"x"')
    a = g.ask(body={}, headers={"Range": "bytes=0-2", "If-Range": '"x"', "Accept-Encoding": "gzip"})
    assert a.status == 200 and a.body == b"[1.56]" and "etag" not in a.headers and "accept-ranges" not in a.headers, a
    seen = upstream.seen[0]["headers"]
    assert "range" not in seen and "if-range" not in seen and seen["accept-encoding"] == "identity"
    a = g.ask("HEAD")
    assert a.status == 200 and "content-length" not in a.headers and "etag" not in a.headers, a
    upstream.answer = lambda q: (304, {"ETag": '"x"'}, b"")
    assert g.ask("GET").status == 304


def test_a_chunked_answer_and_one_that_ends_with_the_connection(gateway, upstream):
    g = gateway(endpoint(upstream, keys="off", output="{ round: 1 }"))
    upstream.answer = lambda q: (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
                                 b"4\r\n[1.2\r\n3\r\n5,2\r\n5\r\n.75]\n\r\n0\r\n\r\n")
    assert g.ask(body={}).body == b"[1.2,2.8]\n"
    upstream.answer = lambda q: b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[1.25, 2.35]"
    assert g.ask(body={}).body == b"[1.2, 2.4]"
