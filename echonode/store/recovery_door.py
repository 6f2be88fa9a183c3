"""The part of the store's door that a start uses, and what goes on with what it left for later."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from echonode.store.database.connections import Writer
from echonode.store.database.corruption_marker import IndexDoubt
from echonode.store.database.opening import Opened
from echonode.store.database.page_check import DatabaseCheck
from echonode.store.deliveries.deliveries import Deliveries
from echonode.store.files.layout import FileIds, Layout
from echonode.store.ingest.insertion import Keeping
from echonode.store.recovery.recovery import Recovery
from echonode.store.retention.deletion import Tombstones
from echonode.store.values import RecoveryReport


class RecoveryDoor:
    """What Store does for a start; Store sets the attributes. Used by one thread.

    _recovery: None for a store that can only be read, of which nothing can be mended.
    """

    _check: DatabaseCheck
    _deliveries: Deliveries
    _doubt: IndexDoubt
    _ids: FileIds
    _keeping: Keeping
    _layout: Layout
    _now: Callable[[], datetime]
    _readers: sa.Engine
    _recovery: Recovery | None = None
    _tombstones: Tombstones
    _writer: Writer

    def _due(self, destinations: Sequence[str]) -> None:
        """Tell the workers of these destinations that something became due."""
        raise NotImplementedError

    def _begin_recovery(
        self,
        adopt_to: Sequence[str],
        forward_to: Mapping[str, Sequence[str]],
        on_adopted: Callable[[int], None],
        opened: Opened,
        nobodys: str,
    ) -> None:
        self._check = DatabaseCheck(self._readers, self._doubt, needed=not opened.checked)
        self._recovery = Recovery(
            self._writer,
            self._readers,
            self._layout,
            self._deliveries,
            self._keeping,
            self._now,
            adopt_to,
            self._tombstones,
            forward_to,
            nobodys=nobodys,
            is_ours=self._ids.is_given,
            on_due=self._due,
            check=self._check.step,
        )
        self._recovery.first(database_made=opened.made, on_adopted=on_adopted)

    @property
    def recovery(self) -> RecoveryReport:
        """What the last stop left, as far as it was looked for."""
        return self._recovery.report if self._recovery else RecoveryReport()

    @property
    def is_recovering(self) -> bool:
        """Whether `recover` has still something to do."""
        return self._recovery is not None and not self._recovery.is_done

    def recover(self) -> bool:
        """Do a bounded part of what `open` left for later; False when nothing is left.

        Raises OutOfSpace, IndexDamaged, and the same part comes again.
        """
        if self._recovery is not None and self._recovery.step():
            return True
        self._ids.forget_given()
        return False

    def stop_recovery(self) -> None:
        """Break off the part under way where it is a long one; from any thread."""
        self._check.stop()
