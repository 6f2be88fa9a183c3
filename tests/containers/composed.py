"""A composition, brought up by the engine that tools/containers.sh chose."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, Self

from tests.peers.log_reader import LogReader
from tests.peers.node_process import ROOT

DEMONSTRATION = ("docker-compose.yml", "tests/containers/short-clips.yml")
CLUSTER = ("deploy/cluster/docker-compose.yml",)
# An image is there already; what takes time is the start of three services on a busy machine.
COMMAND_TIMEOUT_S = 120.0


class Composed:
    """The services of compose files, with the profile `demo`, until it is closed."""

    def __init__(
        self, files: Sequence[str] = DEMONSTRATION, *, env: Mapping[str, str] | None = None
    ) -> None:
        """env: what the files take from the environment."""
        self._files, self._env = tuple(files), {**os.environ, **(env or {})}
        self._project = f"echonode-test-{os.getpid()}-{len(files)}"
        self._engine = os.environ["ECHONODE_ENGINE"]
        self._compose = os.environ["ECHONODE_COMPOSE"].split()
        self._followers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        try:
            self.compose("up", "--detach", "--no-build", demo=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for follower in self._followers:
            follower.kill()
            follower.wait()
        self.compose("down", "--volumes", demo=True)

    def compose(self, *arguments: str, demo: bool = False) -> str:
        """A command of compose on these files; its output."""
        profile = ("--profile", "demo") if demo else ()
        files = [word for file in self._files for word in ("-f", file)]
        command = (*self._compose, "-p", self._project, *profile, *files, *arguments)
        return run(*command, env=self._env)

    def engine(self, *arguments: str) -> str:
        return run(self._engine, *arguments)

    def id_of(self, service: str) -> str:
        """The container of a service, running or not."""
        labels = {"project": self._project, "service": service}
        filters = [f"--filter=label=com.docker.compose.{key}={labels[key]}" for key in labels]
        [found] = self.engine("ps", "--all", "--quiet", *filters).split()
        return found

    def inspect(self, service: str) -> dict[str, Any]:
        [found] = json.loads(self.engine("inspect", self.id_of(service)))
        return dict(found)

    def execute(self, service: str, *command: str, user: str = "") -> str:
        """Run a command in a service's container, as the image's user unless another is named."""
        as_user = ("--user", user) if user else ()
        return self.engine("exec", *as_user, self.id_of(service), *command)

    def log_of(self, service: str) -> LogReader:
        """The service's JSON log, from its first line on."""
        follower = subprocess.Popen(
            [self._engine, "logs", "--follow", self.id_of(service)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._followers.append(follower)
        reader = LogReader()
        reader.follow(follower.stdout, service)
        return reader

    def check_health(self, service: str) -> None:
        """Have HEALTHCHECK run now. Docker runs it itself; podman leaves that to systemd.

        What it found is in the container's state; podman's exit status is 1 until it is healthy.
        """
        if self._engine == "podman":
            command = (self._engine, "healthcheck", "run", self.id_of(service))
            subprocess.run(command, capture_output=True, timeout=COMMAND_TIMEOUT_S, check=False)


def run(*command: str, env: Mapping[str, str] | None = None) -> str:
    """Its standard output. Raises AssertionError with what it said when it fails."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.returncode}\n{done.stderr}"
    return done.stdout
