"""The association with one destination: opened when it is needed, used again, released promptly.

It stays open for a moment after its last use. Then the next capture needs no handshake, and an
archive that reports its commitment on the same association finds it open. It does not stay open
longer, because archives serve few associations at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from echonode.delivery.context import DestinationContext
from echonode.delivery.encoding_options import EncodingOptions
from echonode.delivery.negotiation import Negotiated, propose
from echonode.delivery.peer_capabilities import PeerCapabilities
from echonode.delivery.ports import StorageAssociation
from echonode.dimse.contexts import ProposedContext
from echonode.errors import AssociationLost, ContextNotAccepted
from echonode.model.instance import StoredInstance

# When the node stops, an archive has this long to answer a release.
RELEASE_AT_STOP_S = 2.0


@dataclass(frozen=True)
class HeldAssociation:
    """An open association and what was negotiated on it."""

    association: StorageAssociation
    negotiated: Negotiated


class AssociationHolder:
    """Holds at most one association with a destination; for the thread of its lane only.

    Any thread may call `is_open` and what a stop needs: `is_expendable`, `ask_stop`, `abort` and
    `hang_up`.
    """

    def __init__(
        self,
        context: DestinationContext,
        *,
        capabilities: PeerCapabilities,
        encoding_options: EncodingOptions,
        linger_s: float,
    ) -> None:
        """linger_s: how long an unused association stays open."""
        self._context = context
        self._capabilities = capabilities
        self._encoding_options = encoding_options
        self._linger_s = linger_s
        self._held: HeldAssociation | None = None
        # Kinds of instance that were found to fit the held association.
        self._fitting: set[tuple[str, str]] = set()
        self._last_used = 0.0
        self._aborted = self._stopping = False
        self._expendable = 0

    @property
    def is_open(self) -> bool:
        """Whether there is an association that the peer has not ended."""
        held = self._held  # read once: another thread may ask while it is released
        return held is not None and held.association.is_open

    @property
    def is_expendable(self) -> bool:
        """Whether a stop need not wait for what its thread does: no instance is being sent."""
        return self._expendable > 0

    @contextmanager
    def expendable(self) -> Iterator[None]:
        """Mark work (opening an association, a query) that a stop need not wait for."""
        self._expendable += 1
        try:
            yield
        finally:
            self._expendable -= 1

    def get(self, instances: Sequence[StoredInstance] = ()) -> HeldAssociation:
        """An association that covers the first of `instances`; the held one where it does.

        Raises PeerUnreachable, AssociationRejected, AssociationLost, and ContextNotAccepted where
        the archive accepts no context that can be proposed.
        """
        held = self._held
        if held is None or not held.association.is_open or not self._fits(held, instances[:1]):
            held = self._renew(instances)
        if not self._fits(held, instances[:1]):
            # The archive no longer takes what it used to. The refusal is learnt by now, so the next
            # association proposes everything.
            held = self._renew(instances)
        self._last_used = self._context.monotonic()
        return held

    def _fits(self, held: HeldAssociation, instances: Sequence[StoredInstance]) -> bool:
        return all(self._fits_one(held, instance) for instance in instances)

    def _fits_one(self, held: HeldAssociation, instance: StoredInstance) -> bool:
        kind = (instance.sop_class_uid, instance.transfer_syntax_uid)
        if kind in self._fitting:
            return True
        contexts = self._capabilities.worth_proposing(self._encoding_options.contexts_for(instance))
        fits = held.negotiated.covers(contexts)
        if fits:
            self._fitting.add(kind)
        return fits

    def _renew(self, instances: Sequence[StoredInstance]) -> HeldAssociation:
        self.release()
        self._fitting.clear()
        destination = self._context.destination
        contexts = propose(
            instances,
            policy=destination.commitment,
            encoding_options=self._encoding_options,
            worth_proposing=self._capabilities.worth_proposing,
        )
        try:
            with self.expendable():
                association = self._context.associate(destination.peer, contexts)
        except ContextNotAccepted:
            self._learn(Negotiated.of(contexts, ()))
            if instances and not self._was_asked(instances[0], contexts):
                # No context is known to be accepted any more, so all are proposed now.
                return self._renew(instances)
            raise
        self._context.health.associated()
        if self._aborted:
            association.abort()
            raise AssociationLost("the node is stopping")
        negotiated = Negotiated.of(contexts, association.accepted)
        self._learn(negotiated)
        self._held = HeldAssociation(association, negotiated)
        return self._held

    def _was_asked(self, instance: StoredInstance, contexts: Sequence[ProposedContext]) -> bool:
        """Whether every context of `instance` was proposed to an archive that accepted none.

        If so, raises ContextNotAccepted with the contexts of the instance.
        """
        negotiated = Negotiated.of(contexts, ())
        wanted = self._encoding_options.contexts_for(instance)
        return negotiated.covers(wanted) and bool(negotiated.usable(wanted))

    def _learn(self, negotiated: Negotiated) -> None:
        self._capabilities.learn(negotiated.proposed, negotiated.accepted)

    def touch(self) -> None:
        """The association was just used: restart the time that it stays open."""
        self._last_used = self._context.monotonic()

    def remaining_s(self) -> float | None:
        """Seconds until the association is due for release (0: now); None without one."""
        if self._held is None:
            return None
        return max(0.0, self._last_used + self._linger_s - self._context.monotonic())

    def release(self) -> None:
        """End the association in order, if there is one."""
        held, self._held = self._held, None
        if held is None:
            return
        if held.association.is_open:
            held.association.release(RELEASE_AT_STOP_S if self._stopping else None)
        elif held.association.was_broken:
            self._context.health.lost_idle_association()

    def drop(self) -> None:
        """End the association at once; the next use opens another."""
        held, self._held = self._held, None
        if held is not None:
            held.association.abort()

    def ask_stop(self) -> None:
        """The node stops: give the archive little time to answer a release."""
        self._stopping = True

    def abort(self) -> None:
        """End the association, also one being opened; open no other. Does not wait."""
        self._aborted = True
        held = self._held
        if held is not None:
            held.association.break_off()

    def hang_up(self) -> None:
        """Close the connection: an archive that reads nothing does not read an A-ABORT either."""
        held = self._held
        if held is not None:
            held.association.hang_up()
