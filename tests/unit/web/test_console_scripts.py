"""The console's pure modules, tested in their own language by Node's test runner.

Each `console/NAME.test.js` runs in a copy of the console, and imports its files as they
import each other.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.peers.fixtures import require_program

CONSOLE = Path(__file__).resolve().parents[3] / "echonode" / "web" / "console"
TESTS = Path(__file__).with_name("console")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the console, marked as modules for Node, with the tests in it."""
    copy = tmp_path_factory.mktemp("scripts") / "console"
    shutil.copytree(CONSOLE, copy)
    (copy / "package.json").write_text('{"type": "module"}')
    for test in TESTS.glob("*.test.js"):
        shutil.copy(test, copy)
    return copy


@pytest.mark.parametrize("test", sorted(path.name for path in TESTS.glob("*.test.js")))
def test_pure_modules(folder: Path, test: str) -> None:
    """What the test says in Node."""
    done = subprocess.run(
        [require_program("node"), "--test", test],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
