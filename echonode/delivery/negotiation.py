"""Which presentation contexts to propose to an archive, and which accepted ones an instance takes.

Rules
- One context for each (SOP class, transfer syntax): of a context with several syntaxes the
  archive chooses one (PS3.8 9.3.3.2), and nothing is learnt of the others.
- Order tried for an instance: as stored; encoded without loss; Explicit VR Little Endian; Implicit
  VR Little Endian; with loss only where the destination's profile allows it. What was stored with
  loss is not encoded without: it would only grow.
- What was learnt of the archive leaves out what it refuses, as long as it takes the class in
  something; a no that would hold an instance is always one that was just given.
- An association has 128 contexts at most: their ids are the odd numbers of a byte (PS3.8
  9.3.2.2). What does not fit waits for the next association, which is not a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from echonode.dimse.contexts import COMMITMENT, MAXIMUM_CONTEXTS, ProposedContext, find_context
from echonode.errors import ContextNotAccepted
from echonode.model.criteria import Root
from echonode.model.identity import CommitmentPolicy
from echonode.model.instance import StoredInstance
from echonode.transcoding.codecs import JPEG_BASELINE, LOSSLESS_ENCODED, LOSSY
from echonode.transcoding.dataset import CONVERTED

NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
# The SOP classes of what the probe gives.
_USUAL_CLASSES = (UltrasoundImageStorage, UltrasoundMultiFrameImageStorage)

StorageContext = tuple[str, str]  # (SOP class, transfer syntax)
# Those of an instance's contexts that are worth proposing (encoding_options.py).
Worthwhile = Callable[[tuple[StorageContext, ...]], tuple[StorageContext, ...]]

_PROOF: Mapping[CommitmentPolicy, tuple[ProposedContext, ...]] = MappingProxyType(
    {
        CommitmentPolicy.REQUIRED: (COMMITMENT,),
        CommitmentPolicy.VERIFY: (find_context(Root.STUDY),),
        CommitmentPolicy.NONE: (),
    }
)

_PROVING = frozenset(context for contexts in _PROOF.values() for context in contexts)


@dataclass(frozen=True, kw_only=True)
class Repertoire:
    """What can be made of an instance for one destination.

    reencoding: whether instances are re-encoded at all. lossy: whether its profile allows JPEG
    baseline, as a derived instance.
    """

    reencoding: bool = False
    lossy: bool = False

    def contexts_for(self, instance: StoredInstance) -> tuple[StorageContext, ...]:
        """The contexts that `instance` could be sent on, the preferred one first."""
        return self.contexts_of(instance.sop_class_uid, instance.transfer_syntax_uid)

    def contexts_of(self, sop_class_uid: str, stored_in: str) -> tuple[StorageContext, ...]:
        """The same of any instance of a class that is stored in a transfer syntax."""
        syntaxes = [stored_in]
        if self.reencoding and stored_in in CONVERTED:
            lossless = () if stored_in in LOSSY else LOSSLESS_ENCODED
            syntaxes += [*lossless, *NATIVE, *((JPEG_BASELINE,) if self.lossy else ())]
        return tuple((sop_class_uid, syntax) for syntax in dict.fromkeys(syntaxes))


def propose(
    instances: Iterable[StoredInstance],
    *,
    policy: CommitmentPolicy,
    repertoire: Repertoire,
    worthwhile: Worthwhile = tuple,
) -> tuple[ProposedContext, ...]:
    """The contexts of an association for `instances`, MAXIMUM_CONTEXTS at most.

    policy: adds the service that proves the storage (commitment, or C-FIND to verify). What the
    probe gives is added where room is left, so that what comes next need not negotiate again.
    """
    proof = _PROOF[policy]
    room = MAXIMUM_CONTEXTS - sum(len(context.transfer_syntaxes) for context in proof)
    of_each = [repertoire.contexts_for(instance) for instance in instances]
    of_each += [repertoire.contexts_of(uid, ExplicitVRLittleEndian) for uid in _USUAL_CLASSES]
    wanted = (context for contexts in of_each for context in worthwhile(contexts))
    distinct = list(dict.fromkeys(wanted))[:room]
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
        """From what was proposed and what the association says was accepted.

        What proves the storage is left out: it is configured, and nothing is learnt of it.
        """
        proposed = frozenset(
            (context.abstract_syntax, syntax)
            for context in contexts
            if context not in _PROVING
            for syntax in context.transfer_syntaxes
        )
        return cls(proposed, frozenset(accepted))

    def covers(self, contexts: Iterable[StorageContext]) -> bool:
        """Whether all of these were proposed, so that a no is a no."""
        return self.proposed.issuperset(contexts)

    def usable(self, contexts: Iterable[StorageContext]) -> tuple[str, ...]:
        """The transfer syntaxes among an instance's contexts that were accepted, in their order.

        Raises ContextNotAccepted where there is none.
        """
        contexts = tuple(contexts)
        found = tuple(context[1] for context in contexts if context in self.accepted)
        if not found:
            tried = ", ".join(syntax for _, syntax in contexts)
            raise ContextNotAccepted(
                f"the archive takes SOP class {contexts[0][0]} in none of: {tried}"
            )
        return found
