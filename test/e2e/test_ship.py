"""Events reach their receivers: each at least once, whatever is killed, refused, reset or full, and in words that they read."""
import csv
import datetime
import json
import os
import resource
import signal
import ssl
import subprocess
import time

import pytest

import ship
from ship import ALERT, House, Receiver, Rsyslog, account, kill_storm, refusal, request

KILLS = int(os.environ.get("MOAT_KILLS", "10"))        # 200 for the long version
QUICK = {"retry_min": "20ms", "retry_max": "100ms", "batch_age": "20ms"}
rsyslog = pytest.mark.skipif(ship.RSYSLOGD is None, reason="needs rsyslog")


@pytest.fixture
def receivers():
    """Whatever was started is stopped."""
    started = []
    yield started.append
    for r in started:
        r.stop()


@pytest.fixture
def elastic(tmp_path, free_port, receivers):
    def make(chaos=None, **keys):
        r = Receiver(tmp_path, "elasticsearch", free_port(), **(chaos or {}))
        h = House(tmp_path / "house", {"kind": "elasticsearch", "uri": f"http://127.0.0.1:{r.port}", **QUICK, **keys})
        receivers(r), receivers(h)
        return h, r
    return make


@pytest.fixture
def splunk(tmp_path, free_port, receivers):
    def make(chaos=None, **keys):
        r = Receiver(tmp_path, "splunk", free_port(), **(chaos or {}))
        h = House(tmp_path / "house", {"kind": "splunk", "uri": f"http://127.0.0.1:{r.port}", "token_file": "token", "ack_timeout": "1s", **QUICK, **keys})
        h.secret("s3cret\n")
        receivers(r), receivers(h)
        return h, r
    return make


def fill(house, n=200, make=request):
    for i in range(n):
        house.spool.append(make(i))


# ---- what is written

FORMATS = ["json", "ocsf", "ecs", "cef", "leef"]
HOSTILE = {"key": 'k"\\|=]\n\t\u202e<script>', "reason": "=cmd|' /C calc'!A0", "address": "unix:/x"}


def lines_of(tmp_path, form):
    h = House(tmp_path / form, {"kind": "file", "path": "out", "format": form})
    h.spool.append(request(1))
    h.spool.append(refusal(2, **HOSTILE))
    h.spool.append(ALERT, kind=2)
    h.spool.append({**ALERT, "state": "resolved", "technique": "AML.T0015"}, kind=2)
    r = h.ship("--once", "--json")
    assert r.returncode == 0, r.stderr
    assert json.loads(r.stdout)["sinks"][0]["sent"] == 4
    lines = (h.dir / "out").read_text().split("\n")
    assert len(lines) == 5 and lines[-1] == ""
    return h, lines[:4]


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_holds_each_event_on_one_line_with_its_id(tmp_path, form):
    h, lines = lines_of(tmp_path, form)
    for line, id in zip(lines, h.spool.ids):
        assert id in line and "\n" not in line
        if form in ("json", "ocsf", "ecs"):
            assert json.loads(line)


def ocsf(vectors):
    root = vectors("watch/schemas/ocsf-1.9.0-dev")
    read = lambda p: json.loads((root / p).read_text())
    return read, read("dictionary.json")


def required(attributes):
    return {k for k, v in attributes.items() if isinstance(v, dict) and v.get("requirement") == "required"}


def check_types(value, dictionary, path="", profile_objects=None):
    """Every key is one of the dictionary and has its type; what is under `unmapped` is ours."""
    basic = {"string_t": str, "integer_t": int, "long_t": int, "boolean_t": bool, "object": dict}
    for key, v in value.items():
        row = dictionary["attributes"].get(key)
        assert row, f"{path}.{key} is not OCSF"
        if key == "unmapped":
            continue
        for one in v if row.get("is_array") else [v]:
            kind = row["type"]
            kind = dictionary["types"]["attributes"].get(kind, {}).get("type", kind)
            if kind in basic:
                assert type(one) is basic[kind], f"{path}.{key}: {one!r} is no {kind}"
            elif isinstance(one, dict):
                check_types(one, dictionary, f"{path}.{key}")
        enum = row.get("enum")
        assert not row.get("is_array") or isinstance(v, list), f"{path}.{key} is a list"


