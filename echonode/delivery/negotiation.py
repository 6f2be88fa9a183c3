"""Which presentation contexts to propose to an archive, and which accepted ones an instance takes.

Rules
- One context for each (SOP class, transfer syntax): of a context with several syntaxes the
  archive chooses one (PS3.8 9.3.3.2), and its answer says nothing about the others.
- The order of preference for an instance is that of encoding_options.py.
- What is known of the archive (peer_capabilities.py) leaves out what it refuses, as long as it
  accepts the class in some syntax. An instance is held only for a refusal that was just given.
- An association has 128 contexts at most: their ids are the odd numbers of a byte (PS3.8
  9.3.2.2). What does not fit waits for the next association, which is not a refusal.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pydicom.uid import (
    ExplicitVRLittleEndian,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from echonode.delivery.encoding_options import EncodingOptions, StorageContext
from echonode.dimse.contexts import COMMITMENT, MAXIMUM_CONTEXTS, ProposedContext, find_context
from echonode.errors import ContextNotAccepted
from echonode.model.criteria import Root
from echonode.model.identity import CommitmentPolicy
from echonode.model.instance import StoredInstance

# The SOP classes of what the probe gives.
_USUAL_CLASSES = (UltrasoundImageStorage, UltrasoundMultiFrameImageStorage)

# Selects the contexts of an instance that are worth proposing (peer_capabilities.py).
WorthProposing = Callable[[tuple[StorageContext, ...]], tuple[StorageContext, ...]]

_PROOF: Mapping[CommitmentPolicy, tuple[ProposedContext, ...]] = MappingProxyType(
    {
        CommitmentPolicy.REQUIRED: (COMMITMENT,),
        CommitmentPolicy.VERIFY: (find_context(Root.STUDY),),
        CommitmentPolicy.NONE: (),
    }
)

_PROVING = frozenset(context for contexts in _PROOF.values() for context in contexts)


def propose(
    instances: Iterable[StoredInstance],
    *,
    policy: CommitmentPolicy,
    encoding_options: EncodingOptions,
    worth_proposing: WorthProposing = tuple,
) -> tuple[ProposedContext, ...]:
    """The contexts of an association for `instances`, MAXIMUM_CONTEXTS at most.

    policy: adds the service that proves the storage (commitment, or C-FIND to verify). The SOP
    classes of probes are added where room is left, so that the next exam needs no new association.
    """
    proof = _PROOF[policy]
    room = MAXIMUM_CONTEXTS - sum(len(context.transfer_syntaxes) for context in proof)
    of_each = [encoding_options.contexts_for(instance) for instance in instances]
    of_each += [encoding_options.contexts_of(uid, ExplicitVRLittleEndian) for uid in _USUAL_CLASSES]
    wanted = (context for contexts in of_each for context in worth_proposing(contexts))
    distinct = list(dict.fromkeys(wanted))[:room]
    return (
        *(ProposedContext(abstract_syntax=c, transfer_syntaxes=(t,)) for c, t in distinct),
        *proof,
    )


@dataclass(frozen=True)
class Negotiated:
    """The storage contexts of one association: proposed and accepted."""

    proposed: frozenset[StorageContext]
    accepted: frozenset[StorageContext]

    @classmethod
    def of(
        cls, contexts: Iterable[ProposedContext], accepted: Collection[StorageContext]
    ) -> Negotiated:
        """From what was proposed and what the association says was accepted.

        The contexts of the services that prove the storage are left out: they are configured.
        """
        proposed = frozenset(
            (context.abstract_syntax, syntax)
            for context in contexts
            if context not in _PROVING
            for syntax in context.transfer_syntaxes
        )
        return cls(proposed, frozenset(accepted))

    def covers(self, contexts: Iterable[StorageContext]) -> bool:
        """Whether all of these were proposed, so that each that is not accepted was refused."""
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
