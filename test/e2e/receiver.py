"""A strict stand-in for Splunk's HEC or Elasticsearch's _bulk: receiver.py KIND PORT STORE CHAOS-AS-JSON.

What it says it has, it has: ids are appended to STORE and synced before an answer says so.  Chaos is what real
receivers do on bad days: {"busy": share of 429 answers, "item_busy": share of items answered 429, "reset": share of
connections reset (before or behind the store), "slow": seconds a body may take, "ack_delay": seconds until an
acknowledgement, "limit": largest body before 413, "poison": texts that make a document unacceptable, "deny": true}."""
import gzip
import http.server
import json
import os
import random
import socket
import struct
import sys
import threading
import time

kind, port, path, chaos = sys.argv[1], int(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
lock = threading.Lock()
rng = random.Random(chaos.get("seed"))
known = set()
acks = {}                                              # (channel, id) -> documents not yet on the disk, or None: they are
counts = {}


def recover():
    """A line that a kill cut was never acknowledged."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    data = open(path, "rb").read()
    whole = data.rfind(b"\n") + 1
    os.ftruncate(fd, whole)
    os.close(fd)
    known.update(json.loads(line)["id"] for line in data[:whole].splitlines())


def keep(rows):
    with open(path, "ab") as f:
        f.write(b"".join(json.dumps(row).encode() + b"\n" for row in rows))
        f.flush()
        os.fsync(f.fileno())
    known.update(row["id"] for row in rows)


def chance(name):
    return rng.random() < chaos.get(name, 0)


def poisoned(text):
    return any(p in text for p in chaos.get("poison", []))


class Refused(Exception):
    def __init__(self, status, body):
        self.status, self.body = status, body


def bulk(handler, body):
    assert handler.path == "/_bulk" and handler.headers["Content-Type"] == "application/x-ndjson"
    assert body.endswith(b"\n"), "the last line ends in a newline"
    lines = body.decode().split("\n")[:-1]
    assert len(lines) % 2 == 0
    items, rows = [], []
    for action, doc in zip(lines[::2], lines[1::2]):
        (verb, meta), = json.loads(action).items()
        assert verb == "create", "a data stream takes nothing else"
        json.loads(doc)
        item = {"_index": meta["_index"], "_id": meta["_id"], "status": 201}
        if poisoned(doc):
            item.update(status=400, error={"type": "document_parsing_exception", "reason": "failed to parse field [x]"})
        elif chance("item_busy"):
            item.update(status=429, error={"type": "es_rejected_execution_exception", "reason": "queue is full"})
        elif meta["_id"] in known or meta["_id"] in {r["id"] for r in rows}:
            item.update(status=409, error={"type": "version_conflict_engine_exception", "reason": "document already exists"})
            counts["conflicts"] = counts.get("conflicts", 0) + 1
        else:
            rows.append({"id": meta["_id"]})
        items.append({"create": item})
    keep(rows)
    return {"took": 1, "errors": any("error" in i["create"] for i in items), "items": items}


def objects(text):
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        value, at = decoder.raw_decode(text, at)
        yield value


def settle(key, rows):
    time.sleep(chaos.get("ack_delay", 0.02))
    with lock:
        keep(rows)
        acks[key] = None


def hec(handler, body):
    if handler.headers["Authorization"] != "Splunk s3cret":
        raise Refused(403, {"text": "Invalid token", "code": 4})
    route, _, query = handler.path.partition("?")
    channel = handler.headers["X-Splunk-Request-Channel"]
    if route == "/services/collector/ack":
        assert query == f"channel={channel}"
        wanted = json.loads(body)["acks"]
        return {"acks": {str(n): acks.get((channel, n), "unknown") is None for n in wanted}}
    assert route == "/services/collector/event"
    rows = []
    for i, value in enumerate(objects(body.decode())):
        assert set(value) <= {"time", "host", "source", "sourcetype", "index", "event", "fields"} and value["event"]
        assert all(isinstance(v, str) for v in value["fields"].values())
        if poisoned(json.dumps(value)):
            raise Refused(400, {"text": "Invalid data format", "code": 6, "invalid-event-number": i})
        rows.append({"id": value["fields"]["event_id"]})
    if not rows:
        raise Refused(400, {"text": "No data", "code": 5})
    if channel is None:
        keep(rows)
        return {"text": "Success", "code": 0}
    number = len(acks)
    acks[channel, number] = rows
    threading.Thread(target=settle, args=((channel, number), rows), daemon=True).start()
    return {"text": "Success", "code": 0, "ackId": number}


def webhook(handler, body):
    import hashlib
    import hmac
    when, _, mac = handler.headers["X-Moat-Signature"].partition(",v1=")
    want = hmac.new(b"s3cret", when[2:].encode() + b"." + body, hashlib.sha256).hexdigest()
    if mac != want or abs(time.time() - int(when[2:])) > 60:
        raise Refused(401, {"error": "signature"})
    keep([{"id": e["id"]} for e in json.loads(body)["events"]])
    return {}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version, wbufsize = "HTTP/1.1", 1 << 16   # one packet an answer, or each waits for a delayed ACK

    def reset(self):
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def body(self):
        left, parts = int(self.headers["Content-Length"]), []
        while left > 0:
            parts.append(self.rfile.read(min(left, 4096)))
            left -= len(parts[-1])
            if chaos.get("slow"):
                time.sleep(rng.uniform(0, chaos["slow"]))
        data = b"".join(parts)
        return gzip.decompress(data) if self.headers["Content-Encoding"] == "gzip" else data

    def answer(self, status, value, retry_after=None):
        data = json.dumps(value).encode()
        counts[status] = counts.get(status, 0) + 1
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        if retry_after is not None:
            self.send_header("Retry-After", str(retry_after))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.answer(200, {str(k): v for k, v in counts.items()})

    def do_POST(self):
        body = self.body()
        if chance("reset"):
            return self.reset()
        if chaos.get("deny"):
            return self.answer(401, {"error": "no"})
        if chance("busy"):
            return self.answer(429, {"text": "Server is busy", "code": 9}, retry_after=0)
        if len(body) > chaos.get("limit", 1 << 30):
            return self.answer(413, {"error": "too large"})
        try:
            with lock:
                value = {"elasticsearch": bulk, "splunk": hec, "http": webhook}[kind](self, body)
        except Refused as e:
            return self.answer(e.status, e.body)
        if chance("reset"):
            return self.reset()                        # stored, and nobody was told
        self.answer(200, value)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address, daemon_threads, request_queue_size = True, True, 64

    def handle_error(self, request, address):
        if not isinstance(sys.exc_info()[1], (ConnectionError, ValueError, OSError)):
            super().handle_error(request, address)


recover()
Server(("127.0.0.1", port), Handler).serve_forever()
