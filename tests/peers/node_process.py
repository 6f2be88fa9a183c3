"""EchoNode as an outside check sees it: the real command, its JSON log, its ledger, its signals."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import yaml

from tests.peers.log_reader import LogEvent, LogReader
from tests.peers.part import Part
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import ChildProcess, NotReady, has_listener
from tests.starts.commands import echonode
from tests.starts.forked_starts import may_fork

READY_DEADLINE_S = 30.0
ROOT = Path(__file__).resolve().parents[2]


class EchoNodeProcess(Part):
    """`echonode run` on a folder of its own; survives stop, kill and restart with that folder.

    peers: name -> {ae_title, host, port, may}; the other sections are as in the configuration
    file, and `extra` is merged in at the top. Port of the listener: `port`.
    """

    module = "echonode"  # what `run` is asked of; a subclass may name a changed node
    wrapper: Sequence[str | Path] = ()  # a command that runs the node's, as strace does

    def __init__(
        self,
        *,
        peers: Mapping[str, Mapping[str, Any]] | None = None,
        destinations: list[Mapping[str, Any]] | None = None,
        probes: list[Mapping[str, Any]] | None = None,
        extra: Mapping[str, Any] | None = None,
        ae_title: str = "ECHONODE",
        port: int | None = None,
        folder: Path | None = None,
        env: Mapping[str, str] | None = None,
        ulimit: str = "",
    ) -> None:
        """ulimit: options of the shell's own command, such as `-n 1024`, for the process."""
        super().__init__(prefix="echonode", folder=folder)
        self.ae_title, self.host, self.port = ae_title, LOOPBACK, port or free_port()
        self.peers = {name: dict(peer) for name, peer in (peers or {}).items()}
        self.destinations = [dict(destination) for destination in destinations or []]
        self.probes = [dict(probe) for probe in probes or []]
        self.extra = dict(extra or {})
        self.log = LogReader()
        self._ulimit = ulimit
        self._env = {"PYTHONPATH": str(ROOT), **(env or {})}

    # --- its folder and configuration ---

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    @property
    def config_file(self) -> Path:
        return self.folder / "echonode.yaml"

    def settings(self) -> dict[str, Any]:
        """The configuration it is started with."""
        return {
            "ae_title": self.ae_title,
            "data_dir": str(self.data_dir),
            "listen": [{"host": self.host, "port": self.port}],
            "peers": self.peers,
            "destinations": self.destinations,
            "probes": self.probes,
            "logging": {"format": "json", "level": "info"},
            # How full the disk of this machine is must not decide what the tests find.
            "retention": {"minimum_free_percent": 0},
            # Nobody names the exams of most tests; those that are about names say otherwise.
            "exam": {"deliver_unidentified": True},
            **self.extra,
        }

    def add_peer(self, name: str, *, ae_title: str, port: int = 104, may: list[str]) -> None:
        """Serve one more AE, from the next start on."""
        self.peers[name] = {"ae_title": ae_title, "host": LOOPBACK, "port": port, "may": may}

    # --- its life ---

    def start(self, *, deadline_s: float = READY_DEADLINE_S) -> Self:
        """Write the configuration, start, and wait for `node_ready`. Raises NotReady."""
        self.config_file.write_text(yaml.safe_dump(self.settings(), sort_keys=False))
        arguments = ("run", "--config", self.config_file)
        as_shipped = self.module == "echonode" and not self.wrapper and not self._ulimit
        child = ChildProcess(
            [
                *self.wrapper,
                *(["sh", "-c", f'ulimit {self._ulimit}; exec "$@"', "sh"] if self._ulimit else []),
                *(sys.executable, "-m", self.module, *arguments),
            ],
            folder=self.folder,
            name="echonode",
            env=self._env,
            pipe_output=True,
            forked=arguments if as_shipped and may_fork(self._env) else (),
        )
        self._child = child
        since = self.log.mark()
        child.start()
        self.log.follow(child.popen.stdout, "echonode")
        try:
            self.wait_for("node_ready", since=since, timeout_s=deadline_s)
        except TimeoutError as error:
            child.kill()
            raise NotReady(f"echonode run: {error}\n{self.stderr()}") from error
        return self

    def stop(self, *, deadline_s: float = 40.0) -> int:
        """SIGTERM and wait while it drains; the exit code (-9 when it had to be killed)."""
        code = self.child.stop(deadline_s=deadline_s)
        self.log.finish()
        return code

    def kill(self) -> int:
        """SIGKILL, as a power cut would; the exit code, -9 when it still ran."""
        code = self.child.kill()
        self.log.finish()
        return code

    # --- what it says ---

    @property
    def events(self) -> list[dict[str, Any]]:
        """Every JSON log line so far, over all starts."""
        return list(self.log.events)

    def mark(self) -> int:
        return self.log.mark()

    def wait_for(
        self,
        event: str,
        predicate: Callable[[LogEvent], bool] = lambda entry: True,
        *,
        since: int = 0,
        timeout_s: float = 30.0,
    ) -> LogEvent:
        """The first such log event, past or to come. Raises TimeoutError."""
        return self.log.wait_for(
            event, predicate, since=since, timeout_s=timeout_s, alive=lambda: self.running
        )

    def stderr(self) -> str:
        """The end of what it wrote to stderr: tracebacks, if any."""
        return self.child.output()

    def command(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run another `echonode` command on this configuration, while the node runs.

        typed: what it reads from standard input.
        """
        return echonode(*arguments, "--config", self.config_file, stdin=typed)

    def ledger(self) -> list[dict[str, Any]]:
        """`echonode ledger --json`: one row per instance and destination."""
        done = self.command("ledger", "--json")
        if done.returncode != 0:
            raise RuntimeError(f"echonode ledger exited {done.returncode}: {done.stderr}")
        rows: list[dict[str, Any]] = json.loads(done.stdout)
        return rows

    def stored_files(self) -> list[Path]:
        """Every instance file in its store; quarantined ones are not stored."""
        files = self.data_dir.rglob("*.dcm")
        return sorted(file for file in files if "quarantine" not in file.parts)


class ProbeSimProcess(Part):
    """`echonode probe-sim`: a probe on a loopback port, from a recording or a phantom."""

    def __init__(self, *arguments: str, port: int | None = None) -> None:
        """arguments: the command's own, such as "--protocol", "echopen", "--dialect", "kit"."""
        super().__init__(prefix="probe-sim", folder=None)
        self.port, self.host = port or free_port(), LOOPBACK
        self._arguments = arguments

    @property
    def address(self) -> str:
        """host:port, as a probe's `connect` in the configuration."""
        return f"{self.host}:{self.port}"

    def start(self) -> Self:
        """Start it and wait until it listens; no connection is made, its first client is yours."""
        arguments = ["probe-sim", "--port", str(self.port), *self._arguments]
        environment = {"PYTHONPATH": str(ROOT)}
        self._child = ChildProcess(
            [sys.executable, "-m", "echonode", *arguments],
            folder=self.folder,
            name="probe-sim",
            env=environment,
            forked=arguments if may_fork(environment) else (),
        )
        self._child.start(ports=(self.port,), answers=has_listener)
        return self

    def wait(self, timeout_s: float) -> int:
        """Its exit code once it has played everything. Raises subprocess.TimeoutExpired."""
        return self.child.popen.wait(timeout_s)
