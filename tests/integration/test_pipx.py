"""The documented way with pipx: the command in the head of deploy/echonode.service, executed.

The wheel is built of this checkout. The packages that it needs come from the index, in the versions
of requirements.lock.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from echonode import __version__
from tests.integration.test_wheel import built, run
from tests.peers.fixtures import require_program
from tests.peers.node_process import ROOT
from tools.reference.licences import locked

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.peers, pytest.mark.timeout(900)]
UNIT = (ROOT / "deploy" / "echonode.service").read_text(encoding="utf-8")


def documented() -> dict[str, str]:
    """The variables of the command in the head of the unit, and where its program is then."""
    found = re.search(
        r"sudo PIPX_HOME=(?P<home>\S+) PIPX_BIN_DIR=(?P<bin>\S+) pipx install \. and the\n"
        r"#\s+path (?P<command>\S+) below",
        UNIT,
    )
    assert found, "the unit names no way with pipx"
    return found.groupdict()


def test_the_command_of_the_unit_installs_a_node_that_runs_check_config(tmp_path: Path) -> None:
    """`pipx install`, in folders of the test: `echonode` lies where the unit would call it, is the
    version of the wheel, writes its example and checks it.
    """
    pipx, said = require_program("pipx"), documented()
    assert said["command"] == f"{said['bin']}/echonode"
    wheel = built(tmp_path / "source")
    versions = tmp_path / "versions.txt"
    versions.write_text("".join(f"{name}=={version}\n" for name, version in locked()))
    variables = {
        "PIPX_HOME": str(tmp_path / "home"),
        "PIPX_BIN_DIR": str(tmp_path / "bin"),
        "PIPX_DEFAULT_PYTHON": sys.executable,
        # The index, its certificates and what was fetched before are those of this machine's pip.
        "PIP_CACHE_DIR": str(Path.home() / ".cache" / "pip"),
        **{name: value for name, value in os.environ.items() if name.startswith("PIP_")},
        "PIP_CONSTRAINT": str(versions),
    }
    run(pipx, "install", wheel, folder=tmp_path, **variables)
    echonode = tmp_path / "bin" / "echonode"
    assert echonode.resolve().is_relative_to(tmp_path / "home")
    assert run(echonode, "--version", folder=tmp_path).stdout == f"echonode {__version__}\n"
    run(echonode, "init", "clinic", folder=tmp_path)
    checked = run(echonode, "check-config", "clinic/echonode.yaml", folder=tmp_path)
    assert "clinic/echonode.yaml is valid" in checked.stdout
