"""What waits for the writer's next transaction: each caller's work, and the order of a batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import sqlalchemy as sa

from echonode.errors import OutOfSpace
from echonode.store.files.disk import fsync_folder

T = TypeVar("T")


class Ticket(Generic[T]):
    """One caller's work and its result."""

    def __init__(
        self,
        work: Callable[[sa.Connection], T],
        folder: Path | None,
        locking: str | None,
        *,
        durable: bool = True,
    ) -> None:
        self.work = work
        self.folder = folder
        self.locking = locking
        self.durable = durable
        self.done = False
        self.result: T | None = None
        self.error: BaseException | None = None

    def fail(self, error: BaseException) -> None:
        self.error = error
        self.done = True


def is_alone(batch: Sequence[Ticket[object]]) -> bool:
    """Whether no other writer may change anything while the batch is in its transaction."""
    return any(ticket.locking is None for ticket in batch)


def waits_for_disk(batch: Sequence[Ticket[object]]) -> bool:
    """Whether the COMMIT of a batch is durable on return."""
    return any(ticket.durable for ticket in batch)


def locks_of(batch: Sequence[Ticket[object]]) -> list[str]:
    """What a batch locks at its beginning, each once and in order; nothing where it is alone."""
    if is_alone(batch):
        return []
    return sorted({ticket.locking for ticket in batch if ticket.locking})


def in_order(batch: list[Ticket[object]]) -> list[Ticket[object]]:
    """In the order in which every node locks rows, where that matters; else as they came."""
    if len(batch) < 2 or is_alone(batch):
        return batch
    return sorted(batch, key=lambda ticket: ticket.locking or "")


def with_durable_folders(batch: list[Ticket[object]]) -> list[Ticket[object]]:
    """Those of the batch whose folder is durable; the others have failed."""
    failures: dict[Path | None, str] = {}
    for folder in {ticket.folder for ticket in batch if ticket.folder is not None}:
        try:
            fsync_folder(folder)
        except OutOfSpace as error:
            failures[folder] = str(error)
    for ticket in batch:
        if ticket.folder in failures:
            ticket.fail(OutOfSpace(failures[ticket.folder]))
    return [ticket for ticket in batch if not ticket.done]
