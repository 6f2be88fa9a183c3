"""The audit record of a command: into the trail of the node's own folder.

Rules
- What leaves the node, or changes it, is recorded or not done: OutOfSpace ends the command.
- A look at what holds no name is shown also where its record cannot be written, as on a full disk,
  and says so.
- The folder of `own_dir`: of several nodes that share a store each has its own trail.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from echonode.errors import OutOfSpace

if TYPE_CHECKING:
    from echonode.audit.event import AuditEvent
    from echonode.config import Config


def record(config: Config, event: AuditEvent) -> None:
    """Durable on return. Raises OutOfSpace."""
    from echonode.audit.trail.inbox import put

    put(config.own_dir, event, config.encryption.cipher)


def record_look(config: Config, event: AuditEvent) -> None:
    """As `record`; what cannot be written is said on standard error."""
    try:
        record(config, event)
    except OutOfSpace as error:
        typer.echo(f"This look has no record in the audit trail: {error}", err=True)


def record_certificate(config: Config | None, file: Path) -> None:
    """The console has a new certificate; nothing before there is a store."""
    from echonode.audit.sources.commands import certificate_made

    if config is not None and config.own_dir.is_dir():
        record_look(config, certificate_made(file, at=datetime.now(UTC)))
