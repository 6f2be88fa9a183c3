"""What MoveSCP needs of the network, and the contexts to propose to a move destination.

Rules
- One presentation context for each (SOP class, transfer syntax) as stored, and the lossless
  fallbacks of each class where we can re-encode: 128 in all on one association (PS3.8 9.3.2.2).
- A retrieval that needs more is split into batches, each sent on an association of its own, in
  turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from echonode.dimse.contexts import MAXIMUM_CONTEXTS, ProposedContext
from echonode.dimse.services import Part10File, StoreResponse
from echonode.model.identity import Peer
from echonode.model.instance import StoredInstance
from echonode.query_retrieve.sub_operations import LOSSLESS_FALLBACKS


class StorageAssociation(Protocol):
    """An association with a move destination, as dimse/requestor.py gives it."""

    def c_store(
        self,
        file: Part10File,
        *,
        move_originator_ae_title: str | None = None,
        move_originator_message_id: int | None = None,
    ) -> StoreResponse:
        """Send one instance. Raises ContextNotAccepted or AssociationLost."""


class Associate(Protocol):
    """Opens an association: released when the block ends, aborted when it raises."""

    def __call__(
        self, peer: Peer, contexts: Sequence[ProposedContext], /
    ) -> AbstractContextManager[StorageAssociation]:
        """Raises PeerUnreachable, AssociationRejected or AssociationLost."""


@dataclass
class Batch:
    """Instances that are sent over one association."""

    instances: list[StoredInstance] = field(default_factory=list)
    pairs: dict[tuple[str, str], None] = field(default_factory=dict)

    @property
    def contexts(self) -> tuple[ProposedContext, ...]:
        """What to propose, the stored syntaxes among them."""
        return tuple(
            ProposedContext(abstract_syntax=sop_class_uid, transfer_syntaxes=(syntax,))
            for sop_class_uid, syntax in self.pairs
        )


def batches(instances: Iterable[StoredInstance], *, reencoding: bool) -> list[Batch]:
    """`instances` in as few associations as their contexts need, in order within each.

    reencoding: whether to propose the syntaxes that an instance can be re-encoded into.
    """
    found: list[Batch] = []
    of_kind: dict[tuple[str, str], Batch] = {}
    for instance in instances:
        kind = (instance.sop_class_uid, instance.transfer_syntax_uid)
        if kind not in of_kind:
            of_kind[kind] = _with_room(found, _pairs(*kind, reencoding=reencoding))
        of_kind[kind].instances.append(instance)
    return found


def _pairs(sop_class_uid: str, stored: str, *, reencoding: bool) -> dict[tuple[str, str], None]:
    syntaxes = (stored, *LOSSLESS_FALLBACKS) if reencoding else (stored,)
    return {(sop_class_uid, syntax): None for syntax in syntaxes}


def _with_room(found: list[Batch], pairs: dict[tuple[str, str], None]) -> Batch:
    """The first batch that can propose `pairs` as well, which then does."""
    for batch in found:
        if len(batch.pairs | pairs) <= MAXIMUM_CONTEXTS:
            break
    else:
        batch = Batch()
        found.append(batch)
    batch.pairs |= pairs
    return batch
