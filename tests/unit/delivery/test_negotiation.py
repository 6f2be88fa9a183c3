"""Which contexts are proposed, and which one an instance takes."""

from __future__ import annotations

import pytest

from echonode.delivery.negotiation import Negotiated, contexts_for, propose
from echonode.dimse.contexts import COMMITMENT, EXPLICIT_LE, IMPLICIT_LE, find_context, proposal
from echonode.errors import ContextNotAccepted
from echonode.model.criteria import Root
from echonode.model.identity import CommitmentPolicy
from tests.unit.delivery.doubles import US_IMAGE, stored_instance

JPEG = "1.2.840.10008.1.2.4.50"
CT = "1.2.840.10008.5.1.4.1.1.2"
NONE = CommitmentPolicy.NONE


@pytest.mark.parametrize(
    ("stored_in", "reencoding", "order"),
    [
        (EXPLICIT_LE, False, [EXPLICIT_LE]),
        (EXPLICIT_LE, True, [EXPLICIT_LE, IMPLICIT_LE]),
        (IMPLICIT_LE, True, [IMPLICIT_LE, EXPLICIT_LE]),
        (JPEG, True, [JPEG]),
    ],
)
def test_as_stored_goes_first(stored_in: str, reencoding: bool, order: list[str]) -> None:
    """Only native data is re-encoded, only where that is possible, and only as second choice."""
    instance = stored_instance(transfer_syntax_uid=stored_in)
    assert contexts_for(instance, reencoding=reencoding) == tuple((US_IMAGE, t) for t in order)


def test_each_pair_is_proposed_once_and_alone() -> None:
    """A context carries one syntax, so that what the archive accepts is known of each."""
    instances = [stored_instance(n) for n in range(5)] + [
        stored_instance(9, sop_class_uid=CT, transfer_syntax_uid=JPEG)
    ]
    contexts = propose(instances, policy=NONE, reencoding=True)
    pairs = [(c.abstract_syntax, c.transfer_syntaxes) for c in contexts]
    assert len(pairs) == len(set(pairs))
    assert all(len(syntaxes) == 1 for _, syntaxes in pairs)
    assert pairs[0] == (US_IMAGE, (EXPLICIT_LE,))
    assert (CT, (JPEG,)) in pairs


def test_the_service_that_proves_is_proposed_with_its_roles() -> None:
    """Commitment comes with both roles, verification with C-FIND, `none` with neither."""
    assert propose([], policy=CommitmentPolicy.REQUIRED, reencoding=False)[-1] is COMMITMENT
    assert COMMITMENT.scu_role
    assert COMMITMENT.scp_role
    verify = propose([], policy=CommitmentPolicy.VERIFY, reencoding=False)[-1]
    assert verify == find_context(Root.STUDY)
    assert not {COMMITMENT, verify} & {*propose([], policy=NONE, reencoding=False)}


@pytest.mark.parametrize("policy", list(CommitmentPolicy))
def test_a_proposal_never_exceeds_128_contexts(policy: CommitmentPolicy) -> None:
    """However mixed a batch is, its association can be proposed; proof is never squeezed out."""
    instances = [stored_instance(n, sop_class_uid=f"1.2.9.{n}") for n in range(300)]
    contexts = propose(instances, policy=policy, reencoding=True)
    assert len(proposal(contexts)) == 128
    assert contexts[0].abstract_syntax == "1.2.9.0"


def test_an_instance_beyond_the_limit_is_not_refused() -> None:
    """What was not proposed is not covered: it waits for another association."""
    instances = [stored_instance(n, sop_class_uid=f"1.2.9.{n}") for n in range(300)]
    contexts = propose(instances, policy=NONE, reencoding=False)
    negotiated = Negotiated.of(contexts, frozenset())
    assert negotiated.covers(instances[0], reencoding=False)
    assert not negotiated.covers(instances[299], reencoding=False)


@pytest.mark.parametrize(
    ("accepted", "refused", "chosen"),
    [
        ({EXPLICIT_LE, IMPLICIT_LE}, set(), EXPLICIT_LE),
        ({IMPLICIT_LE}, set(), IMPLICIT_LE),
        ({EXPLICIT_LE, IMPLICIT_LE}, {EXPLICIT_LE}, IMPLICIT_LE),
        ({EXPLICIT_LE}, {EXPLICIT_LE}, None),
        (set(), set(), None),
    ],
)
def test_the_first_accepted_context_is_taken(
    accepted: set[str], refused: set[str], chosen: str | None
) -> None:
    """An instance goes in the first order that the archive takes, or is refused with a reason."""
    instance = stored_instance()
    contexts = propose([instance], policy=NONE, reencoding=True)
    negotiated = Negotiated.of(contexts, {(US_IMAGE, t) for t in accepted})
    if chosen is not None:
        assert negotiated.choose(instance, reencoding=True, refused=refused) == chosen
        return
    with pytest.raises(ContextNotAccepted, match=US_IMAGE):
        negotiated.choose(instance, reencoding=True, refused=refused)
