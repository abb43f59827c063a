"""The gateway over HTTP: what a client gets, what the upstream sees, what is left in the spool."""
import gzip
import json
import re
import socket
import subprocess
import threading
import time

import pytest

from gateway import *  # noqa: F401,F403  (fixtures too)
from gateway import endpoint, read_all, statuses, wait_for

FEATURES = {"type": "object", "required": ["features", "user_id"], "additionalProperties": False, "properties": {
    "user_id": {"type": "string", "minLength": 1, "maxLength": 64},
    "features": {"type": "array", "minItems": 1, "maxItems": 1000, "items": {"type": "number", "minimum": -1000, "maximum": 1000}}}}
GOOD = {"features": [0.5, 1, -2.25], "user_id": "u1"}


def with_schema(gateway, upstream, tmp_path, **more):
    (tmp_path / "schema.json").write_text(json.dumps(FEATURES))
    return gateway(endpoint(upstream, schema=str(tmp_path / "schema.json"), **more))


def head(path="/api/predict", extra=b"", method=b"POST"):
    return method + b" " + path.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + extra


# ---- everyday

def test_a_valid_request_passes_and_the_answer_is_the_upstreams(gateway, upstream, tmp_path):
    g = with_schema(gateway, upstream, tmp_path)
    upstream.answer = lambda q: (200, {"Content-Type": "application/json", "X-Model": "7"}, b'{"p": [0.123456789, 1e-7]}\n')
    a = g.ask(body=GOOD, key=g.key())
    assert a.status == 200 and a.body == b'{"p": [0.123456789, 1e-7]}\n' and a.headers["x-model"] == "7", a
    q = upstream.seen[0]
    assert json.loads(q["body"]) == GOOD and q["path"] == "/api/predict" and q["version"] == "HTTP/1.1"
    assert "authorization" not in q["headers"], "the key must not be forwarded"
    assert q["headers"]["content-type"] == "application/json" and q["headers"]["host"] == f"127.0.0.1:{upstream.port}"


@pytest.mark.parametrize("n", [1, 2, 10, 999, 1000])
def test_bodies_of_1_to_1000_floats_pass(gateway, upstream, tmp_path, n):
    g = with_schema(gateway, upstream, tmp_path, keys="off")
    body = {"features": [i * 0.37 - 180 for i in range(n)], "user_id": "someone"}
    assert g.ask(body=body).status == 200
    assert json.loads(upstream.seen[0]["body"]) == body


def test_bodies_outside_the_schema_are_refused_with_the_place(gateway, upstream, tmp_path):
    g = with_schema(gateway, upstream, tmp_path, keys="off")
    for body, param in [({"features": [], "user_id": "u"}, "/features"), ({"features": [1] * 1001, "user_id": "u"}, "/features"),
                        ({"features": [1, "2"], "user_id": "u"}, "/features/1"), ({"features": [1e9], "user_id": "u"}, "/features/0"),
                        ({"features": [1]}, ""), ({"features": [1], "user_id": "u", "x": 1}, None),
                        ({"features": [1], "user_id": ""}, "/user_id"), ([1], "")]:
        a = g.ask(body=body)
        assert a.status == 400 and a.headers["content-type"] == "application/problem+json", (body, a)
        assert a.json["status"] == 400 and (param in (None, "") or a.json.get("param") == param), (body, a)
    assert upstream.count() == 0
    wait_for(lambda: [e["reason"] for e in g.events()] == ["schema"] * 8)


