"""moat data import: rows from files, S3, PostgreSQL and SQLite, their origin kept and no secret with it; and what dies in the middle."""
import csv
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import sqlite3
import subprocess
import threading
import time
import urllib.parse

import pytest

from test_rows import data, fields, make_raw, project, rows_of, write_csv  # noqa: F401 (fixtures)

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def origin_of(project, result):
    """What the signed statement keeps of the source."""
    import base64
    id = result["outputs"][0]["statement"]
    text = (project / f".moat/objects/statement/{id}.json").read_text()
    return json.loads(base64.b64decode(json.loads(text)["payload"]))["predicate"]


def test_a_file_is_copied_committed_and_remembered(data, project):
    make_raw(project, 300)
    (project / "data/raw.csv").rename(project / "lake.csv")
    done = fields(data("import", "lake", "raw", "--json"))
    assert (project / "data/raw.csv").read_bytes() == (project / "lake.csv").read_bytes()
    assert done["origin"]["sha256"] == hashlib.sha256((project / "lake.csv").read_bytes()).hexdigest()
    assert done["outputs"][0]["version"] == 1 and done["outputs"][0]["edges"]["exact"] == done["outputs"][0]["rows"]
    said = origin_of(project, done)
    assert said["detail"]["sha256"] == done["origin"]["sha256"] and said["inputs"][0]["name"] == "lake" and said["begun"] <= said["time"]
    steps = fields(data("trace", "raw:17", "--json"))["steps"]
    assert [(s["name"], s["kind"], s["row"], s["evidence"]) for s in steps] == [("raw", "dataset", 17, None), ("lake", "source", 17, "exact")]
    data("verify", "raw")


def test_what_cannot_be_imported_leaves_everything_as_it_was(data, project, tmp_path):
    make_raw(project, 50)
    data("commit", "raw")
    before = (project / "data/raw.csv").read_bytes()
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n3\n")
    (tmp_path / "p.fifo").parent.mkdir(exist_ok=True)
    os.mkfifo(tmp_path / "p.fifo")
    for source, code, words in [(tmp_path / "absent.csv", 3, "No such file"), (tmp_path / "bad.csv", 3, "line 3"), (tmp_path / "p.fifo", 2, "regular"),
                                (tmp_path, 2, "regular")]:
        assert words in data("import", source, "raw", code=code).err
    assert "not a dataset" in data("import", tmp_path / "bad.csv", "nowhere", code=2).err
    assert (project / "data/raw.csv").read_bytes() == before and not list((project / "data").glob(".*"))
    assert len(fields(data("log", "raw", "--json"))["steps"]) == 1


# ---- S3: a server that checks the signature by itself (AWS Signature Version 4, written from its description)

