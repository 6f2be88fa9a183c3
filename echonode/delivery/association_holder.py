"""The association with one destination: opened when it is needed, used again, released promptly.

It lingers for a moment after its last use, so that the next capture needs no handshake and an
archive that reports its commitment on the same association finds it open. Not longer: archives
serve few associations at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from echonode.delivery.destination_health import DestinationHealth
from echonode.delivery.negotiation import Negotiated, Repertoire, propose
from echonode.delivery.peer_capabilities import Acquaintance
from echonode.delivery.ports import Associate, StorageAssociation
from echonode.dimse.contexts import ProposedContext
from echonode.errors import AssociationLost, ContextNotAccepted
from echonode.model.identity import Destination
from echonode.model.instance import StoredInstance

# An archive that does not answer a release when the node stops is not waited for longer.
RELEASE_AT_STOP_S = 2.0


@dataclass(frozen=True)
class OpenLine:
    """An open association and what was negotiated on it."""

    association: StorageAssociation
    negotiated: Negotiated


class Line:
    """Holds at most one association with a destination; used by one thread only, its lane's.

    `is_open` and what belongs to a stop (`is_expendable`, `ask_stop`, `abort`, `hang_up`) may be
    called from any thread.
    """

    def __init__(
        self,
        destination: Destination,
        associate: Associate,
        *,
        health: DestinationHealth,
        acquaintance: Acquaintance,
        repertoire: Repertoire,
        linger_s: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._destination = destination
        self._associate = associate
        self._health = health
        self._acquaintance = acquaintance
        self._repertoire = repertoire
        self._linger_s = linger_s
        self._monotonic = monotonic
        self._open: OpenLine | None = None
        # Kinds of instance that were found to fit the open association.
        self._fitting: set[tuple[str, str]] = set()
        self._last_used = 0.0
        self._aborted = self._stopping = False
        self._expendable = 0

    @property
    def is_open(self) -> bool:
        """Whether there is an association that the peer has not ended."""
        line = self._open  # once: another thread may ask while it is let go
        return line is not None and line.association.is_open

    @property
    def is_expendable(self) -> bool:
        """Whether its thread does what a stop need not wait for: nothing is being sent."""
        return self._expendable > 0

    @contextmanager
    def expendable(self) -> Iterator[None]:
        """What is done in here (opening an association, a question) need not be finished."""
        self._expendable += 1
        try:
            yield
        finally:
            self._expendable -= 1

    def get(self, instances: Sequence[StoredInstance] = ()) -> OpenLine:
        """An association that covers the first of `instances`, the open one where it does.

        Raises PeerUnreachable, AssociationRejected, AssociationLost, and ContextNotAccepted where
        the archive takes nothing of what can be proposed.
        """
        line = self._open
        if line is None or not line.association.is_open or not self._fits(line, instances[:1]):
            line = self._renew(instances)
        if not self._fits(line, instances[:1]):
            # It no longer takes what it used to take: by now that is learnt, so all is proposed.
            line = self._renew(instances)
        self._last_used = self._monotonic()
        return line

    def _fits(self, line: OpenLine, instances: Sequence[StoredInstance]) -> bool:
        return all(self._fits_one(line, instance) for instance in instances)

    def _fits_one(self, line: OpenLine, instance: StoredInstance) -> bool:
        kind = (instance.sop_class_uid, instance.transfer_syntax_uid)
        if kind in self._fitting:
            return True
        contexts = self._acquaintance.worthwhile(self._repertoire.contexts_for(instance))
        fits = line.negotiated.covers(contexts)
        if fits:
            self._fitting.add(kind)
        return fits

    def _renew(self, instances: Sequence[StoredInstance]) -> OpenLine:
        self.release()
        self._fitting.clear()
        contexts = propose(
            instances,
            policy=self._destination.commitment,
            repertoire=self._repertoire,
            worthwhile=self._acquaintance.worthwhile,
        )
        try:
            with self.expendable():
                association = self._associate(self._destination.peer, contexts)
        except ContextNotAccepted:
            self._learn(Negotiated.of(contexts, ()))
            if instances and not self._was_asked(instances[0], contexts):
                return self._renew(instances)  # nothing is known to be taken: all is proposed now
            raise
        self._health.associated()
        if self._aborted:
            association.abort()
            raise AssociationLost("the node is stopping")
        negotiated = Negotiated.of(contexts, association.accepted)
        self._learn(negotiated)
        self._open = OpenLine(association, negotiated)
        return self._open

    def _was_asked(self, instance: StoredInstance, contexts: Sequence[ProposedContext]) -> bool:
        """Whether all that the instance could go in was proposed, to an archive that took nothing.

        Then raises ContextNotAccepted, which names it.
        """
        negotiated = Negotiated.of(contexts, ())
        wanted = self._repertoire.contexts_for(instance)
        return negotiated.covers(wanted) and bool(negotiated.usable(wanted))

    def _learn(self, negotiated: Negotiated) -> None:
        self._acquaintance.learn(negotiated.proposed, negotiated.accepted)

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
        if line is None:
            return
        if line.association.is_open:
            line.association.release(RELEASE_AT_STOP_S if self._stopping else None)
        elif line.association.was_broken:
            self._health.lost_idle_association()

    def drop(self) -> None:
        """End the association at once; the next use opens another."""
        line, self._open = self._open, None
        if line is not None:
            line.association.abort()

    def ask_stop(self) -> None:
        """The node stops: the archive is given little time to answer a release."""
        self._stopping = True

    def abort(self) -> None:
        """End the association, or the one being opened; none is opened after. Does not wait."""
        self._aborted = True
        line = self._open
        if line is not None:
            line.association.break_off()

    def hang_up(self) -> None:
        """Close its connection: an archive that reads nothing does not even take an A-ABORT."""
        line = self._open
        if line is not None:
            line.association.hang_up()
