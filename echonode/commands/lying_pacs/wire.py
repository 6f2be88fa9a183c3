"""Just enough DICOM on plain sockets to send and receive the same bytes without a library.

An archive that lies needs bytes that no library would write. The benchmarks send with it too: it is
the ceiling that EchoNode is held against. PS3.8 9.3 for the PDUs, PS3.7 9.3 and E.1 for the
command elements (Implicit VR Little Endian).
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

APPLICATION_CONTEXT: Final = "1.2.840.10008.3.1.1.1"
VERIFICATION: Final = "1.2.840.10008.1.1"
IMPLEMENTATION_CLASS: Final = "2.25.166663856220524644245060459318066987339"
IMPLICIT_LITTLE: Final = "1.2.840.10008.1.2"
EXPLICIT_LITTLE: Final = "1.2.840.10008.1.2.1"
OUR_MAXIMUM_PDU: Final = 262_144

ASSOCIATE_RQ, ASSOCIATE_AC, ASSOCIATE_RJ, DATA, RELEASE_RQ, RELEASE_RP, ABORT = range(1, 8)
COMMAND_LAST, DATA_MORE, DATA_LAST = 0x03, 0x00, 0x02  # PS3.8 E.2, message control header
STORE_RQ, STORE_RSP, ECHO_RQ, ECHO_RSP = 0x0001, 0x8001, 0x0030, 0x8030
FIND_RQ = 0x0020
NO_DATASET, HAS_DATASET = 0x0101, 0x0001
_FRAGMENT: Final = 16_378  # of a dataset in a PDU: 16 KiB with the heads, which every peer takes


class WireError(Exception):
    """The other side said something other than what the work needs."""


@dataclass(frozen=True, kw_only=True)
class Proposed:
    """A presentation context: an abstract syntax in one transfer syntax."""

    abstract_syntax: str
    transfer_syntax: str


def tune(sock: socket.socket) -> None:
    """No waiting for a full segment before sending."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def acknowledge_now(sock: socket.socket) -> None:
    """Acknowledge without delay, once: Linux falls back by itself, so it is set for each wait.

    A peer that writes an answer in two pieces waits for the first one's acknowledgement, which a
    kernel otherwise holds back for 40 ms.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


# --- PDUs ---


def pdu(kind: int, body: bytes) -> bytes:
    """A PDU: type, reserved, length, body."""
    return struct.pack(">BxI", kind, len(body)) + body


def read_pdu(
    sock: socket.socket, *, prompt: bool = False, most: int | None = None
) -> tuple[int, bytes]:
    """The next PDU's type and body. Raises WireError when the connection ends.

    most: bytes of a body; a longer one is a WireError too.
    """
    kind, length = struct.unpack(">BxI", read_exactly(sock, 6, prompt=prompt))
    if most is not None and length > most:
        raise WireError(f"a PDU of {length} bytes")
    return kind, read_exactly(sock, length, prompt=prompt)


def read_exactly(sock: socket.socket, count: int, *, prompt: bool = False) -> bytes:
    data = bytearray(count)
    read_into(sock, memoryview(data), prompt=prompt)
    return bytes(data)


def read_into(sock: socket.socket, view: memoryview, *, prompt: bool = False) -> None:
    """Fill the whole view from the socket; prompt: acknowledge each piece at once.

    Raises WireError when the connection ends.
    """
    done = 0
    while done < len(view):
        if prompt:
            acknowledge_now(sock)
        count = sock.recv_into(view[done:])
        if count == 0:
            raise WireError("the connection ended")
        done += count


def item(kind: int, body: bytes) -> bytes:
    """An item or sub-item of an association PDU (PS3.8 9.3)."""
    return struct.pack(">BxH", kind, len(body)) + body


def items(body: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, body) of each item."""
    position = 0
    while position + 4 <= len(body):
        kind, length = struct.unpack_from(">BxH", body, position)
        yield kind, body[position + 4 : position + 4 + length]
        position += 4 + length


def _user_information() -> bytes:
    # Maximum length (PS3.8 D.1) and Implementation Class UID (PS3.7 D.3.3.2).
    maximum = item(0x51, struct.pack(">I", OUR_MAXIMUM_PDU))
    return item(0x50, maximum + item(0x52, IMPLEMENTATION_CLASS.encode()))


def associate_request(called: str, calling: str, contexts: Sequence[Proposed]) -> bytes:
    """A-ASSOCIATE-RQ; the contexts get the identifiers 1, 3, 5 ... in order (PS3.8 9.3.2)."""
    body = struct.pack(">H2x16s16s32x", 1, _ae_title(called), _ae_title(calling))
    body += item(0x10, APPLICATION_CONTEXT.encode())
    for number, context in enumerate(contexts):
        syntaxes = item(0x30, context.abstract_syntax.encode())
        syntaxes += item(0x40, context.transfer_syntax.encode())
        body += item(0x20, struct.pack(">B3x", 2 * number + 1) + syntaxes)
    return pdu(ASSOCIATE_RQ, body + _user_information())


