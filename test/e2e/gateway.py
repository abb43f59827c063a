"""What the gateway's tests share: an upstream that counts and remembers, a gateway from a few lines of moat.yaml, raw sockets."""
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import socketserver
import subprocess
import threading
import time

import pytest

from conftest import MOAT, wait_port


def module_env():
    """A module built with AddressSanitizer needs its library loaded before nginx itself."""
    module, env = MOAT.parent / "ngx_http_moat_module.so", dict(os.environ)
    if module.exists() and b"__asan_init" in module.read_bytes():
        env["LD_PRELOAD"] = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True).stdout.strip()
        env["ASAN_OPTIONS"] = "detect_leaks=0"
    return env


MODULE_ENV = module_env()


class Upstream(socketserver.ThreadingTCPServer):
    """Reads whole HTTP/1.1 requests, keeps them in .seen, answers what .answer(request) gives: (status, headers, body)."""
    allow_reuse_address = daemon_threads = True
    request_queue_size = 256

    def __init__(self):
        self.seen, self.lock = [], threading.Lock()
        self.answer = lambda q: (200, {"Content-Type": "application/json"}, q["body"] or b"{}")
        super().__init__(("127.0.0.1", 0), UpstreamHandler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def handle_error(self, request, client_address):
        pass                                    # a gateway that hangs up is no news

    def count(self):
        with self.lock:
            return len(self.seen)


class UpstreamHandler(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self):
        while self.one():
            pass

    def one(self):
        line = self.rfile.readline()
        if not line:
            return False
        method, path, version = line.decode("latin-1").split()
        headers = {}
        while (h := self.rfile.readline().rstrip(b"\r\n")):
            name, _, value = h.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0)))
        q = {"method": method, "path": path, "version": version, "headers": headers, "body": body}
        with self.server.lock:
            self.server.seen.append(q)
        made = self.server.answer(q)
        if isinstance(made, bytes):             # raw: the test writes the whole answer itself, then the connection ends
            self.wfile.write(made)
            return False
        status, extra, out = made
        head = f"HTTP/1.1 {status} X\r\n" + "".join(f"{k}: {v}\r\n" for k, v in extra.items())
        if "Content-Length" not in extra and "Transfer-Encoding" not in extra:
            head += f"Content-Length: {len(out)}\r\n"
        self.wfile.write(head.encode() + b"\r\n" + (b"" if method == "HEAD" else out))
        return True


@pytest.fixture
def upstream():
    server = Upstream()
    yield server
    server.shutdown()
    server.server_close()


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return f"{self.status} {self.headers} {self.body[:300]!r}"

    @property
    def json(self):
        return json.loads(self.body)


class Gateway:
    def __init__(self, folder, port, spawn, moat):
        self.folder, self.port, self.spawn, self.process = folder, port, spawn, None
        self.moat = lambda *args, **more: moat(*args, **{"env": MODULE_ENV, **more})
        self.yaml = folder / "moat.yaml"

    def write(self, endpoints, workers=1):
        self.yaml.write_text(f"moat: 1\nname: test\ngateway: {{ listen: \"127.0.0.1:{self.port}\", workers: {workers} }}\n"
                             f"endpoints:\n{endpoints}")

    def start(self):
        self.process = self.spawn("gate", "run", port=self.port, cwd=self.folder, env=MODULE_ENV)

    def log(self):
        return self.process.log.read_text()

    def reload(self, good=True):
        before = len(self.log())
        self.process.send_signal(signal.SIGHUP)
        wait_for(lambda: re.search(r"moat: (not )?reloaded", self.log()[before:]))
        assert ("moat: reloaded" in self.log()[before:]) == good, self.log()

    def key(self, *scopes, more=()):
        wish = [w for s in scopes for w in ("--scope", s)]
        made = self.moat("gate", "key", "new", "--json", *wish, *more, cwd=self.folder)
        assert made.code == 0, made
        return json.loads(made.out)["token"]

    def ask(self, method="POST", path="/api/predict", body=None, headers=None, key=None, timeout=20):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        h = {"Content-Type": "application/json"} if body is not None else {}
        if key:
            h["Authorization"] = f"Bearer {key}"
        h.update(headers or {})
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        try:
            c.request(method, path, data, h)
            r = c.getresponse()
            return Answer(r.status, {k.lower(): v for k, v in r.getheaders()}, r.read())
        finally:
            c.close()

    def raw(self, data, timeout=3, pieces=None, pause=0.0):
        """Sends the bytes (in pieces of that size) and reads until the gateway closes or is silent."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            step = pieces or len(data)
            try:
                for i in range(0, len(data), step):
                    s.sendall(data[i:i + step])
                    if pause:
                        time.sleep(pause)
            except (BrokenPipeError, ConnectionResetError):
                pass
            return read_all(s, timeout)

    def workers(self):
        master = int((self.folder / ".moat/run/gate/nginx.pid").read_text())
        return sorted(int(p) for p in subprocess.run(["pgrep", "-P", str(master)], capture_output=True, text=True).stdout.split())

    def events(self):
        """Every event in the spool, read as its format says, not by our own reader."""
        out = []
        for segment in sorted((self.folder / ".moat/spool").glob("gate*/*.seg")):
            out += spool_events(segment.read_bytes())
        return out


def spool_events(data):
    at, out = 64, []
    while at + 32 <= len(data):
        commit, length = (int.from_bytes(data[at + i:at + i + 4], "little") for i in (0, 4))
        if commit != 0x54414F4D:
            return out
        out.append(json.loads(data[at + 32:at + 32 + length]))
        at += (32 + length + 7) & ~7
    return out


def read_all(s, timeout):
    """All bytes until the end or silence, and whether the other side closed."""
    s.settimeout(timeout)
    got = b""
    try:
        while (more := s.recv(65536)):
            got += more
        return got, True
    except (socket.timeout, TimeoutError):
        return got, False
    except ConnectionResetError:
        return got, True


def statuses(raw):
    return [int(s) for s in re.findall(rb"HTTP/1\.[01] (\d\d\d) ", raw)]


def wait_for(true, seconds=10, what="it"):
    end = time.time() + seconds
    while not true():
        assert time.time() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)


@pytest.fixture
def gateway(tmp_path, free_port, spawn, moat):
    """gateway(endpoints=TEXT, workers=1) -> Gateway, running.  TEXT is the body of `endpoints:`."""
    def make(endpoints, workers=1, start=True):
        if not pathlib.Path("/usr/sbin/nginx").exists():
            pytest.skip("needs nginx")
        folder = tmp_path / f"gw{len(list(tmp_path.glob('gw*')))}"
        folder.mkdir()
        g = Gateway(folder, free_port(), spawn, moat)
        g.write(endpoints, workers)
        if start:
            g.start()
        return g
    return make


def endpoint(upstream, name="predict", route="/api/predict", **more):
    """One endpoint of moat.yaml in flow style."""
    lines = [f"  {name}:", f"    route: {route}", f"    upstream: http://127.0.0.1:{upstream.port}"]
    return "\n".join(lines + [f"    {k}: {v if isinstance(v, str) else json.dumps(v)}" for k, v in more.items()]) + "\n"
