"""A file without a row, read as the instance that it is (recovery.py says when it is taken in)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from echonode.errors import InvalidObject, OutOfSpace
from echonode.model.instance import Origin
from echonode.store.files.disk import disk_errors
from echonode.store.files.layout import Layout
from echonode.store.index.dataset_header import read_stored_head
from echonode.store.index.instance_record import record_of
from echonode.store.index.writer import NewInstance

_READINGS = 3  # of a file without a row: two that find the same, and one that the disk spoiled


class Orphans:
    """Reads files.

    adopt_to: where what we captured goes; forward_to: AE title -> where what it sent goes.
    """

    def __init__(
        self,
        layout: Layout,
        now: Callable[[], datetime],
        adopt_to: Sequence[str],
        forward_to: Mapping[str, Sequence[str]],
    ) -> None:
        self._layout = layout
        self._now = now
        self._adopt_to = tuple(adopt_to)
        self._forward_to = forward_to

    def read(self, file_id: str) -> NewInstance | None:
        """What a file without a row says of itself; None where the disk does not give it just now.

        Raises InvalidObject when two readings find the same fault.
        """
        found = ""
        for _ in range(_READINGS):
            try:
                return self._new_instance(file_id)
            except InvalidObject as error:
                earlier, found = found, f"{type(error).__name__}: {error}"
                if found == earlier:
                    raise
            except OutOfSpace:
                found = ""
        return None

    def _new_instance(self, file_id: str) -> NewInstance:
        """Raises InvalidObject, OutOfSpace when the disk fails."""
        path = self._layout.instance_file(file_id)
        head = read_stored_head(path)
        record = record_of(head.ds, head.transfer_syntax_uid)
        with disk_errors("to read a file"), path.open("rb") as file:
            status = os.fstat(file.fileno())
            file.seek(head.dataset_offset)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        # What peers sent us carries their AE title in its meta information; what we captured none.
        origin = Origin.RECEIVED if head.source_ae_title else Origin.CAPTURED
        return NewInstance(
            record=record,
            file_id=file_id,
            size=status.st_size,
            dataset_offset=head.dataset_offset,
            dataset_sha256=digest,
            origin=origin,
            source_ae_title=head.source_ae_title,
            acquired_at=None,
            # Also when it is due: a clock that was set back since must not keep it waiting.
            stored_at=min(datetime.fromtimestamp(status.st_mtime, UTC), self._now()),
            evidence={"adopted": "file without a row"},
            destinations=tuple(self._forward_to.get(head.source_ae_title, ()))
            if head.source_ae_title
            else self._adopt_to,
        )
