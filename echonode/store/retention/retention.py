"""Retention: the observed clock goes on, proved copies are deleted, old rows are removed.

policy.py decides, deletion.py deletes, pruning.py removes rows; here is what housekeeping calls.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa

from echonode.store.database.connections import Writer, reading
from echonode.store.database.file_size import Shrunk, shrink
from echonode.store.files.layout import Layout
from echonode.store.retention import candidates
from echonode.store.retention.deletion import Deleted, Deletions
from echonode.store.retention.policy import RetentionPolicy
from echonode.store.retention.pruning import Pruning

_MORE_PAGES = 40  # of a sweep that found nothing yet: some hundred milliseconds of reading


class Retention:
    """Used by one thread.

    is_recovering: whether recovery is not done: until then nothing is deleted (recovery.py).
    """

    def __init__(
        self,
        writer: Writer,
        readers: sa.Engine,
        layout: Layout,
        deletions: Deletions,
        *,
        is_recovering: Callable[[], bool],
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._layout = layout
        self._deletions = deletions
        self._pruning = Pruning(writer, readers, layout)
        self._is_recovering = is_recovering
        self._after = candidates.START  # where the sweep over the proved deliveries goes on

    def observe(self, seconds: int) -> int:
        """Advance the observed clock (policy.py); it sees what is proved by now. Returns it."""
        return self._writer.run(lambda connection: candidates.observe(connection, seconds))

    def observed_s(self) -> int:
        """The observed clock, in seconds since this database was made."""
        with reading(self._readers) as connection:
            return candidates.read_observed_s(connection)

    def recycle(self, policy: RetentionPolicy, *, now: datetime) -> list[Deleted]:
        """Delete what may go of the next few hundred deliveries with proof; call it repeatedly.

        After the last delivery it starts again at the first. Deletes nothing during recovery.
        Raises OutOfSpace where the disk refuses to remove a file; the next call tries it again,
        and so does the next start.
        """
        if self._is_recovering():
            return []
        refused = self._deletions.finish_pending()
        found = self._next_candidates(policy)
        for _ in range(_MORE_PAGES):
            # Thousands may wait for a second archive's proof before the first that may go.
            if found or self._after == candidates.START:
                break
            found = self._next_candidates(policy)
        if found:
            return self._deletions.delete(found, policy, now=now)
        if refused is not None:
            raise refused
        return []

    def prune(self, *, now: datetime) -> Shrunk:
        """Remove rows that nothing needs any more (pruning.py) and free their space; one part.

        Raises OutOfSpace.
        """
        self._pruning.prune(now=now)
        return shrink(self._writer, self._layout.database)

    def _next_candidates(self, policy: RetentionPolicy) -> list[int]:
        """Instances that may go, as far as a reader sees."""
        with reading(self._readers) as connection:
            found, self._after = candidates.next_page(connection, policy, self._after)
            return found
