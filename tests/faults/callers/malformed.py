"""PDUs that no sane peer sends: every length field lied about, and sessions mutated at random.

Everything is made of sessions that are right, so that a mutation reaches as deep as it can. A
seed fixes the draw: session number n is the same in every run.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from echonode.commands.lying_pacs import wire
from echonode.commands.lying_pacs.wire import (
    EXPLICIT_LITTLE,
    command_set,
    data_pdus,
)
from tests.faults.callers.client import (
    CONTEXTS,
    ON_STORAGE,
    ON_VERIFICATION,
    RELEASE,
    STORAGE,
    echo_message,
    find_message,
    request,
    store_message,
)
from tests.faults.callers.instances import (
    ULTRASOUND,
    element,
    small_instance,
)
from tests.faults.callers.mutation import LIES_16, LIES_32, flip, splice

ABORT = wire.pdu(wire.ABORT, b"\0\0\0\0")
REJECT = wire.pdu(wire.ASSOCIATE_RJ, b"\0\x01\x01\x01")
_IDENTIFIER = element(0x0008, 0x0052, b"CS", b"STUDY") + element(0x0020, 0x000D, b"UI", b"")


@dataclass(frozen=True, kw_only=True)
class Session:
    """What goes out, in place of an A-ASSOCIATE-RQ or, `associated`, after it was accepted."""

    what: str
    associated: bool
    data: bytes


def right_messages() -> list[bytes]:
    """What may be said within an association."""
    store = store_message(small_instance(pixels=600))
    return [echo_message(), store, find_message(_IDENTIFIER), RELEASE]


# --- every length field, one lie at a time ---


def lies() -> Iterator[Session]:
    """Each length field of a request, a P-DATA and a command set, with each wrong value."""
    asks = request("SCU0")
    for at, width in _request_lengths(asks):
        for lie in LIES_32 if width == 4 else LIES_16:
            data = _with_length(asks, at, ">", width, lie)
            yield Session(what=f"request, length at {at}: {lie}", associated=False, data=data)
    for message in right_messages():
        for at, order in _message_lengths(message):
            for lie in LIES_32:
                data = _with_length(message, at, order, 4, lie)
                what = f"PDU type {message[0]}, length at {at}: {lie}"
                yield Session(what=what, associated=True, data=data)
    for kind in (*range(10), 0x80, 0xFF):
        for lie in LIES_32:
            data = struct.pack(">BxI", kind, lie) + b"\0" * 64
            for associated in (False, True):
                what = f"PDU type {kind}, length {lie}"
                yield Session(what=what, associated=associated, data=data)


def _with_length(data: bytes, at: int, order: str, width: int, lie: int) -> bytes:
    lied = struct.pack(order + ("I" if width == 4 else "H"), lie)
    return data[:at] + lied + data[at + width :]


def _request_lengths(pdu: bytes) -> Iterator[tuple[int, int]]:
    """(offset, width) of the PDU's length and of each item's and sub-item's."""
    yield 2, 4
    for path in _items(pdu):
        yield path[-1][0] + 2, 2


def _message_lengths(message: bytes) -> Iterator[tuple[int, str]]:
    """(offset, byte order) of each PDU's length, its PDV's, and each command element's."""
    position = 0
    while position < len(message):
        kind, length = struct.unpack_from(">BxI", message, position)
        yield position + 2, ">"
        if kind == wire.DATA:
            yield position + 6, ">"
            if message[position + 11] == wire.COMMAND_LAST:
                yield from _command_lengths(message, position + 12, position + 6 + length)
        position += 6 + length


def _command_lengths(message: bytes, start: int, end: int) -> Iterator[tuple[int, str]]:
    while start < end:
        yield start + 4, "<"
        start += 8 + struct.unpack_from("<I", message, start + 4)[0]


# --- every item left out, or said twice ---


def omissions() -> Iterator[Session]:
    """A request without each of its items and sub-items, and with each of them twice."""
    asks = request("SCU0")
    for path in _items(asks):
        for what, times in (("without", 0), ("with two of", 2)):
            *outer, (start, end) = path
            data = asks[:start] + asks[start:end] * times + asks[end:]
            for begin, _ in outer:
                data = _lengthened(data, begin, (times - 1) * (end - start))
            data = _with_right_length(data)
            name = f"item 0x{asks[start]:02X} at {start}"
            yield Session(what=f"request {what} {name}", associated=False, data=data)


def _items(pdu: bytes) -> Iterator[list[tuple[int, int]]]:
    """(start, end) of each item, and of each sub-item behind those of its item."""
    position = 74
    while position < len(pdu):
        kind, length = struct.unpack_from(">BxH", pdu, position)
        end = position + 4 + length
        yield [(position, end)]
        inner = position + (8 if kind == 0x20 else 4)
        while kind in (0x20, 0x50) and inner < end:
            inner_end = inner + 4 + struct.unpack_from(">H", pdu, inner + 2)[0]
            yield [(position, end), (inner, inner_end)]
            inner = inner_end
        position = end


def _lengthened(data: bytes, item: int, by: int) -> bytes:
    length = struct.unpack_from(">H", data, item + 2)[0] + by
    return data[: item + 2] + struct.pack(">H", length) + data[item + 4 :]


# --- whole stores that cannot be served ---