def test_unknown_routes_methods_types_and_encodings(gateway, upstream):
    g = gateway(endpoint(upstream, keys="off"))
    for want, ask in [(404, dict(path="/")), (404, dict(path="/api")), (404, dict(path="/api/predict/")), (404, dict(path="/api/predict2")),
                      (405, dict(method="GET")), (405, dict(method="PUT", body=b"{}")), (405, dict(method="DELETE")),
                      (415, dict(body=b"{}", headers={"Content-Type": "text/plain"})),
                      (415, dict(body=b"{}", headers={"Content-Type": "application/json5"})),
                      (415, dict(body=gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})),
                      (400, dict(body=b"")), (400, dict(body=b"{")), (400, dict(body=b'{"a":1,"a":2}')), (400, dict(body=b"[NaN]")),
                      (200, dict(body=b"{}", headers={"Content-Type": "Application/JSON; charset=utf-8"}))]:
        a = g.ask(**{"body": None, **ask})
        assert a.status == want, (ask, a)
        if want != 200:
            assert a.headers["content-type"] == "application/problem+json" and a.json["status"] == want, (ask, a)
    assert g.ask(method="GET").headers["allow"] == "POST"
    assert upstream.count() == 1


@pytest.mark.parametrize("extra", [b"Content-Encoding: gzip\r\nContent-Encoding: identity\r\n", b"Content-Encoding: identity\r\nContent-Encoding: gzip\r\n",
                                   b"Content-Encoding: gzip\r\nContent-Encoding:\r\n", b"Content-Type: multipart/form-data; boundary=x\r\n",
                                   b"Content-Type: application/json; charset=utf-16\r\n"])
