"""Pickles by hand: every published way past a scanner, in variants, must be found; what libraries write must be clean.
Nothing here is ever loaded, and nothing dangerous is imported to write it."""
import base64
import collections
import datetime
import decimal
import io
import json
import pickle
import struct

import pytest


# ---- a small assembler

def text(s):
    b = s.encode()
    return b"X" + struct.pack("<I", len(b)) + b


def short(s):
    b = s.encode()
    return b"\x8c" + bytes([len(b)]) + b


def glob(module, name):
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def stack_glob(module, name, how=short):
    return how(module) + how(name) + b"\x93"


def line(s):
    return b"S" + repr(s).encode() + b"\n"


def proto(n):
    return b"\x80" + bytes([n])


def call(module, name, *args, imp=glob):
    return imp(module, name) + b"(" + b"".join(args) + b"tR"


def ends(b, p=4):
    return proto(p) + b + b"."


ARG = line("true")
RUN = call("os", "system", ARG)
PAYLOAD = ends(RUN)


def calls():
    for m, n in [("os", "system"), ("posix", "system"), ("nt", "system"), ("subprocess", "Popen"), ("builtins", "exec"), ("builtins", "eval"), ("pty", "spawn")]:
        yield b"c%s\n%s\n(%stR." % (m.encode(), n.encode(), ARG)
        for p in range(6):
            yield ends(call(m, n, ARG), p)
        yield ends(call(m, n, text("true"), imp=stack_glob))
        yield b"(" + ARG + b"i%s\n%s\n." % (m.encode(), n.encode())
        yield b"(" + glob(m, n) + ARG + b"o."
        yield ends(glob(m, n) + ARG + b"\x85\x81")
        yield ends(glob(m, n) + ARG + b"\x85}\x92")


def operands():
    esc = lambda s: b"S'" + b"".join(b"\\x%02x" % c for c in s.encode()) + b"'\n"
    octal = lambda s: b"S'" + b"".join(b"\\%03o" % c for c in s.encode()) + b"'\n"
    uni = lambda s: b"V" + b"".join(b"\\u%04x" % c for c in s.encode()) + b"\n"
    forms = [text, short, line, esc, octal, uni, lambda s: b"U" + bytes([len(s)]) + s.encode(), lambda s: b"T" + struct.pack("<i", len(s)) + s.encode(),
             lambda s: b"\x8d" + struct.pack("<Q", len(s)) + s.encode(), lambda s: b"V" + s.encode() + b"\n"]
    for f in forms:
        yield ends(f("posix") + f("system") + b"\x93" + ARG + b"\x85R")


def memo():
    a, b = short("posix"), short("system")
    yield ends(b + b"\x94" + a + b"\x94" + b"00h\x01h\x00\x93" + ARG + b"\x85R")
    yield ends(short("os") + b"q\x64\x94" + b"0" + b + b"\x94" + b"0h\x01h\x02\x93" + ARG + b"\x85R")
    yield ends(short("builtins") + b"q\x01" + short("list") + b"q\x02" + a + b"q\x01" + b + b"q\x02" + b"0000h\x01h\x02\x93" + ARG + b"\x85R")
    yield ends(a + b"p 7 \n0" + b + b"p+8\n0g7\ng0_8\n\x93" + ARG + b"\x85R")
    yield ends(a + b"r\xff\xff\x0f\x000" + b + b"\x940j\xff\xff\x0f\x00h\x01\x93" + ARG + b"\x85R")
    yield ends(a + b"2" + b"0" + b"(" + short("x") + b"1" + b + b"\x93" + ARG + b"\x85R")
    yield ends(glob("posix", "system") + b"\x940N0h\x00" + ARG + b"\x85R0N")
    yield ends(a + b"\x94" + b + b"\x94\x93\x940h\x02" + ARG + b"\x85R")


def patching():
    for m, n in [("numpy", "prod"), ("collections", "OrderedDict"), ("torch.nn.modules.linear", "Linear"), ("sklearn.svm._classes", "SVC"), ("builtins", "object")]:
        yield ends(glob(m, n) + b"}" + line("x") + glob("builtins", "list") + b"sb")
        yield ends(glob(m, n) + b"\x94" + b"N}" + line("x") + b"K\x01s\x86b")
        yield ends(glob(m, n) + b"q\x01" + b"}b0h\x01")
    yield ends(glob("builtins", "object") + b")\x81N}" + line("f") + glob("builtins", "list") + b"s\x86b")


