"""Rate limits over HTTP: exact, shared by workers, and said to the client."""
import re
import threading
import time

from gateway import *  # noqa: F401,F403
from gateway import endpoint, wait_for


def crowd(n, work):
    """Runs work(i) in n threads that start together; their results."""
    gate, out = threading.Barrier(n), [None] * n

    def one(i):
        gate.wait()
        out[i] = work(i)
    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    return out


def ready(g, path):
    """A key, once the gateway knows it (asked on another endpoint, so that nothing is charged)."""
    key = g.key()
    wait_for(lambda: g.ask(path=path, body={}, key=key).status == 200)
    return key


def test_1_per_second_burst_5_nodelay_lets_6_through_then_429(gateway, upstream):
    g = gateway(endpoint(upstream, limits="[{ per: key, rate: 1r/s, burst: 5, nodelay: true }]") + endpoint(upstream, "free", "/free"))
    key, other = ready(g, "/free"), ready(g, "/free")
    before = upstream.count()
    answers = [g.ask(body={}, key=key) for _ in range(9)]
    assert [a.status for a in answers] == [200] * 6 + [429] * 3, answers
    assert upstream.count() - before == 6
    for i, a in enumerate(answers[:6]):
        assert re.fullmatch(r'"key";q=\d+;w=\d+', a.headers["ratelimit-policy"]), a
        assert re.match(rf'"key";r={5 - i};t=\d+$', a.headers["ratelimit"]), (i, a)
    late = answers[-1]
    assert int(late.headers["retry-after"]) >= 1 and late.headers["ratelimit"].startswith('"key";r=0;t=')
    assert late.headers["content-type"] == "application/problem+json"
    assert late.json["type"].endswith("#quota-exceeded") and late.json["violated-policies"] == ["key"]
    assert g.ask(body={}, key=other).status == 200, "another key has its own limit"
    time.sleep(int(late.headers["retry-after"]) + 0.05)
    assert g.ask(body={}, key=key).status == 200, "after Retry-After it passes"


def test_two_workers_never_admit_more_than_one_exact_limiter_would(gateway, upstream):
    g = gateway(endpoint(upstream, limits="[{ per: key, rate: 1r/m, burst: 39, nodelay: true }]") + endpoint(upstream, "free", "/free"),
                workers=2)
    key = ready(g, "/free")
    for round_ in range(3):
        key = ready(g, "/free") if round_ else key
        got = sum(crowd(8, lambda i: [g.ask(body={}, key=key).status for _ in range(15)]), [])
        assert sorted(set(got)) == [200, 429] and got.count(200) == 40, (got.count(200), set(got))


def test_a_steady_rate_is_kept_for_seconds(gateway, upstream):
    g = gateway(endpoint(upstream, limits="[{ per: key, rate: 50r/s, burst: 10, nodelay: true }]") + endpoint(upstream, "free", "/free"),
                workers=2)
    key, span = ready(g, "/free"), 3
    start = time.monotonic()

    def work(_):
        n = 0
        while time.monotonic() - start < span:
            n += g.ask(body={}, key=key).status == 200
        return n
    passed = sum(crowd(4, work))
    spent = time.monotonic() - start
    assert passed <= 11 + 50 * spent, (passed, spent)
    assert passed >= 0.9 * (11 + 50 * span), (passed, spent)


def test_without_nodelay_early_requests_are_spread_out(gateway, upstream):
    g = gateway(endpoint(upstream, limits="[{ per: address, rate: 10r/s, burst: 4 }]", keys="off"))
    start = time.monotonic()
    got = crowd(8, lambda i: (g.ask(body={}).status, time.monotonic() - start))
    passed = sorted(t for s, t in got if s == 200)
    assert len(passed) == 5 and [s for s, _ in got].count(429) == 3, got
    for i, t in enumerate(passed):
        assert t >= 0.1 * i - 0.02, passed
    assert passed[-1] < 2, passed


def test_a_client_that_leaves_while_it_is_held_back_harms_nobody(gateway, upstream):
    g = gateway(endpoint(upstream, limits="[{ per: address, rate: 2r/s, burst: 4 }]", keys="off"))
    data = b"POST /api/predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    for _ in range(3):
        with socket.create_connection(("127.0.0.1", g.port)) as s:
            s.sendall(data)
            time.sleep(0.05)
    time.sleep(2.5)
    assert g.ask(body={}).status == 200
    wait_for(lambda: len(g.events()) == 4)
    assert sorted(e["reason"] for e in g.events())[:2] == ["aborted", "aborted"]


def test_limits_survive_a_reload_and_a_killed_worker(gateway, upstream):
    limited = endpoint(upstream, limits="[{ per: key, rate: 1r/m, burst: 3, nodelay: true }]") + endpoint(upstream, "free", "/free")
    g = gateway(limited, workers=2)
    key = ready(g, "/free")
    assert [g.ask(body={}, key=key).status for _ in range(3)] == [200] * 3
    first = g.workers()
    g.reload()
    wait_for(lambda: len(g.workers()) == 2 and not set(g.workers()) & set(first))
    old = g.workers()
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(g.workers()) == 2 and not set(g.workers()) & set(old))
    wait_for(lambda: g.ask(path="/free", body={}, key=key).status == 200)
    assert [g.ask(body={}, key=key).status for _ in range(3)] == [200, 429, 429]


def test_refused_requests_are_not_charged(gateway, upstream):
    g = gateway(endpoint(upstream, limits="[{ per: key, rate: 1r/m, burst: 1, nodelay: true }]") + endpoint(upstream, "free", "/free"))
    key = ready(g, "/free")
    for ask in (dict(method="GET"), dict(body=b"{}", headers={"Content-Type": "text/plain"}), dict(body={}, path="/api/predict?x=%00")):
        g.ask(**{"key": key, **ask})
    assert g.ask(method="GET", key=key).status == 405
    assert g.ask(body=b"{}", headers={"Content-Type": "text/plain"}, key=key).status == 415
    assert 200 in {g.ask(body={}, key=key).status for _ in range(2)}
