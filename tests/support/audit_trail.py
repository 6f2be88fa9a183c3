"""The audit trail of a node, read as `echonode audit search --json` reads it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from echonode.audit.trail.search import Wanted, plain, search
from echonode.audit.trail.trail import TrailPaths
from echonode.store.database.sqlite_engine import reader_engine


def records(data_dir: Path) -> list[Mapping[str, Any]]:
    """Every record, also while the node runs."""
    readers = reader_engine(TrailPaths.below(data_dir).database)
    try:
        return [plain(found) for found in search(readers, Wanted())]
    finally:
        readers.dispose()


def kinds(data_dir: Path) -> list[str]:
    """The kind of each."""
    return [str(each["kind"]) for each in records(data_dir)]
