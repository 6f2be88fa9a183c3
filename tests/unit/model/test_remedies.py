"""Each failure's remedy says at whose side what is to be changed."""

from __future__ import annotations

import pytest

from echonode.errors import AssociationLost, AssociationRejected, NetworkError, PeerUnreachable
from echonode.model import remedies
from echonode.model.identity import CallBackAddress, Peer

US = CallBackAddress(ae_title="ECHONODE", host="10.0.0.5", port=11112)
PACS = Peer(name="pacs", ae_title="ORTHANC", host="10.0.0.7", port=4242, may=frozenset())


def test_the_way_back_is_told_as_it_is_entered() -> None:
    """With the line for Orthanc's configuration."""
    remedy = remedies.add_us(PACS, US)
    assert remedy.startswith("ORTHANC does not know AE ECHONODE at 10.0.0.5:11112: add it")
    assert 'DicomModalities, "echonode": ["ECHONODE", "10.0.0.5", 11112]' in remedy


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PeerUnreachable("reset"), "does it want TLS"),
        (AssociationLost("no answer"), "is it the DICOM port"),
        (AssociationRejected("", result=2, source=3, reason=2), "busy"),
        (AssociationRejected("", result=1, source=1, reason=7), "peers.pacs.ae_title"),
        (AssociationRejected("", result=1, source=1, reason=3), "add it there"),
        (AssociationRejected("", result=1, source=2, reason=2), "The log of pacs"),
    ],
)
def test_each_way_to_have_no_association_has_its_own(error: NetworkError, words: str) -> None:
    """By what PS3.8 table 9-21 says of the rejection."""
    assert words in remedies.no_association(error, PACS, US)


@pytest.mark.parametrize(
    ("status", "words"),
    [(0xA700, "its disk"), (0xA900, "does not take"), (0x0124, "authorise"), (0x0110, "0110")],
)
def test_each_status_of_the_test_image_has_its_own(status: int, words: str) -> None:
    """Out of resources is not the same as not understood."""
    assert words in remedies.not_stored(PACS, status)


@pytest.mark.parametrize(("status", "words"), [(0x0124, "permit C-ECHO"), (0x0110, "0110")])
def test_an_echo_that_was_refused_is_not_taken_for_a_store(status: int, words: str) -> None:
    """The remedy names C-ECHO, or the peer's log."""
    remedy = remedies.not_echoed(PACS, status)
    assert words in remedy
    assert "store" not in remedy


def test_a_refused_promise_says_why() -> None:
    """The Failure Reason in words, and an unknown one as it came."""
    assert "does not have the image" in remedies.not_committed(PACS, 0x0112)
    assert "reason 0999" in remedies.not_committed(PACS, 0x0999)