def resolvers():
    for m, n, a in [("pkgutil", "resolve_name", "os:system"), ("pydoc", "locate", "os.system"), ("importlib", "import_module", "os"), ("runpy", "run_module", "x"),
                    ("operator", "attrgetter", "system"), ("operator", "methodcaller", "system"), ("builtins", "__import__", "os"), ("functools", "partial", "x"),
                    ("types", "FunctionType", "x"), ("marshal", "loads", "x"), ("django.utils.module_loading", "import_string", "os.system"),
                    ("werkzeug.utils", "import_string", "os.system"), ("zope.dottedname.resolve", "resolve", "os.system"), ("logging.config", "_resolve", "os.system")]:
        yield ends(call(m, n, line(a)) + ARG + b"\x85R")
        yield ends(call(m, n, line(a), imp=stack_glob), 4)


def debuggers():
    for m, n in [("profile", "run"), ("profile", "Profile.run"), ("cProfile", "runctx"), ("trace", "Trace.run"), ("doctest", "debug_script"), ("code", "InteractiveInterpreter"),
                 ("bdb", "Bdb.run"), ("pdb", "run"), ("timeit", "timeit"), ("torch.utils.bottleneck.__main__", "run_cprofile"),
                 ("torch.utils.bottleneck.__main__", "run_autograd_prof"), ("codeop", "compile_command"), ("pstats", "Stats"), ("IPython", "start_ipython")]:
        yield ends(call(m, n, ARG))
        yield ends(call(m, n, ARG, imp=stack_glob))


def torch_gadgets():
    for m, n in [("torch._dynamo.guards", "GuardBuilder.get"), ("torch.fx.experimental.symbolic_shapes", "ShapeEnv.evaluate_guards_expression"),
                 ("torch.utils.collect_env", "run"), ("torch.utils.data.datapipes.utils.decoder", "basichandlers"), ("torch.utils._config_module", "ConfigModule.load_config"),
                 ("torch._inductor.codecache", "compile_file"), ("torch.distributed.elastic.multiprocessing", "x"), ("torch.hub", "load"), ("torch", "load"),
                 ("torch.storage", "_load_from_bytes"), ("torch.serialization", "load"), ("torch.jit", "load"), ("torch.package", "PackageImporter"), ("torch", "hub.load"),
                 ("torch.utils.cpp_extension", "load_inline")]:
        yield ends(call(m, n, ARG))
        yield ends(glob(m, n))


def stdlib():
    for m, n in [("uuid", "_get_command_stdout"), ("_osx_support", "_read_output"), ("_aix_support", "_read_cmd_output"), ("imaplib", "IMAP4_stream"), ("_pyrepl.pager", "pipe_pager"),
                 ("test.support.script_helper", "assert_python_ok"), ("logging", "FileHandler"), ("lib2to3.pgen2.grammar", "Grammar.loads"), ("lib2to3.pgen2.pgen", "ParserGenerator.make_label"),
                 ("idlelib.pyshell", "ModifiedInterpreter.runcode"), ("ensurepip", "_run_pip"), ("distutils.file_util", "write_file"), ("distutils.spawn", "spawn"),
                 ("asyncio.unix_events", "_UnixSubprocessTransport._start"), ("ctypes", "CDLL"), ("pty", "spawn"), ("ssl", "get_server_certificate"), ("urllib.request", "urlopen"),
                 ("io", "FileIO"), ("_io", "FileIO"), ("io", "open"), ("shelve", "open"), ("webbrowser", "open"), ("smtplib", "SMTP"), ("pip", "main"), ("pip._internal.cli.main", "main"),
                 ("numpy.f2py.crackfortran", "getlincoef"), ("numpy.testing._private.utils", "runstring"), ("shutil", "rmtree"), ("tempfile", "mktemp"), ("socket", "create_connection"),
                 ("pathlib", "Path.write_text"), ("codecs", "open"), ("zipfile", "ZipFile.extractall"), ("gc", "get_objects"), ("linecache", "getlines"), ("signal", "signal")]:
        yield ends(call(m, n, ARG))
        yield ends(call(m, n, ARG, imp=stack_glob))


def python2():
    for m, n in [("__builtin__", "eval"), ("__builtin__", "execfile"), ("__builtin__", "apply"), ("commands", "getoutput"), ("commands", "getstatusoutput"), ("__builtin__", "reduce"),
                 ("itertools", "imap"), ("urllib2", "urlopen"), ("urllib", "urlopen"), ("cPickle", "loads"), ("os2", "system"), ("_winreg", "CreateKey"), ("httplib", "HTTPConnection"),
                 ("thread", "start_new_thread"), ("popen2", "popen3"), ("new", "function")]:
        for p in (0, 2, 4):
            yield ends(call(m, n, ARG), p)