class S3:
    def __init__(self):
        self.objects, self.asked, self.token, self.fault = {}, [], None, None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def do_GET(self):
                outer.asked.append((self.path, dict(self.headers.items())))
                status, body = outer.answer(self)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                if status == 200:
                    self.send_header("ETag", f'"{hashlib.md5(body).hexdigest()}"')
                    self.send_header("x-amz-version-id", "v7")
                self.end_headers()
                if outer.fault == "cut":
                    self.wfile.write(body[:len(body) // 2])
                    self.wfile.flush()
                    self.connection.shutdown(2)
                elif outer.fault == "stall":
                    self.wfile.write(body[:len(body) // 2])
                    self.wfile.flush()
                    time.sleep(30)
                else:
                    self.wfile.write(body)

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, h):
        if not self.signed(h):
            return 403, b"<Error><Code>SignatureDoesNotMatch</Code></Error>"
        if self.fault == 503:
            return 503, b"slow down"
        body = self.objects.get(urllib.parse.unquote(h.path))
        return (200, body) if body is not None else (404, b"<Error><Code>NoSuchKey</Code></Error>")

    def signed(self, h):
        m = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=AKID/(\d{8})/eu-test-1/s3/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})",
                         h.headers.get("Authorization", ""))
        if not m or "host" not in m[2].split(";") or "x-amz-date" not in m[2].split(";") or "x-amz-content-sha256" not in m[2].split(";"):
            return False
        if h.headers.get("x-amz-content-sha256") != hashlib.sha256(b"").hexdigest() or (self.token and h.headers.get("x-amz-security-token") != self.token):
            return False
        day, when = m[1], h.headers["x-amz-date"]
        path, _, query = h.path.partition("?")
        canonical = "\n".join(["GET", path, query, *(f"{k}:{h.headers[k].strip()}" for k in m[2].split(";")), "", m[2], h.headers["x-amz-content-sha256"]])
        text = "\n".join(["AWS4-HMAC-SHA256", when, f"{day}/eu-test-1/s3/aws4_request", hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + SECRET).encode()
        for part in (day, "eu-test-1", "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return when.startswith(day) and hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), m[3])


@pytest.fixture
def s3():
    server = S3()
    yield server
    server.server.shutdown()
    server.server.server_close()


@pytest.fixture
def aws(s3):
    return {"AWS_ENDPOINT_URL": s3.url, "AWS_REGION": "eu-test-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": SECRET, "no_proxy": "*"}


def nothing_holds(project, *secrets):
    for p in [p for p in project.rglob("*") if p.is_file()]:
        content = p.read_bytes()
        assert not any(s.encode() in content for s in secrets), p


def test_an_object_comes_from_s3_signed(data, project, s3, aws):
    rows = make_raw(project, 500)
    body = (project / "data/raw.csv").read_bytes()
    (project / "data/raw.csv").unlink()
    s3.objects["/lake-1/a b/märz+1.csv"] = body
    s3.token = "session/token=="
    done = fields(data("import", "s3://lake-1/a b/märz+1.csv", "raw", "--json", env={**aws, "AWS_SESSION_TOKEN": s3.token}))
    assert (project / "data/raw.csv").read_bytes() == body and done["outputs"][0]["rows"] == len(rows)
    assert done["uri"] == "s3://lake-1/a b/märz+1.csv"
    assert done["origin"]["etag"] == f'"{hashlib.md5(body).hexdigest()}"' and done["origin"]["version"] == "v7" and done["origin"]["sha256"] == hashlib.sha256(body).hexdigest()
    nothing_holds(project, SECRET, "AKID", s3.token)
    assert len(s3.asked) == 1


def test_credentials_come_from_the_usual_file(data, moat, project, s3, aws):
    make_raw(project, 20)
    s3.objects["/lake-1/x.csv"] = (project / "data/raw.csv").read_bytes()
    for k in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        aws[k] = ""
    done = data("import", "s3://lake-1/x.csv", "raw", env=aws, code=3)
    assert "no credentials" in done.err and "~/.aws/credentials" in done.err and not s3.asked
    (moat.home / ".aws").mkdir()
    (moat.home / ".aws/credentials").write_text(f"[default]\naws_access_key_id = OTHER\naws_secret_access_key = x\n\n[lake]\naws_access_key_id = AKID\naws_secret_access_key = {SECRET}\n")
    data("import", "s3://lake-1/x.csv", "raw", env={**aws, "AWS_PROFILE": "lake"})
    assert "403" in data("import", "s3://lake-1/x.csv", "raw", env=aws, code=3).err
    nothing_holds(project, SECRET)


def test_s3_that_fails_changes_nothing(data, project, s3, aws):
    make_raw(project, 200)
    data("commit", "raw")
    before = (project / "data/raw.csv").read_bytes()
    s3.objects["/lake-1/x.csv"] = before + b"9999,new,1,a\n"
    wrong = {**aws, "AWS_SECRET_ACCESS_KEY": "not it"}
    assert "403" in data("import", "s3://lake-1/x.csv", "raw", env=wrong, code=3).err
    assert "404" in data("import", "s3://lake-1/absent.csv", "raw", env=aws, code=3).err
    for s3.fault in ["cut", 503]:
        data("import", "s3://lake-1/x.csv", "raw", env=aws, code=3)
    for bad in ["s3://lake-1", "s3://lake-1/", "s3://UPPER/x", "s3:///x"]:
        assert "s3://BUCKET/KEY" in data("import", bad, "raw", env=aws, code=2).err
    assert (project / "data/raw.csv").read_bytes() == before and not list((project / "data").glob(".*"))
    data("verify", "raw")
    s3.fault = None
    data("import", "s3://lake-1/x.csv", "raw", env=aws)
    assert fields(data("log", "raw", "--json"))["version"] == 2


# ---- SQLite

def make_db(path, n=500):
    db = sqlite3.connect(path)
    db.execute("create table orders (id integer, note text, price real, gone text, raw blob)")
    db.executemany("insert into orders values (?,?,?,null,x'00ff')", [(i, f'say "{i}", or\nmore', i / 3) for i in range(1, n + 1)])
    db.commit()
    db.close()


def test_rows_of_a_sqlite_query(data, project, tmp_path):
    make_db(tmp_path / "o.db")
    query = "select id, note, price, gone from orders where id % 2 = 0 order by id"
    done = fields(data("import", f"sqlite:{tmp_path}/o.db", "raw", "--query", query, "--json"))
    got = rows_of(project / "data/raw.csv")
    assert got[0] == ["id", "note", "price", "gone"] and len(got) == 251
    assert all(r == [str(2 * k), f'say "{2 * k}", or\nmore', r[2], ""] and float(r[2]) == 2 * k / 3 for k, r in enumerate(got[1:], 1))
    assert done["origin"]["rows"] == 250 and done["origin"]["nulls"] == 250 and done["origin"]["query"] == query
    assert done["origin"]["sha256"] == hashlib.sha256((tmp_path / "o.db").read_bytes()).hexdigest()
    (tmp_path / "q.sql").write_text("select id, note from orders")
    assert fields(data("import", tmp_path / "o.db", "raw", "--query-file", tmp_path / "q.sql", "--json"))["outputs"][0]["rows"] == 500


@pytest.mark.parametrize("query, word", [
    ("delete from orders", "SELECT"), ("select 1 as a; delete from orders", "alone"), ("attach 'x.db' as x", "SELECT"), ("pragma journal_mode = wal", "SELECT"),
    ("select load_extension('x') as a", "SELECT"), ("select raw from orders", r"hex\(raw\)"), ("select 1", "AS name"), ("select nothing", "nothing"), ("", "orders|SELECT"),
    ("insert into orders default values returning id", "SELECT"), ("select * from pragma_table_info('orders')", "SELECT"),
])
def test_sqlite_only_answers_questions(data, project, tmp_path, query, word):
    make_db(tmp_path / "o.db", 5)
    before = (tmp_path / "o.db").read_bytes()
    done = data("import", f"sqlite:{tmp_path}/o.db", "raw", "--query", query, code=2)
    assert re.search(word, done.err) and not (project / "data/raw.csv").exists()
    assert (tmp_path / "o.db").read_bytes() == before and sorted(p.name for p in tmp_path.glob("*.db*")) == ["o.db"]


# ---- PostgreSQL: a real server, ours for the length of the tests

PG = next(iter(sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"))), None)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """A server on a socket of its own, with password authentication; {"address": ..., "sql": fn}."""
    if PG is None or shutil.which("setpriv") is None:
        pytest.skip("needs PostgreSQL's server programs")
    root = pathlib.Path(subprocess.run(["mktemp", "-d", "/tmp/moat-pg-XXXXXX"], capture_output=True, text=True, check=True).stdout.strip())
    user = pwd.getpwnam("postgres")
    os.chown(root, user.pw_uid, user.pw_gid) if os.getuid() == 0 else None
    drop = ["setpriv", "--reuid", "postgres", "--regid", "postgres", "--init-groups"] if os.getuid() == 0 else []
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    (root / "pw").write_text("pg secret 7\n")
    os.chmod(root / "pw", 0o644)
    subprocess.run([*drop, PG / "initdb", "-D", root / "db", "-U", "owner", "-A", "scram-sha-256", "--pwfile", root / "pw", "-N"], env=env, check=True, capture_output=True)
    server = subprocess.Popen([*drop, PG / "postgres", "-D", root / "db", "-k", root, "-c", "listen_addresses=", "-c", "fsync=off"], env=env,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def sql(text):
        return subprocess.run([PG / "psql", "-h", root, "-U", "owner", "-Atqc", text, "postgres"], env={**env, "PGPASSWORD": "pg secret 7"}, check=True,
                              capture_output=True, text=True).stdout.strip()
    try:
        for _ in range(200):
            try:
                sql("select 1")
                break
            except subprocess.CalledProcessError:
                time.sleep(.05)
        sql("create table orders (id int primary key, note text, price float8, ok bool, gone text);"
            "insert into orders select i, 'say \"' || i || '\", or' || chr(10) || 'more', i / 3.0::float8, i % 2 = 0, null from generate_series(1, 1000) i")
        yield {"address": f"postgresql:///postgres?host={urllib.parse.quote(str(root), safe='')}&user=owner", "sql": sql, "root": root}
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(20)
        shutil.rmtree(root, ignore_errors=True)


def test_rows_of_a_postgresql_query(data, project, postgres):
    env = {"PGPASSWORD": "pg secret 7"}
    query = "select id, note, price, ok, gone from orders where id > 500 order by id desc"
    before = postgres["sql"]("select pg_current_wal_lsn()")
    done = fields(data("import", postgres["address"], "raw", "--query", query, "--json", env=env))
    got = rows_of(project / "data/raw.csv")
    assert got[0] == ["id", "note", "price", "ok", "gone"] and len(got) == 501
    assert all(r[:2] == [str(i), f'say "{i}", or\nmore'] and float(r[2]) == i / 3 and r[3] == "ft"[i % 2 == 0] and r[4] == ""
               for i, r in zip(range(1000, 500, -1), got[1:]))
    o = done["origin"]
    assert o["rows"] == 500 and o["nulls"] == 500 and o["query"] == query and o["database"] == "postgres" and o["server"].split(".")[0].isdigit()

    def lsn(text):
        high, low = text.split("/")
        return int(high, 16) << 32 | int(low, 16)
    assert lsn(before) <= lsn(o["lsn"]) <= lsn(postgres["sql"]("select pg_current_wal_lsn()"))
    assert done["uri"] == "postgresql:///postgres"
    nothing_holds(project, "pg secret 7")
    steps = fields(data("trace", "raw:3", "--json"))["steps"]
    assert steps[1]["uri"] == "postgresql:///postgres" and steps[1]["row"] == 3 and steps[1]["kind"] == "source"


@pytest.mark.parametrize("query, code, word", [
    ("delete from orders", 3, "read-only"), ("select 1 as a; drop table orders", 3, "multiple commands"), ("set transaction read write", 3, "read-write mode"),
    ("select nothing from orders", 3, "nothing"), ("select id from orders where 1 / (id - 700) < 9", 3, "division by zero"), ("select 1 as \"1\"", 2, "AS name"),
    ("insert into orders values (0) returning id", 3, "read-only"), ("", 2, "no rows"),
])
def test_postgresql_is_only_read(data, project, postgres, query, code, word):
    done = data("import", postgres["address"], "raw", "--query", query, env={"PGPASSWORD": "pg secret 7"}, code=code)
    assert word in done.err and not (project / "data/raw.csv").exists() and not list((project / "data").glob(".*"))
    assert postgres["sql"]("select count(*) from orders") == "1000"


def test_a_password_in_an_address_is_refused(data, project, postgres):
    for address in [postgres["address"] + "&password=pg%20secret%207", "postgresql://owner:pg%20secret@localhost/x"]:
        done = data("import", address, "raw", "--query", "select 1 as a", code=2)
        assert "PGPASSWORD" in done.err and "secret" not in done.err
    assert "secret" not in data("import", "https://me:secret@127.0.0.1/x.csv", "raw", code=2).err
    done = data("import", postgres["address"], "raw", "--query", "select 1 as a", env={"PGPASSWORD": "wrong"}, code=3)
    assert "password" in done.err and "wrong" not in done.err.replace("authentication failed", "")
    done = data("import", postgres["address"], "raw", code=2)
    assert "--query" in done.err
    (project.parent / "home/.pgpass").write_text("*:*:*:owner:pg secret 7\n")
    os.chmod(project.parent / "home/.pgpass", 0o600)
    data("import", postgres["address"], "raw", "--query", "select id as a from orders")
    nothing_holds(project, "pg secret 7")


# ---- killed in the middle

def sound(moat, project, version, content):
    """The golden version stands, can be brought back, and nothing is in its way."""
    assert moat("data", "verify", "raw", "--no-files", cwd=project).code == 0
    assert json.loads(moat("data", "log", "raw", "--json", cwd=project).out)["version"] in version
    assert (project / "data/raw.csv").read_bytes() in content
    assert moat("ledger", "verify", cwd=project).code == 0


def kill_at(moat, project, seconds, args, env=None):
    full = {**os.environ, "HOME": str(moat.home), **(env or {})}
    p = subprocess.Popen([moat.path, *map(str, args)], cwd=project, env=full, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        p.wait(seconds)
    except subprocess.TimeoutExpired:
        p.send_signal(signal.SIGKILL)
        p.wait()
        return True
    return False


def test_kill_9_during_import_leaves_the_old_or_the_new(moat, data, project):
    make_raw(project, 3000)
    data("commit", "raw")
    was = now = (project / "data/raw.csv").read_bytes()
    killed, version = 0, 1
    for k in range(16):
        now = was + b"".join(b"%d,new %d,1,a\n" % (100000 + i, k) for i in range(3000))
        (project / "lake.csv").write_bytes(now)
        killed += kill_at(moat, project, .004 + .004 * k, ["data", "import", "lake", "raw"])
        sound(moat, project, range(version, version + 2), [was, now])
        version = fields(data("log", "raw", "--json"))["version"]
        was = (project / "data/raw.csv").read_bytes()
    assert killed >= 3
    data("import", "lake", "raw")
    data("verify", "raw")
    assert fields(data("trace", "raw:5000", "--json"))["steps"][1]["name"] == "lake"


def test_kill_9_while_bytes_still_come_leaves_the_old(moat, data, project, s3, aws):
    make_raw(project, 2000)
    data("commit", "raw")
    was = (project / "data/raw.csv").read_bytes()
    s3.objects["/lake-1/x.csv"], s3.fault = was * 3, "stall"
    assert kill_at(moat, project, 1, ["data", "import", "s3://lake-1/x.csv", "raw"], aws)
    sound(moat, project, [1], [was])
    data("verify", "raw")


def test_kill_9_during_run_leaves_the_old(moat, data, project, tmp_path):
    """While the program works, nothing of it is seen; it gets a TERM when we die."""
    make_raw(project, 2000)
    data("commit", "raw")
    data("filter", "raw", "--out", "clean", "--where", "id > 10")
    was = (project / "data/clean.csv").read_bytes()
    (tmp_path / "p.py").write_text("import os, sys, time\nopen(sys.argv[1] + '.pid', 'w').write(str(os.getpid()))\n"
                                   "open(sys.argv[2], 'w').write('id,name\\n1,x\\n')\ntime.sleep(60)\n")
    assert kill_at(moat, project, 1.5, ["data", "run", "--in", "raw", "--out", "clean", "--", "python3", tmp_path / "p.py", "{in}", "{out}"])
    pid = int((project / "data/raw.csv.pid").read_text())
    for _ in range(100):
        if not os.path.exists(f"/proc/{pid}") or "Z" in pathlib.Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0]:
            break
        time.sleep(.05)
    else:
        raise AssertionError("the program outlived us")
    assert (project / "data/clean.csv").read_bytes() == was
    data("verify", "clean")
    assert fields(data("log", "clean", "--json"))["version"] == 1


def test_a_program_that_fails_leaves_no_trace(data, project, tmp_path):
    make_raw(project, 100)
    data("commit", "raw")
    done = data("run", "--in", "raw", "--out", "clean", "--", "python3", "-c", "import sys; open(sys.argv[1], 'w').write('id\\n1\\n'); sys.exit(9)", "{out}", code=3)
    assert "ended with 9" in done.err
    assert "did not write" in data("run", "--in", "raw", "--out", "clean", "--", "true", code=3).err
    assert "ended with 127" in data("run", "--in", "raw", "--out", "clean", "--", "no-such-program", code=3).err
    assert "changed while" in data("run", "--in", "raw", "--out", "clean", "--", "sh", "-c", "cat {in} > {out}; echo 1,2,3,4 >> {in}", code=3).err
    assert not (project / "data/clean.csv").exists() and not list((project / "data").glob(".*"))


@pytest.mark.parametrize("verb", ["import", "run"])
def test_killed_before_any_step_that_writes(moat, data, project, verb):
    """SIGKILL at every rename and every fifth fsync of the command in turn: always the old version or the new one."""
    if shutil.which("strace") is None:
        pytest.skip("needs strace")
    if moat.path.parent.name == "asan":
        pytest.skip("strace and the leak check both want to trace")
    make_raw(project, 200)
    data("commit", "raw")
    was = (project / "data/raw.csv").read_bytes()
    args = {"import": ["data", "import", "lake", "raw"], "run": ["data", "run", "--in", "lake.csv", "--out", "raw", "--key", "id", "--", "cp", "{in}", "{out}"]}[verb]
    env = {**os.environ, "HOME": str(moat.home)}
    for call, most in [("rename", 14), ("fsync", 50)]:
        for k in range(1, most, 1 if call == "rename" else 5):
            now = was + b"%d,%s %d,1,a\n" % (10 ** 6, call.encode(), k)
            (project / "lake.csv").write_bytes(now)
            done = subprocess.run(["strace", "-qq", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:when={k}", moat.path, *args], cwd=project, env=env,
                                  capture_output=True)
            version = fields(data("log", "raw", "--json"))["version"]
            assert moat("data", "verify", "raw", "--no-files", cwd=project).code == 0, (call, k)
            assert (project / "data/raw.csv").read_bytes() in (was, now), (call, k)
            if done.returncode == 0:
                was = now
                break
            data(*args[1:])                            # the next try goes through and says where rows came from
            assert fields(data("log", "raw", "--json"))["version"] in (version, version + 1)
            assert fields(data("trace", "raw:1", "--json"))["steps"][0]["step"] == verb
            was = (project / "data/raw.csv").read_bytes()
            assert was == now
        else:
            raise AssertionError(f"more {call} than {most}")
