"""A-ASSOCIATE-RQ and -AC, parsed in steps and without I/O (PS3.8 9.3.2 and 9.3.3).

Rules
- The head (protocol version and AE titles) is at fixed places and is checked first: a caller that
  is not admitted costs no decoding.
- Items and sub-items of other types than we negotiate are left out: "items of unrecognized types
  shall be ignored and skipped" (PS3.8 9.3.1; for user information D.2). User identity (PS3.7
  D.3.3.7), common extended negotiation and the asynchronous window are among them: an acceptor that
  supports none of these accepts the association and does not answer them. So no password is ever
  decoded.
- Reserved fields are not tested.
- Of a request the presentation context IDs are odd and given once (PS3.8 9.3.2.2), hence there are
  at most 128 contexts; each has one abstract syntax and a transfer syntax.
- What makes no difference is left out too, because decoding is expensive: unknown transfer syntaxes
  of a context that has a known one, and repeated items. So no request costs more than 128 contexts
  with all syntaxes of the standard.
- pynetdicom decodes the rest, which has the form of the standard.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from echonode.dimse.upper_layer.pdu_stream import PduError

APPLICATION_CONTEXT, CONTEXT_RQ, CONTEXT_AC, USER_INFORMATION = 0x10, 0x20, 0x21, 0x50
ABSTRACT_SYNTAX, TRANSFER_SYNTAX = 0x30, 0x40
# Sub-items of the user information (PS3.8 annex D, PS3.7 annex D) and how many of each are read:
# maximum length, implementation class UID and version name; role selection and extended
# negotiation, which are one for each SOP class.
_USER_ITEMS = {0x51: 1, 0x52: 1, 0x55: 1, 0x54: 128, 0x56: 128}
# PS3.7 A.2.1: the only one that the standard defines.
DICOM_CONTEXT_NAME = b"1.2.840.10008.3.1.1.1"

_HEAD = struct.Struct(">6xH2x16s16s32x")
REQUEST_HEAD_BYTES = _HEAD.size
_ITEM = struct.Struct(">BxH")
_VERSION_1 = 0b1


class OtherContextName(PduError):
    """An application context that is not DICOM's."""


@dataclass(frozen=True, kw_only=True)
class RequestHead:
    """The fixed fields of a request; titles without their padding, otherwise as received.

    speaks_version_1: bit 0 of the protocol version, the only one to be tested (PS3.8 table 9-11).
    """

    called: str
    calling: str
    speaks_version_1: bool = True


def head_of(pdu: bytes | memoryview) -> RequestHead:
    """The head of an A-ASSOCIATE-RQ. Raises PduError where it is cut off."""
    if len(pdu) < _HEAD.size:
        raise PduError("an A-ASSOCIATE-RQ ends before its AE titles do")
    version, called, calling = _HEAD.unpack_from(pdu)
    return RequestHead(
        called=_title(called), calling=_title(calling), speaks_version_1=bool(version & _VERSION_1)
    )


def _title(field: bytes) -> str:
    """A title without padding: spaces (PS3.5 6.2), and NULs, which old devices send."""
    return field.rstrip(b"\0 ").lstrip(b" ").decode("latin-1")


def printable(title: str) -> str:
    """An AE title from the wire for the log: everything but plain ASCII escaped."""
    return "".join(
        sign if " " <= sign <= "~" and sign != "\\" else f"\\x{ord(sign):02x}"
        for sign in title[:16]
    )


def recognised_request(pdu: bytes | memoryview, syntaxes: frozenset[str]) -> bytes:
    """A request with only the items that are negotiated here, its titles valid.

    syntaxes: the transfer syntaxes that we know.
    Raises OtherContextName, and PduError where it breaks PS3.8 9.3.2.
    """
    known = frozenset(syntax.encode() for syntax in syntaxes)
    kept = bytearray()
    names: list[bytes] = []
    context_ids: set[int] = set()
    information = 0
    for kind, body in _items(memoryview(pdu)[_HEAD.size :]):
        if kind == APPLICATION_CONTEXT:
            names.append(bytes(body).strip(b"\0 "))
        elif kind == CONTEXT_RQ:
            kept += _packed(kind, _proposal(body, context_ids, known))
        elif kind == USER_INFORMATION:
            information += 1
            kept += _packed(kind, _information(body))
    if names != [DICOM_CONTEXT_NAME]:
        raise OtherContextName("another application context than DICOM's")
    if not context_ids:
        raise PduError("a request without any presentation context")
    if information > 1:
        raise PduError("a request with more than one user information item")
    return _rebuilt(pdu, _packed(APPLICATION_CONTEXT, DICOM_CONTEXT_NAME) + bytes(kept))


