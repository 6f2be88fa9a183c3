"""Which contexts are proposed, and which one an instance takes."""

from __future__ import annotations

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.delivery.encoding_options import EncodingOptions
from echonode.delivery.negotiation import Negotiated, propose
from echonode.dimse.contexts import COMMITMENT, find_context, proposal
from echonode.errors import ContextNotAccepted
from echonode.model.criteria import Root
from echonode.model.identity import CommitmentPolicy
from tests.unit.delivery.doubles import US_IMAGE, stored_instance

JPEG = "1.2.840.10008.1.2.4.50"
JPEG_LS, JPEG_2000, RLE = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"
MPEG4 = "1.2.840.10008.1.2.4.102"
BIG_ENDIAN, DEFLATED = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"
CT = "1.2.840.10008.5.1.4.1.1.2"
NONE = CommitmentPolicy.NONE
AS_STORED = EncodingOptions()
LOSSLESS = EncodingOptions(reencoding=True)
WITH_LOSS = EncodingOptions(reencoding=True, lossy=True)


@pytest.mark.parametrize(
    ("stored_in", "encoding_options", "order"),
    [
        (ExplicitVRLittleEndian, AS_STORED, [ExplicitVRLittleEndian]),
        (
            ExplicitVRLittleEndian,
            LOSSLESS,
            [ExplicitVRLittleEndian, JPEG_LS, JPEG_2000, RLE, ImplicitVRLittleEndian],
        ),
        (
            ImplicitVRLittleEndian,
            LOSSLESS,
            [ImplicitVRLittleEndian, JPEG_LS, JPEG_2000, RLE, ExplicitVRLittleEndian],
        ),
        (
            ExplicitVRLittleEndian,
            WITH_LOSS,
            [ExplicitVRLittleEndian, JPEG_LS, JPEG_2000, RLE, ImplicitVRLittleEndian, JPEG],
        ),
        (RLE, LOSSLESS, [RLE, JPEG_LS, JPEG_2000, ExplicitVRLittleEndian, ImplicitVRLittleEndian]),
        (JPEG, LOSSLESS, [JPEG, ExplicitVRLittleEndian, ImplicitVRLittleEndian]),
        (
            BIG_ENDIAN,
            LOSSLESS,
            [BIG_ENDIAN, JPEG_LS, JPEG_2000, RLE, ExplicitVRLittleEndian, ImplicitVRLittleEndian],
        ),
        (
            DEFLATED,
            LOSSLESS,
            [DEFLATED, JPEG_LS, JPEG_2000, RLE, ExplicitVRLittleEndian, ImplicitVRLittleEndian],
        ),
        (MPEG4, WITH_LOSS, [MPEG4]),
    ],
)
def test_as_stored_goes_first_and_loss_last(
    stored_in: str, encoding_options: EncodingOptions, order: list[str]
) -> None:
    """As stored, without loss, uncompressed; with loss only where the profile allows it."""
    instance = stored_instance(transfer_syntax_uid=stored_in)
    assert encoding_options.contexts_for(instance) == tuple((US_IMAGE, t) for t in order)


def test_each_pair_is_proposed_once_and_alone() -> None:
    """A context carries one syntax, so that what the archive accepts is known of each."""
    instances = [stored_instance(n) for n in range(5)] + [
        stored_instance(9, sop_class_uid=CT, transfer_syntax_uid=JPEG)
    ]
    contexts = propose(instances, policy=NONE, encoding_options=LOSSLESS)
    pairs = [(c.abstract_syntax, c.transfer_syntaxes) for c in contexts]
    assert len(pairs) == len(set(pairs))
    assert all(len(syntaxes) == 1 for _, syntaxes in pairs)
    assert pairs[0] == (US_IMAGE, (ExplicitVRLittleEndian,))
    assert (CT, (JPEG,)) in pairs


def test_what_is_not_worth_proposing_is_left_out() -> None:
    """What was learnt of the archive narrows its next proposal."""
    contexts = propose(
        [stored_instance()],
        policy=NONE,
        encoding_options=LOSSLESS,
        worth_proposing=lambda contexts: tuple(
            c for c in contexts if c[1] == ImplicitVRLittleEndian
        ),
    )
    assert {c.transfer_syntaxes for c in contexts} == {(ImplicitVRLittleEndian,)}


def test_the_service_that_proves_is_proposed_with_its_roles() -> None:
    """Commitment comes with both roles, verification with C-FIND, `none` with neither."""
    required = propose([], policy=CommitmentPolicy.REQUIRED, encoding_options=AS_STORED)
    assert required[-1] is COMMITMENT
    assert COMMITMENT.scu_role
    assert COMMITMENT.scp_role
    verify = propose([], policy=CommitmentPolicy.VERIFY, encoding_options=AS_STORED)[-1]
    assert verify == find_context(Root.STUDY)
    assert not {COMMITMENT, verify} & {*propose([], policy=NONE, encoding_options=AS_STORED)}


@pytest.mark.parametrize("policy", list(CommitmentPolicy))
def test_a_proposal_never_exceeds_128_contexts(policy: CommitmentPolicy) -> None:
    """However mixed a batch is, its association can be proposed; proof is never squeezed out."""
    instances = [stored_instance(n, sop_class_uid=f"1.2.9.{n}") for n in range(300)]
    contexts = propose(instances, policy=policy, encoding_options=LOSSLESS)
    assert len(proposal(contexts)) == 128
    assert contexts[0].abstract_syntax == "1.2.9.0"


def test_an_instance_beyond_the_limit_is_not_refused() -> None:
    """What was not proposed is not covered: it waits for another association."""
    instances = [stored_instance(n, sop_class_uid=f"1.2.9.{n}") for n in range(300)]
    contexts = propose(instances, policy=NONE, encoding_options=AS_STORED)
    negotiated = Negotiated.of(contexts, frozenset())
    assert negotiated.covers(AS_STORED.contexts_for(instances[0]))
    assert not negotiated.covers(AS_STORED.contexts_for(instances[299]))


def test_what_proves_the_storage_is_no_storage_context() -> None:
    """A refused commitment context teaches nothing about what may be stored."""
    contexts = propose([], policy=CommitmentPolicy.REQUIRED, encoding_options=AS_STORED)
    assert COMMITMENT.abstract_syntax not in {c for c, _ in Negotiated.of(contexts, ()).proposed}


@pytest.mark.parametrize(
    ("accepted", "usable"),
    [
        (
            {ExplicitVRLittleEndian, ImplicitVRLittleEndian},
            (ExplicitVRLittleEndian, ImplicitVRLittleEndian),
        ),
        ({ImplicitVRLittleEndian}, (ImplicitVRLittleEndian,)),
        ({ImplicitVRLittleEndian, RLE}, (RLE, ImplicitVRLittleEndian)),
        (set(), None),
    ],
)
def test_accepted_contexts_are_taken_in_their_order(
    accepted: set[str], usable: tuple[str, ...] | None
) -> None:
    """An instance goes in the first order that the archive takes, or is refused with a reason."""
    contexts = LOSSLESS.contexts_for(stored_instance())
    negotiated = Negotiated(frozenset(contexts), frozenset((US_IMAGE, t) for t in accepted))
    if usable is not None:
        assert negotiated.usable(contexts) == usable
        return
    with pytest.raises(ContextNotAccepted, match=US_IMAGE):
        negotiated.usable(contexts)