def test_ocsf_has_what_the_schema_requires_in_the_types_it_names(tmp_path, vectors):
    read, dictionary = ocsf(vectors)
    base, finding = read("events/base_event.json")["attributes"], read("events/findings/finding.json")["attributes"]
    classes = {6003: [base, read("events/application/api_activity.json")["attributes"]],
               2004: [base, finding, read("events/findings/detection_finding.json")["attributes"]]}
    objects = {k: read(f"objects/{k}.json") for k in ("metadata", "product", "api", "finding_info", "ai_model")}
    for line in lines_of(tmp_path, "ocsf")[1]:
        event = json.loads(line)
        for attributes in classes[event["class_uid"]]:
            assert required(attributes) <= set(event)
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert event["category_uid"] == event["class_uid"] // 1000 and 0 <= event["severity_id"] <= 6
        assert abs(event["time"] / 1000 - time.time()) < 600
        assert event["metadata"]["version"] == read("version.json")["version"]
        check_types(event, dictionary)
        for name, inside in (("metadata", event), ("product", event["metadata"]), ("api", event), ("finding_info", event), ("ai_model", event)):
            if name in inside:
                assert required(objects[name]["attributes"]) <= set(inside[name])
                assert set(inside[name]) <= set(objects[name]["attributes"]) | {"attacks"}
        for attack in event.get("finding_info", {}).get("attacks", []):
            assert set(attack) & set(read("objects/attack.json")["constraints"]["at_least_one"])


def leaves(value, path=""):
    for key, v in value.items():
        at = f"{path}.{key}".lstrip(".")
        yield from leaves(v, at) if isinstance(v, dict) else [(at, v)]


def test_ecs_uses_fields_that_exist_and_types_that_fit(tmp_path, vectors):
    rows = {r["Field"]: r for r in csv.DictReader((vectors("watch/schemas") / "ecs_fields.csv").open())}
    fits = {"keyword": str, "ip": str, "date": str, "match_only_text": str, "long": int, "wildcard": str, "integer": int}
    for line in lines_of(tmp_path, "ecs")[1]:
        for field, value in leaves(json.loads(line)):
            if field.startswith("moat."):
                continue
            assert field in rows, f"{field} is not ECS"
            for one in value if isinstance(value, list) else [value]:
                assert isinstance(one, fits[rows[field]["Type"]]), field
            assert isinstance(value, list) == (rows[field]["Normalization"] == "array"), f"{field}: list or not"


def test_what_is_in_the_siem_proves_what_the_gateway_saw(tmp_path):
    h, lines = lines_of(tmp_path, "ecs")
    assert json.loads(json.loads(lines[1])["event"]["original"]) == refusal(2, **HOSTILE)


# ---- receivers

@pytest.mark.parametrize("kind", ["elasticsearch", "splunk"])
def test_nothing_is_lost_when_both_sides_are_killed(kind, elastic, splunk):
    house, receiver = (elastic if kind == "elasticsearch" else splunk)()
    done = kill_storm(house, receiver, KILLS, 40 * KILLS)
    assert done.returncode == 0, done.stderr
    missing, twice, strangers = account(house, receiver.ids())
    print(f"{kind}: {KILLS} kills, {len(house.spool.ids)} events, {missing} missing, {twice} duplicates by id")
    assert (missing, strangers) == (0, 0)
    if kind == "elasticsearch":
        assert twice == 0                              # _id: a resend finds its document
    assert not house.dead()


BAD_DAY = {"busy": 0.3, "item_busy": 0.3, "reset": 0.15, "slow": 0.001, "seed": 7}


@pytest.mark.parametrize("kind", ["elasticsearch", "splunk"])
def test_storms_of_429_resets_and_slow_reads_lose_nothing(kind, elastic, splunk):
    house, receiver = (elastic if kind == "elasticsearch" else splunk)(BAD_DAY, batch=50, ack_timeout="5s")
    receiver.start()
    fill(house, 300)
    r = house.ship("--once")
    assert r.returncode == 0, r.stderr
    missing, twice, strangers = account(house, receiver.ids())
    assert (missing, strangers) == (0, 0)
    assert house.status()["sent"] == 300 and house.status()["retried"] > 0


def test_only_the_items_that_were_refused_are_sent_again(elastic):
    house, receiver = elastic({"item_busy": 0.5, "seed": 3}, batch=100)
    receiver.start()
    fill(house, 100)
    assert house.ship("--once").returncode == 0
    assert account(house, receiver.ids()) == (0, 0, 0)
    import urllib.request
    counts = json.load(urllib.request.urlopen(f"http://127.0.0.1:{receiver.port}/"))
    assert "conflicts" not in counts                   # nothing that was taken went out twice


