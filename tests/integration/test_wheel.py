"""What a user gets who installs the wheel without a checkout: command, examples, completion.

The wheel is built by the locked back end and installed into an environment of its own. The packages
that it needs are those of this environment, so that nothing is fetched.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from echonode import __version__
from tests.peers.node_process import ROOT

RELEASED = "1767225600"  # seconds of the epoch: as `git log -1 --format=%ct` gives
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE", "echonode")

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.timeout(300)]


def run(*command: str | Path, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """As a user calls it, in a folder without the checkout; raises AssertionError on failure."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "TERM": "dumb", **variables}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done


def built(source: Path, **variables: str) -> Path:
    """The wheel of the files that the image is built of, in a copy: the checkout stays as it is."""
    source.mkdir(exist_ok=True)
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, source / name, ignore=ignored)
        else:
            shutil.copy(ROOT / name, source)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    options = ("--no-index", "--no-deps", "--no-build-isolation")
    before = os.umask(0o022)  # as tools/wheel.sh: a wheel holds the rights of its files
    try:
        run(*pip, "wheel", *options, ".", folder=source, **variables)
    finally:
        os.umask(before)
    [made] = source.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("source"), SOURCE_DATE_EPOCH=RELEASED)


def test_the_same_commit_gives_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """Built again elsewhere and later, with the commit's time as SOURCE_DATE_EPOCH: the same bytes,
    so anyone can check a release (tools/wheel.sh).
    """
    again = built(tmp_path / "elsewhere", SOURCE_DATE_EPOCH=RELEASED, TZ="Asia/Tokyo", HOME="/")
    assert hashlib.sha256(again.read_bytes()).digest() == (
        hashlib.sha256(wheel.read_bytes()).digest()
    )


@pytest.fixture(scope="module")
def command(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`echonode` of an environment that the wheel was installed into."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    python = folder / "venv" / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "--python", python, "install", "--no-index", "--no-deps", wheel, folder=folder)
    [site] = (folder / "venv" / "lib").glob("*/site-packages")
    # Of this environment's site-packages the .pth files are not read, so its EchoNode is not seen.
    (site / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = run(python, "-c", "import echonode; print(echonode.__file__)", folder=folder).stdout
    assert Path(where).is_relative_to(site)
    return python.with_name("echonode")


def test_the_wheel_holds_what_the_commands_read(wheel: Path) -> None:
    """Examples, the status page and the licence; no tests, and no address that is not there."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        [metadata] = [name for name in names if name.endswith(".dist-info/METADATA")]
        head = archive.read(metadata).decode().partition("\n\n")[0]
    assert {f"echonode/config/examples/{name}.yaml" for name in ("echonode", "clinic")} <= names
    assert {f"echonode/web/console/{name}" for name in ("index.html", "core/app.js")} <= names
    assert "echonode/py.typed" in names
    assert any(name.endswith("/LICENSE") for name in names)
    assert all(name.startswith(("echonode/", "echonode-")) for name in names)
    assert "Project-URL" not in head
    assert "Home-page" not in head


def test_it_says_its_version(command: Path, tmp_path: Path) -> None:
    """That of the package's one place."""
    assert run(command, "--version", folder=tmp_path).stdout == f"echonode {__version__}\n"


def test_init_writes_a_configuration_that_is_valid(command: Path, tmp_path: Path) -> None:
    """The first two commands that a user types, in an empty folder."""
    run(command, "init", "clinic", folder=tmp_path)
    said = run(command, "check-config", "clinic/echonode.yaml", folder=tmp_path).stdout
    assert "clinic/echonode.yaml is valid" in said


@pytest.mark.parametrize(
    ("typed", "completed"),
    [("pref", "preflight"), ("run --con", "--config"), ("ledger --state he", "held")],
)
def test_bash_completes_commands_options_and_values(
    command: Path, tmp_path: Path, typed: str, completed: str
) -> None:
    """`echonode --show-completion` prints what bash needs, and bash completes with it."""
    script = (
        'PATH="$1:$PATH"; source <(echonode --show-completion bash); '
        'read -ra COMP_WORDS <<<"echonode $2"; COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); '
        '_echonode_completion echonode; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    said = run("bash", "-c", script, "bash", command.parent, typed, folder=tmp_path).stdout
    assert said.split() == [completed]


def test_completion_installs_itself_for_the_shell(command: Path, tmp_path: Path) -> None:
    """`--install-completion` finds the shell that it is called from, and writes for it alone."""
    script = '"$1" --install-completion; true'  # more than one command: bash stays its parent
    run("bash", "-c", script, "bash", command, folder=tmp_path)
    assert (tmp_path / ".bash_completions" / "echonode.sh").is_file()
    assert "echonode.sh" in (tmp_path / ".bashrc").read_text()
