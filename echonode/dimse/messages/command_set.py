"""The command set of a DIMSE message (PS3.7 annex E) as a value, from and to its bytes.

Rules
- A command set is always Implicit VR Little Endian, group 0000, elements in ascending order, with
  (0000,0000) the length of what follows it (PS3.7 6.3.1).
- `decode` checks lengths, magnitudes and characters, and skips elements that it does not know. It
  raises MalformedCommand and nothing else.
- No I/O; a value of 500 bytes costs some microseconds, where a pydicom Dataset costs hundreds.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

NO_DATASET = 0x0101  # (0000,0800) when no dataset follows; any other value: one does (PS3.7 E.1)
HAS_DATASET = 0x0001
RESPONSE = 0x8000  # the bit that makes a Command Field a response
MEDIUM_PRIORITY = 0x0000


class CommandField(IntEnum):
    """Command Field (0000,0100) of the requests we know (PS3.7 E.1-1)."""

    C_STORE = 0x0001
    C_GET = 0x0010
    C_FIND = 0x0020
    C_MOVE = 0x0021
    C_ECHO = 0x0030
    N_EVENT_REPORT = 0x0100
    N_GET = 0x0110
    N_SET = 0x0120
    N_ACTION = 0x0130
    N_CREATE = 0x0140
    N_DELETE = 0x0150
    C_CANCEL = 0x0FFF


class MalformedCommand(ValueError):
    """The bytes are not a command set."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandSet:
    """One command set; None is an element that is not there."""

    command_field: int
    affected_sop_class_uid: str | None = None
    requested_sop_class_uid: str | None = None
    message_id: int | None = None
    message_id_being_responded_to: int | None = None
    move_destination: str | None = None
    priority: int | None = None
    dataset_type: int = NO_DATASET
    status: int | None = None
    error_comment: str | None = None
    error_id: int | None = None
    affected_sop_instance_uid: str | None = None
    requested_sop_instance_uid: str | None = None
    event_type_id: int | None = None
    action_type_id: int | None = None
    remaining: int | None = None
    completed: int | None = None
    failed: int | None = None
    warning: int | None = None
    move_originator_ae_title: str | None = None
    move_originator_message_id: int | None = None

    @property
    def is_response(self) -> bool:
        return bool(self.command_field & RESPONSE)

    @property
    def has_dataset(self) -> bool:
        return self.dataset_type != NO_DATASET


# (element of group 0000, attribute of CommandSet, VR), ascending.
_ELEMENTS: tuple[tuple[int, str, str], ...] = (
    (0x0002, "affected_sop_class_uid", "UI"),
    (0x0003, "requested_sop_class_uid", "UI"),
    (0x0100, "command_field", "US"),
    (0x0110, "message_id", "US"),
    (0x0120, "message_id_being_responded_to", "US"),
    (0x0600, "move_destination", "AE"),
    (0x0700, "priority", "US"),
    (0x0800, "dataset_type", "US"),
    (0x0900, "status", "US"),
    (0x0902, "error_comment", "LO"),
    (0x0903, "error_id", "US"),
    (0x1000, "affected_sop_instance_uid", "UI"),
    (0x1001, "requested_sop_instance_uid", "UI"),
    (0x1002, "event_type_id", "US"),
    (0x1008, "action_type_id", "US"),
    (0x1020, "remaining", "US"),
    (0x1021, "completed", "US"),
    (0x1022, "failed", "US"),
    (0x1023, "warning", "US"),
    (0x1030, "move_originator_ae_title", "AE"),
    (0x1031, "move_originator_message_id", "US"),
)
_BY_ELEMENT = {element: (name, vr) for element, name, vr in _ELEMENTS}
_HEADER = struct.Struct("<HHL")
_US_ELEMENT = struct.Struct("<HHLH")
_PADDING = {"UI": b"\0", "AE": b" ", "LO": b" "}


def encode(command: CommandSet) -> bytes:
    """The command set's bytes, group length first."""
    parts = []
    for element, name, vr in _ELEMENTS:
        value = getattr(command, name)
        if value is None:
            continue
        if vr == "US":
            # The counts of a C-MOVE are US: a selection beyond 65535 is shown as 65535.
            parts.append(_US_ELEMENT.pack(0, element, 2, min(value, 0xFFFF)))
        else:
            text = value.encode("ascii", "replace")
            text += _PADDING[vr] * (len(text) % 2)
            parts.append(_HEADER.pack(0, element, len(text)) + text)
    body = b"".join(parts)
    return _HEADER.pack(0, 0, 4) + struct.pack("<L", len(body)) + body


def decode(data: bytes | bytearray) -> CommandSet:
    """The command set in `data`; raises MalformedCommand."""
    found: dict[str, int | str] = {}
    position = 0
    while position < len(data):
        if position + 8 > len(data):
            raise MalformedCommand("an element header is cut off")
        group, element, length = _HEADER.unpack_from(data, position)
        position += 8
        if group != 0 or position + length > len(data):
            raise MalformedCommand("an element is outside group 0000 or longer than the message")
        if element in _BY_ELEMENT:
            name, vr = _BY_ELEMENT[element]
            value = _value(vr, bytes(data[position : position + length]))
            if value is not None:
                found[name] = value
        position += length
    if "command_field" not in found or "dataset_type" not in found:
        raise MalformedCommand("Command Field or Command Data Set Type is missing")
    return CommandSet(**found)  # type: ignore[arg-type]  # the table pairs names and types


def _value(vr: str, raw: bytes) -> int | str | None:
    """One element's value; None when empty."""
    if not raw:
        return None
    if vr == "US":
        if len(raw) != 2:
            raise MalformedCommand("an unsigned short is not two bytes long")
        return int.from_bytes(raw, "little")
    text = raw.decode("ascii", "replace").strip("\0 ")
    # Control characters would otherwise get into logs and answers.
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
