"""Shipping, as CPU time of the shipper: events a second and core, against the same work in Python in the same run.

Python reads each payload, makes the OCSF document as a dict, writes it with json.dumps and, where moat does, compresses
batches of 1,000 at level 1: what a log forwarder written in Python does at the least, without a network."""
import gzip
import json
import os
import pathlib
import resource
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import ship                                            # noqa: E402

N = int(os.environ.get("N", "50000"))


def document(payload, id):
    q = json.loads(payload)
    return {"class_uid": 6003, "category_uid": 6, "activity_id": 99, "type_uid": 600399, "severity_id": 1, "time": time.time_ns() // 1000000,
            "metadata": {"version": "1.9.0-dev", "uid": id, "product": {"name": "moat", "vendor_name": "moat", "version": "1"}},
            "actor": {"user": {"uid": q["key"]}}, "src_endpoint": {"ip": q["address"]}, "api": {"operation": q["endpoint"]},
            "http_request": {"http_method": q["method"], "body_length": q["bytes_in"]}, "http_response": {"code": q["status"]},
            "ai_model": {"ai_provider": "demo", "name": q["model"]}, "status_id": 1, "duration": q["total_us"] // 1000,
            "unmapped": {"checks": q["checks"], "cost": q["cost"], "prediction": q["prediction"]}}


def python(payloads, packed):
    start, size = time.process_time(), 0
    for at in range(0, len(payloads), 1000):
        text = "\n".join(json.dumps(document(p, "x" * 39), separators=(",", ":")) for p in payloads[at:at + 1000]).encode()
        size += len(gzip.compress(text, 1) if packed else text)
    return len(payloads) / (time.process_time() - start)


def moat(folder, sink, secret=None):
    house = ship.House(folder, sink)
    if secret:
        house.secret(secret)
    for i in range(N):
        house.spool.append(ship.request(i))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = house.ship("--once", timeout=600)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    return N / (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def main():
    payloads = [json.dumps(ship.request(i), separators=(",", ":")).encode() for i in range(N)]
    plain, packed = python(payloads, False), python(payloads, True)
    print(f"{'':28}{'events/s/core':>14}{'  against Python':>18}")
    with tempfile.TemporaryDirectory() as tmp:
        tmp = pathlib.Path(tmp)
        rate = moat(tmp / "file", {"kind": "file", "path": "out", "format": "ocsf"})
        print(f"{'OCSF into a file, synced':28}{rate:14,.0f}{rate / plain:15.1f} x")
        for kind, keys in (("elasticsearch", {"format": "ocsf"}), ("splunk", {"token_file": "token"})):
            with ship.socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                port = s.getsockname()[1]
            receiver = ship.Receiver(tmp, kind, port)
            receiver.start()
            try:
                rate = moat(tmp / kind, {"kind": kind, "uri": f"http://127.0.0.1:{port}", **keys}, "s3cret")
            finally:
                receiver.stop()
            print(f"{kind + ', OCSF, gzip':28}{rate:14,.0f}{rate / packed:15.1f} x")
    print(f"{'Python, plain and gzip':28}{plain:14,.0f}{packed:14,.0f}")


main()