def unserved() -> Iterator[Session]:
    """Stores that are received to their end, and then end the association instead of being served.

    Each leaves a whole temporary file with no reader.
    """
    instance = small_instance(pixels=600)
    nameless = command_set(
        (0x0002, ULTRASOUND),
        (0x0100, wire.STORE_RQ),
        (0x0700, 0),
        (0x0800, wire.HAS_DATASET),
        (0x1000, instance.sop_instance_uid),
    )
    data = wire.command_pdu(ON_STORAGE, nameless) + data_pdus(ON_STORAGE, instance.dataset)
    yield Session(what="a store without Message ID", associated=True, data=data)
    # While a query is answered, requests wait, but not any number of them.
    stores = b"".join(store_message(small_instance(pixels=600)) for _ in range(30))
    yield Session(
        what="thirty stores at once behind a query",
        associated=True,
        data=find_message(_IDENTIFIER) + stores,
    )


# --- mutations at random ---


def mutated(count: int) -> Iterator[Session]:
    """So many sessions, drawn from every kind of mutation in turn."""
    for number in range(count):
        draw = random.Random(f"28-{number}")
        what, make = _KINDS[number % len(_KINDS)]
        session = make(draw)
        yield Session(what=f"{number}: {what}", associated=session.associated, data=session.data)


def _with_right_length(pdu: bytes) -> bytes:
    """So that what was mutated is looked at, and not only waited for."""
    return pdu[:2] + struct.pack(">I", max(0, len(pdu) - 6)) + pdu[6:]


def _request_of_noise(draw: random.Random) -> Session:
    body = request("SCU0")[6:80] + draw.randbytes(draw.randint(0, 400))
    return Session(what="", associated=False, data=wire.pdu(wire.ASSOCIATE_RQ, body))


def _mutated_request(draw: random.Random) -> Session:
    asks = request("SCU0", CONTEXTS * draw.randint(1, 20))
    data = draw.choice([flip, splice])(draw, asks)
    return Session(what="", associated=False, data=_with_right_length(data.ljust(6, b"\0")))


def _mutated_message(draw: random.Random) -> Session:
    data = draw.choice([flip, splice])(draw, draw.choice(right_messages()))
    return Session(what="", associated=True, data=data)


def _mutated_command(draw: random.Random) -> Session:
    """The PDU is right; the command set in it is not."""
    uid = small_instance().sop_instance_uid
    command = draw.choice([wire.echo_request(1), wire.store_request(ULTRASOUND, uid, 1)])
    command = draw.choice([flip, splice])(draw, command)
    context_id = draw.choice([ON_STORAGE, ON_VERIFICATION])
    data = wire.command_pdu(context_id, command)
    return Session(what="", associated=True, data=data + data_pdus(context_id, b"\0" * 100))


def _odd_command(draw: random.Random) -> Session:
    """A command set in form, with fields no such message has."""
    numbers = draw.choices([0x0002, 0x0100, 0x0110, 0x0120, 0x0600, 0x0800, 0x0900, 0x1000], k=6)
    values: list[int | str] = []
    for _ in numbers:
        possible: list[int | str] = [draw.randrange(65_536), ULTRASOUND, "../x", "9" * 70]
        values.append(draw.choice(possible))
    data = wire.command_pdu(draw.choice([1, 3, 5]), command_set(*zip(numbers, values, strict=True)))
    return Session(what="", associated=True, data=data)


def _wrong_order(draw: random.Random) -> Session:
    """PDUs that are right, at times when they are not."""
    accept = wire.associate_accept(request("SCU0", [STORAGE])[6:])
    known = [request("SCU0"), accept, REJECT, RELEASE, wire.pdu(wire.RELEASE_RP, b"\0" * 4), ABORT]
    said = draw.choices([*known, *right_messages()], k=draw.randint(1, 6))
    return Session(what="", associated=draw.random() < 0.7, data=b"".join(said))


def _unknown_type(draw: random.Random) -> Session:
    kind = draw.choice([0, *range(8, 256)])
    data = wire.pdu(kind, draw.randbytes(draw.randint(0, 100)))
    return Session(what="", associated=draw.random() < 0.5, data=data)


def _wrong_dataset(draw: random.Random) -> Session:
    """A dataset in pieces of any size, in contexts and with control bytes that do not belong."""
    command = wire.store_request(ULTRASOUND, small_instance().sop_instance_uid, 1)
    data = wire.command_pdu(ON_STORAGE, command)
    for _ in range(draw.randint(1, 10)):
        context_id = draw.choice([1, 1, 1, 3, 7, 0, 255])
        control = draw.choice([0, 0, 2, 1, 3, 0xFF])
        piece = draw.randbytes(draw.choice([0, 1, 2, 999]))
        data += wire.pdu(
            wire.DATA, struct.pack(">IBB", len(piece) + 2, context_id, control) + piece
        )
    return Session(what="", associated=True, data=data)


_KINDS: tuple[tuple[str, Callable[[random.Random], Session]], ...] = (
    ("noise for a request", _request_of_noise),
    ("a mutated request", _mutated_request),
    ("a mutated message", _mutated_message),
    ("a mutated command set", _mutated_command),
    ("an odd command set", _odd_command),
    ("PDUs in a wrong order", _wrong_order),
    ("an unknown PDU type", _unknown_type),
    ("fragments that do not belong", _wrong_dataset),
)


def crowded_request(contexts: int) -> bytes:
    """A request with so many presentation contexts; their IDs come round again."""
    asks = request("SCU0", [])
    items = bytearray()
    syntaxes = b""
    for kind, uid in ((0x30, ULTRASOUND), (0x40, EXPLICIT_LITTLE)):
        syntaxes += struct.pack(">BxH", kind, len(uid)) + uid.encode()
    for number in range(contexts):
        body = struct.pack(">B3x", (2 * number + 1) % 256) + syntaxes
        items += struct.pack(">BxH", 0x20, len(body)) + body
    return wire.pdu(wire.ASSOCIATE_RQ, asks[6:] + bytes(items))
