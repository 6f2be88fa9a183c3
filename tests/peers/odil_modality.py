"""A modality on odil: asks for its items, and reports a step (odil_modality_program.py)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.peers.fixtures import require_debian_module
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import LOOPBACK

PROGRAM = Path(__file__).with_name("odil_modality_program.py")


def works_by_the_list_of(node: EchoNodeProcess, station: str) -> dict[str, Any]:
    """What it was answered: `items`, and the `statuses` of its messages. Called MODALITY."""
    python = require_debian_module("odil", "python3-odil")
    done = subprocess.run(
        [python, PROGRAM, LOOPBACK, str(node.port), node.ae_title, "MODALITY", station],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PYTHONPATH": ""},
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told