def dotted():
    for m, n in [("torch", "os.system"), ("collections", "_sys.modules"), ("numpy", "os.system"), ("torch.serialization", "os.system"), ("collections", "abc.sys.modules"),
                 ("datetime", "sys.modules"), ("collections", "OrderedDict.__init__.__globals__"), ("builtins", "object.__subclasses__"), ("builtins", "str.__class__"),
                 ("sklearn.svm._classes", "SVC.__init__"), ("joblib.numpy_pickle", "os.system"), ("pandas.core.frame", "sys.modules")]:
        yield ends(call(m, n, ARG, imp=stack_glob))
        yield ends(glob(m, n))


def errors():
    for tail in [b"\xff", b"h\xff", b"1", b"a", b"\x8c\xff", b"\x8d" + b"\xff" * 8, b"c", b"\x80\x09", b"R", b"0000000", b"\x93", b"\x8a\xff", b"", b"t", b"(u", b"gx\n"]:
        yield proto(4) + RUN + tail
        yield proto(4) + RUN + b"0" + tail + b"N."
    for head in [b"h\x090", b"N0", b"10", b"gx\n0", b"\x80\x040"]:
        yield proto(4) + head + RUN + b"."


def frames():
    for size in [0, 1, 5, len(RUN) - 3, len(RUN), len(RUN) + 1, len(RUN) + 2, 1 << 20, (1 << 64) - 1]:
        yield proto(4) + b"\x95" + struct.pack("<Q", size) + RUN + b"."
        yield proto(4) + b"\x95" + struct.pack("<Q", 2) + b"N0\x95" + struct.pack("<Q", size) + RUN + b"."


def hostile_arguments():
    for codec in ["rot13", "hex_codec", "zlib", "x.y", "latin1\0", "os"]:
        yield ends(call("_codecs", "encode", text("x"), text(codec)))
    yield ends(call("collections", "defaultdict", glob("mymodel", "f")))
    yield ends(call("copyreg", "_reconstructor", glob("mymodel", "Net"), glob("builtins", "object"), b"N"))
    yield ends(call("numpy.core.multiarray", "_reconstruct", glob("mymodel", "Net"), b"(K\0t", b"C\x01b"))
    yield ends(call("torch._utils", "_rebuild_tensor_v2", glob("mymodel", "f"), b"K\0", b")", b")", b"\x89", b"N"))
    yield ends(call("torch._tensor", "_rebuild_from_type_v2", glob("os", "system"), glob("torch", "Tensor"), ARG, b"N"))
    yield ends(call("torch._tensor", "_rebuild_from_type_v2", glob("mymodel", "f"), glob("torch", "Tensor"), b")", b"N"))
    yield ends(call("builtins", "bytearray", b"J\xff\xff\xff\x7f"))
    yield ends(glob("numpy", "dtype") + b"(" + line("i4,O") + b"tR")
    yield ends(glob("builtins", "object") + b")\x81)R")


def nested():
    for inner in [PAYLOAD, ends(call("builtins", "exec", ARG), 0), b"cos\nsystem\n(S'true'\ntR.", ends(call("mymodel", "f", ARG))]:
        for b in [inner, base64.b64encode(inner), base64.b64encode(inner).rstrip(b"="), base64.urlsafe_b64encode(inner), base64.encodebytes(inner), inner.hex().encode(),
                  inner.hex().upper().encode()]:
            yield pickle.dumps({"weights": [1, 2], "blob": b}, 4)
            yield pickle.dumps(["x", b.decode("latin1")], 2)
        yield pickle.dumps({"a": pickle.dumps({"b": inner}, 4)}, 4)


def trailing():
    for gap in [b"", b"\0" * 3, b"\0" * 4096, b"garbage", bytes(range(0, 0x80)), b"\x80\x04N"]:
        yield pickle.dumps([1, 2, 3], 4) + gap + PAYLOAD
        yield pickle.dumps([1, 2, 3], 0) + gap + b"cos\nsystem\n(S'true'\ntR."


def oddities():
    yield ends(b"Pid\n", 0)
    yield ends(b"K\x01Q")
    for e in (b"\x82\x01", b"\x83\x01\x00", b"\x84\x01\x00\x00\x00"):
        yield ends(e)
        yield ends(e + b")R")
    yield ends(b"\x97")
    yield ends(line("x") + b"K\x01a")
    yield ends(glob("collections", "OrderedDict") + b"K\x01K\x02s")
    yield ends(call("builtins", "str", line("os")) + line("system") + b"\x93)R")
    for m, n in [("os ", "system"), ("os\t", "x"), ("\u043es", "system"), ("builtins\r", "x"), ("", "eval"), ("os", ""), ("builtins.", "eval")]:
        yield ends(glob(m, n) + b")R")
    yield b"]q\0(NNNNNNNNNNe0" + b"".join(b"]q%c(%se0" % (i, (b"h%c" % (i - 1)) * 10) for i in range(1, 10)) + b"h\x09."
    yield b"Nr\xff\xff\xff\x7f."


