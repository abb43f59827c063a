"""moat data access against getfacl, setfacl and the kernel: what it says, what it changes, and that all of it can be taken back."""
import json
import os
import random
import shutil
import subprocess

import pytest

pytestmark = [pytest.mark.skipif(not shutil.which("setfacl"), reason="Debian's acl is not installed"),
              pytest.mark.skipif(os.geteuid() != 0, reason="other accounts' rights can only be set up by root")]
USER, GROUP = "daemon", "games"                            # accounts of every Debian


def run(*args, **kw):
    return subprocess.run(args, capture_output=True, text=True, check=True, **kw).stdout


@pytest.fixture
def house(tmp_path):
    """A dataset folder below a path that others can walk, and its pipeline."""
    for above in [tmp_path, *tmp_path.parents]:
        if not os.stat(above).st_mode & 0o001:
            os.chmod(above, 0o755)
    data = tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    for name in ("a.csv", "deep/b.csv"):
        (data / name).write_text("x\n1\n")
    (tmp_path / "moat.yaml").write_text(
        f"moat: 1\nidentities:\n  reader: {{ account: {USER} }}\n  staff: {{ kind: group, account: {GROUP} }}\n"
        "datasets:\n  d: { path: data, readers: [reader], writers: [staff] }\n")
    return tmp_path


def getfacl(root):
    return run("getfacl", "-RnP", "--absolute-names", str(root)).replace("\n# flags: ", "\n#flags ")


def test_the_everyday_grant_reads_as_everybody_knows_it(moat, tmp_path):
    (tmp_path / "d").mkdir(mode=0o700)
    (tmp_path / "moat.yaml").write_text(f"moat: 1\nidentities:\n  ml: {{ account: {USER} }}\ndatasets:\n  d: {{ path: d, readers: [ml] }}\n")
    r = moat("data", "access", "plan")
    assert f"setfacl -m u:{USER}:r-x d" in r.out.splitlines(), r
    assert moat("data", "access", "apply").code == 0
    assert f"user:{USER}:r-x" in run("getfacl", "-p", str(tmp_path / "d"))


def test_a_clean_tree_is_clean_and_each_flaw_is_found(moat, house):
    assert moat("data", "access", "apply").code == 0
    r = moat("data", "access", "audit", "--json")
    assert r.code == 0 and json.loads(r.out)["findings"] == [], r
    flaws = {
        "MOAT-D301": lambda: os.chmod(house / "data/a.csv", 0o664),
        "MOAT-D302": lambda: os.chmod(house / "data/a.csv", 0o666),
        "MOAT-D303": lambda: run("setfacl", "-m", "u:1234:r", str(house / "data/a.csv")),
        "MOAT-D304": lambda: run("setfacl", "-m", "g::rw", str(house / "data/a.csv")),
        "MOAT-D305": lambda: run("setfacl", "-x", f"u:{USER}", str(house / "data/a.csv")),
        "MOAT-D306": lambda: run("setfacl", "-k", str(house / "data/deep")),
        "MOAT-D307": lambda: os.chmod(house, 0o777),
        "MOAT-D308": lambda: os.link(house / "data/a.csv", house / "elsewhere"),
    }
    opens = {"MOAT-D301", "MOAT-D302"}                     # others come in only where the folders let them
    for rule, break_it in flaws.items():
        if rule in opens:
            os.chmod(house / "data", 0o775)
        break_it()
        found = {f["rule"] for f in json.loads(moat("data", "access", "audit", "--json").out)["findings"]}
        assert rule in found, (rule, found)
        (house / "elsewhere").unlink(missing_ok=True)
        os.chmod(house, 0o755)
        assert moat("data", "access", "apply").code == 0
        assert json.loads(moat("data", "access", "audit", "--json").out)["findings"] == [], rule


def scramble(rng, path, folder):
    ids = [rng.randrange(1000, 1006) for _ in range(3)]
    perm = lambda: "".join(c if rng.random() < .6 else "-" for c in "rwx")
    os.chmod(path, rng.randrange(0o1000))
    spec = [f"u:{rng.choice(ids)}:{perm()}" for _ in range(rng.randrange(3))] + [f"g:{rng.choice(ids)}:{perm()}" for _ in range(rng.randrange(3))]
    if spec and rng.random() < .3:
        spec.append(f"m::{perm()}")
    if spec:
        run("setfacl", "-m", ",".join(spec), str(path))
    if folder and rng.random() < .5:
        run("setfacl", "-d", "-m", ",".join(spec or [f"u::{perm()}"]), str(path))


def random_tree(rng, root, files):
    folders = [root]
    for i in range(files):
        at = rng.choice(folders) / f"n{i}"
        if rng.random() < .3:
            at.mkdir()
            folders.append(at)
        else:
            at.write_text("")
    for at in sorted(root.rglob("*")):
        scramble(rng, at, at.is_dir())