def test_a_body_with_two_descriptions_is_refused(gateway, upstream, extra):
    """All of them would be forwarded, and the model server may believe another than we did."""
    g = gateway(endpoint(upstream, keys="off"))
    raw, _ = g.raw(head(extra=extra + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"))
    assert statuses(raw) == [415], raw
    assert upstream.count() == 0


@pytest.mark.parametrize("path", ["/api/../api/predict", "/api//predict", "//api/predict", "/api/./predict", "/api/%70redict", "/x/%2e%2e/api/predict",
                                  "/api/predict/../predict", "/api\\predict", "/api/predict%00", "/api/predict;x=1"])
def test_a_path_that_could_be_read_in_two_ways_is_refused(gateway, upstream, path):
    g = gateway(endpoint(upstream, keys="off") + endpoint(upstream, "all", "/", keys="off"))
    raw, _ = g.raw(head(path, b"Content-Length: 2\r\nConnection: close\r\n\r\n{}"))
    assert statuses(raw) == [400], raw
    assert upstream.count() == 0


# ---- keys

def test_missing_wrong_unknown_expired_revoked_keys_get_one_401_that_does_not_tell(gateway, upstream, tmp_path):
    g = with_schema(gateway, upstream, tmp_path)
    good, late = g.key(), g.key(more=("--expires", "1s"))
    gone = g.key()
    assert g.moat("gate", "key", "revoke", gone.split("_")[2], cwd=g.folder).code == 0
    time.sleep(1.2)
    unknown = "moat_live_AAAAAAAA_0000000000000000000000000000000000"
    seen = []
    for headers in [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": f"Bearer {unknown}"}, {"Authorization": f"Bearer {late}"},
                    {"Authorization": f"Bearer {gone}"}, {"Authorization": f"Bearer {good[:-1]}"}, {"Authorization": f"Basic {good}"},
                    {"X-Api-Key": good}]:
        a = g.ask(body=GOOD, headers=headers)
        assert a.status == 401 and "ratelimit" not in a.headers and a.headers["www-authenticate"].startswith("Bearer"), (headers, a)
        seen.append((a.status, a.body, sorted(a.headers)))
    assert all(s == seen[0] for s in seen), seen
    assert g.ask(path=f"/api/predict?key={good}", body=GOOD, key=good).status == 401
    assert upstream.count() == 0
    assert g.ask(body=GOOD, key=good).status == 200
    wait_for(lambda: len(g.events()) == 10)
    reasons = [e["reason"] for e in g.events()]
    assert reasons[:5] == ["no_key", "key_shape", "key_shape", "key_expired", "key_revoked"] and reasons[-1] == "ok", reasons


def test_revocation_holds_within_a_second_without_a_reload(gateway, upstream):
    g = gateway(endpoint(upstream), workers=2)
    key = g.key()
    wait_for(lambda: g.ask(body={}, key=key).status == 200)
    assert g.moat("gate", "key", "revoke", key.split("_")[2], cwd=g.folder).code == 0
    done = time.time()
    wait_for(lambda: g.ask(body={}, key=key).status == 401, seconds=1)
    time.sleep(max(0, done + 1 - time.time()))
    assert [g.ask(body={}, key=key).status for _ in range(20)] == [401] * 20


def test_a_damaged_key_table_leaves_the_old_one_in_force(gateway, upstream):
    g = gateway(endpoint(upstream))
    key = g.key()
    wait_for(lambda: g.ask(body={}, key=key).status == 200)
    table = g.folder / ".moat/keys/keys.tbl"
    good = table.read_bytes()
    for bad in (b"", good[:-1], good[:100] + bytes([good[100] ^ 1]) + good[101:], b"\0" * 4096):
        table.with_suffix(".x").write_bytes(bad)
        table.with_suffix(".x").rename(table)
        time.sleep(0.8)
        assert g.ask(body={}, key=key).status == 200
    assert g.log().count("not usable, the one in force stays") >= 3


# ---- bodies on the wire

def test_a_body_in_pieces_of_one_byte_and_in_chunks_of_one_byte(gateway, upstream, tmp_path):
    g = with_schema(gateway, upstream, tmp_path, keys="off")
    body = json.dumps(GOOD).encode()
    chunked = b"".join(b"1\r\n%c\r\n" % c for c in body) + b"0\r\n\r\n"
    for data in (head(extra=b"Content-Length: %d\r\nConnection: close\r\n\r\n" % len(body)) + body,
                 head(extra=b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n") + chunked):
        for pieces in (1, 7, None):
            raw, closed = g.raw(data, pieces=pieces)
            assert statuses(raw) == [200] and closed, raw
    assert [q["body"] for q in upstream.seen] == [body] * 6
    bad = body.replace(b"0.5", b"x.5")
    raw, _ = g.raw(head(extra=b"Content-Length: %d\r\n\r\n" % len(bad)) + bad, pieces=1)
    assert statuses(raw) == [400]


def test_a_bad_body_is_refused_before_it_has_come(gateway, upstream, tmp_path):
    g = with_schema(gateway, upstream, tmp_path, keys="off", max_body="8MiB")
    start = time.time()
    raw, closed = g.raw(head(extra=b"Content-Length: 5000000\r\n\r\n") + b'{"features":["no"')
    assert statuses(raw) == [400] and closed and b"problem+json" in raw and time.time() - start < 8, raw
    assert upstream.count() == 0


@pytest.mark.parametrize("extra, body", [
    (b"Content-Length: 70000\r\n\r\n", b""),
    (b"Content-Length: 70000\r\nExpect: 100-continue\r\n\r\n", b""),
    (b"Transfer-Encoding: chunked\r\n\r\n", b"11170\r\n" + b"[" + b" " * 69998 + b"]\r\n0\r\n\r\n"),
    (b"Content-Length: 65537\r\n\r\n", b"[" + b" " * 65535 + b"]"),
])
def test_a_body_over_the_limit_gets_one_413(gateway, upstream, extra, body):
    g = gateway(endpoint(upstream, keys="off", max_body="64KiB"))
    raw, _ = g.raw(head(extra=extra) + body, timeout=2)
    assert statuses(raw) == [413] and b"100 Continue" not in raw and b"problem+json" in raw, raw
    assert upstream.count() == 0
    assert g.ask(body=b"[" + b" " * 65534 + b"]").status == 200
    wait_for(lambda: [e["status"] for e in g.events()] == [413, 200])
    assert g.events()[0]["reason"] == "too_large"


@pytest.mark.parametrize("extra, body, want", [
    (b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n", {400}),
    (b"Content-Length: 2\r\nContent-Length: 2\r\n", b"{}", {400}),
    (b"Content-Length: 2\r\nContent-Length: 3\r\n", b"{} ", {400}),
    (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n", {400}),
    (b"Transfer-Encoding: gzip, chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n", {400, 501}),
    (b"Transfer-Encoding: chunked\r\n", b"x\r\n{}\r\n0\r\n\r\n", {400}),
    (b"Transfer-Encoding: chunked\r\n", b"2\r\n{}X\r\n0\r\n\r\n", {400}),
    (b"Transfer-Encoding: chunked\r\n", b"-2\r\n{}\r\n0\r\n\r\n", {400}),
    (b"Transfer-Encoding: chunked\r\n", b"fffffffffffffffff\r\n{}\r\n0\r\n\r\n", {400}),
    (b"Content-Length: -2\r\n", b"{}", {400}),
    (b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\nContent-Length: 2\r\n", b"{}", {400}),
])
def test_broken_framing_gets_one_4xx_and_the_connection_ends(gateway, upstream, extra, body, want):
    g = gateway(endpoint(upstream, keys="off"))
    raw, closed = g.raw(head(extra=extra + b"\r\n") + body + b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
    assert len(statuses(raw)) == 1 and statuses(raw)[0] in want and closed, raw
    assert upstream.count() == 0


def test_what_follows_a_refused_body_is_never_read_as_a_request(gateway, upstream, tmp_path):
    g = with_schema(gateway, upstream, tmp_path, keys="off")
    inner = b'POST /api/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n{"features": [1], "user_id": "evil"} '
    body = b"!" + inner
    for framed in (b"Content-Length: %d\r\n\r\n" % len(body) + body,
                   b"Transfer-Encoding: chunked\r\n\r\n1\r\n!\r\n" + b"%x\r\n" % len(inner) + inner + b"\r\n0\r\n\r\n"):
        for pieces in (None, 50):
            raw, closed = g.raw(head(extra=framed), pieces=pieces, pause=0.01)
            assert statuses(raw) == [400] and closed, raw
    assert upstream.count() == 0


def test_pipelined_requests_are_each_judged_with_their_own_key(gateway, upstream):
    g = gateway(endpoint(upstream))
    key = g.key()
    wait_for(lambda: g.ask(body={}, key=key).status == 200)
    auth = b"Authorization: Bearer %s\r\n" % key.encode()
    ok, bad = (head(extra=a + b"Content-Length: 2\r\n\r\n{}") for a in (auth, b""))
    last = head(extra=auth + b"Content-Length: 2\r\nConnection: close\r\n\r\n{}")
    raw, closed = g.raw(ok + bad + ok + bad + last)
    assert statuses(raw) == [200, 401, 200, 401, 200] and closed, raw
    assert upstream.count() == 4


def test_expect_100_continue_is_refused_without_a_100(gateway, upstream):
    g = gateway(endpoint(upstream))
    raw, closed = g.raw(head(extra=b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n"), timeout=8)
    assert raw.startswith(b"HTTP/1.1 401") and b"100 Continue" not in raw and closed, raw
    key = g.key()
    wait_for(lambda: g.ask(body={}, key=key).status == 200)
    with socket.create_connection(("127.0.0.1", g.port)) as s:
        s.sendall(head(extra=b"Authorization: Bearer %s\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n" % key.encode()))
        assert s.recv(100).startswith(b"HTTP/1.1 100")
        s.sendall(b"{}")
        assert statuses(read_all(s, 3)[0]) == [200]


def test_head_and_get(gateway, upstream):
    g = gateway(endpoint(upstream, "meta", "/v1/", keys="off", methods=["GET", "HEAD"]))
    upstream.answer = lambda q: (200, {"Content-Type": "application/json", "Content-Length": "17"}, b'{"state":"ready"}')
    assert g.ask("GET", "/v1/models/m").body == b'{"state":"ready"}'
    a = g.ask("HEAD", "/v1/models/m")
    assert a.status == 200 and a.body == b"" and a.headers["content-length"] == "17"
    a = g.ask("HEAD", "/nothing")
    assert a.status == 404 and a.body == b""


# ---- clients that leave, upstreams that fail

def test_aborted_requests_leave_one_event_each_and_never_reach_the_upstream(gateway, upstream):
    g = gateway(endpoint(upstream, keys="off"))
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", g.port)) as s:
            s.sendall(head(extra=b"Content-Length: 50\r\n\r\n") + b'{"a":')
            time.sleep(0.05)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    wait_for(lambda: len(g.events()) == 5)
    assert {e["reason"] for e in g.events()} <= {"aborted", "protocol"} and upstream.count() == 0, g.events()
    assert g.ask(body={}).status == 200
    wait_for(lambda: len(g.events()) == 6)


def test_a_dead_and_a_breaking_upstream_is_a_502_in_our_form(gateway, upstream):
    g = gateway(endpoint(upstream, keys="off", output="{ round: 2 }"))
    for raw in (b"", b"nonsense\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n[1.5",
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1.\r\n"):
        upstream.answer = lambda q: raw
        a = g.ask(body={})
        assert a.status == 502 and a.headers["content-type"] == "application/problem+json", (raw, a)
    upstream.shutdown()
    upstream.server_close()
    a = g.ask(body={})
    assert a.status == 502 and a.json["status"] == 502 and str(upstream.port).encode() not in a.body
    wait_for(lambda: len(g.events()) == 5)
    assert {(e["verdict"], e["reason"]) for e in g.events()} == {("fail", "upstream")}


def test_each_request_has_exactly_one_event_that_says_what_happened(gateway, upstream, tmp_path):
    g = with_schema(gateway, upstream, tmp_path)
    key = g.key()
    wait_for(lambda: g.ask(body=GOOD, key=key).status == 200)
    n = 1
    wait_for(lambda: len(g.events()) == n)
    g.ask(body=GOOD, key=key)
    g.ask(body={"x": 1}, key=key)
    g.ask(body=GOOD)
    g.ask(path="/nowhere")
    g.raw(b"BROKEN\r\n\r\n")
    wait_for(lambda: len(g.events()) == n + 5)
    e = g.events()[n:]
    assert [(v["status"], v["verdict"], v["reason"]) for v in e] == [
        (200, "pass", "ok"), (400, "refuse", "schema"), (401, "refuse", "no_key"), (404, "refuse", "route"), (400, "refuse", "protocol")], e
    assert e[0]["endpoint"] == "endpoints.predict" and e[0]["key"] == key.split("_")[2] and "endpoint" not in e[3]
    assert e[0]["address"] == "127.0.0.1" and e[0]["method"] == "POST" and len({v["request"] for v in e}) == 5
    assert e[0]["request"] == upstream.seen[-1]["headers"]["x-request-id"]
    assert not any(key.split("_")[3] in json.dumps(v) for v in e)


# ---- reload, kill

def hammer(g, key, stop, results):
    while not stop.is_set():
        try:
            results.append(g.ask(body={}, key=key).status)
        except Exception as e:  # noqa: BLE001  (the point is to see any)
            results.append(repr(e))


def under_load(g, key, work, threads=4):
    stop, results = threading.Event(), []
    crowd = [threading.Thread(target=hammer, args=(g, key, stop, results)) for _ in range(threads)]
    [t.start() for t in crowd]
    try:
        work()
    finally:
        stop.set()
        [t.join() for t in crowd]
    return results


def test_reload_under_load_fails_nobody_and_takes_over(gateway, upstream):
    g = gateway(endpoint(upstream), workers=2)
    key = g.key()
    wait_for(lambda: g.ask(body={}, key=key).status == 200)

    def work():
        for i in range(4):
            g.write(endpoint(upstream) + endpoint(upstream, "extra", f"/api/v{i}"), workers=2)
            g.reload()
            wait_for(lambda: g.ask(path=f"/api/v{i}", body={}, key=key).status == 200)
    results = under_load(g, key, work)
    assert set(results) == {200} and len(results) > 50, set(results)


def test_a_bad_moat_yaml_changes_nothing_on_reload(gateway, upstream, tmp_path):
    g = gateway(endpoint(upstream, keys="off"))
    (tmp_path / "bad.json").write_text('{"type": "objekt"}')
    for bad in ("  predict: { route: /x, nonsense: 1 }\n", endpoint(upstream, schema=str(tmp_path / "bad.json")), "  off: { route: /x }\n"):
        g.write(bad)
        g.reload(good=False)
        assert g.ask(body={}).status == 200
    g.write(endpoint(upstream, route="/new", keys="off"))
    g.reload()
    wait_for(lambda: g.ask(path="/new", body={}).status == 200)
    wait_for(lambda: g.ask(body={}).status == 404)


def test_a_worker_killed_under_load_is_replaced_and_nothing_sticks(gateway, upstream):
    g = gateway(endpoint(upstream, limits="[{ per: key, rate: 100000r/s, burst: 100000, nodelay: true }]"), workers=2)
    key = g.key()
    wait_for(lambda: g.ask(body={}, key=key).status == 200)

    def work():
        for _ in range(3):
            old = g.workers()
            subprocess.run(["kill", "-9", str(old[0])], check=True)
            wait_for(lambda: len(g.workers()) == 2 and g.workers() != old)
            time.sleep(0.3)
    results = under_load(g, key, work)
    assert results.count(200) > 50 and {r for r in results if isinstance(r, int)} == {200}, set(results)
    assert g.ask(body={}, key=key).status == 200
    wait_for(lambda: len(g.events()) >= results.count(200))


# ---- starting

def test_clear_errors_when_it_cannot_start(gateway, upstream, tmp_path):
    g = gateway(endpoint(upstream, keys="off"), start=False)
    moat = g.moat
    with socket.socket() as s:
        s.bind(("127.0.0.1", g.port))
        s.listen()
        r = moat("gate", "run", cwd=g.folder)
        assert r.code == 3 and "in use" in r.err and "--listen" in r.err, r
    r = moat("gate", "run", "--listen", "nonsense", cwd=g.folder)
    assert r.code == 2 and "nonsense" in r.err, r
    r = moat("gate", "run", "--check", cwd=g.folder)
    assert r.code == 0, r
    g.write("  deny: { route: /x, upstream: \"http://127.0.0.1:1\" }\n")
    r = moat("gate", "run", "--check", cwd=g.folder)
    assert r.code == 3 and "deny" in r.err, r
    g.write("  predict: { route: /x, upstream: \"http://no.such.host.invalid:1\" }\n")
    r = moat("gate", "run", "--check", cwd=g.folder)
    assert r.code == 3 and "host not found" in r.err and "upstream" in r.err, r
    g.write("")
    r = moat("gate", "run", "--check", cwd=g.folder)
    assert r.code != 0 and "endpoints" in r.err, r


def test_term_lets_requests_in_flight_finish(gateway, upstream):
    g = gateway(endpoint(upstream, keys="off"))

    def slow(q):
        time.sleep(1)
        return 200, {"Content-Type": "application/json"}, b"{}"
    upstream.answer = slow
    got = []
    t = threading.Thread(target=lambda: got.append(g.ask(body={}).status))
    t.start()
    wait_for(lambda: upstream.count() == 1)
    g.process.terminate()
    t.join()
    assert got == [200] and g.process.wait(15) == 0, g.log()
    kinds = [line for line in g.moat("ledger", "log", cwd=g.folder).out.splitlines() if re.search(r"gate\.(start|stop)", line)]
    assert len(kinds) == 2, kinds
