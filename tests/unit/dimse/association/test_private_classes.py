"""Which storage classes an acceptor takes: the standard's, and private ones by a switch."""

from __future__ import annotations

import pytest
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.presentation import build_context

from echonode.dimse.contexts import supported
from echonode.model.identity import Service

PRIVATE = "1.2.276.0.7230010.99.1"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
OF_THE_STANDARD_BUT_NONE_OF_OURS = (
    "1.2.840.10008.5.1.4.31",  # Modality Worklist
    "1.2.840.10008.3.1.2.3.3",  # Modality Performed Procedure Step
    "1.2.840.10008.5.1.1.1",  # Basic Film Session: printing
)


def accepted(*classes: str, may: frozenset[Service], private_classes: bool) -> set[str]:
    proposed = [build_context(each, ExplicitVRLittleEndian) for each in classes]
    built = supported(proposed, may, private_classes=private_classes)
    return {str(context.abstract_syntax) for context in built}


@pytest.mark.parametrize("may", [frozenset({Service.STORE}), frozenset({Service.GET})])
def test_private_classes_are_taken_by_a_switch(may: frozenset[Service]) -> None:
    """For those who may store, and for those who may fetch."""
    classes = (CT_IMAGE, PRIVATE)
    assert accepted(*classes, may=may, private_classes=False) == {CT_IMAGE}
    assert accepted(*classes, may=may, private_classes=True) == {CT_IMAGE, PRIVATE}


def test_the_switch_opens_no_other_service() -> None:
    """A worklist is no storage class, and a peer that may not store stores nothing private."""
    everything = frozenset(Service) - {Service.WORKLIST}  # two of the classes are that service's
    assert not accepted(*OF_THE_STANDARD_BUT_NONE_OF_OURS, may=everything, private_classes=True)
    assert not accepted(PRIVATE, may=frozenset({Service.FIND}), private_classes=True)
