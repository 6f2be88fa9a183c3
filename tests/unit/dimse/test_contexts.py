"""What is proposed to a peer, and what a peer is granted."""

from __future__ import annotations

import pytest
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.presentation import build_context

from echonode.dimse.contexts import (
    COMMITMENT,
    FIND_CLASSES,
    STORAGE_CLASSES,
    STORAGE_SYNTAXES,
    ProposedContext,
    proposal,
    roles,
    supported,
)
from echonode.model.criteria import Root
from echonode.model.identity import Service

ULTRASOUND = "1.2.840.10008.5.1.4.1.1.6.1"
JPEG = "1.2.840.10008.1.2.4.50"
ALL = frozenset(Service)


def us(*syntaxes: str) -> ProposedContext:
    return ProposedContext(abstract_syntax=ULTRASOUND, transfer_syntaxes=syntaxes)


def test_each_class_and_syntax_has_a_context_of_its_own() -> None:
    """Acceptance is then explicit for each; a pair asked for twice is proposed once."""
    built = proposal(
        [us(JPEG, ExplicitVRLittleEndian), us(ExplicitVRLittleEndian, ImplicitVRLittleEndian)]
    )
    assert [(c.context_id, c.transfer_syntax) for c in built] == [
        (1, [JPEG]),
        (3, [ExplicitVRLittleEndian]),
        (5, [ImplicitVRLittleEndian]),
    ]


@pytest.mark.parametrize("count", [0, 129])
def test_a_proposal_that_cannot_be_is_refused(count: int) -> None:
    """None, or more than 128, are named as the mistake they are."""
    with pytest.raises(ValueError, match=f"{count} presentation contexts"):
        proposal([us(*(f"1.2.{n}" for n in range(count)))])


def test_commitment_is_offered_in_both_roles_and_in_implicit_le() -> None:
    """dcm4che reports only to a requestor that proposed SCP; some archives take only Implicit."""
    assert roles([COMMITMENT, us(JPEG)]) == {COMMITMENT.abstract_syntax: (True, True)}
    assert ImplicitVRLittleEndian in COMMITMENT.transfer_syntaxes


def test_the_requestors_order_decides() -> None:
    """A dataset is stored as received, so the first known syntax it proposes is taken."""
    asked = build_context(ULTRASOUND, ["1.2.3.4", JPEG, ExplicitVRLittleEndian])
    (context,) = supported([asked], ALL)
    assert context.transfer_syntax == [JPEG, ExplicitVRLittleEndian]


def test_retired_ultrasound_and_retired_jpeg_are_received() -> None:
    """Old archives still send them."""
    assert {"1.2.840.10008.5.1.4.1.1.6", "1.2.840.10008.5.1.4.1.1.3"} <= STORAGE_CLASSES
    assert {"1.2.840.10008.1.2.4.52", "1.2.840.10008.1.2.1.99"} <= STORAGE_SYNTAXES


def test_nothing_is_inflated_where_it_must_be_read() -> None:
    """Deflated is for storage only: an identifier of 400 kB could become 800 MB."""
    asked = build_context(FIND_CLASSES[Root.STUDY], ["1.2.840.10008.1.2.1.99", ExplicitVRBigEndian])
    (context,) = supported([asked], ALL)
    assert context.transfer_syntax == [ExplicitVRBigEndian]


@pytest.mark.parametrize(
    ("may", "granted"),
    [
        ({Service.STORE}, (True, False)),
        ({Service.GET}, (False, True)),
        ({Service.STORE, Service.GET}, (True, True)),
        ({Service.ECHO, Service.FIND}, None),
    ],
)
def test_storage_is_there_for_those_who_store_or_get(
    may: set[Service], granted: tuple[bool, bool] | None
) -> None:
    """The roles of a storage class follow from what the peer may; without either it is rejected."""
    found = supported([build_context(ULTRASOUND, ExplicitVRLittleEndian)], frozenset(may))
    assert [(c.scu_role, c.scp_role) for c in found] == ([granted] if granted else [])


def test_an_unknown_class_is_not_granted() -> None:
    """A class that no service here has is left out."""
    assert supported([build_context("1.2.3", ExplicitVRLittleEndian)], ALL) == []