@pytest.mark.parametrize("kind", ["elasticsearch", "splunk"])
def test_a_poisoned_event_dies_alone_and_can_be_replayed(kind, elastic, splunk):
    house, receiver = (elastic if kind == "elasticsearch" else splunk)({"poison": ["POISON"]})
    receiver.start()
    fill(house, 30)
    bad = [house.spool.append(request(99, reason=f"POISON{i}")) for i in range(2)]
    fill(house, 30)
    r = house.ship("--once")
    assert r.returncode == 0, r.stderr
    assert {d["id"] for d in house.dead()} == set(bad) and all(d["reason"] for d in house.dead())
    assert house.status()["dead"] == 2 and account(house, receiver.ids())[0] == 2
    assert house.ship("--dead-letter").returncode == 0
    assert {d["id"] for d in house.dead()} == set(bad)                     # still poison, still there
    receiver.stop()
    ship.silent(receiver.port)
    receiver.args[-1] = "{}"                           # somebody repaired the mapping
    receiver.start()
    r = house.ship("--dead-letter")
    assert r.returncode == 0, r.stderr
    assert not house.dead() and account(house, receiver.ids())[0] == 0


def test_413_halves_the_batch_until_it_fits(elastic):
    house, receiver = elastic({"limit": 4000})
    receiver.start()
    fill(house, 60)
    assert house.ship("--once").returncode == 0
    assert account(house, receiver.ids()) == (0, 0, 0) and not house.dead()


@pytest.mark.parametrize("kind", ["elasticsearch", "splunk"])
def test_a_refused_token_stops_the_sink_and_moves_nothing(kind, elastic, splunk):
    house, receiver = (elastic if kind == "elasticsearch" else splunk)({"deny": True})
    receiver.start()
    fill(house, 5)
    r = house.ship("--once")
    assert r.returncode == 3 and "401" in r.stderr and "s3cret" not in r.stderr
    assert house.status()["state"] == "stopped" and house.status()["sent"] == 0 and not house.dead()


def test_hec_without_acknowledgement_says_so(splunk):
    house, receiver = splunk(ack=False)
    receiver.start()
    fill(house, 10)
    assert house.ship("--once").returncode == 0
    assert account(house, receiver.ids())[0] == 0
    assert "may still lose it" in house.ship("--explain").stdout
    assert json.loads(house.ship("--explain", "--json").stdout)["sinks"][0]["acknowledged"] is False


def test_an_outage_fills_no_memory_and_ships_afterwards(elastic):
    house, receiver = elastic()
    house.start()
    fill(house, 1000)
    deadline = time.time() + 20
    while time.time() < deadline and house.status().get("state") != "waiting":
        time.sleep(0.05)
    assert house.status()["sent"] == 0 and house.status()["error"]
    time.sleep(0.5)                                    # long enough to be said
    receiver.start()
    while time.time() < deadline + 20 and house.status()["sent"] < 1000:
        time.sleep(0.1)
    assert house.stop() == 0
    assert account(house, receiver.ids()) == (0, 0, 0)
    assert "takes events again" in (house.dir / "ship.log").read_text()


def test_one_dead_sink_holds_up_no_other(tmp_path, free_port):
    h = House(tmp_path / "house", {"kind": "file", "path": "out"})
    with (h.dir / "moat.yaml").open("a") as f:
        f.write(f"  gone:\n    kind: elasticsearch\n    uri: http://127.0.0.1:{free_port()}\n    retry_min: 10ms\n    retry_max: 100ms\n")
    fill(h, 100)
    r = h.ship("--once")
    assert r.returncode == 3 and "sinks.gone" in r.stderr
    assert len((h.dir / "out").read_text().splitlines()) == 100


def test_a_webhook_can_verify_who_speaks(tmp_path, free_port, receivers):
    r = Receiver(tmp_path, "http", free_port())
    receivers(r)
    h = House(tmp_path / "house", {"kind": "http", "uri": f"http://127.0.0.1:{r.port}/hook", "token_file": "token", "events": "alerts", **QUICK})
    h.secret("s3cret")
    r.start()
    fill(h, 3)
    id = h.spool.append(ALERT, kind=2)
    assert h.ship("--once").returncode == 0
    assert r.ids() == [id]
    h.secret("other")
    h.spool.append(ALERT, kind=2)
    assert h.ship("--once").returncode == 3 and r.ids() == [id]


