"""Other people's smuggling probes: with the module nothing may be laxer than stock nginx."""
import csv
import re

from gateway import *  # noqa: F401,F403
from gateway import endpoint, statuses

METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE"]


def unescape(text):
    return re.sub(rb"\\r|\\n|\\x([0-9a-f]{2})", lambda m: {b"\\r": b"\r", b"\\n": b"\n"}.get(m[0]) or bytes([int(m[1], 16)]), text.encode("latin-1"))


def probes(vectors):
    with open(vectors("gate/smuggling") / "probes.csv", newline="") as f:
        for row in csv.DictReader(f):
            yield row, unescape(row["bytes"])


def with_type(data):
    """The same probe from a client that says its body is JSON, so that the policy lets it in where it can."""
    return re.sub(rb"(\r?\nHost: x\r?\n)", rb"\1Content-Type: application/json\r\n", data, count=1)


def saw(upstream):
    out = []
    for q in upstream.seen:
        out.append(f'{q["method"]} {q["path"]} {q["version"]} cl={q["headers"].get("content-length", -1)} body={q["body"].decode("latin-1")}')
    return out


def is_part(mine, theirs):
    it = iter(theirs)
    return all(any(m == t for t in it) for m in mine)


def judge(g, upstream, row, data):
    upstream.seen.clear()
    raw, closed = g.raw(data, timeout=0.3)
    got = [s for s in statuses(raw) if s != 100]
    stock = [int(s) for s in row["nginx_1_22_1_statuses"].split() if s.isdigit() and s != "100"]
    theirs = [unescape(t).decode("latin-1") for t in row["upstream_saw"].split(" | ")] if row["upstream_saw"] else []
    mine = saw(upstream)
    assert is_part(mine, theirs), (row["name"], "the upstream saw", mine, "stock:", theirs)
    assert sum(s < 400 for s in got) <= sum(s < 400 for s in stock), (row["name"], got, "stock:", stock)
    if row["closed"] == "1" and len(got) == len(stock):
        assert closed, (row["name"], "stock nginx closes")
    return got, mine


def test_nothing_is_laxer_than_stock_nginx(gateway, upstream, vectors):
    upstream.answer = lambda q: (200, {"Content-Type": "application/json"}, b"{}")
    g = gateway(endpoint(upstream, "all", "/", keys="off", methods=METHODS))
    passed = n = 0
    for row, data in probes(vectors):
        judge(g, upstream, row, data)
        _, mine = judge(g, upstream, row, with_type(data))
        passed += len(mine)
        n += 1
    assert n >= 70 and passed >= 15, "the policy lets so little in that nothing was compared"


def test_a_policy_that_refuses_lets_nothing_through_however_it_is_framed(gateway, upstream, vectors):
    g = gateway(endpoint(upstream, "all", "/", methods=METHODS))
    for row, data in probes(vectors):
        for probe in (data, with_type(data)):
            got, mine = judge(g, upstream, row, probe)
            assert mine == [] and all(s >= 400 for s in got), (row["name"], got)
