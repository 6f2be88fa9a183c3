"""The image's health check: `python -m echonode.commands.container_health CONFIG`.

Rules
- Healthy means that the process answers /health/live, whatever the state of the archive.
- The configuration says where and how: its port, and by TLS its own certificate, which is compared
  with the file, so that names and dates do not matter (node_client.py).
- Exit status: 0 healthy, 1 not, with one line that the engine keeps (`docker inspect`).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from echonode.commands.node_client import get
from echonode.config import load
from echonode.errors import EchoNodeError

TIMEOUT_S = 4.0  # below that of HEALTHCHECK, so that the line below is kept


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """arguments: the configuration's path. environ: its overrides. Returns the exit status."""
    try:
        [path] = arguments
        get(load(Path(path), environ), "/health/live", timeout_s=TIMEOUT_S)
    except (EchoNodeError, ValueError) as error:  # of no JSON, or not one path
        typer.echo(f"unhealthy: {str(error).partition(chr(10))[0]}")
        return 1
    typer.echo("healthy")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
