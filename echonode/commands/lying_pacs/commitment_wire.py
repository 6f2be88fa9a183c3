"""Storage commitment as bytes: what an N-ACTION asks, what an N-EVENT-REPORT says (PS3.4 annex J).

Datasets are read and written by hand in the two Little Endian transfer syntaxes (PS3.5 7.1), so
that a report may be anything an archive could say, and things that none should.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from echonode.commands.lying_pacs import wire
from echonode.commands.lying_pacs.wire import EXPLICIT_LITTLE

COMMITMENT = "1.2.840.10008.1.20.1"
WELL_KNOWN_INSTANCE = "1.2.840.10008.1.20.1.1"
N_EVENT_REPORT_RQ, N_EVENT_REPORT_RSP, N_ACTION_RQ = 0x0100, 0x8100, 0x0130

# Event types (PS3.4 J.3.3.1.1); others do not exist.
ALL_COMMITTED, SOME_FAILED = 1, 2

_TRANSACTION = (0x0008, 0x1195)
_FAILED, _REFERENCED = (0x0008, 0x1198), (0x0008, 0x1199)
_CLASS, _INSTANCE, _REASON = (0x0008, 0x1150), (0x0008, 0x1155), (0x0008, 0x1197)
_ITEM, _ITEM_END, _SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)
_UNDEFINED = 0xFFFFFFFF


@dataclass(frozen=True, kw_only=True)
class Item:
    """An instance, as a commitment names it."""

    sop_class_uid: str
    sop_instance_uid: str


@dataclass(frozen=True, kw_only=True)
class Report:
    """An N-EVENT-REPORT. failed: (instance, Failure Reason). event_type: None for the right one."""

    transaction_uid: str
    committed: tuple[Item, ...] = ()
    failed: tuple[tuple[Item, int], ...] = field(default=())
    event_type: int | None = None

    @property
    def event(self) -> int:
        if self.event_type is not None:
            return self.event_type
        return SOME_FAILED if self.failed else ALL_COMMITTED


def read_request(dataset: bytes, transfer_syntax_uid: str) -> tuple[str, tuple[Item, ...]]:
    """The action information of an N-ACTION: its Transaction UID and the instances it names."""
    transaction_uid, items = "", []
    for tag, value in elements(dataset, transfer_syntax_uid):
        if tag == _TRANSACTION:
            transaction_uid = uid(value)
        elif tag == _REFERENCED:
            for content in _read_items(value):
                found = dict(elements(content, transfer_syntax_uid))
                items.append(
                    Item(sop_class_uid=uid(found[_CLASS]), sop_instance_uid=uid(found[_INSTANCE]))
                )
    return transaction_uid, tuple(items)


def action_response(message_id: int, status: int) -> bytes:
    """The command set of an N-ACTION-RSP; message_id: of the request (PS3.7 10.3.5.2)."""
    return wire.command_set(
        (0x0002, COMMITMENT),
        (0x0100, N_ACTION_RQ | 0x8000),
        (0x0120, message_id),
        (0x0800, wire.NO_DATASET),
        (0x0900, status),
        (0x1000, WELL_KNOWN_INSTANCE),
        (0x1008, 1),
    )


def report_message(
    report: Report, *, context_id: int, message_id: int, transfer_syntax_uid: str
) -> bytes:
    """A whole N-EVENT-REPORT-RQ (PS3.7 10.3.1.1)."""
    command = wire.command_set(
        (0x0002, COMMITMENT),
        (0x0100, N_EVENT_REPORT_RQ),
        (0x0110, message_id),
        (0x0800, wire.HAS_DATASET),
        (0x1000, WELL_KNOWN_INSTANCE),
        (0x1002, report.event),
    )
    dataset = report_dataset(report, transfer_syntax_uid)
    return wire.command_pdu(context_id, command) + wire.data_pdus(context_id, dataset)


def report_dataset(report: Report, transfer_syntax_uid: str) -> bytes:
    """The event information (PS3.4 table J.3-2); a sequence without items is left out."""
    form = _Form(explicit=transfer_syntax_uid == EXPLICIT_LITTLE)
    dataset = form.uid(_TRANSACTION, report.transaction_uid)
    if report.failed:
        dataset += form.sequence(
            _FAILED,
            [form.reference(item) + form.us(_REASON, reason) for item, reason in report.failed],
        )
    if report.committed or not report.failed:
        dataset += form.sequence(_REFERENCED, [form.reference(item) for item in report.committed])
    return dataset


@dataclass(frozen=True, kw_only=True)
class _Form:
    """How elements are written."""

    explicit: bool

    def element(self, tag: tuple[int, int], vr: bytes, value: bytes) -> bytes:
        value += b"\0" * (len(value) % 2)
        head = struct.pack("<HH", *tag)
        if not self.explicit:
            return head + struct.pack("<I", len(value)) + value
        if vr == b"SQ":
            return head + vr + struct.pack("<2xI", len(value)) + value
        return head + vr + struct.pack("<H", len(value)) + value

    def uid(self, tag: tuple[int, int], value: str) -> bytes:
        return self.element(tag, b"UI", value.encode())

    def us(self, tag: tuple[int, int], value: int) -> bytes:
        return self.element(tag, b"US", struct.pack("<H", value))

    def reference(self, item: Item) -> bytes:
        return self.uid(_CLASS, item.sop_class_uid) + self.uid(_INSTANCE, item.sop_instance_uid)

    def sequence(self, tag: tuple[int, int], items: list[bytes]) -> bytes:
        # Failure Reason comes after the references in an item: (0008,1197) is above (0008,1155).
        content = b"".join(struct.pack("<HHI", *_ITEM, len(item)) + item for item in items)
        return self.element(tag, b"SQ", content)


def uid(value: bytes) -> str:
    """A UI value without its padding."""
    return value.rstrip(b"\0 ").decode()


def elements(data: bytes, transfer_syntax_uid: str) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Tag and value of each element of the outermost level; of a sequence, its items' bytes."""
    explicit = transfer_syntax_uid == EXPLICIT_LITTLE
    position = 0
    while position + 8 <= len(data):
        group, number = struct.unpack_from("<HH", data, position)
        long_form = explicit and data[position + 4 : position + 6] in (b"SQ", b"UN", b"OB", b"OW")
        if long_form:
            (length,) = struct.unpack_from("<I", data, position + 8)
            position += 12
        elif explicit:
            (length,) = struct.unpack_from("<H", data, position + 6)
            position += 8
        else:
            (length,) = struct.unpack_from("<I", data, position + 4)
            position += 8
        if length == _UNDEFINED:
            length = data.index(struct.pack("<HHI", *_SEQUENCE_END, 0), position) - position
            yield (group, number), data[position : position + length]
            position += length + 8
        else:
            yield (group, number), data[position : position + length]
            position += length


def _read_items(value: bytes) -> Iterator[bytes]:
    """The items of a sequence that holds none itself."""
    position = 0
    while position + 8 <= len(value):
        (length,) = struct.unpack_from("<I", value, position + 4)
        position += 8
        if length == _UNDEFINED:
            length = value.index(struct.pack("<HHI", *_ITEM_END, 0), position) - position
            yield value[position : position + length]
            position += length + 8
        else:
            yield value[position : position + length]
            position += length