def test_a_thousand_random_acls_read_as_getfacl_reads_them(moat, house):
    random_tree(random.Random(1), house / "data", 1000)
    ours = moat("data", "access", "audit", "--entries").out
    ours = {b.split("\n", 1)[0]: b.split("\n", 1)[1] for b in ours.split("\n\n") if b.startswith("# file: ")}
    theirs = run("getfacl", "-RnPcep", "data", cwd=house).split("\n\n")
    names = ["# file: " + x for x in run("getfacl", "-RnPp", "data", cwd=house).split("# file: ")[1:]]
    theirs = dict(zip((n.split("\n", 1)[0] for n in names), theirs))
    clean = lambda text: [" ".join(line.split()) for line in text.strip().splitlines()]
    assert len(theirs) >= 1000 and set(ours) == set(theirs)
    for name in theirs:
        assert clean(ours[name]) == clean(theirs[name]), name


def kernel_rights(uid, gids, paths):
    """What the kernel grants that user, asked by a child that has become it."""
    r, w = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups(gids)
        os.setgid(gids[0]), os.setuid(uid)
        got = {str(p): "".join(c if os.access(p, m) else "-" for c, m in (("r", os.R_OK), ("w", os.W_OK), ("x", os.X_OK))) for p in paths}
        os.write(w, json.dumps(got).encode())
        os._exit(0)
    os.close(w)
    with os.fdopen(r) as f:
        got = json.load(f)
    os.waitpid(pid, 0)
    return got


def test_rights_of_a_user_are_what_the_kernel_grants(moat, house):
    rng, flat = random.Random(2), house / "data"
    for i in range(200):
        (flat / f"f{i}").write_text("")
        os.chown(flat / f"f{i}", rng.randrange(1000, 1003), rng.randrange(1000, 1003))
        scramble(rng, flat / f"f{i}", False)
    paths = sorted(flat.glob("f*"))
    os.chmod(flat, 0o755)
    lines = moat("data", "access", "audit", "--user", "1001").out.splitlines()
    ours = {line[4:]: line[:3] for line in lines if line[4:].startswith("data/f")}
    theirs = {"data/" + os.path.basename(k): v for k, v in kernel_rights(1001, [59999], paths).items()}   # 1001 has no account: no groups
    assert ours == theirs


def test_apply_then_undo_restores_every_bit(moat, house):
    random_tree(random.Random(3), house / "data", 150)
    before = getfacl(house / "data")
    assert moat("data", "access", "apply").code == 0
    assert getfacl(house / "data") != before
    assert moat("data", "access", "audit").out.count("MOAT-D30") == 0
    r = moat("data", "access", "apply", "d", "--undo")
    assert r.code == 0 and getfacl(house / "data") == before, r
    assert moat("data", "access", "apply", "d", "--undo").code == 2   # once


def test_the_printed_commands_do_the_same(moat, house):
    random_tree(random.Random(4), house / "data", 60)
    plan = moat("data", "access", "plan").out
    before = getfacl(house / "data")
    assert moat("data", "access", "apply").code == 0
    ours = getfacl(house / "data")
    moat("data", "access", "apply", "d", "--undo")
    assert getfacl(house / "data") == before
    run("sh", "-e", "-c", plan, cwd=house)
    assert getfacl(house / "data") == ours


def test_a_change_killed_in_the_middle_can_be_taken_back(moat, house):
    random_tree(random.Random(5), house / "data", 40)
    before = getfacl(house / "data")
    for when in (1, 7, 20):
        strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=setxattr", "-e", f"inject=setxattr:signal=KILL:when={when}"]
        subprocess.run([*strace, moat.path, "data", "access", "apply"], cwd=house, capture_output=True)
        r = moat("data", "access", "apply")
        assert r.code == 3 and "--undo" in r.err, r
        assert moat("data", "access", "apply", "d", "--undo").code == 0
        assert getfacl(house / "data") == before, when


def test_a_file_replaced_meanwhile_is_left_alone(moat, house):
    assert moat("data", "access", "apply").code == 0
    (house / "data/a.csv").unlink()
    (house / "data/other").write_text("")
    os.rename(house / "data/other", house / "data/a.csv")
    os.chmod(house / "data/a.csv", 0o640)
    r = moat("data", "access", "apply", "d", "--undo")
    assert r.code == 3 and os.stat(house / "data/a.csv").st_mode & 0o777 == 0o640, r


def test_links_and_missing_things_are_said(moat, house):
    (house / "data/link").symlink_to("/etc/passwd")
    mode = os.stat("/etc/passwd").st_mode
    moat("data", "access", "apply")
    assert os.stat("/etc/passwd").st_mode == mode
    assert "leave the dataset" in moat("data", "access", "audit").out
    assert moat("data", "access", "audit", "nothing").code == 2
    assert moat("data", "access", "mend").code == 2
    shutil.rmtree(house / "data")
    r = moat("data", "access", "audit")
    assert r.code == 3 and "data" in r.err