def recognised_answer(pdu: bytes | memoryview) -> bytes:
    """An A-ASSOCIATE-AC with only the items that are negotiated here. Raises PduError."""
    if len(pdu) < _HEAD.size:
        raise PduError("an A-ASSOCIATE-AC is cut off")
    kept = bytearray()
    for kind, body in _items(memoryview(pdu)[_HEAD.size :]):
        if kind == APPLICATION_CONTEXT:
            kept += _packed(kind, bytes(body))
        elif kind == CONTEXT_AC:
            kept += _packed(kind, bytes(body[:4]) + _answered_syntax(body[4:]))
        elif kind == USER_INFORMATION:
            kept += _packed(kind, _information(body))
    return _rebuilt(pdu, bytes(kept))


def _proposal(body: memoryview, context_ids: set[int], known: frozenset[bytes]) -> bytes:
    """A presentation context; adds its ID to those that were given."""
    if len(body) < 4:
        raise PduError("a presentation context is cut off")
    context_id = body[0]
    if context_id % 2 == 0:
        raise PduError(f"presentation context ID {context_id} is even")
    if context_id in context_ids:
        raise PduError(f"presentation context ID {context_id} is given twice")
    context_ids.add(context_id)
    abstract: list[bytes] = []
    transfer: dict[bytes, None] = {}  # in the order of preference, each once
    for kind, value in _items(body[4:]):
        if kind == ABSTRACT_SYNTAX:
            abstract.append(bytes(value))
        elif kind == TRANSFER_SYNTAX:
            transfer[bytes(value)] = None
    if len(abstract) != 1 or not transfer:
        raise PduError(
            f"presentation context {context_id} has no abstract or no transfer syntax, or too many"
        )
    # Where none is known, one unknown is kept, for the answer that says so (result 4).
    useful = [syntax for syntax in transfer if syntax.strip(b"\0 ") in known] or [*transfer][:1]
    inside = _packed(ABSTRACT_SYNTAX, abstract[0])
    inside += b"".join(_packed(TRANSFER_SYNTAX, syntax) for syntax in useful)
    return bytes(body[:4]) + inside


def _answered_syntax(data: memoryview) -> bytes:
    """The transfer syntax of an answered context: one, or none where it was rejected."""
    found = (bytes(body) for kind, body in _items(data) if kind == TRANSFER_SYNTAX)
    return b"".join(_packed(TRANSFER_SYNTAX, syntax) for syntax in [*found][:1])


def _information(data: memoryview) -> bytes:
    """The sub-items of a user information item that are read here."""
    kept, counts = bytearray(), Counter[int]()
    for kind, body in _items(data):
        counts[kind] += 1
        if counts[kind] <= _USER_ITEMS.get(kind, 0):
            kept += _packed(kind, bytes(body))
    return bytes(kept)


def _items(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """(type, body) of consecutive items. Raises PduError where the lengths do not add up."""
    position = 0
    while position < len(data):
        if position + _ITEM.size > len(data):
            raise PduError("an item of an association request or answer is cut off")
        kind, length = _ITEM.unpack_from(data, position)
        position += _ITEM.size
        if position + length > len(data):
            raise PduError("an item is longer than what it is in")
        yield kind, data[position : position + length]
        position += length


def _packed(kind: int, body: bytes) -> bytes:
    return _ITEM.pack(kind, len(body)) + body


def _rebuilt(pdu: bytes | memoryview, items: bytes) -> bytes:
    """The PDU with its head as received, NUL padding replaced by spaces, and these items."""
    head = bytes(pdu[6 : _HEAD.size])
    titles = head[4:36].replace(b"\0", b" ")
    fixed = head[:4] + titles + head[36:]
    return struct.pack(">BxL", pdu[0], len(fixed) + len(items)) + fixed + items
