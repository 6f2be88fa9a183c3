"""S3 servers as parts of a test: moto, which keeps to S3, and s3rver, which ignores If-None-Match.

Both are reached with the keys of ENVIRONMENT.
"""

from __future__ import annotations

import shutil
import sys
import urllib.request
from pathlib import Path
from typing import Self

from echonode.store.objects.bucket import ObjectsAt
from tests.peers.node_modules import node_modules
from tests.peers.part import Part
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import ChildProcess
from tests.peers.programs import PeerMissing, find_program

BUCKET = "ultrasound"
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "S3RVER", "AWS_SECRET_ACCESS_KEY": "S3RVER"}


class ObjectStore(Part):
    """A server with one empty bucket, BUCKET."""

    def __init__(self, *, name: str) -> None:
        super().__init__(prefix=name, folder=None)
        self.port = free_port()

    @property
    def endpoint(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def settings(self, cache_dir: Path, *, prefix: str = "node", limit: int = 10**9) -> ObjectsAt:
        """As a configuration would have them."""
        return ObjectsAt(
            bucket=BUCKET,
            prefix=prefix,
            endpoint=self.endpoint,
            region="us-east-1",
            cache_dir=cache_dir,
            cache_limit=limit,
        )

    def _run(self, *command: str | Path) -> None:
        self._child = ChildProcess(
            list(command), folder=self.folder, name=self._prefix, env=ENVIRONMENT
        )
        self._child.start(ports=(self.port,))


class MotoServer(ObjectStore):
    """moto: in memory, so what it holds ends with it."""

    def __init__(self) -> None:
        super().__init__(name="moto")

    def start(self) -> Self:
        """Raises NotReady."""
        self._run(sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(self.port))
        request = urllib.request.Request(f"{self.endpoint}/{BUCKET}", method="PUT")
        urllib.request.urlopen(request, timeout=10).close()
        return self


class S3rver(ObjectStore):
    """s3rver of npm: it writes over what exists, whatever If-None-Match says."""

    def __init__(self) -> None:
        super().__init__(name="s3rver")

    def start(self) -> Self:
        """Raises PeerMissing, NotReady."""
        node = find_program("node")
        if shutil.which("npm") is None:
            raise PeerMissing("npm", "npm")
        program = node_modules("s3rver") / "s3rver" / "bin" / "s3rver.js"
        self._run(
            *(node, program, "--directory", self.folder / "objects", "--address", LOOPBACK),
            *("--port", str(self.port), "--silent", "--configure-bucket", BUCKET),
        )
        return self
