"""A folder, an archive and the commands of one document, run as a reader would run them.

The documents name the usual ports. Here each is replaced by a free one, in the commands and in the
configuration (by the environment), and put back in what is printed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from tests.docs.blocks import ROOT, Block, Command, commands_of, prints
from tests.peers.orthanc import OrthancServer
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import ChildProcess

COMMAND_DEADLINE_S = 90.0
BACKGROUND_DEADLINE_S = 60.0
EVERY_S = 0.25
# A document's port -> where the configuration has it, for an override.
_PORTS = {
    "11112": "listen__0__port",
    "8080": "web__port",
    "4242": "peers__pacs__port",
    "7538": "probes__0__connect",
}


class DocumentSession:
    """Blocks of one document run in the order in which they stand, in one folder."""

    def __init__(self, folder: Path, parts: ExitStack) -> None:
        self.folder = folder
        self._parts = parts
        self._ports = {port: str(free_port()) for port in _PORTS}
        self._has_node = False
        self._number = 0
        programs = folder / "bin"
        programs.mkdir()
        echonode = programs / "echonode"
        echonode.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m echonode "$@"\n')
        echonode.chmod(0o755)

    def start_archive(self) -> None:
        """An Orthanc at the PACS's port that knows the node, as the document says to enter it."""
        orthanc = OrthancServer(
            dicom_port=int(self._ports["4242"]),
            modalities={"echonode": ("ECHONODE", LOOPBACK, int(self._ports["11112"]))},
        )
        self._parts.enter_context(orthanc)

    def start_node(self) -> None:
        """A running node with one image, whose archive is not there: its delivery waits."""
        if self._has_node:
            return
        self._has_node = True
        self._run("echonode init")
        # One frame is one still: no load of this machine makes two instances of it.
        self._start("echonode probe-sim --protocol echopen --port 7538 --frames 1", "probe-sim:")
        self._start("echonode run", "node_ready")
        self._within(30, Command(line="echonode ledger", output="...\n...\tqueued\t...\n..."))

    def run(self, block: Block) -> None:
        """Run a console block as its mark says. AssertionError where it does otherwise."""
        details = [detail.strip() for detail in block.detail.split(",") if detail.strip()]
        if "with a node" in details:
            details.remove("with a node")
            self.start_node()
        (detail,) = details or [""]
        *first, last = commands_of(block)
        for command in first:
            self._exits(0, command)
        word, _, value = detail.partition(" ")
        ways: Mapping[str, Callable[[], None]] = {
            "": lambda: self._exits(0, last),
            "exit": lambda: self._exits(int(value), last),
            "until": lambda: self._start(last.line, value),
            "within": lambda: self._within(float(value.removesuffix(" s")), last),
        }
        assert word in ways, f"{block}: {detail} is not a mark"
        ways[word]()

    def run_script(self, block: Block) -> None:
        """Run a block of sh in the folder."""
        done = self._run(f"set -e\n{block.text}")
        assert done.returncode == 0, f"{block}:\n{done.stdout}{done.stderr}"

    def _exits(self, status: int, command: Command) -> None:
        done = self._run(command.line)
        printed = self._with_documented_ports(done.stdout + done.stderr)
        assert done.returncode == status, f"$ {command.line}\n{printed}"
        assert prints(command.output, printed), f"$ {command.line}\n{printed}"

    def _within(self, seconds: float, command: Command) -> None:
        """Repeat it until it prints what is promised."""
        deadline = time.monotonic() + seconds
        while True:
            printed = self._with_documented_ports(self._run(command.line).stdout)
            if prints(command.output, printed):
                return
            assert time.monotonic() < deadline, f"$ {command.line}\n{printed}"
            time.sleep(EVERY_S)

    def _start(self, line: str, until: str) -> None:
        """Start it in the background and wait until it has printed the text."""
        self._number += 1
        child = ChildProcess(
            ["bash", "-c", f"exec {self._with_free_ports(line)}"],
            folder=self.folder,
            name=f"background-{self._number}",
            env=self._environment(),
        )
        child.start()
        self._parts.callback(child.stop)
        deadline = time.monotonic() + BACKGROUND_DEADLINE_S
        while until not in child.output():
            assert child.running, f"$ {line}\n{child.output()}"
            assert time.monotonic() < deadline, f"$ {line}\n{child.output()}"
            time.sleep(EVERY_S)

    def _run(self, line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", "-o", "pipefail", "-c", self._with_free_ports(line)],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=COMMAND_DEADLINE_S,
            check=False,
        )

    def _environment(self) -> dict[str, str]:
        overrides = {
            f"ECHONODE__{place}": f"{LOOPBACK}:{port}" if place.endswith("connect") else port
            for place, port in ((_PORTS[usual], free) for usual, free in self._ports.items())
        }
        return {
            **os.environ,
            **overrides,
            # How full the disk of this machine is must not decide what is found.
            "ECHONODE__retention__minimum_free_percent": "0",
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "200",
        }

    def _with_free_ports(self, text: str) -> str:
        return _replaced(text, self._ports)

    def _with_documented_ports(self, text: str) -> str:
        return _replaced(text, {free: usual for usual, free in self._ports.items()})


def _replaced(text: str, words: Mapping[str, str]) -> str:
    pattern = "|".join(rf"\b{word}\b" for word in words)
    return re.sub(pattern, lambda match: words[match.group()], text)
