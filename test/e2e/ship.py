"""What tests of shipping share: a spool written from its documented format alone, receivers, and a shipper that gets killed."""
import json
import mmap
import os
import pathlib
import random
import signal
import socket
import struct
import subprocess
import sys
import time

from conftest import MOAT, wait_port

HERE = pathlib.Path(__file__).resolve().parent
RSYSLOGD = next((p for p in ("/usr/sbin/rsyslogd", "/sbin/rsyslogd") if os.path.exists(p)), None)

CRC = []
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
    CRC.append(n)


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc = CRC[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


assert crc32c(b"123456789") == 0xE3069283


def event_id(producer, seq):
    """base32, lower case, unpadded, of producer and seq."""
    import base64
    return base64.b32encode(producer + struct.pack(">Q", seq)).decode().rstrip("=").lower()


class Spool:
    """One producer's folder, as src/spool/spool.h describes it."""
    SEGMENT = 1 << 20

    def __init__(self, folder):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(parents=True)
        self.producer, self.seq, self.number, self.map = os.urandom(16), 0, 0, None
        self.ids = []

    def next_segment(self):
        self.number += 1
        path = self.dir / f"{self.number:010d}.seg"
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(fd, self.SEGMENT)
        if self.map:
            self.map.close()
        self.map = mmap.mmap(fd, self.SEGMENT)
        os.close(fd)
        rest = struct.pack("<16sQQQQ", self.producer, self.number, self.seq, time.time_ns(), 0)
        start = b"MOATSPL1" + struct.pack("<I", 1)
        self.map[:64] = start + struct.pack("<I", crc32c(start + bytes(4) + rest)) + rest
        self.at = 64

    def append(self, payload, kind=1):
        data = payload if isinstance(payload, bytes) else json.dumps(payload, separators=(",", ":")).encode()
        size = 32 + (len(data) + 7) // 8 * 8
        if self.map is None or self.at + size > self.SEGMENT:
            self.next_segment()
        rest = struct.pack("<HHQQ", kind, 0, self.seq, time.time_ns()) + data
        length = struct.pack("<I", len(data))
        body = length + struct.pack("<I", crc32c(length + rest)) + rest
        self.map[self.at + 4:self.at + 4 + len(body)] = body
        self.map[self.at:self.at + 4] = struct.pack("<I", 0x54414F4D)      # last: what a reader waits for
        self.at += size
        self.ids.append(event_id(self.producer, self.seq))
        self.seq += 1
        return self.ids[-1]


def request(i, **more):
    return {"request": f"{i:032x}", "endpoint": "endpoints.predict", "model": "ab" * 32, "key": "AbCdEfGh", "address": "127.0.0.1",
            "method": "POST", "status": 200, "verdict": "pass", "checks": 1023, "cost": 1, "bytes_in": 812 + i % 50, "bytes_out": 96,
            "upstream_us": 700 + i % 300, "total_us": 900 + i % 400, "prediction": {"predictions": [[0.1, 0.9]]}, **more}


def refusal(i, **more):
    return {**request(i), "status": 400, "verdict": "refuse", "reason": "schema", **more}


ALERT = {"id": "5f0c", "state": "firing", "rule": "MOAT-W001", "severity": "high", "part": "models.scorer", "subject": "age",
         "title": "input drift", "message": "age moved by 0.31", "fix": "look at the last deploy", "technique": "AML.T0024.002",
         "value": 0.31, "threshold": 0.2, "since": "2026-01-31T09:30:00.250Z"}


class House:
    """A pipeline with one sink, a spool, and `moat watch ship` to start and to kill."""
    def __init__(self, folder, sink, name="out"):
        self.dir = pathlib.Path(folder)
        self.dir.mkdir(exist_ok=True)
        self.name, self.process = name, None
        self.configure(sink)
        self.spool = Spool(self.dir / ".moat/spool/gate.0")

    def configure(self, sink):
        rows = "".join(f"    {k}: {json.dumps(v)}\n" for k, v in sink.items())
        (self.dir / "moat.yaml").write_text(f"moat: 1\nname: demo\nsinks:\n  {self.name}:\n{rows}")

    def secret(self, text, mode=0o600):
        path = self.dir / "token"
        path.write_text(text)
        path.chmod(mode)
        return "token"

    def ship(self, *args, timeout=120):
        return subprocess.run([MOAT, "watch", "ship", *args], cwd=self.dir, capture_output=True, text=True, timeout=timeout)

    def start(self):
        self.log = open(self.dir / "ship.log", "ab")
        self.process = subprocess.Popen([MOAT, "watch", "ship"], cwd=self.dir, stdout=self.log, stderr=self.log)

    def stop(self, sig=signal.SIGTERM):
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(sig)
        self.log.close()
        return self.process.wait(30)

    def status(self):
        """What the cursor file says; nothing before there is one."""
        path = self.dir / f".moat/ship/{self.name}.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def dead(self):
        path = self.dir / f".moat/ship/{self.name}.dead.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class Receiver:
    """receiver.py in its own process; its store is a file that it syncs before it says anything."""
    def __init__(self, folder, kind, port, **chaos):
        self.args = [sys.executable, HERE / "receiver.py", kind, str(port), folder / f"{kind}.store", json.dumps(chaos)]
        self.kind, self.port, self.store, self.log, self.process = kind, port, folder / f"{kind}.store", folder / f"{kind}.log", None

    def start(self):
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(self.args, stdout=out, stderr=out)
        wait_port(self.port, 60, self.process)

    def stop(self, sig=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            self.process.wait(30)

    def got(self):
        """Whole lines only."""
        text = self.store.read_text() if self.store.exists() else ""
        return [json.loads(line) for line in text.split("\n")[:-1]]

    def ids(self):
        return [row["id"] for row in self.got()]


class Rsyslog:
    """The real thing, with one input and a file that it writes to."""
    def __init__(self, folder, config, port):
        self.dir, self.port, self.process, self.store = pathlib.Path(folder), port, None, pathlib.Path(folder) / "rsyslog.out"
        (self.dir / "work").mkdir(exist_ok=True)
        (self.dir / "rsyslog.conf").write_text(f'global(workDirectory="{self.dir}/work" maxMessageSize="64k")\n'
                                               'template(name="line" type="string" string="%msg%\\n")\n' + config.format(port=port, out=self.store, dir=self.dir))

    def start(self):
        with open(self.dir / "rsyslog.log", "ab") as out:
            self.process = subprocess.Popen([RSYSLOGD, "-n", "-iNONE", "-f", self.dir / "rsyslog.conf"], stdout=out, stderr=out)
        wait_port(self.port, 60, self.process)

    stop = Receiver.stop

    def ids(self):
        """Every id that stands in a whole line; a line that a kill cut is none."""
        ids = []
        text = self.store.read_text(errors="replace") if self.store.exists() else ""
        for line in text.split("\n"):
            try:
                ids.append(json.loads(line.strip().lstrip("\ufeff"))["id"])
            except (ValueError, KeyError, TypeError):
                pass
        return ids


def silent(port):
    """Nobody listens there any more."""
    end = time.time() + 10
    while time.time() < end:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) != 0:
                return
        time.sleep(0.02)


def kill_storm(house, receiver, kills, events, seed=1, settle=60, steady=False):
    """Kills shipper and receiver in turn at random moments while events come in (in bursts, or one by one up to the
    kill), then lets them finish."""
    rng = random.Random(seed)
    receiver.start()
    house.start()
    written, each = 0, max(1, events // (kills + 1))
    for k in range(kills):
        for _ in range(each):
            house.spool.append(request(written))
            written += 1
            if steady:
                time.sleep(rng.uniform(0, 0.002))
        if not steady:
            time.sleep(rng.uniform(0.01, 0.25))
        if k % 2 == 0:
            house.stop(signal.SIGKILL)
            house.start()
        else:
            receiver.stop(signal.SIGKILL)
            time.sleep(rng.uniform(0, 0.05))
            receiver.start()
    while written < events:
        house.spool.append(request(written))
        written += 1
    time.sleep(0.3)
    house.stop(signal.SIGKILL)
    done = house.ship("--once", timeout=settle + 60)
    receiver.stop(signal.SIGTERM)
    return done


def account(house, ids):
    """(missing, duplicates, strangers) of what arrived against what was written."""
    wanted, seen = set(house.spool.ids), set(ids)
    return len(wanted - seen), len(ids) - len(seen), len(seen - wanted)
