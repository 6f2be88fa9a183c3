"""The text of an identifier's elements, received from the network or made by a program.

pydicom's own conversion is not used for received elements: its warnings contain the value (patient
data), and it refuses values that a matching key may have though its VR may not (C.2.2.2), such as a
range in a date or `*` in a number.
"""

from __future__ import annotations

import struct
from types import MappingProxyType
from typing import cast

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from echonode.query_retrieve.character_set import CharacterSet, declared

_SPECIFIC_CHARACTER_SET = Tag(0x0008, 0x0005)
# VR -> the code of the struct module; standard sizes.
BINARY_FORMATS = MappingProxyType(
    {"US": "H", "SS": "h", "UL": "I", "SL": "i", "UV": "Q", "SV": "q", "FL": "f", "FD": "d"}
)


def vr_of(identifier: Dataset, tag: BaseTag) -> str:
    """An element's VR: the dictionary's where it knows the tag, else the sender's, else UN."""
    try:
        return dictionary_VR(tag)[:2]
    except KeyError:
        return identifier.get_item(tag).VR or "UN"


def character_set_of(identifier: Dataset) -> CharacterSet:
    """The character set that `identifier` declares."""
    if _SPECIFIC_CHARACTER_SET not in identifier:
        return declared(())
    return declared(text_of(identifier, _SPECIFIC_CHARACTER_SET).split("\\"))


def text_of(identifier: Dataset, tag: BaseTag, character_set: CharacterSet | None = None) -> str:
    """The element's value as text, several values joined by backslashes; '' when it is absent.

    A sequence is ''. Raises nothing for malformed values: bytes are taken as they are.
    """
    if tag not in identifier:
        return ""
    element = cast("DataElement | RawDataElement", identifier.get_item(tag))
    vr = vr_of(identifier, tag)
    value = element.value
    if vr == "SQ" or value is None:
        return ""
    if isinstance(element, RawDataElement) and isinstance(value, bytes):
        return _wire_text(vr, value, element.is_little_endian, character_set or declared(()))
    return _made_text(element)


def items_of(identifier: Dataset, tag: BaseTag) -> list[Dataset]:
    """The items of a sequence; none when it is absent, empty or no sequence.

    Raises what pydicom raises for bytes that are no items.
    """
    if tag not in identifier or identifier.get_item(tag).VR not in (None, "SQ", "UN"):
        return []
    value = identifier[tag].value
    return list(value) if isinstance(value, Sequence) else []


def size_of(identifier: Dataset, tag: BaseTag) -> int:
    """The length of an element's value as it came, in bytes; 0 of what a program made."""
    value = identifier.get_item(tag).value
    return len(value) if isinstance(value, bytes) else 0


def _wire_text(vr: str, value: bytes, little_endian: bool, character_set: CharacterSet) -> str:
    if vr not in BINARY_FORMATS:
        return character_set.decode(vr, value)
    order, code = "<" if little_endian else ">", BINARY_FORMATS[vr]
    count = len(value) // struct.calcsize(code)
    numbers = struct.unpack_from(f"{order}{count}{code}", value)
    return "\\".join(str(number) for number in numbers)


def _made_text(element: DataElement | RawDataElement) -> str:
    value = element.value
    if isinstance(value, MultiValue | list | tuple):
        return "\\".join(str(part) for part in value)
    return str(value)