def test_prometheus_reads_how_far_a_sink_is(elastic):
    house, receiver = elastic({"poison": ["POISON"]})
    receiver.start()
    fill(house, 7)
    house.spool.append(request(1, reason="POISON"))
    assert house.ship("--once").returncode == 0
    text = house.ship("--metrics").stdout
    values = dict(line.split(" ") for line in text.splitlines() if not line.startswith("#"))
    assert (values['moat_sink_sent_total{sink="out"}'], values['moat_sink_dead_total{sink="out"}'], values['moat_sink_up{sink="out"}']) == ("7", "1", "1")
    assert text.count("# TYPE") == text.count("# HELP") == len(values) == 6


# ---- files, tokens, full disks

def test_a_token_that_others_may_read_is_refused(splunk):
    house, _ = splunk()
    house.secret("s3cret", mode=0o640)
    r = house.ship("--once")
    assert r.returncode == 3 and "chmod 600" in r.stderr and "s3cret" not in r.stderr


def test_full_disk_under_the_file_sink_loses_nothing(tmp_path):
    h = House(tmp_path / "house", {"kind": "file", "path": "out", "batch": 20, **QUICK})
    fill(h, 100)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, resource.RLIM_INFINITY))
    r = subprocess.run([ship.MOAT, "watch", "ship", "--once"], cwd=h.dir, capture_output=True, text=True, timeout=60,
                       preexec_fn=lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), limit()))
    assert r.returncode == 3, r.stderr
    kept = (h.dir / "out").read_text()
    assert kept == "" or kept.endswith("\n")           # cut back to whole batches
    assert h.ship("--once").returncode == 0
    ids = [json.loads(line)["id"] for line in (h.dir / "out").read_text().splitlines()]
    assert ids == h.spool.ids


def test_full_disk_under_the_dead_letters_stops_the_sink_and_loses_nothing(elastic):
    house, receiver = elastic({"poison": ["POISON"]}, batch=10)
    receiver.start()
    for i in range(40):
        house.spool.append(request(i, reason="POISON" + "x" * 400))
    good = house.spool.append(request(41))
    r = subprocess.run([ship.MOAT, "watch", "ship", "--once"], cwd=house.dir, capture_output=True, text=True, timeout=60,
                       preexec_fn=lambda: (signal.signal(signal.SIGXFSZ, signal.SIG_IGN), resource.setrlimit(resource.RLIMIT_FSIZE, (12000, resource.RLIM_INFINITY))))
    assert r.returncode == 3 and "dead.jsonl" in r.stderr, r.stderr
    assert house.status()["state"] == "stopped" and good not in receiver.ids()
    before = [d["id"] for d in house.dead()]
    assert before == house.spool.ids[:len(before)] and len(before) % 10 == 0
    assert house.ship("--once").returncode == 0
    assert {d["id"] for d in house.dead()} == set(house.spool.ids) - {good} and receiver.ids() == [good]


def test_what_is_no_event_becomes_a_dead_letter(tmp_path):
    h = House(tmp_path / "house", {"kind": "file", "path": "out"})
    h.spool.append(b"\xff\xfenot json")
    h.spool.append(b'{"status":"x"}')
    h.spool.append(request(1), kind=77)
    good = h.spool.append(request(2))
    assert h.ship("--once").returncode == 0
    assert [json.loads(line)["id"] for line in (h.dir / "out").read_text().splitlines()] == [good]
    assert len(h.dead()) == 2                          # a frame of another kind is nobody's event


def test_events_that_left_the_spool_unshipped_are_counted(tmp_path):
    h = House(tmp_path / "house", {"kind": "file", "path": "out"})
    fill(h, 5)
    assert h.ship("--once").returncode == 0
    h.spool.next_segment()
    for i in range(2):
        fill(h, 10)
        h.spool.next_segment()
    fill(h, 1)
    for n in (1, 2):
        (h.spool.dir / f"{n:010d}.seg").unlink()       # what a cap does to the oldest
    r = h.ship("--once")
    assert r.returncode == 0 and "10 events had left the spool" in r.stderr
    assert h.status()["lost"] == 10 and h.status()["sent"] == 16


