"""The lines of the journal's file: a checksum and a JSON value each. Pure.

    8 hexadecimal digits (CRC-32 of the rest), a blank, JSON, a newline

Forms, by their first member
- ["journal", id, version, base]: the first line. id: of the database that it belongs to; version:
  of its schema; base: bytes of the file when it was last written as a whole.
- ["columns", kind, [names]]: of the rows of a kind that follow.
- ["row", kind, [key], [values], sop_instance_uid]: a row as it is now. A row that can only be there
  with its instance has the instance's UID.
- ["gone", kind, [key]]: it was deleted.
- ["up to", change, bytes, checksum]: everything up to this change of the database is in the file.
  It ends a step: so many bytes before it, with this CRC-32. What a power cut left of a step may
  have this line and lack others. Lines after the last of these are of a step that was cut off.

Rules
- A line whose checksum is wrong is left out; one that is cut off ends with the next newline.
- Bytes are {"hex": digits}; all other values are as the database has them.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence

FORM_HEADER, FORM_COLUMNS, FORM_ROW = "journal", "columns", "row"
FORM_GONE, FORM_UP_TO = "gone", "up to"
_CHECKSUM_BYTES = 8
_BASE_DIGITS = 16


def line(*members: object) -> bytes:
    """One line."""
    text = json.dumps(members, separators=(",", ":"), ensure_ascii=False, default=_hex)
    raw = text.encode("utf-8", "surrogatepass")
    return b"%08x %b\n" % (zlib.crc32(raw), raw)


def header(identity: str, version: int, base: int) -> bytes:
    """The first line; of the same length for every `base`."""
    return line(FORM_HEADER, identity, version, f"{base:0{_BASE_DIGITS}d}")


def members_of(raw: bytes) -> list[object] | None:
    """What a line says; None where it is not whole."""
    checksum, text = raw[:_CHECKSUM_BYTES], raw[_CHECKSUM_BYTES + 1 :].rstrip(b"\n")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    try:
        found = json.loads(text.decode("utf-8", "surrogatepass"))
    except ValueError:
        return None
    return found if isinstance(found, list) and found else None


def key_text(key: Sequence[object]) -> str:
    """A key as text, the same for the same key."""
    return json.dumps(list(key), separators=(",", ":"), ensure_ascii=False, default=_hex)


def plain(value: object) -> object:
    """A value of a line as the database takes it."""
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) and "hex" in value else value


def _hex(value: object) -> object:
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    raise TypeError(f"no value of a database: {type(value).__name__}")
