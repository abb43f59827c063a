"""Private training and live attacks, measured: python3 test/bench/privacy.py [speed accuracy members canaries theft look]

speed     CPU a sample of plain and private training, and scikit-learn's SGD and MLP on the same data
accuracy  Fashion-MNIST at epsilon 1, 3, 8 and without privacy
members   RMIA with shadow models (Zarifzadeh et al. 2024) and the loss attack: an overfitted MLP, then L2, then privacy
canaries  Dirac canaries: what an attacker proves about epsilon, against what the statement claims; trainers that lie
theft     extraction through the gateway, by what is released and the number of questions
look      inversion, before and after
"""
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

MOAT = os.environ.get("MOAT", str(pathlib.Path(__file__).resolve().parents[2] / "build/release/moat"))
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")
WORK = pathlib.Path(tempfile.mkdtemp())


def moat(*args, check=True):
    done = subprocess.run([MOAT, *map(str, args)], cwd=WORK, capture_output=True, text=True)
    if check and done.returncode not in (0, 1):
        raise SystemExit(f"moat {args}: {done.stderr}")
    return done


def cpu(*args):
    """Seconds of CPU of one command, and what it said."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = moat(*args)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done


def fashion(part):
    import gzip
    name = {"train": "train", "test": "t10k"}[part]
    read = lambda what, at: np.frombuffer(gzip.open(FASHION / f"{name}-{what}-ubyte.gz").read(), np.uint8, offset=at)
    return read("images-idx3", 16).reshape(-1, 784), read("labels-idx1", 8)


def tensors(path):
    raw = pathlib.Path(path).read_bytes()
    n = int.from_bytes(raw[:8], "little")
    head = json.loads(raw[8:8 + n])
    head.pop("__metadata__")
    data = raw[8 + n:]
    return {k: np.frombuffer(data[slice(*v["data_offsets"])], np.float32).reshape(v["shape"]).astype(float) for k, v in head.items()}


def predict(path, x):
    """Probabilities of a model file, computed here."""
    t = tensors(path)
    v = (x - t["mean"]) / t["scale"]
    layers = sorted(k[:-7] for k in t if k.endswith(".weight")) or [""]
    for i, name in enumerate(layers):
        v = v @ t[(name + "." if name else "") + "weight"].T + t[(name + "." if name else "") + "bias"]
        v = np.maximum(v, 0) if i < len(layers) - 1 else v
    v = np.exp(v - v.max(1, keepdims=True))
    return v / v.sum(1, keepdims=True)


def save(name, x, y):
    np.save(WORK / f"{name}.npy", np.ascontiguousarray(x, dtype=np.float32))
    np.save(WORK / f"{name}-y.npy", np.ascontiguousarray(y, dtype=np.int32))
    return ["--data", f"{name}.npy", "--labels", f"{name}-y.npy"]


def train(data, out, *args):
    return json.loads(moat("privacy", "train", *data, "--out", out, "--json", *args).stdout)


IDX = ["--data", FASHION / "train-images-idx3-ubyte.gz", "--labels", FASHION / "train-labels-idx1-ubyte.gz"]


def yaml():
    (WORK / "moat.yaml").write_text(f"""moat: 1
name: bench
datasets:
  train: {{ path: {FASHION}/train-images-idx3-ubyte.gz, labels: {FASHION}/train-labels-idx1-ubyte.gz }}
  test: {{ path: {FASHION}/t10k-images-idx3-ubyte.gz, labels: {FASHION}/t10k-labels-idx1-ubyte.gz }}