def test_a_damaged_cursor_is_an_error_and_not_a_new_start(tmp_path):
    h = House(tmp_path / "house", {"kind": "file", "path": "out"})
    fill(h, 5)
    assert h.ship("--once").returncode == 0
    cursor = h.dir / ".moat/ship/out.json"
    cursor.write_text(cursor.read_text()[:-20])
    r = h.ship("--once")
    assert r.returncode == 3 and "out.json" in r.stderr


def test_two_shippers_do_not_share_a_sink(tmp_path, receivers):
    h = House(tmp_path / "house", {"kind": "file", "path": "out"})
    receivers(h)
    h.start()
    deadline = time.time() + 10
    while not h.status() and time.time() < deadline:
        time.sleep(0.02)
    r = h.ship("--once")
    assert r.returncode == 3 and "another process" in r.stderr
    assert h.stop() == 0


@pytest.mark.parametrize("sink, words", [
    ({"kind": "otlp", "uri": "http://x"}, "does not ship to kind 'otlp'"),
    ({"kind": "splunk", "uri": "http://127.0.0.1:1"}, "token_file"),
    ({"kind": "elasticsearch"}, "needs 'uri'"),
    ({"kind": "file"}, "needs 'path'"),
    ({"kind": "file", "path": "x", "batch": 0}, "batch goes from"),
    ({"kind": "relp", "uri": "127.0.0.1"}, "HOST:PORT"),
    ({"kind": "syslog-tls"}, "needs"),
    ({"kind": "relp", "uri": "127.0.0.1:1", "facility": 24}, "facility"),
])
def test_wrong_settings_say_what_is_wrong(tmp_path, sink, words):
    h = House(tmp_path / "house", {**sink, "retry_min": "1ms", "retry_max": "5ms"})
    fill(h, 1)
    r = h.ship("--once")
    assert r.returncode in (2, 3) and words in r.stderr, r.stderr


# ---- real rsyslog

# No queue between the input and the file, and each message written before it is answered.  sync="on" would make it survive
# a power cut too; a kill of the process needs only the write.
RELP = '''main_queue(queue.type="Direct")
module(load="imrelp")
input(type="imrelp" address="127.0.0.1" port="{port}" ruleset="in" maxDataSize="64k")
ruleset(name="in" queue.type="Direct") {{ action(type="omfile" file="{out}" template="line" asyncWriting="off" flushOnTXEnd="on") }}
'''
TCP = '''module(load="imtcp")
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="in")
ruleset(name="in") {{ action(type="omfile" file="{out}" template="line") }}
'''
TLS = '''global(DefaultNetstreamDriver="gtls" DefaultNetstreamDriverCAFile="{dir}/ca.pem" DefaultNetstreamDriverCertFile="{dir}/server.pem" DefaultNetstreamDriverKeyFile="{dir}/server.key")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="in")
ruleset(name="in") {{ action(type="omfile" file="{out}" template="line") }}
'''


@pytest.fixture
def syslog(tmp_path, free_port, receivers):
    def make(kind, config, **keys):
        r = Rsyslog(tmp_path, config, free_port())
        h = House(tmp_path / "house", {"kind": kind, "uri": f"127.0.0.1:{r.port}", "timeout": "5s", **QUICK, **keys})
        receivers(r), receivers(h)
        return h, r
    return make


@rsyslog
def test_relp_loses_nothing_when_both_sides_are_killed(syslog):
    house, receiver = syslog("relp", RELP)
    done = kill_storm(house, receiver, KILLS, 40 * KILLS)
    assert done.returncode == 0, done.stderr
    missing, twice, strangers = account(house, receiver.ids())
    print(f"relp: {KILLS} kills, {len(house.spool.ids)} events, {missing} missing, {twice} duplicates by id")
    assert (missing, strangers) == (0, 0) and not house.dead()


BUFFERED = TCP.replace('template="line"', 'template="line" flushOnTXEnd="off" ioBufferSize="64k" flushInterval="1"')


@rsyslog
@pytest.mark.parametrize("config", ["written at once", "buffered for a second"])
def test_the_loss_of_plain_tcp_is_measured(syslog, config):
    """What the receiver's kernel took and its program had not written is gone, and nobody can tell us."""
    house, receiver = syslog("syslog", BUFFERED if config.startswith("buffered") else TCP, batch=5, batch_age="1ms")
    done = kill_storm(house, receiver, KILLS, 50 * KILLS, steady=True)
    assert done.returncode == 0, done.stderr
    missing, twice, strangers = account(house, receiver.ids())
    print(f"syslog over TCP, {config}: {KILLS} kills, {len(house.spool.ids)} events, {missing} missing, {twice} duplicates by id")
    assert strangers == 0
    assert missing > 0 if config.startswith("buffered") else missing < len(house.spool.ids) / 20
    assert house.status()["sent"] == len(house.spool.ids)                  # and yet all of them count as shipped
    assert "NOT ACKNOWLEDGED" in house.ship("--explain").stdout


