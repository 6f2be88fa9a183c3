"""Reports that a preflight waits for, on any association.

The store does not know their transactions: each Transaction UID was made for the test image alone.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from echonode.model.commitment import CommitmentReport
from echonode.model.identity import Peer
from echonode.model.status import SUCCESS


@dataclass(kw_only=True, eq=False)
class PendingReport:
    """One transaction whose report is awaited."""

    peer: Peer
    came: threading.Event = field(default_factory=threading.Event)
    report: CommitmentReport | None = None
    from_another: str = ""  # the AE title that reported instead


class PendingReports:
    """Thread-safe: a preflight waits on its thread, reports come on any."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._awaited: dict[str, PendingReport] = {}

    def expect(self, transaction_uid: str, peer: Peer) -> PendingReport:
        """From now on `take` takes a report of this transaction."""
        awaited = PendingReport(peer=peer)
        with self._lock:
            self._awaited[transaction_uid] = awaited
        return awaited

    def forget(self, transaction_uid: str) -> None:
        """Its report is no longer awaited."""
        with self._lock:
            self._awaited.pop(transaction_uid, None)

    def take(self, caller: Peer, report: CommitmentReport) -> int | None:
        """The status to answer where the report is awaited here; None where it is not."""
        with self._lock:
            awaited = self._awaited.get(report.transaction_uid)
        if awaited is None:
            return None
        if caller.ae_title != awaited.peer.ae_title:
            awaited.from_another = caller.ae_title
            awaited.came.set()
            return None
        awaited.report = report
        awaited.came.set()
        return SUCCESS
