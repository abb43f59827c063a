"""moat model sign, verify and serve, as a user sees them; the server's answers against numpy."""
import base64
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import struct
import threading

import numpy as np
import pytest

CLASSES, FEATURES = 3, 5


def safetensors(tensors, meta):
    header, data = {"__metadata__": meta} if meta is not None else {}, b""
    for name, v in sorted(tensors.items()):
        raw = v.tobytes()
        header[name] = {"dtype": {"float32": "F32", "float64": "F64"}[str(v.dtype)], "shape": list(v.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head + data


@pytest.fixture
def model():
    rng = np.random.default_rng(1)
    f = lambda *shape: rng.normal(size=shape).astype(np.float32)
    return {"weight": f(CLASSES, FEATURES), "bias": f(CLASSES), "mean": f(FEATURES), "scale": np.abs(f(FEATURES)) + np.float32(0.5)}


META = {"kind": "softmax", "format_version": "1", "classes": '["a","b","c"]'}


def probabilities(m, x):
    """In double, from the definition alone."""
    z = ((x - m["mean"].astype(float)) / m["scale"].astype(float)) @ m["weight"].astype(float).T + m["bias"].astype(float)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


@pytest.fixture
def signed(moat, tmp_path, model):
    path = tmp_path / "scorer.safetensors"
    path.write_bytes(safetensors(model, META))
    assert moat("key", "new", "--kind", "p256", "--out", "k").code == 0
    assert moat("model", "sign", path, "--key", "k").code == 0
    return path


# ---- sign and verify

def test_sign_then_verify_then_change(moat, signed):
    ok = moat("model", "verify", signed, "--key", "k.pub", "--json")
    got = json.loads(ok.out)
    assert ok.code == 0 and got["schema"] == "moat.model.verify/1" and got["verified"] is True and got["files"] == 1, ok
    assert got["digest"] == hashlib.sha256(signed.read_bytes()).hexdigest()
    raw = bytearray(signed.read_bytes())
    raw[-1] ^= 1
    signed.write_bytes(raw)
    bad = moat("model", "verify", signed, "--key", "k.pub", "--json")
    got2 = json.loads(bad.out)
    assert bad.code == 1 and got2["verified"] is False
    assert [f["rule"] for f in got2["findings"]] == ["MOAT-M104"]
    evidence = got2["findings"][0]["evidence"]
    assert evidence["expected"] == got["digest"] and evidence["actual"] == hashlib.sha256(raw).hexdigest()
    text = moat("model", "verify", signed, "--key", "k.pub")
    assert text.code == 1 and evidence["actual"] in text.out and "scorer.safetensors" in text.out


def test_published_digest(moat, signed):
    digest = hashlib.sha256(signed.read_bytes()).hexdigest()
    assert moat("model", "verify", signed, "--sha256", digest).code == 0
    assert moat("model", "verify", signed, "--sha256", digest, "--key", "k.pub").code == 0
    wrong = moat("model", "verify", signed, "--sha256", "0" * 64, "--json")
    assert wrong.code == 1 and json.loads(wrong.out)["findings"][0]["rule"] == "MOAT-M107"
    assert moat("model", "verify", signed, "--sha256", "xyz").code == 2


def test_exit_codes_of_what_cannot_be_judged(moat, signed, vectors):
    assert moat("model", "verify", signed).code == 2
    assert moat("model", "verify", "nowhere", "--key", "k.pub").code == 3
    assert moat("model", "verify", signed, "--key", "nowhere.pub").code == 3
    assert moat("model", "sign", signed, "--key", "nowhere").code == 3
    signed.with_name("scorer.safetensors.sig").unlink()
    assert moat("model", "verify", signed, "--key", "k.pub").code == 1
    folder = vectors("model/sign/model-transparency/v1.1.0-certificate")
    r = moat("model", "verify", folder, "--key", "k.pub", "--json")
    assert r.code == 3 and "not supported yet" in r.err and json.loads(r.out)["verified"] is False


def test_unreadable_file_is_not_a_pass(moat, tmp_path, signed):
    if os.getuid() == 0:
        pytest.skip("root reads everything")
    folder = tmp_path / "m"
    folder.mkdir()
    (folder / "w").write_bytes(b"x")
    assert moat("model", "sign", folder, "--key", "k").code == 0
    (folder / "w").chmod(0)
    assert moat("model", "verify", folder, "--key", "k.pub").code == 3


def test_inside_a_pipeline_names_work_and_records_are_kept(moat, tmp_path, signed):
    (tmp_path / "moat.yaml").write_text("moat: 1\nname: t\nmodels:\n  scorer:\n    path: scorer.safetensors\n    signer: k.pub\n")
    assert moat("model", "sign", "scorer", "--key", "k").code == 0
    r = moat("model", "verify", "scorer", "--json")
    assert r.code == 0 and json.loads(r.out)["verified"] is True, r
    signed.write_bytes(signed.read_bytes() + b"\0")
    r = moat("model", "verify", signed, "--json")
    assert r.code == 1 and json.loads(r.out)["findings"][0]["part"] == "models.scorer"
    log = (tmp_path / ".moat" / "ledger.db").read_bytes()
    assert log.count(b'"kind":"model.sign"') == 1 and b'"kind":"model.verify"' in log and b'"verified":false' in log


# ---- serve

class Client:
    def __init__(self, port):
        self.c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def __call__(self, method, path, body=None, **headers):
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        self.c.request(method, path, body, {"Content-Type": "application/json", **headers})
        r = self.c.getresponse()
        text = r.read().decode()
        return r.status, json.loads(text) if r.headers["Content-Type"] == "application/json" else text


@pytest.fixture
def server(spawn, free_port, signed):
    port = free_port()
    p = spawn("model", "serve", signed, "--key", "k.pub", "--listen", f"127.0.0.1:{port}", "--name", "iris", "--max-rows", 100,
              "--max-body", "64KiB", port=port)
    client = Client(port)
    client.port, client.process = port, p
    return client


def v2(data, shape, datatype="FP32", **more):
    return {"inputs": [{"name": "input", "shape": shape, "datatype": datatype, "data": data}], **more}


def test_all_protocols_answer_what_numpy_computes(server, model):
    x = np.random.default_rng(2).normal(size=(70, FEATURES)).round(4)
    want = probabilities(model, x)
    for path in "/v1/models/iris:predict", "/v1/models/iris/versions/1:predict":
        status, got = server("POST", path, {"instances": x.tolist()})
        assert status == 200 and list(got) == ["predictions"]
        np.testing.assert_allclose(np.array(got["predictions"]), want, atol=2e-6)
    for data in x.tolist(), x.ravel().tolist():
        status, got = server("POST", "/v2/models/iris/infer", v2(data, [70, FEATURES], id="é1"))
        out = got["outputs"][0]
        assert status == 200 and got["model_name"] == "iris" and got["id"] == "é1"
        assert (out["name"], out["shape"], out["datatype"]) == ("probabilities", [70, CLASSES], "FP32")
        np.testing.assert_allclose(np.array(out["data"]).reshape(70, CLASSES), want, atol=2e-6)


def test_probabilities_are_shortest_floats(server):
    c = server.c
    c.request("POST", "/v1/models/iris:predict", '{"instances":[[1,2,3,4,5]]}', {"Content-Type": "application/json"})
    text = c.getresponse().read().decode()
    numbers = text[text.index("[[") + 2:text.index("]]")].split(",")
    assert len(numbers) == CLASSES
    digits = lambda n: len(re.sub("[^0-9]", "", n.split("e")[0]).strip("0"))
    for number in numbers:
        assert digits(number) <= digits(np.format_float_scientific(np.float32(number), unique=True)), number


def test_members_of_v2_come_in_any_order(server):
    body = '{"outputs":[{"name":"probabilities"}],"inputs":[{"data":[[1,2,3,4,5]],"parameters":{"a":[1,{"b":2}]},' \
           '"datatype":"INT32","shape":[1,5],"name":"x"}],"parameters":{"p":null},"id":"q"}'
    assert server("POST", "/v2/models/iris/infer", body)[0] == 200


V1_BAD = [
    "", "{", "[]", "{}", '{"instances":[]}', '{"instances":{}}', '{"instances":[1,2,3,4,5]}', '{"instances":[[1,2,3,4]]}',
    '{"instances":[[1,2,3,4,5,6]]}', '{"instances":[[1,2,3,4,"5"]]}', '{"instances":[[1,2,3,4,null]]}', '{"instances":[[1,2,3,4,1e39]]}',
    '{"instances":[[1,2,3,4,NaN]]}', '{"instances":[[1,2,3,4,[5]]]}', '{"instances":[[1,2,3,4,5]],"instances":[]}',
    '{"instances":[[1,2,3,4,5]],"x":1}', '{"inputs":[[1,2,3,4,5]]}', '{"instances":[[1,2,3,4,5]]} x', '{"signature_name":1,"instances":[[1,2,3,4,5]]}',
    '{"instances":' + "[" * 200, '{"instances":' + json.dumps([[0] * FEATURES] * 101) + "}", b'{"instances":[["\xff"]]}',
]


def test_v1_refuses(server):
    for body in V1_BAD:
        status, got = server("POST", "/v1/models/iris:predict", body)
        assert status == 400 and got["error"], (body, status, got)
        assert server("POST", "/v1/models/iris:predict", '{"instances":[[1,2,3,4,5]]}')[0] == 200


V2_BAD = [
    {}, {"inputs": []}, {"inputs": [{}]}, v2([1, 2, 3, 4, 5], [5]), v2([1, 2, 3, 4, 5], [1, 1, 5]), v2([1, 2, 3, 4], [1, 5]), v2([1, 2, 3, 4, 5, 6], [1, 5]),
    v2([1, 2, 3, 4, 5], [2, 5]), v2([1, 2, 3, 4, 5], [1, 4]), v2([[1, 2, 3, 4], [5]], [1, 5]), v2([[1, 2], 3, 4, 5], [1, 5]), v2([1, [2, 3, 4, 5]], [1, 5]),
    v2([1, 2, 3, 4, 5], [1, 5], "BYTES"), v2([1, 2, 3, 4, 5.5], [1, 5], "INT32"), v2([1, 2, 3, 4, 5], [1, -5]), v2([1, 2, 3, 4, 5], [1, 2**63]), v2([], [0, 5]),
    v2([1, 2, 3, 4, 5], [1, 5], id=5), v2([1, 2, 3, 4, 5], [1, 5], id="i" * 300), v2([1, 2, 3, 4, 5], [1, 5], outputs=[{"name": "other"}]), v2([1, 2, 3, 4, 5], [1, 5], extra=1),
    {"inputs": [v2([1, 2, 3, 4, 5], [1, 5])["inputs"][0]] * 2}, v2([0] * (FEATURES * 101), [101, FEATURES]), v2([1, 2, 3, 4, True], [1, 5]), v2([1, 2, 3, 4, {}], [1, 5]),
]


def test_v2_refuses(server):
    for body in V2_BAD:
        status, got = server("POST", "/v2/models/iris/infer", body)
        assert status == 400 and got["error"], (body, status, got)


def test_metadata_and_routes(server):
    assert server("GET", "/v1/models/iris")[1]["ready"] is True
    assert server("GET", "/v2/models/iris")[1]["inputs"][0]["shape"] == [-1, FEATURES]
    assert server("GET", "/v2/models/iris")[1]["classes"] == ["a", "b", "c"]
    for path in "/v2/health/live", "/v2/health/ready", "/v2/models/iris/ready", "/v2":
        assert server("GET", path)[0] == 200
    assert server("GET", "/v1/models/other")[0] == 404
    assert server("POST", "/v1/models/other:predict", {"instances": [[1, 2, 3, 4, 5]]})[0] == 404
    assert server("POST", "/v1/models/iris/versions/2:predict", {"instances": [[1, 2, 3, 4, 5]]})[0] == 404
    assert server("GET", "/v1/models/iris:predict")[0] == 405
    assert server("POST", "/v1/models/iris:predict", '{"instances":[[1,2,3,4,5]]}', **{"Content-Type": "text/plain"})[0] == 415


def metric(server, name):
    return int(re.search(rf"^moat_server_{name} (\d+)$", server("GET", "/metrics")[1], re.M)[1])


def test_metrics_count_requests(server):
    before = metric(server, "requests_total")
    for _ in range(3):
        server("POST", "/v1/models/iris:predict", {"instances": [[1, 2, 3, 4, 5]] * 2})
    server("POST", "/v1/models/iris:predict", "broken")
    server("GET", "/v2/health/live")
    assert metric(server, "requests_total") == before + 4
    assert metric(server, "rows_total") == 6 and metric(server, "refused_total") == 1


def test_bodies_that_are_too_large(server):
    assert server("POST", "/v1/models/iris:predict", b" " * 70000)[0] == 413
    c = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)     # no length given: noticed on the way
    c.request("POST", "/v1/models/iris:predict", iter([b" " * 1000] * 70), {"Content-Type": "application/json"}, encode_chunked=True)
    r = c.getresponse()
    assert r.status == 413 and json.loads(r.read())["error"]


def test_broken_http_does_not_hurt(server):
    for raw in b"\0\xff\r\n\r\n", b"POST /v1/models/iris:predict HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", b"GET " + b"a" * 100000, \
            b"POST /v1/models/iris:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{\"inst":
        with socket.create_connection(("127.0.0.1", server.port)) as s:
            s.settimeout(0.5)
            try:
                s.sendall(raw)
                s.shutdown(socket.SHUT_WR)
                s.recv(1000)
            except OSError:
                pass
    assert server.process.poll() is None
    assert server("POST", "/v1/models/iris:predict", {"instances": [[1, 2, 3, 4, 5]]})[0] == 200


def test_many_clients_at_once(server, model):
    x = np.random.default_rng(3).normal(size=(8, FEATURES))
    want, wrong = probabilities(model, x), []

    def ask(i):
        client = Client(server.port)
        for _ in range(50):
            status, got = client("POST", "/v1/models/iris:predict", {"instances": [x[i].tolist()]})
            if status != 200 or not np.allclose(got["predictions"][0], want[i], atol=2e-6):
                wrong.append((status, got))
    threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
    [t.start() for t in threads], [t.join() for t in threads]
    assert not wrong and metric(server, "predictions_total") == 400


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_ends_cleanly(server, sig):
    assert server("GET", "/v2/health/live")[0] == 200
    server.process.send_signal(sig)
    assert server.process.wait(10) == 0
    lines = server.process.log.read_text().splitlines()
    assert len(lines) == 1 and f"127.0.0.1:{server.port}" in lines[0]


# ---- what is not served

def serve_fails(moat, *args):
    return moat("model", "serve", *args, "--listen", "127.0.0.1:0", timeout=20)


def test_refuses_what_does_not_verify(moat, signed, tmp_path):
    raw = bytearray(signed.read_bytes())
    raw[-1] ^= 1
    signed.write_bytes(raw)
    r = serve_fails(moat, signed, "--key", "k.pub")
    assert r.code == 1 and hashlib.sha256(raw).hexdigest() in r.err and "scorer.safetensors" in r.err and "MOAT-M104" in r.err
    assert serve_fails(moat, signed, "--sha256", "0" * 64).code == 1
    assert serve_fails(moat, signed).code == 2
    signed.with_name("scorer.safetensors.sig").unlink()
    assert serve_fails(moat, signed, "--key", "k.pub").code == 1


@pytest.mark.parametrize("options", [["--shards", "100"], ["--blake2b"]])
def test_a_signature_that_does_not_fix_the_bytes_is_not_enough_to_serve(moat, signed, options):
    """The digest of what is served must be one that was signed: a later reading of the file may find another content."""
    assert moat("model", "sign", signed, "--key", "k", *options).code == 0
    assert moat("model", "verify", signed, "--key", "k.pub").code == 0
    r = serve_fails(moat, signed, "--key", "k.pub")
    assert r.code == 3 and "--sha256" in r.err, r


@pytest.mark.parametrize("change", [
    lambda t, m: m.update(kind="forest"), lambda t, m: m.update(format_version="2"), lambda t, m: t.pop("bias"),
    lambda t, m: t.update(bias=np.zeros(4, np.float32)), lambda t, m: t.update(weight=t["weight"].ravel()),
    lambda t, m: t["weight"].__setitem__((0, 0), np.nan), lambda t, m: t["scale"].__setitem__(1, 0), lambda t, m: m.update(classes='["a"]'),
    lambda t, m: t.update(mean=t["mean"].astype(np.float64)), lambda t, m: m.clear(), lambda t, m: m.update(classes="nonsense"),
])
def test_refuses_models_that_it_cannot_compute(moat, tmp_path, model, change):
    meta = dict(META)
    change(model, meta)
    path = tmp_path / "bad.safetensors"
    path.write_bytes(safetensors(model, meta))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    r = serve_fails(moat, path, "--sha256", digest)
    assert r.code == 3 and "bad.safetensors" in r.err, r


def test_address_in_use_and_nonsense(moat, signed):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        port = s.getsockname()[1]
        r = moat("model", "serve", signed, "--key", "k.pub", "--listen", f"127.0.0.1:{port}", timeout=20)
        assert r.code == 3 and "in use" in r.err
    for address in "nonsense", "127.0.0.1", "127.0.0.1:99999", "::1:80":
        assert moat("model", "serve", signed, "--key", "k.pub", "--listen", address, timeout=20).code == 2


# ---- our bundles, checked by other people's code alone

def test_a_bundle_holds_for_an_independent_verifier(moat, tmp_path):
    pytest.importorskip("cryptography")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    folder = tmp_path / "m"
    (folder / "sub").mkdir(parents=True)
    files = {"a b": b"1", "Z": b"", "sub/ünï": b"22", ".git": b"never signed"}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    for kind, algorithm in ("p256", hashes.SHA256()), ("p384", hashes.SHA384()), ("p521", hashes.SHA512()):
        assert moat("key", "new", "--kind", kind, "--out", kind).code == 0
        assert moat("model", "sign", folder, "--key", kind).code == 0
        bundle = json.loads((folder / "model.sig").read_text())
        pem = (tmp_path / f"{kind}.pub").read_bytes()
        assert set(bundle) == {"mediaType", "verificationMaterial", "dsseEnvelope"}
        assert bundle["verificationMaterial"] == {"publicKey": {"hint": hashlib.sha256(pem).hexdigest()}, "tlogEntries": []}
        envelope = bundle["dsseEnvelope"]
        payload, kind_of = base64.b64decode(envelope["payload"]), envelope["payloadType"].encode()
        pae = b"DSSEv1 %d %s %d %s" % (len(kind_of), kind_of, len(payload), payload)
        key = serialization.load_pem_public_key(pem)
        key.verify(base64.b64decode(envelope["signatures"][0]["sig"]), pae, ec.ECDSA(algorithm))
        statement = json.loads(payload)
        want = [(n, hashlib.sha256(files[n]).hexdigest()) for n in sorted(n for n in files if n != ".git")]
        assert [(r["name"], r["digest"]) for r in statement["predicate"]["resources"]] == want
        root = hashlib.sha256(b"".join(bytes.fromhex(d) for _, d in want)).hexdigest()
        assert statement["subject"] == [{"name": "m", "digest": {"sha256": root}}]


def test_bundles_satisfy_the_published_schema(moat, signed, tmp_path, vectors):
    jsonschema = pytest.importorskip("jsonschema")
    schemas = [json.loads(p.read_text()) for p in vectors("model/sign/oms-spec/schemas/v1.0").glob("*.json")]
    store = {s["$id"]: s for s in schemas}
    check = lambda value, name: jsonschema.Draft202012Validator(
        store[f"https://model_signing/{name}/v1.0/schema"], resolver=jsonschema.RefResolver("", {}, store)).validate(value)
    for options in [], ["--shards", 100]:
        assert moat("model", "sign", signed, "--key", "k", *options).code == 0
        bundle = json.loads(signed.with_name("scorer.safetensors.sig").read_text())
        check(bundle, "bundle")
        check(json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"])), "statement")
