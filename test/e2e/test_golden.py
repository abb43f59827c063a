"""Each folder of test/golden is one story: `cmd` is run by sh in a copy of it, `want` is everything it said and its exit code.

UPDATE=1 rewrites `want`; read the diff before you commit it."""
import os
import shutil
import subprocess

import pytest

from conftest import MOAT, ROOT

STORIES = sorted(p.parent for p in (ROOT / "test/golden").glob("*/cmd"))


@pytest.mark.parametrize("story", STORIES, ids=lambda p: p.name)
def test_golden(story, tmp_path):
    work = tmp_path / story.name
    shutil.copytree(story, work)
    (work / "want").unlink(missing_ok=True)
    env = {"PATH": f"{MOAT.parent}:/usr/bin:/bin", "HOME": str(tmp_path), "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
    if "ASAN_OPTIONS" in os.environ:
        env["ASAN_OPTIONS"] = os.environ["ASAN_OPTIONS"]
    done = subprocess.run(["sh", "./cmd"], cwd=work, env=env, timeout=60, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    got = f"{done.stdout}exit {done.returncode}\n"
    want = story / "want"
    if os.environ.get("UPDATE"):
        want.write_text(got)
    assert got == want.read_text()