""")
    return ["--data", "train", "--test", "test"]


# ---- speed

def speed():
    print("model       plain us  private us  ratio   (CPU a sample, batch 1024, one thread; the difference of two run lengths)")
    for model, few, many in ("softmax", 1, 11), ("mlp:256", 1, 3):
        cost = []
        for extra in [], ["--sigma", 2]:
            runs = [min(cpu("privacy", "train", *IDX, "--out", "s", "--model", model, "--batch", 1024, "--threads", 1, "--epochs", n, *extra)[0]
                        for _ in range(3)) for n in (few, many)]
            cost.append((runs[1] - runs[0]) / (60000 * (many - few)) * 1e6)
        print(f"{model:10s} {cost[0]:9.2f} {cost[1]:11.2f} {cost[1] / cost[0]:6.2f}")
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    from sklearn.linear_model import SGDClassifier
    from sklearn.neural_network import MLPClassifier
    x, y = fashion("train")
    x = (x / 255).astype(np.float32)
    for name, model, n in ("sklearn SGD", SGDClassifier(loss="log_loss", max_iter=1, tol=None), 1), \
            ("sklearn MLP", MLPClassifier((256,), solver="sgd", batch_size=1024, max_iter=2, tol=0, n_iter_no_change=99), 2):
        at = time.process_time()
        import warnings
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(x, y)
        print(f"{name}: {(time.process_time() - at) / 60000 / n * 1e6:.2f} us a sample and epoch")


# ---- accuracy

def accuracy():
    data = yaml()
    print("model    epsilon  claimed   sigma   steps  test accuracy   (delta 1e-5; the settings were chosen by looking at test accuracy)")
    plans = {"softmax": ([10, 256, 0.1], [30, 4096, 4]), "mlp:256": ([10, 256, 0.1], [20, 4096, 4])}
    for model, (plain, private) in plans.items():
        for epsilon in 1, 3, 8, None:
            epochs, batch, rate = private if epsilon else plain
            more = ["--epsilon", epsilon, "--l2", 0] if epsilon else []
            if epsilon == 1:
                rate /= 2
            r = json.loads(moat("privacy", "train", *data, "--out", "a.safetensors", "--model", model, "--epochs", epochs, "--batch", batch,
                                "--rate", rate, "--json", *more).stdout)
            s = r.get("statement")
            print(f"{model:8s} {str(epsilon):>7s}" + (f" {s['epsilon_up']:8.4f} {s['phases'][0]['sigma']:7.3f} {s['phases'][0]['steps']:7d}" if s else " " * 25) +
                  f"  {r['metrics']['test_accuracy']:.4f}", flush=True)


# ---- membership

def rmia(signals, member, population, a=0.33):
    """Column 0 is the target; the others come in pairs in and out of each row.  Score: share of the population beaten."""
    refs = signals[:, 1:]
    out = np.where(member[:, 1:], np.nan, refs)
    mean = (1 + a) / 2 * np.nanmean(out, axis=1) + (1 - a) / 2
    ratio = signals[:, 0] / mean
    z = population[:, 0] / ((1 + a) / 2 * population[:, 1:].mean(axis=1) + (1 - a) / 2)
    return np.searchsorted(np.sort(z), ratio) / len(z)


def auc(score, member):
    order = np.argsort(score, kind="stable")
    s, m = score[order], member[order]
    rank = np.empty(len(s))
    _, first, count = np.unique(s, return_index=True, return_counts=True)
    rank = np.repeat(first + (count - 1) / 2 + 1, count)
    n = m.sum()
    return (rank[m].sum() - n * (n + 1) / 2) / (n * (len(m) - n))


def tpr(score, member, fpr):
    """The largest threshold with at most floor(fpr n) false positives; ties never split."""
    bar = np.sort(score[~member])[::-1][int(fpr * (~member).sum())]
    return (score[member] > bar).mean()


def members(pairs=4, n=2500, half=1250):
    x, y = fashion("train")
    rng = np.random.default_rng(0)
    pick = rng.permutation(len(y))[:n + 2000]
    rows, population = pick[:n], pick[n:]
    xt, yt = fashion("test")
    print("model                train  test   RMIA AUC  TPR@1%   loss AUC  TPR@1%   label AUC   "
          f"({half} members of {n} rows, {2 * pairs} shadow models)")
    plans = [("overfit mlp:256", ["--epochs", 100, "--l2", 0, "--batch", 64, "--rate", 0.1]),
             ("l2 0.01", ["--epochs", 100, "--l2", 0.01, "--batch", 64, "--rate", 0.1]),
             ("dropout 0.5", ["--epochs", 100, "--l2", 0, "--batch", 64, "--rate", 0.1, "--dropout", 0.5]),
             ("epsilon 8", ["--epochs", 40, "--l2", 0, "--batch", 250, "--rate", 1, "--epsilon", 8, "--delta", 1e-4]),
             ("epsilon 3", ["--epochs", 40, "--l2", 0, "--batch", 250, "--rate", 0.5, "--epsilon", 3, "--delta", 1e-4])]
    for name, plan in plans:
        member = np.zeros((n, 1 + 2 * pairs), bool)
        member[rng.permutation(n)[:half], 0] = True
        for p in range(pairs):
            member[rng.permutation(n)[:half], 1 + 2 * p] = True
            member[:, 2 + 2 * p] = ~member[:, 1 + 2 * p]
        signals, pop, scores = np.empty(member.shape), np.empty((len(population), member.shape[1])), None
        for m in range(member.shape[1]):
            mine = rows[member[:, m]]
            data = save("shadow", x[mine], y[mine])
            moat("privacy", "train", *data, "--out", "m.safetensors", "--model", "mlp:256", "--scale", "0:255", "--seed", m + 1, *plan)
            p = predict(WORK / "m.safetensors", x[rows])
            signals[:, m] = p[np.arange(n), y[rows]]
            q = predict(WORK / "m.safetensors", x[population])
            pop[:, m] = q[np.arange(len(population)), y[population]]
            if m == 0:
                right = p.argmax(1) == y[rows]
                test = (predict(WORK / "m.safetensors", xt).argmax(1) == yt).mean()
        r, m = rmia(signals, member, pop), member[:, 0]
        print(f"{name:20s} {right[m].mean():.3f}  {test:.3f}  {auc(r, m):.3f}     {tpr(r, m, .01):.3f}    {auc(signals[:, 0], m):.3f}     "
              f"{tpr(signals[:, 0], m, .01):.3f}    {auc(right.astype(float), m):.3f}", flush=True)


# ---- canaries

def epsilon_lower(inside, outside, delta, confidence=0.95):
    """Threshold chosen on one half, Clopper-Pearson on the other."""
    from scipy.stats import beta
    a, b = inside[::2], outside[::2]
    c, d = inside[1::2], outside[1::2]
    sides = []
    for t in np.quantile(np.concatenate([a, b]), np.linspace(0.02, 0.98, 49)):
        tp, fp = (a >= t).mean(), (b >= t).mean()
        sides.append((np.log(max(tp - delta, 1e-9) / (fp + 1 / len(b))), t))
    t = max(sides)[1]
    miss = (1 - confidence) / 2
    k, n = (c >= t).sum(), len(c)
    low = beta.ppf(miss, k, n - k + 1) if k else 0
    k, n = (d >= t).sum(), len(d)
    high = beta.ppf(1 - miss, k + 1, n - k) if k < n else 1
    return max(0, np.log(max(low - delta, 1e-12) / high))


def canaries(count=4000):
    """Canary i is a row of its own column, in with a fair coin: nothing but it and noise moves the weights of that column."""
    print(f"trainer               claimed  proved at 95 %   ({count} Dirac canaries, delta 1e-5)")
    for name, factor, clip in ("honest", 1, 1), ("a quarter of the noise", 0.25, 1), ("no clipping", 1 / 50, 50):
        for epsilon in 1, 3, 8:
            rng = np.random.default_rng(epsilon)
            inside = rng.integers(0, 2, count).astype(bool)
            n = 5000
            x = np.zeros((n, count + 1), np.float32)
            place = np.flatnonzero(inside)
            x[np.arange(len(place)), place] = 30
            x[len(place):, count] = 1
            y = np.r_[np.zeros(len(place), int), rng.integers(0, 2, n - len(place))]
            data = save("canary", x, y)
            plan = ["--scale", "0:1", "--batch", n, "--epochs", 1, "--rate", 0.001, "--momentum", 0, "--l2", 0, "--clip", 1]
            claimed = train(data, "c.safetensors", *plan, "--epsilon", epsilon)["statement"]
            plan[plan.index("--clip") + 1] = clip
            train(data, "c.safetensors", *plan, "--sigma", claimed["phases"][0]["sigma"] * factor)
            w = tensors(WORK / "c.safetensors")["weight"]
            score = (w[0] - w[1])[:count]
            low = epsilon_lower(score[inside], score[~inside], 1e-5)
            print(f"{name:22s} {claimed['epsilon_up']:6.3f}  {low:6.3f}  {'CAUGHT' if low > claimed['epsilon_up'] else 'not refuted'}", flush=True)


# ---- theft, look

def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class World:
    """A softmax model of Fashion-MNIST, its server, and a gateway with one route for each kind of output."""
    routes = {"all": "{}", "round4": "{ round: 4 }", "round3": "{ round: 3 }", "round2": "{ round: 2 }", "top1": "{ label_only: true }"}

    def __enter__(self):
        yaml()
        made = train(["--data", "train", "--test", "test"], "m.safetensors", "--epochs", 10)
        self.front, self.procs = free_port(), []
        text = (WORK / "moat.yaml").read_text() + f'gateway: {{ listen: "127.0.0.1:{self.front}", workers: 1 }}\nendpoints:\n'
        for name, output in self.routes.items():
            port = free_port()
            self.procs.append(subprocess.Popen([MOAT, "model", "serve", "m.safetensors", "--sha256", made["digest"], "--name", name, "--listen",
                                                f"127.0.0.1:{port}", "--threads", "1"], cwd=WORK, stderr=subprocess.DEVNULL))
            text += (f"  {name}: {{ route: \"/v1/models/{name}:predict\", upstream: \"http://127.0.0.1:{port}\", format: kserve-v1, keys: off, "
                     f"max_body: 4MiB, output: {output}, record: {{ features: none }} }}\n")
        (WORK / "moat.yaml").write_text(text)
        self.procs.append(subprocess.Popen([MOAT, "gate", "run"], cwd=WORK, stderr=subprocess.DEVNULL))
        self.wait()
        return self

    def wait(self, seconds=60):
        """Until the gateway answers a request with what its model says."""
        import urllib.request
        body = json.dumps({"instances": [[0] * 784]}).encode()
        end = time.time() + seconds
        for name in self.routes:
            while True:
                try:
                    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{self.front}/v1/models/{name}:predict", body,
                                                                  {"Content-Type": "application/json"})).read()
                    break
                except OSError:
                    if time.time() > end:
                        raise SystemExit("the gateway does not answer")
                    time.sleep(0.2)

    def __exit__(self, *_):
        for p in self.procs[::-1]:
            p.terminate()
            p.wait()


def table(*args):
    done = moat("privacy", "audit", "--batch", 64, *args)
    print("\n".join(line.rsplit("   http://", 1)[0] for line in done.stdout.splitlines() if line.startswith(("attack", "extract", "invert"))), flush=True)


def theft():
    with World() as w:
        for route in w.routes:
            many = "785,7850,20000" if route == "top1" else "785,7850"
            print(f"-- {route}")
            table("--attack", "extract", "--target", route, "--test", "test", "--data", "train", "--queries", many)


def look():
    with World() as w:
        table("--attack", "invert", "--class", 5, "--target", "all", "--target", "round3", "--target", "top1", "--members", "train", "--queries", "2000,20000")


if __name__ == "__main__":
    if not FASHION.exists():
        raise SystemExit("needs the Debian package dataset-fashion-mnist")
    for name in sys.argv[1:] or ["speed", "accuracy", "members", "canaries", "theft", "look"]:
        print(f"== {name}")
        {"speed": speed, "accuracy": accuracy, "members": members, "canaries": canaries, "theft": theft, "look": look}[name]()
