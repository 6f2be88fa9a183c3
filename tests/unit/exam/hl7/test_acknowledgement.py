"""What a sender is answered, by the rules of its version and of what it asked for."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from echonode.errors import Hl7Refused
from echonode.exam.hl7.acknowledgement import Verdict, acknowledgements
from echonode.exam.hl7.message import read_head
from echonode.exam.hl7.mllp import MllpReader
from tests.unit.exam.hl7.messages import A04_LATIN_1, ORM_O01, msh

NOW = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)
DONE = Verdict()
REFUSED = Verdict(
    fault=Hl7Refused("PID-3 is missing", code=101, segment="PID", field=3, component=1)
)
REJECTED = Verdict(fault=Hl7Refused("MSH-9 is not taken", code=201, field=9, reject=True))


def answers(data: bytes, verdict: Verdict) -> list[list[str]]:
    """The segments of each block that goes back."""
    blocks = MllpReader().receive(acknowledgements(read_head(data), verdict, NOW))
    return [each.decode("ascii").strip("\r").split("\r") for each in blocks]


def codes(data: bytes, verdict: Verdict) -> list[str]:
    return [segments[1].split("|")[1] for segments in answers(data, verdict)]


def test_a_message_is_acknowledged_to_its_sender() -> None:
    """Addresses are exchanged, version and character set are the sender's, MSA-2 its control ID."""
    ((head, msa),) = answers(A04_LATIN_1, DONE)
    fields = head.split("|")
    assert fields[2:6] == ["ECHONODE", "ULTRASOUND", "RIS", "CLINIC"]
    assert fields[8] == "ACK^A04^ACK"
    assert (fields[11], fields[17]) == ("2.5.1", "8859/1")
    assert msa == "MSA|AA|M1"


def test_the_same_message_is_answered_by_the_same_control_id() -> None:
    """MSH-10 of an answer follows from the message, not from the moment."""
    first, again = answers(ORM_O01, DONE)[0][0], answers(ORM_O01, DONE)[0][0]
    assert first == again


def test_an_error_is_placed_by_err_2_from_2_5_on() -> None:
    """ERR-2 is the place, ERR-3 of table 0357, ERR-8 in words."""
    ((_, msa, err),) = answers(A04_LATIN_1, REFUSED)
    assert msa == "MSA|AE|M1"
    assert err == ("ERR||PID^1^3^1^1|101^Required field missing^HL70357|E||||PID-3 is missing")


def test_an_error_is_placed_by_err_1_before_2_5() -> None:
    """Version 2.3.1 knows ERR-1 alone."""
    ((_, msa, err),) = answers(ORM_O01, REFUSED)
    assert msa == "MSA|AE|M4"
    assert err == "ERR|PID^1^3^101&Required field missing&HL70357"


def test_what_is_not_taken_at_all_is_rejected() -> None:
    """AR: correcting the content would not help."""
    assert codes(ORM_O01, REJECTED) == ["AR"]


@pytest.mark.parametrize(
    ("asks", "done", "refused"),
    [
        (b"|", ["AA"], ["AE"]),
        (b"AL|NE", ["CA"], ["CE"]),
        (b"NE|AL", ["AA"], ["AE"]),
        (b"AL|AL", ["CA", "AA"], ["CE", "AE"]),
        (b"ER|NE", [], ["CE"]),
        (b"SU|ER", ["CA"], ["AE"]),
        (b"NE|NE", [], []),
        (b"AL|", ["CA"], ["CE"]),
    ],
)
def test_enhanced_mode_gives_what_is_asked_for(
    asks: bytes, done: list[str], refused: list[str]
) -> None:
    """MSH-15 and MSH-16 decide which acknowledgement goes out, of success and of failure."""
    data = msh(b"ADT^A04", asks=asks)
    assert codes(data, DONE) == done
    assert codes(data, REFUSED) == refused


def test_a_message_without_a_head_is_answered_all_the_same() -> None:
    """AR without a control ID, for there is none to name."""
    fault = Hl7Refused("no MSH", code=100, reject=True)
    (block,) = MllpReader().receive(acknowledgements(None, Verdict(fault=fault), NOW))
    assert b"\rMSA|AR|\r" in block


def test_separators_of_the_sender_are_kept() -> None:
    """A sender with other separators can read its answer."""
    data = msh(b"ADT^A04").replace(b"|", b"!").replace(b"^", b"*")
    ((head, msa),) = answers(data, DONE)
    assert head.startswith("MSH!*~\\&!ECHONODE!ULTRASOUND!")
    assert msa == "MSA!AA!M1"
