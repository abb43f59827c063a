#!/usr/bin/python3
"""CPU time of the nginx worker per request: the gateway (key, limit, schema; then output control too) against the same nginx
with nothing but proxy_pass.  Runs are interleaved and the median of each is compared, so a noisy machine shifts both.

    test/bench/gateway.py [--runs 5] [--seconds 4] [--json]        ratios
    test/bench/gateway.py --soak 1000000                           memory of the worker over that many requests
"""
import argparse
import json
import os
import pathlib
import random
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
MOAT = os.environ.get("MOAT", str(ROOT / "build/release/moat"))
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
SCHEMA = {"type": "object", "required": ["instances"], "additionalProperties": False, "properties": {"instances": {
    "type": "array", "minItems": 1, "maxItems": 64, "items": {
        "type": "array", "minItems": 1, "maxItems": 8192, "items": {"type": "number", "minimum": -1000, "maximum": 1000}}}}}
ANSWER = '{"predictions":[[0.0123456789,0.1123456789,0.2123456789,0.0323456789,0.1423456789,0.0523456789,0.1623456789,0.2523456789]]}'


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def body(floats):
    rng = random.Random(floats)
    return json.dumps({"instances": [[round(rng.uniform(-100, 100), 4) for _ in range(floats)]]}, separators=(",", ":"))


def wait(port):
    for _ in range(200):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise SystemExit(f"nothing answers on {port}")