TECHNIQUES = {f.__name__: f for f in (calls, operands, memo, patching, resolvers, debuggers, torch_gadgets, stdlib, python2, dotted, errors, frames, hostile_arguments, nested,
                                      trailing, oddities)}


def scan(moat, folder):
    """{file name: worst verdict}"""
    order = ["clean", "unscannable", "broken", "suspicious", "malicious"]
    worst = {}
    for f in json.loads(moat("model", "scan", folder, "--json").out)["files"]:
        name = f["path"].split("/")[-1]
        worst[name] = max(worst.get(name, "clean"), f["verdict"], key=order.index)
    return worst


def test_every_published_way_past_a_scanner_is_found_in_all_its_variants(moat, tmp_path):
    folder = tmp_path / "files"
    folder.mkdir()
    for technique, make in TECHNIQUES.items():
        for i, b in enumerate(make()):
            (folder / f"{technique}-{i}.pkl").write_bytes(b)
    verdicts = scan(moat, folder)
    assert len(verdicts) == len(list(folder.iterdir())) > 500
    missed = [n for n, v in verdicts.items() if v not in ("malicious", "suspicious")]
    only_suspicious = collections.Counter(n.split("-")[0] for n, v in verdicts.items() if v == "suspicious")
    assert missed == []
    for technique in ("calls", "operands", "memo", "resolvers", "debuggers", "torch_gadgets", "stdlib", "python2", "dotted", "errors", "frames", "trailing"):
        assert only_suspicious[technique] == 0, [n for n, v in verdicts.items() if v == "suspicious" and n.startswith(technique)]


@pytest.mark.parametrize("name", ["model.bin", "model.pt", "weights.dat", "notes.txt", "config.json", "model.safetensors", "model.onnx", "model", "model.h5", "a.npy"])
def test_a_pickle_is_one_under_any_name(moat, tmp_path, name):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / name).write_bytes(PAYLOAD)
    assert scan(moat, tmp_path / "d") == {name: "malicious"}


def everyday():
    yield "data", {"a": [1, 2.5, None, True, 1 << 80, -5], "b": (1, (2, ("x", b"y"))), "c": {1, 2}, "d": frozenset([3]), "e": bytearray(b"x"), "f": "caf\u00e9", "g": "x" * 70000}
    yield "collections", [collections.OrderedDict(a=1), collections.Counter("aab"), collections.deque([1, 2]), collections.defaultdict(list, a=[1]), collections.defaultdict(int)]
    yield "numbers", [decimal.Decimal("1.5"), complex(1, 2), range(5), slice(1, 2), datetime.datetime(2020, 1, 2), datetime.timedelta(1), datetime.date(2020, 1, 1)]
    yield "texts", {f"layer.{i}.weight": f"config.json value {i}. More words.\nNext line." for i in range(200)}
    recursive = [1]
    recursive.append((recursive, recursive))
    yield "recursive", recursive
    yield "base64", {"icon": base64.b64encode(bytes(range(256))).decode(), "sha": "9f" * 32, "id": "abcdefghijklmnopqrstuvwxyz0123456789"}


def write_all(folder, name, value):
    for p in range(6):
        (folder / f"{name}-{p}.pkl").write_bytes(pickle.dumps(value, p))


def test_what_python_writes_of_data_is_clean(moat, tmp_path):
    folder = tmp_path / "d"
    folder.mkdir()
    for name, value in everyday():
        write_all(folder, name, value)
    assert {n: v for n, v in scan(moat, folder).items() if v != "clean"} == {}


def arrays(np):
    yield "float", np.arange(6.0).reshape(2, 3)
    yield "fortran", np.asfortranarray(np.arange(6.0).reshape(2, 3))
    yield "text", np.array(["a", "bcd"])
    yield "bytes", np.array([b"a", b"bcd"])
    yield "objects", np.array([1, "x", None], dtype=object)
    yield "records", np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")])
    yield "times", np.array(["2020-01-01"], dtype="M8[D]")
    yield "scalars", [np.float32(1), np.int64(2), np.bool_(True), np.str_("x"), np.datetime64("2020-01-01")]
    yield "types", [np.dtype("f8"), np.float32, np.dtype("U5")]
    yield "empty", np.zeros((0, 3))
    yield "random", [np.random.RandomState(1), np.random.default_rng(1)]