def associate_accept(request_body: bytes) -> bytes:
    """A-ASSOCIATE-AC that takes every context in its first transfer syntax (PS3.8 9.3.3)."""
    body = request_body[:68] + item(0x10, APPLICATION_CONTEXT.encode())
    for kind, content in items(request_body[68:]):
        if kind == 0x20:
            syntax = next(value for inner, value in items(content[4:]) if inner == 0x40)
            body += item(0x21, content[:1] + b"\0\0\0" + item(0x40, syntax))
    return pdu(ASSOCIATE_AC, body + _user_information())


def read_accept(body: bytes) -> tuple[set[int], int]:
    """The accepted context identifiers and the acceptor's maximum PDU length."""
    accepted, maximum = set(), 16_384
    for kind, content in items(body[68:]):
        if kind == 0x21 and content[2] == 0:
            accepted.add(content[0])
        elif kind == 0x50:
            for inner, value in items(content):
                if inner == 0x51:
                    (maximum,) = struct.unpack(">I", value)
    return accepted, maximum or OUR_MAXIMUM_PDU  # 0 is "no limit" (PS3.8 D.1)


def _ae_title(value: str) -> bytes:
    return value.ljust(16).encode("ascii")


# --- command sets ---


def _element(element: int, value: bytes) -> bytes:
    return struct.pack("<HHI", 0x0000, element, len(value)) + value


def _us(element: int, value: int) -> bytes:
    return _element(element, struct.pack("<H", value))


def _ui(element: int, value: str) -> bytes:
    return _element(element, value.encode() + b"\0" * (len(value) % 2))


def _command(elements: bytes) -> bytes:
    return _element(0x0000, struct.pack("<I", len(elements))) + elements


def store_request(sop_class_uid: str, sop_instance_uid: str, message_id: int) -> bytes:
    """The command set of a C-STORE-RQ (PS3.7 9.3.1.1)."""
    return _command(
        _ui(0x0002, sop_class_uid)
        + _us(0x0100, STORE_RQ)
        + _us(0x0110, message_id)
        + _us(0x0700, 0)
        + _us(0x0800, HAS_DATASET)
        + _ui(0x1000, sop_instance_uid)
    )


def echo_request(message_id: int) -> bytes:
    """The command set of a C-ECHO-RQ (PS3.7 9.3.5.1)."""
    return _command(
        _ui(0x0002, VERIFICATION)
        + _us(0x0100, ECHO_RQ)
        + _us(0x0110, message_id)
        + _us(0x0800, NO_DATASET)
    )


def request(sop_class_uid: str, command_field: int, message_id: int) -> bytes:
    """The command set of a request with an identifier: C-FIND and its kin (PS3.7 9.3.2.1)."""
    return _command(
        _ui(0x0002, sop_class_uid)
        + _us(0x0100, command_field)
        + _us(0x0110, message_id)
        + _us(0x0700, 0)
        + _us(0x0800, HAS_DATASET)
    )


def response_to(command: dict[int, bytes]) -> bytes:
    """Success for a request: its class, its instance and its message ID come back."""
    request = int.from_bytes(command[0x0100], "little")
    answer = _element(0x0002, command[0x0002]) + _us(0x0100, request | 0x8000)
    answer += _element(0x0120, command[0x0110]) + _us(0x0800, NO_DATASET) + _us(0x0900, 0)
    if 0x1000 in command:
        answer += _element(0x1000, command[0x1000])
    return _command(answer)


def read_command(data: bytes) -> dict[int, bytes]:
    """A command set's elements, element number to raw value."""
    found, position = {}, 0
    while position + 8 <= len(data):
        _, element, length = struct.unpack_from("<HHI", data, position)
        found[element] = data[position + 8 : position + 8 + length]
        position += 8 + length
    return found


def command_pdu(context_id: int, command: bytes) -> bytes:
    """A P-DATA-TF PDU with one whole command set."""
    value = struct.pack(">IBB", len(command) + 2, context_id, COMMAND_LAST) + command
    return pdu(DATA, value)


def command_set(*elements: tuple[int, int | str]) -> bytes:
    """A command set of US and UI elements, its group length first (PS3.7 6.3.1)."""
    return _command(
        b"".join(
            _us(number, value) if isinstance(value, int) else _ui(number, value)
            for number, value in elements
        )
    )


def data_pdus(context_id: int, data: bytes, *, last: bool = True) -> bytes:
    """A dataset as P-DATA-TF PDUs; not its end if not `last`."""
    pdus = bytearray()
    for start in range(0, max(1, len(data)), _FRAGMENT):
        piece = data[start : start + _FRAGMENT]
        ends = last and start + _FRAGMENT >= len(data)
        control = DATA_LAST if ends else DATA_MORE
        value = struct.pack(">IBB", len(piece) + 2, context_id, control) + piece
        pdus += pdu(DATA, value)
    return bytes(pdus)
