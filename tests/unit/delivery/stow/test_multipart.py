"""The envelope of one file."""

from __future__ import annotations

from email import message_from_bytes
from email.message import Message

from echonode.delivery.stow.multipart import envelope


def test_the_body_holds_the_file_and_nothing_else() -> None:
    """Read back by another implementation of MIME; bytes that look like line ends stay."""
    file = b"\r\nDICM--\r\n--x\r\n\x00\xff\r\n"
    made = envelope("1.2.3", "ab" * 32)
    whole = made.before + file + made.behind
    assert made.length(len(file)) == len(whole)
    head = f"Content-Type: {made.content_type}\r\n\r\n".encode()
    parts = message_from_bytes(head + whole).get_payload()
    assert isinstance(parts, list)
    (part,) = parts
    assert isinstance(part, Message)
    assert part.get_content_type() == "application/dicom"
    begin = whole.index(file)
    assert whole[begin : begin + len(file)] == file


def test_each_file_has_a_boundary_of_its_own() -> None:
    """What one file holds ends the part of no other."""
    assert envelope("1.2.3", "aa").content_type != envelope("1.2.3", "bb").content_type