@rsyslog
def test_long_messages_leave_the_prediction_out_and_say_so(syslog):
    house, receiver = syslog("relp", RELP, format="ocsf", message_max="2KiB")
    receiver.start()
    house.spool.append(request(1, prediction={"predictions": [[0.5] * 2000]}))
    lost = house.spool.append(request(2, reason="x" * 4000))
    house.spool.append(request(3))
    assert house.ship("--once").returncode == 0
    receiver.stop(signal.SIGTERM)
    rows = [json.loads(line.strip()) for line in receiver.store.read_text().splitlines()]
    assert [r["metadata"].get("is_truncated", False) for r in rows] == [True, False]
    assert rows[0]["metadata"]["untruncated_size"] > 6000 and "prediction" not in rows[0]["unmapped"]
    assert [d["id"] for d in house.dead()] == [lost] and "message_max" in house.dead()[0]["reason"]


def certificates(folder):
    """A CA of ours and a certificate for 127.0.0.1 that it signed."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    import ipaddress
    now = datetime.datetime.utcnow()

    def make(name, key, issuer, issuer_key, ca):
        names = lambda n: x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, n)])
        b = x509.CertificateBuilder().subject_name(names(name)).issuer_name(names(issuer)).public_key(key.public_key())
        b = b.serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(now + datetime.timedelta(days=1))
        b = b.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        if not ca:
            b = b.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        return b.sign(issuer_key, hashes.SHA256())

    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    pem = lambda c: c.public_bytes(serialization.Encoding.PEM)
    (folder / "ca.pem").write_bytes(pem(make("our ca", ca_key, "our ca", ca_key, True)))
    (folder / "server.pem").write_bytes(pem(make("server", key, "our ca", ca_key, False)))
    (folder / "server.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()))
    other = ec.generate_private_key(ec.SECP256R1())
    (folder / "other.pem").write_bytes(pem(make("other ca", other, "other ca", other, True)))


@rsyslog
def test_syslog_over_tls_verifies_the_receiver(syslog, tmp_path):
    certificates(tmp_path)
    house, receiver = syslog("syslog-tls", TLS, ca_file="../ca.pem", enterprise=32473)
    receiver.start()
    fill(house, 50)
    r = house.ship("--once")
    assert r.returncode == 0, r.stderr
    end = time.time() + 5
    while len(receiver.ids()) < 50 and time.time() < end:
        time.sleep(0.05)
    assert account(house, receiver.ids()) == (0, 0, 0)
    keys = {"kind": "syslog-tls", **QUICK, "timeout": "5s"}
    for uri, ca in ((f"127.0.0.1:{receiver.port}", "../other.pem"), (f"127.0.0.1:{receiver.port}", None), (f"localhost:{receiver.port}", "../ca.pem")):
        house.configure({**keys, "uri": uri, **({"ca_file": ca} if ca else {})})
        fill(house, 1)
        r = house.ship("--once")
        assert r.returncode == 3 and ("certificate" in r.stderr or "mismatch" in r.stderr), r.stderr
    assert len(receiver.ids()) == 50


@rsyslog
def test_rsyslog_reads_our_header_as_we_meant_it(syslog):
    config = TCP.replace('template="line"', 'template="head"').replace("ruleset(name", 'template(name="head" type="string" string="%pri% %timereported:::date-rfc3339% %hostname% %app-name% %msgid% %structured-data%\\n")\nruleset(name')
    house, receiver = syslog("syslog", config, enterprise=32473)
    receiver.start()
    id = house.spool.append(ALERT, kind=2)
    assert house.ship("--once").returncode == 0
    end = time.time() + 5
    while not (receiver.store.exists() and receiver.store.read_text()) and time.time() < end:
        time.sleep(0.05)
    pri, when, host, app, msgid, data = receiver.store.read_text().strip().split(" ", 5)
    assert (pri, host, app, msgid) == (str(16 * 8 + 3), os.uname().nodename, "moat", "alert")
    assert data == f'[moat@32473 id="{id}" seq="0"]' and when.endswith("Z")
