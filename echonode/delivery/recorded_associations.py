"""Records in the event log what was negotiated with each destination, or why that failed.

It wraps the requestor, so that neither delivery nor dimse knows the event log. A failure that is
the same as the last one is not recorded again: an archive that is down for a day is one event, not
a thousand.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence, Set
from datetime import datetime
from typing import Protocol

from echonode.delivery.ports import Associate, StorageAssociation
from echonode.dimse.contexts import VERIFICATION, ProposedContext
from echonode.errors import NetworkError, StoreError
from echonode.log import get_logger
from echonode.model.identity import Peer
from echonode.store.database.event_log import NewEvent

log = get_logger(__name__)


class AddEvent(Protocol):
    """EventLog.add."""

    def __call__(self, event: NewEvent, *, now: datetime) -> None: ...


class RecordedNegotiations:
    """Opens associations as `associate` does, and records the result of each. Thread-safe."""

    def __init__(
        self, associate: Associate, *, add_event: AddEvent, now: Callable[[], datetime]
    ) -> None:
        self._associate = associate
        self._add_event = add_event
        self._now = now
        self._lock = threading.Lock()
        self._last: dict[str, str] = {}

    def __call__(self, peer: Peer, contexts: Sequence[ProposedContext]) -> StorageAssociation:
        """Raises what `associate` raises."""
        try:
            association = self._associate(peer, contexts)
        except NetworkError as error:
            self._record(peer, "no_association", f"{type(error).__name__}: {error}")
            raise
        # One for C-ECHO alone is recorded only after an outage: nothing is delivered on it.
        if tuple(contexts) != (VERIFICATION,) or self._is_away(peer):
            words = _outcome(contexts, association.accepted)
            self._record(peer, "association", "by DICOMweb" if peer.web else words)
        return association

    def _is_away(self, peer: Peer) -> bool:
        with self._lock:
            return self._last.get(peer.name, "").startswith("no_association")

    def _record(self, peer: Peer, kind: str, detail: str) -> None:
        with self._lock:
            same = self._last.get(peer.name) == kind + detail
            self._last[peer.name] = kind + detail
        if same:
            return
        try:
            self._add_event(
                NewEvent(kind=kind, destination=peer.name, detail=detail), now=self._now()
            )
        except StoreError as error:
            # The delivery goes on without its record.
            log.warning("flight_not_recorded", destination=peer.name, reason=str(error))


def _outcome(contexts: Sequence[ProposedContext], accepted: Set[tuple[str, str]]) -> str:
    """How many were accepted, and those that were not."""
    pairs = [(c.abstract_syntax, syntax) for c in contexts for syntax in c.transfer_syntaxes]
    refused = [f"{uid} in {syntax}" for uid, syntax in pairs if (uid, syntax) not in accepted]
    words = f"{len(pairs) - len(refused)} of {len(pairs)} contexts accepted"
    return f"{words}; refused: {', '.join(refused)}" if refused else words