def test_what_numpy_writes_is_clean(moat, tmp_path):
    np = pytest.importorskip("numpy")
    folder = tmp_path / "d"
    folder.mkdir()
    for name, value in arrays(np):
        write_all(folder, name, value)
    assert {n: v for n, v in scan(moat, folder).items() if v != "clean"} == {}


def estimators():
    np = pytest.importorskip("numpy")
    pytest.importorskip("sklearn")
    from sklearn import cluster, compose, decomposition, ensemble, feature_extraction, gaussian_process, linear_model, mixture, model_selection, naive_bayes, neighbors, \
        neural_network, pipeline, preprocessing, svm, tree
    x = np.random.RandomState(0).rand(60, 4)
    y = (x[:, 0] > .5).astype(int)
    for e in [linear_model.LogisticRegression(), linear_model.LinearRegression(), linear_model.Ridge(), linear_model.Lasso(), linear_model.SGDClassifier(), svm.SVC(), svm.LinearSVC(),
              tree.DecisionTreeClassifier(), ensemble.RandomForestClassifier(5), ensemble.GradientBoostingClassifier(n_estimators=5), ensemble.HistGradientBoostingClassifier(max_iter=5),
              ensemble.IsolationForest(n_estimators=5), ensemble.AdaBoostClassifier(n_estimators=3), ensemble.ExtraTreesRegressor(3), ensemble.VotingClassifier([("a", tree.DecisionTreeClassifier())]),
              neighbors.KNeighborsClassifier(algorithm="kd_tree"), neighbors.KNeighborsClassifier(algorithm="ball_tree"), naive_bayes.GaussianNB(), cluster.KMeans(2, n_init=1),
              cluster.DBSCAN(), decomposition.PCA(2), mixture.GaussianMixture(2), neural_network.MLPClassifier((4,), max_iter=5), gaussian_process.GaussianProcessRegressor(),
              preprocessing.StandardScaler(), preprocessing.MinMaxScaler(), preprocessing.PolynomialFeatures(), preprocessing.KBinsDiscretizer(3),
              pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()),
              compose.ColumnTransformer([("s", preprocessing.StandardScaler(), [0, 1])], remainder="passthrough"),
              model_selection.GridSearchCV(linear_model.Ridge(), {"alpha": [1, 2]}, cv=2)]:
        yield type(e).__name__ + str(id(e)), e.fit(x, y)
    yield "words", feature_extraction.text.TfidfVectorizer().fit(["a b c", "some words here"])
    yield "labels", preprocessing.LabelEncoder().fit(["a", "b"])
    yield "onehot", preprocessing.OneHotEncoder().fit([["a"], ["b"]])


@pytest.mark.filterwarnings("ignore")
def test_what_scikit_learn_and_joblib_write_is_clean(moat, tmp_path):
    folder = tmp_path / "d"
    folder.mkdir()
    models = list(estimators())
    joblib = pytest.importorskip("joblib")
    for name, e in models:
        write_all(folder, name, e)
        joblib.dump(e, folder / f"{name}.joblib")
        joblib.dump(e, folder / f"{name}.joblib.z", compress=3)
    assert {n: v for n, v in scan(moat, folder).items() if v != "clean"} == {}


def test_what_joblib_writes_of_arrays_is_clean_and_a_call_behind_one_is_found(moat, tmp_path):
    np = pytest.importorskip("numpy")
    joblib = pytest.importorskip("joblib")
    folder = tmp_path / "d"
    folder.mkdir()
    for name, value in arrays(np):
        joblib.dump({"x": value, "y": [value, value]}, folder / f"{name}.joblib")
    assert {n: v for n, v in scan(moat, folder).items() if v != "clean"} == {}
    for name, value in arrays(np):
        b = io.BytesIO()
        joblib.dump([value], b)
        (folder / f"{name}.joblib").write_bytes(b.getvalue()[:-1] + b"0" + RUN + b".")
    assert set(scan(moat, folder).values()) == {"malicious"}


def test_what_pandas_writes_is_clean(moat, tmp_path):
    pd = pytest.importorskip("pandas")
    folder = tmp_path / "d"
    folder.mkdir()
    frame = pd.DataFrame({"a": [1, 2], "b": [1.5, 2.5], "c": ["x", "y"], "d": [True, False]})
    for name, value in [("frame", frame), ("series", frame["a"]), ("index", frame.set_index("c"))]:
        write_all(folder, name, value)
    assert {n: v for n, v in scan(moat, folder).items() if v != "clean"} == {}
