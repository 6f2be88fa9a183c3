"""The value of one element as DICOM JSON text (PS3.18 F.2). Pure.

Rules
- The VR decides: numbers, strings, person names by component group, attribute tags as hexadecimal
  digits, bytes as base64.
- A stored value that breaks its VR is given as the text that it is: what real devices send is
  answered as it was sent. Numbers that JSON cannot hold exactly, and text that is not a number, are
  strings (F.2.3.1).
- An element without a value has its VR alone; an empty value between others is null (F.2.5).
"""

from __future__ import annotations

import base64
import json
import math
import re
import struct
from collections.abc import Iterable
from typing import Final

from echonode.query_retrieve.character_set import CharacterSet
from echonode.query_retrieve.element_text import BINARY_FORMATS

# Of whole numbers that every JSON reader holds exactly (RFC 8259 6).
_LARGEST_EXACT: Final = 2**53 - 1
_NUMBER_TEXT = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE_TEXT = re.compile(r"[+-]?\d{1,15}", re.ASCII)
_SINGLE = frozenset({"LT", "ST", "UT", "UR"})  # a backslash is text in these (PS3.5 6.2)
_LEADING_COUNTS = frozenset({"LT", "ST", "UT", "UC"})
_NAME_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
# Bytes of one word, for those of a big endian dataset: JSON has them in little endian (F.2.7).
_WORDS = {"OW": 2, "OF": 4, "OL": 4, "OD": 8, "OV": 8}
BYTES_VRS: Final = frozenset({"OB", "UN", *_WORDS})
# PS3.18 F.2.2 lists the VRs of which a long value may be elsewhere.
BULK_VRS: Final = BYTES_VRS | frozenset(BINARY_FORMATS) | frozenset("DS IS LT ST UC UT".split())  # noqa: SIM905  # as the standard prints them


def text(value: object) -> str:
    """JSON without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def element_json(vr: str, value: bytes, *, order: str, character_set: CharacterSet) -> str:
    """The JSON object of an element that is no sequence; order: "<" or ">", of its bytes."""
    if not value:
        return empty_json(vr)
    if vr in BYTES_VRS:
        inline = base64.b64encode(in_little_endian(vr, value, order=order)).decode("ascii")
        return f'{{"vr":"{vr}","InlineBinary":"{inline}"}}'
    if vr == "AT":
        tags = struct.iter_unpack(f"{order}HH", value[: len(value) // 4 * 4])
        return _values_json(vr, [f"{group:04X}{element:04X}" for group, element in tags])
    if vr in BINARY_FORMATS:
        code = BINARY_FORMATS[vr]
        size = struct.calcsize(f"={code}")
        numbers = struct.unpack(
            f"{order}{len(value) // size}{code}", value[: len(value) // size * size]
        )
        return _values_json(vr, [_number(number) for number in numbers])
    return text_json(vr, character_set.decode(vr, value))


def empty_json(vr: str) -> str:
    """An element without a value."""
    return f'{{"vr":"{vr}"}}'


def text_json(vr: str, decoded: str) -> str:
    """An element of a VR that is text or a number, its values joined by backslashes."""
    values: list[object]
    if vr in BINARY_FORMATS or vr in ("IS", "DS"):
        values = [_number_of_text(vr, part.strip(" \0")) for part in decoded.split("\\")]
    elif vr == "PN":
        values = [_name(part) for part in decoded.split("\\")]
    else:
        parts = [decoded] if vr in _SINGLE else decoded.split("\\")
        values = [_stripped(vr, part) or None for part in parts]
    return _values_json(vr, values)


def _values_json(vr: str, values: Iterable[object]) -> str:
    found = list(values)
    if all(value is None for value in found):
        return empty_json(vr)
    return f'{{"vr":"{vr}","Value":{text(found)}}}'


def _stripped(vr: str, part: str) -> str:
    return part.rstrip(" \0") if vr in _LEADING_COUNTS else part.strip(" \0")


def _number(number: int | float) -> object:
    if isinstance(number, float):
        if not math.isfinite(number):
            return "NaN" if math.isnan(number) else "inf" if number > 0 else "-inf"
        return number
    return number if abs(number) <= _LARGEST_EXACT else str(number)


def _number_of_text(vr: str, part: str) -> object:
    if not part:
        return None
    if vr not in ("DS", "FL", "FD") and _WHOLE_TEXT.fullmatch(part):
        return int(part)
    if vr in ("DS", "FL", "FD") and _NUMBER_TEXT.fullmatch(part):
        number = float(part)
        if math.isfinite(number):
            return int(number) if number.is_integer() and abs(number) < 1e15 else number
    return part


def _name(part: str) -> dict[str, str] | None:
    """The component groups that are there (F.2.2)."""
    groups = [group.strip(" \0") for group in part.split("=")]
    found = {
        name: group for name, group in zip(_NAME_GROUPS, groups, strict=False) if group.strip("^")
    }
    return found or None


def in_little_endian(vr: str, value: bytes, *, order: str) -> bytes:
    """The bytes of a value as JSON and bulk data have them (F.2.7); order: of the data set's."""
    word = _WORDS.get(vr, 1)
    if word == 1 or order == "<":
        return value
    whole = len(value) // word * word
    swapped = bytearray(whole)
    for index in range(word):
        swapped[index::word] = value[word - 1 - index : whole : word]
    return bytes(swapped)
