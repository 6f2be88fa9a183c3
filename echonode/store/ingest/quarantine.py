"""Files under a known UID with other bytes: kept as evidence, within bounds.

Rules
- The sender is refused (A900) and still has its instance, whether it is kept here or not.
- The same bytes again, as a device repeats them every minute, are kept once.
- MOST_QUARANTINED files are more than a person reads. Beyond that nothing is kept and each refusal
  says so; only a person removes files from quarantine.
- Files that this node had accepted (found by recovery, or replaced as damaged) do not pass here:
  they are always kept.
"""

from __future__ import annotations

import os

import sqlalchemy as sa

from echonode.store.database import schema
from echonode.store.database.connections import Writer
from echonode.store.files.disk import disk_errors
from echonode.store.files.layout import Layout
from echonode.store.files.placing import drop
from echonode.store.index.writer import NewInstance
from echonode.store.ingest.insertion import move_to_quarantine

MOST_QUARANTINED = 1_000
_quarantine = schema.quarantine.c


class Quarantine:
    """Thread-safe."""

    def __init__(self, writer: Writer, layout: Layout) -> None:
        self._writer = writer
        self._layout = layout

    def take(self, new: NewInstance) -> str:
        """Keep the file of a conflict, whose row is durable; returns the outcome in words."""
        if self._is_known(new):
            self._drop(new)
            return "the same bytes are in quarantine already"
        if self._is_full():
            self._drop(new)
            return "the quarantine is full and the second was not kept"
        move_to_quarantine(self._layout, new.file_id)
        return "the second is in quarantine"

    def _is_known(self, new: NewInstance) -> bool:
        same = sa.select(_quarantine.file_id).where(
            _quarantine.sop_instance_uid == new.record.sop_instance_uid,
            _quarantine.dataset_sha256 == new.dataset_sha256,
            _quarantine.file_id != new.file_id,
        )
        earlier = self._writer.run(lambda connection: connection.execute(same).scalars().all())
        if self._layout.remote is not None:
            return bool(earlier)
        return any(self._layout.quarantine_file(file_id).exists() for file_id in earlier)

    def _is_full(self) -> bool:
        if self._layout.remote is not None:
            count = sa.select(sa.func.count()).select_from(schema.quarantine)
            return (self._writer.run(lambda connection: connection.scalar(count)) or 0) > (
                MOST_QUARANTINED
            )
        with disk_errors("to list the quarantine"):
            return len(os.listdir(self._layout.quarantine)) >= MOST_QUARANTINED  # noqa: PTH208  # names are enough

    def _drop(self, new: NewInstance) -> None:
        """The file first: without its row the next start would adopt it."""
        drop(self._layout, new.file_id)
        self._writer.execute(sa.delete(schema.quarantine).where(_quarantine.file_id == new.file_id))