class Nginx:
    """One master with one worker, pinned to a processor."""
    def __init__(self, folder, conf, port, cpu):
        (folder / "temp").mkdir(parents=True, exist_ok=True)
        (folder / "nginx.conf").write_text(conf)
        self.port = port
        self.master = subprocess.Popen(["taskset", "-c", str(cpu), NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-g", "daemon off;"],
                                       stderr=open(folder / "stderr", "w"))
        wait(port)
        self.worker = self.first_child()

    def first_child(self):
        for _ in range(200):                    # the master listens before it has a worker
            found = pathlib.Path(f"/proc/{self.master.pid}/task/{self.master.pid}/children").read_text().split()
            if found:
                return int(found[0])
            time.sleep(0.02)
        raise SystemExit("nginx has no worker")

    def cpu_ns(self):
        return int(pathlib.Path(f"/proc/{self.worker}/schedstat").read_text().split()[0])

    def rss_kib(self, which="VmRSS"):
        return int(re.search(rf"{which}:\s+(\d+)", pathlib.Path(f"/proc/{self.worker}/status").read_text())[1])

    def stop(self):
        self.master.terminate()
        self.master.wait()


def moat(folder, *args):
    return subprocess.run([MOAT, *args], cwd=folder, check=True, capture_output=True, text=True).stdout


def gateway(folder, upstream, port):
    """The configuration `moat gate run` writes, and a key."""
    (folder / "schema.json").write_text(json.dumps(SCHEMA))
    common = (f"upstream: \"http://127.0.0.1:{upstream}\", format: tf-serving, schema: schema.json, max_body: 1MiB,\n"
              f"      limits: [{{ per: key, rate: 1000000r/s, burst: 1000000, nodelay: true }}]")
    (folder / "moat.yaml").write_text(f"moat: 1\nname: bench\ngateway: {{ listen: \"127.0.0.1:{port}\" }}\nendpoints:\n"
                                      f"  plain: {{ route: /plain, {common} }}\n  round: {{ route: /round, {common}, output: {{ round: 3 }} }}\n")
    moat(folder, "gate", "run", "--check")
    key = json.loads(moat(folder, "gate", "key", "new", "--json"))["token"]
    return (folder / ".moat/run/gate/nginx.conf").read_text(), key


def bare(conf, old, new):
    lines = [x for x in conf.splitlines() if not re.match(r"\s*(load_module|moat)|.*\$moat_", x)]
    return "\n".join(lines).replace(f"listen 127.0.0.1:{old} ", f"listen 127.0.0.1:{new} ") + "\n"


def upstream_conf(port):
    return (f"worker_processes 1; pid nginx.pid; error_log stderr error; events {{ worker_connections 1024; }}\n"
            f"http {{ access_log off; client_body_temp_path temp; proxy_temp_path temp; fastcgi_temp_path temp; uwsgi_temp_path temp;\n"
            f"scgi_temp_path temp; client_body_buffer_size 256k; keepalive_requests 100000000; default_type application/json;\n"
            f"server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{ANSWER}'; }} }} }}\n")


def drive(server, path, file, key, seconds):
    """CPU microseconds of the worker per request, and requests per second."""
    env = {**os.environ, "BODY": str(file), "KEY": key}
    before = server.cpu_ns()
    out = subprocess.run(["taskset", "-c", "0", "wrk", "-t1", "-c16", f"-d{seconds}s", "-s", str(ROOT / "test/bench/post.lua"),
                          f"http://127.0.0.1:{server.port}{path}"], env=env, capture_output=True, text=True, check=True).stdout
    spent = server.cpu_ns() - before
    n, us, errors = map(int, re.search(r"DONE (\d+) (\d+) (\d+)", out).groups())
    if errors or n == 0:
        raise SystemExit(f"{path}: {errors} errors in {n} requests\n{out}")
    return spent / 1000 / n, n / (us / 1e6)


def compare(servers, files, key, runs, seconds):
    setups = [("bare", "/plain"), ("moat", "/plain"), ("moat", "/round")]
    seen = {}
    for _ in range(runs):
        for file in files:
            for which, path in setups:
                seen.setdefault((file.stem, which + path), []).append(drive(servers[which], path, file, key, seconds))
    return {k: (statistics.median(us for us, _ in v), statistics.median(rps for _, rps in v)) for k, v in seen.items()}


def report(median, as_json):
    rows = []
    for size in ("1KiB", "64KiB"):
        base = median[size, "bare/plain"][0]
        for setup, name in (("bare/plain", "nginx proxy_pass"), ("moat/plain", "moat: key, limit, schema"), ("moat/round", "moat: and output control")):
            us, rps = median[size, setup]
            rows.append({"body": size, "setup": name, "cpu_us": round(us, 1), "requests_per_s": round(rps), "ratio": round(us / base, 2)})
    if as_json:
        print(json.dumps({"schema": "moat.bench.gateway/1", "rows": rows}))
        return
    print(f"{'body':8}{'setup':28}{'CPU us/request':>15}{'requests/s':>12}{'x bare':>8}")
    for r in rows:
        print(f"{r['body']:8}{r['setup']:28}{r['cpu_us']:15.1f}{r['requests_per_s']:12}{r['ratio']:8.2f}")


def soak(server, file, key, total):
    done, start = 0, None
    while done < total:
        us, rps = drive(server, "/round", file, key, 10)
        done += int(rps * 10)
        time.sleep(1.5)                         # the spool lets go of its pages once they are on disk
        print(f"{done:10} requests  RSS {server.rss_kib()} KiB, of it private {server.rss_kib('RssAnon')} KiB  CPU {us:.1f} us/request", flush=True)
        start = server.rss_kib() if start is None and done > total // 5 else start
    print(f"growth after the first fifth: {server.rss_kib() - start} KiB")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--runs", type=int, default=5)
    ap.add_argument("--seconds", type=int, default=4)
    ap.add_argument("--json", action="store_true")
    ap.add_argument("--soak", type=int, metavar="N")
    args = ap.parse_args()
    with tempfile.TemporaryDirectory(prefix="moat-bench-") as d:
        d = pathlib.Path(d)
        up, gate, plain = free_port(), free_port(), free_port()
        (d / "work").mkdir()
        conf, key = gateway(d / "work", up, gate)
        files = [d / "1KiB.json", d / "64KiB.json"]
        for f, floats in zip(files, (122, 8000)):
            f.write_text(body(floats))
        servers = {}
        try:
            servers["up"] = Nginx(d / "up", upstream_conf(up), up, 0)
            servers["moat"] = Nginx(d / "moat", conf, gate, 1)
            servers["bare"] = Nginx(d / "bare", bare(conf, gate, plain), plain, 1)
            if args.soak:
                soak(servers["moat"], files[0], key, args.soak)
            else:
                report(compare(servers, files, key, args.runs, args.seconds), args.json)
        finally:
            for s in servers.values():
                s.stop()


if __name__ == "__main__":
    main()
