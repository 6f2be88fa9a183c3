"""A-ASSOCIATE-RQ byte by byte (PS3.8 table 9-11), as DCMTK lays it out, and what may be wrong."""

from __future__ import annotations

import socket
import struct

VERIFICATION = b"1.2.840.10008.1.1"
STUDY_ROOT_FIND = b"1.2.840.10008.5.1.4.1.2.2.1"
IMPLICIT_LE = b"1.2.840.10008.1.2"
CONTEXT_NAME = b"1.2.840.10008.3.1.1.1"


def item(kind: int, body: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(body)) + body


def context(
    number: int, abstract_syntax: bytes = VERIFICATION, *syntaxes: bytes, more: bytes = b""
) -> bytes:
    """A presentation context item."""
    inside = item(0x30, abstract_syntax)
    inside += b"".join(item(0x40, syntax) for syntax in syntaxes or (IMPLICIT_LE,))
    return item(0x20, bytes([number, 0, 0, 0]) + inside + more)


def user_information(*more: bytes) -> bytes:
    """Maximum length, implementation class UID and version name of DCMTK 3.6.7, and `more`."""
    return item(
        0x50,
        item(0x51, struct.pack(">L", 16_384))
        + item(0x52, b"1.2.276.0.7230010.3.0.3.6.7")
        + item(0x55, b"OFFIS_DCMTK_367")
        + b"".join(more),
    )


def user_identity(kind: int, *, answer: bool = False) -> bytes:
    """A user identity sub-item (PS3.7 D.3.3.7), its fields of the kind's form."""
    name, secret = b"operator", b"secret" if kind == 2 else b""
    fields = struct.pack(">H", len(name)) + name + struct.pack(">H", len(secret)) + secret
    return item(0x58, bytes([kind, answer]) + fields)


def request(
    *items: bytes,
    called: bytes = b"ECHONODE".ljust(16),
    calling: bytes = b"SCU".ljust(16),
    version: int = 1,
    name: bytes = CONTEXT_NAME,
) -> bytes:
    """A whole request; without `items`, one for verification."""
    body = item(0x10, name) + b"".join(items or (context(1), user_information()))
    return pdu(struct.pack(">Hxx", version) + called + calling + bytes(32) + body)


def pdu(body: bytes, kind: int = 0x01) -> bytes:
    return struct.pack(">BxL", kind, len(body)) + body


def answer_of(raw: socket.socket) -> bytes:
    """The next PDU, whole; b'' where the connection ended without one."""
    try:
        header = raw.recv(6, socket.MSG_WAITALL)
    except ConnectionResetError:
        return b""
    if len(header) < 6:
        return b""
    length = struct.unpack(">L", header[2:])[0]
    return header + (raw.recv(length, socket.MSG_WAITALL) if length else b"")


def results(answer: bytes) -> dict[int, int]:
    """Presentation context ID -> result of an A-ASSOCIATE-AC."""
    assert answer[0] == 0x02, answer[:16]
    found, position = {}, 74
    while position < len(answer):
        kind, length = struct.unpack_from(">BxH", answer, position)
        if kind == 0x21:
            found[answer[position + 4]] = answer[position + 6]
        position += 4 + length
    return found


def user_items(answer: bytes) -> list[int]:
    """The types of the user information sub-items of an A-ASSOCIATE-AC."""
    position = 74
    while answer[position] != 0x50:
        position += 4 + struct.unpack_from(">H", answer, position + 2)[0]
    end = position + 4 + struct.unpack_from(">H", answer, position + 2)[0]
    position, kinds = position + 4, []
    while position < end:
        kinds.append(answer[position])
        position += 4 + struct.unpack_from(">H", answer, position + 2)[0]
    return kinds
