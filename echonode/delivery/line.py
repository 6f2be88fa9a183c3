"""The association with one destination: opened when it is needed, used again, released promptly.

It lingers for a moment after its last use, so that the next capture needs no handshake and an
archive that reports its commitment on the same association finds it open. Not longer: archives
serve few associations at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from echonode.delivery.health import DestinationHealth
from echonode.delivery.negotiation import Negotiated, propose
from echonode.delivery.ports import Associate, StorageAssociation
from echonode.errors import AssociationLost
from echonode.model.identity import Destination
from echonode.model.instance import StoredInstance


@dataclass(frozen=True)
class OpenLine:
    """An open association and what was negotiated on it."""

    association: StorageAssociation
    negotiated: Negotiated


class Line:
    """Holds at most one association with a destination; used by its worker's thread only.

    `abort` alone may be called from any thread.
    """

    def __init__(
        self,
        destination: Destination,
        associate: Associate,
        *,
        health: DestinationHealth,
        reencoding: bool,
        linger_s: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._destination = destination
        self._associate = associate
        self._health = health
        self._reencoding = reencoding
        self._linger_s = linger_s
        self._monotonic = monotonic
        self._open: OpenLine | None = None
        self._last_used = 0.0
        self._aborted = False

    @property
    def is_open(self) -> bool:
        """Whether there is an association that the peer has not ended."""
        return self._open is not None and self._open.association.is_open

    def get(self, instances: Sequence[StoredInstance] = ()) -> OpenLine:
        """An association that covers the first of `instances`, the open one where it does.

        Raises PeerUnreachable, AssociationRejected, AssociationLost.
        """
        line = self._open
        if line is None or not line.association.is_open or not self._fits(line, instances[:1]):
            self.release()
            line = self._open = self._associate_for(instances)
        self._last_used = self._monotonic()
        return line

    def _fits(self, line: OpenLine, instances: Sequence[StoredInstance]) -> bool:
        return all(line.negotiated.covers(i, reencoding=self._reencoding) for i in instances)

    def _associate_for(self, instances: Sequence[StoredInstance]) -> OpenLine:
        contexts = propose(
            instances, policy=self._destination.commitment, reencoding=self._reencoding
        )
        association = self._associate(self._destination.peer, contexts)
        self._health.associated()
        if self._aborted:
            association.abort()
            raise AssociationLost("the node is stopping")
        return OpenLine(association, Negotiated.of(contexts, association.accepted))

    def touch(self) -> None:
        """The association was just used: its linger begins anew."""
        self._last_used = self._monotonic()

    def remaining_s(self) -> float | None:
        """Seconds until the linger ends (0 when it has); None without an association."""
        if self._open is None:
            return None
        return max(0.0, self._last_used + self._linger_s - self._monotonic())

    def release(self) -> None:
        """End the association in order, if there is one."""
        line, self._open = self._open, None
        if line is not None and line.association.is_open:
            line.association.release()

    def drop(self) -> None:
        """End the association at once; the next use opens another."""
        line, self._open = self._open, None
        if line is not None:
            line.association.abort()

    def abort(self) -> None:
        """End the association at once, and any that is being opened; none is opened after."""
        self._aborted = True
        line = self._open
        if line is not None:
            line.association.abort()
