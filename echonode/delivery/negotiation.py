"""Which presentation contexts to propose to an archive, and which accepted one an instance takes.

Rules
- One context for each (SOP class, transfer syntax): of a context with several syntaxes the
  archive chooses one (PS3.8 9.3.3.2), and nothing is learnt of the others.
- Order tried for an instance: as stored; Explicit VR Little Endian; Implicit VR Little Endian.
  The last two only by re-encoding from one into the other, which loses nothing and decodes no
  pixel; anything else (compressed syntaxes) goes as stored or not at all.
- An association has 128 contexts at most: their ids are the odd numbers of a byte (PS3.8
  9.3.2.2). What does not fit waits for the next association, which is not a refusal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from echonode.dimse.contexts import (
    COMMITMENT,
    EXPLICIT_LE,
    IMPLICIT_LE,
    MAXIMUM_CONTEXTS,
    ProposedContext,
    find_context,
)
from echonode.errors import ContextNotAccepted
from echonode.model.criteria import Root
from echonode.model.identity import CommitmentPolicy
from echonode.model.instance import StoredInstance

_NATIVE = (EXPLICIT_LE, IMPLICIT_LE)
# What the probe gives: Ultrasound Image and Ultrasound Multi-frame Image Storage.
_USUAL_CLASSES = ("1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1")

StorageContext = tuple[str, str]  # (SOP class, transfer syntax)

_PROOF: Mapping[CommitmentPolicy, tuple[ProposedContext, ...]] = MappingProxyType(
    {
        CommitmentPolicy.REQUIRED: (COMMITMENT,),
        CommitmentPolicy.VERIFY: (find_context(Root.STUDY),),
        CommitmentPolicy.NONE: (),
    }
)


def contexts_for(instance: StoredInstance, *, reencoding: bool) -> tuple[StorageContext, ...]:
    """The contexts that `instance` can be sent on, the preferred one first.

    reencoding: whether Explicit and Implicit VR Little Endian can be made of each other here.
    """
    stored = instance.transfer_syntax_uid
    others = [uid for uid in _NATIVE if uid != stored] if reencoding and stored in _NATIVE else []
    return tuple((instance.sop_class_uid, uid) for uid in (stored, *others))


def propose(
    instances: Iterable[StoredInstance],
    *,
    policy: CommitmentPolicy,
    reencoding: bool,
) -> tuple[ProposedContext, ...]:
    """The contexts of an association for `instances`, MAXIMUM_CONTEXTS at most.

    policy: adds the service that proves the storage (commitment, or C-FIND to verify). What the
    probe gives is added where room is left, so that what comes next need not negotiate again.
    """
    proof = _PROOF[policy]
    room = MAXIMUM_CONTEXTS - sum(len(context.transfer_syntaxes) for context in proof)
    wanted = [context for i in instances for context in contexts_for(i, reencoding=reencoding)]
    syntaxes = _NATIVE if reencoding else _NATIVE[:1]
    usual = [(sop_class_uid, syntax) for sop_class_uid in _USUAL_CLASSES for syntax in syntaxes]
    distinct = list(dict.fromkeys([*wanted, *usual]))[:room]
    return (
        *(ProposedContext(abstract_syntax=c, transfer_syntaxes=(t,)) for c, t in distinct),
        *proof,
    )


@dataclass(frozen=True)
class Negotiated:
    """What became of the storage contexts of one association."""

    proposed: frozenset[StorageContext]
    accepted: frozenset[StorageContext]

    @classmethod
    def of(
        cls, contexts: Iterable[ProposedContext], accepted: Collection[StorageContext]
    ) -> Negotiated:
        """From what was proposed and what the association says was accepted."""
        proposed = frozenset((c.abstract_syntax, t) for c in contexts for t in c.transfer_syntaxes)
        return cls(proposed, frozenset(accepted))

    def covers(self, instance: StoredInstance, *, reencoding: bool) -> bool:
        """Whether every context that `instance` could take was proposed, so that a no is a no."""
        return self.proposed.issuperset(contexts_for(instance, reencoding=reencoding))

    def choose(
        self, instance: StoredInstance, *, reencoding: bool, refused: Collection[str] = ()
    ) -> str:
        """The transfer syntax to send `instance` in.

        refused: syntaxes that the archive accepted and then would not store.
        Raises ContextNotAccepted where none is left.
        """
        candidates = contexts_for(instance, reencoding=reencoding)
        for sop_class_uid, transfer_syntax_uid in candidates:
            if (sop_class_uid, transfer_syntax_uid) in self.accepted and (
                transfer_syntax_uid not in refused
            ):
                return transfer_syntax_uid
        tried = ", ".join(transfer_syntax_uid for _, transfer_syntax_uid in candidates)
        raise ContextNotAccepted(
            f"the archive takes SOP class {instance.sop_class_uid} in none of: {tried}"
        )
