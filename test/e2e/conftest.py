"""What every end-to-end test needs: the binary, the vectors, free ports, and servers that are always stopped."""
import os
import pathlib
import socket
import subprocess
import time

import pytest

collect_ignore = ["repos"]                             # other people's tests, as far as moat is concerned
ROOT = pathlib.Path(__file__).resolve().parents[2]
MOAT = pathlib.Path(os.environ.get("MOAT", ROOT / "build/release/moat")).resolve()


def nginx_env():
    """What nginx needs to load a module that was built with AddressSanitizer."""
    if MOAT.parent.name != "asan":
        return {}
    done = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True)
    return {"LD_PRELOAD": done.stdout.strip(), "ASAN_OPTIONS": "detect_leaks=0"}


class Result:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def __repr__(self):
        return f"exit {self.code}\n--- stdout\n{self.out}--- stderr\n{self.err}"


@pytest.fixture
def moat(tmp_path):
    """moat("data", "log", cwd=..., input=..., env={...}) -> Result.  HOME is a fresh folder; output is text."""
    home = tmp_path / "home"
    home.mkdir()

    def run(*args, cwd=None, input=None, env=None, timeout=120):
        full = {**os.environ, "HOME": str(home), "NO_COLOR": "1", **(nginx_env() if args[0] == "up" else {}), **(env or {})}
        full.pop("XDG_CONFIG_HOME", None)
        return Result(subprocess.run([MOAT, *map(str, args)], cwd=cwd or tmp_path, input=input, env=full, timeout=timeout,
                                     capture_output=True, text=True))

    run.home = home
    run.path = MOAT
    return run


@pytest.fixture
def vectors():
    """vectors("gate/gcra") -> Path, or skips and says what for."""
    def find(name):
        root = os.environ.get("MOAT_VECTORS")
        if not root or not (pathlib.Path(root) / name).exists():
            pytest.skip(f"needs $MOAT_VECTORS/{name}")
        return pathlib.Path(root) / name
    return find


@pytest.fixture
def free_port():
    """free_port() -> a TCP port on 127.0.0.1 that nobody listens on now."""
    def find():
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            return s.getsockname()[1]
    return find


def wait_port(port, seconds=15, process=None):
    end = time.time() + seconds
    while time.time() < end:
        with socket.socket() as s:
            s.settimeout(0.5)
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process is not None and process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode} before it answered")
        time.sleep(0.05)
    raise AssertionError(f"nothing answers on port {port}")


@pytest.fixture
def spawn(tmp_path, moat):
    """spawn("gate", "run", port=8080, cwd=...) -> Popen; stopped (TERM, then KILL) when the test ends.  Its stderr is in .log."""
    started = []

    def start(*args, port=None, cwd=None, env=None):
        log = tmp_path / f"spawn-{len(started)}.log"
        full = {**os.environ, "HOME": str(moat.home), "NO_COLOR": "1", **nginx_env(), **(env or {})}
        with open(log, "wb") as out:
            p = subprocess.Popen([MOAT, *map(str, args)], cwd=cwd or tmp_path, env=full, stdout=out, stderr=out)
        p.log = log
        started.append(p)
        if port is not None:
            try:
                wait_port(port, process=p)
            except AssertionError as e:
                raise AssertionError(f"{e}\n{log.read_text()}") from None
        return p

    yield start
    for p in started:
        if p.poll() is None:
            p.terminate()
            try:
                p.wait(10)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
