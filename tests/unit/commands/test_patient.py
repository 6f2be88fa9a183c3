"""`echonode patient`: what it reads of the audit trail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from echonode.audit.trail.trail import Trail, TrailLimits
from echonode.commands.patient import _audit_records
from echonode.config import parse
from tests.unit.store.encrypting.encrypted_stores import event

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LIMITS = TrailLimits(keep=timedelta(days=30), bytes=64 * 1024 * 1024)


@pytest.mark.parametrize("name", ["", "north"])
def test_the_trail_of_the_node_itself_is_read(name: str, tmp_path: Path) -> None:
    """That of a named node lies in its own folder below the one that several nodes share."""
    document = {"ae_title": "ECHONODE", "data_dir": str(tmp_path)}
    named = {"node": {"name": name}, "index": {"url": "postgresql+psycopg://u@127.0.0.1/echonode"}}
    settings = parse(yaml.safe_dump({**document, **(named if name else {})}), {})
    trail = Trail.open(settings.own_dir, now=NOON)
    trail.append([event()], LIMITS)
    trail.close()
    assert len(list(_audit_records(settings, "CANARY-4711"))) == 1
