"""COMMAND messages are understood as OpenIGTLinkIO sends them, and answered as it expects."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from echonode.errors import ProtocolError
from echonode.probe.openigtlink.command import (
    COMMAND_HEADER,
    Command,
    CommandResult,
    decode_command,
    encode_command,
    encode_result,
)
from echonode.probe.openigtlink.messages import Message, OpenIGTLinkDecoder

CLIP = '<Command Name="CaptureClip" Seconds="10"><Parameter Name="From" Value="past"/></Command>'


def message_of(raw: bytes) -> Message:
    (message,) = OpenIGTLinkDecoder().receive(raw)
    assert isinstance(message, Message)
    return message


def test_a_command_survives_both_ways() -> None:
    """Id, name, text and device; its parameters without regard to upper and lower case."""
    sent = Command(command_id=7, name="CaptureClip", text=CLIP, device="Bridge")
    got = decode_command(message_of(encode_command(sent)))
    assert got == sent
    assert got.parameters == {"seconds": "10", "from": "past"}


def test_the_xml_has_the_name_where_the_header_has_none() -> None:
    """3D Slicer's command console sends the XML only."""
    sent = Command(command_id=1, name="", text=CLIP)
    assert decode_command(message_of(encode_command(sent))).name == "CaptureClip"


def test_a_command_without_text_has_no_parameters() -> None:
    """A button on a probe sends a name."""
    assert Command(command_id=1, name="CaptureStill").parameters == {}


def test_the_answer_leads_back_to_its_question() -> None:
    """RTS_COMMAND with the same id, name and device; the result in XML and in metadata."""
    command = Command(command_id=9, name="CaptureClip", device="Bridge")
    values = [("SOPInstanceUID", "1.2.3"), ("SOPInstanceUID", "1.2.4")]
    message = message_of(
        encode_result(command, CommandResult(done=True, message="a < b & c", values=values))
    )
    answer = decode_command(message)
    assert (message.type, message.device) == ("RTS_COMMAND", "Bridge")
    assert (answer.command_id, answer.name) == (9, "CaptureClip")
    root = ElementTree.fromstring(answer.text)
    assert root.findtext("Result") == "true"
    assert root.findtext("Message") == "a < b & c"
    assert [e.text for e in root.iter("SOPInstanceUID")] == ["1.2.3", "1.2.4"]
    assert message.metadata["Status"] == "SUCCESS"
    assert message.metadata["SOPInstanceUID"] == "1.2.3 1.2.4"


@pytest.mark.parametrize(
    "text",
    [
        '<!DOCTYPE a [<!ENTITY b "c">]><Command Name="&b;"/>',
        "<Command",
        "no xml at all",
        '<Command Name="x"></Commend>',
    ],
)
def test_text_that_is_no_plain_xml_is_refused(text: str) -> None:
    """No declarations, so no entities that grow; no guesses about broken XML."""
    with pytest.raises(ProtocolError, match="COMMAND"):
        _ = Command(command_id=1, name="StartExam", text=text).parameters


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 137,
        COMMAND_HEADER.pack(1, b"a", 3, 2**32 - 1),
        COMMAND_HEADER.pack(1, b"a", 3, 5) + b"abc",
        COMMAND_HEADER.pack(1, b"\xff", 3, 0),
        COMMAND_HEADER.pack(1, b"a", 3, 1) + b"\xff",
    ],
)
def test_a_command_that_does_not_fit_is_refused(content: bytes) -> None:
    """Lengths and encodings that cannot be raise the protocol error."""
    with pytest.raises(ProtocolError):
        decode_command(Message(type="COMMAND", device="x", content=content))
