"""Elements of an answer as bytes, in one transfer syntax (PS3.5 7.1).

A value comes as text, several values joined by backslashes, or as the items of a sequence. Values
are not checked: a stored file may break their rules, and is answered as it is.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from typing import Final

from pydicom.datadict import dictionary_VR
from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR, EXPLICIT_VR_LENGTH_32, STANDARD_VR

from echonode.query_retrieve.character_set import CharacterSet
from echonode.query_retrieve.element_text import BINARY_FORMATS
from echonode.query_retrieve.matching import StoredItem, StoredValue

# An element with what a row holds of it, in a character set.
Element = Callable[[StoredValue, CharacterSet], bytes]

_ITEM: Final = Tag(0xFFFE, 0xE000)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)


class Header(dict[int, bytes]):
    """The bytes of an element before its value (PS3.5 7.1.2, 7.1.3), by the value's length.

    Each is made once: the answers of a query have few lengths, and packing one takes longer than
    to look it up.
    """

    def __init__(self, beginning: bytes, length: struct.Struct) -> None:
        """beginning: tag and VR; length: the form of what follows them."""
        super().__init__()
        self._beginning, self._length = beginning, length

    def __missing__(self, size: int) -> bytes:
        header = self[size] = self._beginning + self._length.pack(size)
        return header


class ElementEncoder:
    """Makes the writers of elements, each once."""

    def __init__(self, transfer_syntax_uid: str) -> None:
        """transfer_syntax_uid: an uncompressed one."""
        syntax = UID(transfer_syntax_uid)
        self._order = "<" if syntax.is_little_endian else ">"
        self._implicit = syntax.is_implicit_VR
        self._of_keyword = cache(lambda keyword: self.element(Tag(keyword), vr_of_keyword(keyword)))

    def header(self, tag: BaseTag, vr: str) -> Header:
        """The bytes before a value."""
        beginning = struct.pack(f"{self._order}HH", tag.group, tag.element)
        length = struct.Struct(f"{self._order}L")
        if not self._implicit and tag != _ITEM:
            vr = vr if vr in STANDARD_VR else "UN"  # of a private key, as the requestor sent it
            beginning += vr.encode("ascii")
            if vr in EXPLICIT_VR_LENGTH_32:
                beginning += b"\0\0"
            else:
                # No more than 10,240 characters of a value are kept: 16 bits are enough.
                length = struct.Struct(f"{self._order}H")
        return Header(beginning, length)

    def element(self, tag: BaseTag, vr: str) -> Element:
        """How an attribute is written."""
        header = self.header(tag, vr)
        if vr == "SQ":
            return self._sequence(header)
        if vr in BINARY_FORMATS:
            return self._numbers(header, BINARY_FORMATS[vr])
        padding = b"\0" if vr == "UI" else b" "  # PS3.5 6.2

        def write(text: StoredValue, character_set: CharacterSet) -> bytes:
            if not isinstance(text, str):
                return header[0]
            # ASCII is the same in every set.
            value = text.encode() if text.isascii() else character_set.encode(vr, text)
            if len(value) % 2:
                value += padding
            return header[len(value)] + value

        return write

    def _numbers(self, header: Header, code: str) -> Element:
        is_real = code in "fd"
        pack = struct.Struct(f"{self._order}{code if is_real else code.upper()}").pack
        # By its bits: "US or SS" is read as the one and may be the other.
        mask = (1 << 8 * struct.calcsize(f"={code}")) - 1

        def write(text: StoredValue, character_set: CharacterSet) -> bytes:
            parts = text.split("\\") if isinstance(text, str) else []
            numbers = [part.strip(" ") for part in parts if _NUMBER.fullmatch(part.strip(" "))]
            if is_real:
                value = b"".join(pack(float(number)) for number in numbers)
            else:
                value = b"".join(pack(int(Decimal(number)) & mask) for number in numbers)
            return header[len(value)] + value

        return write

    def _sequence(self, header: Header) -> Element:
        """Items of explicit length (PS3.5 7.5.1)."""
        item_header = self.header(_ITEM, "")

        def write(items: StoredValue, character_set: CharacterSet) -> bytes:
            held = () if isinstance(items, str) else items
            encoded = [self._item(each, character_set) for each in held]
            value = b"".join(item_header[len(item)] + item for item in encoded)
            return header[len(value)] + value

        return write

    def _item(self, item: StoredItem, character_set: CharacterSet) -> bytes:
        return b"".join(
            self._of_keyword(keyword)(item[keyword], character_set)
            for keyword in sorted(item, key=Tag)
        )


def vr_of_keyword(keyword: str) -> str:
    """The dictionary's VR; of an ambiguous one ("US or SS") the first."""
    return dictionary_VR(keyword)[:2]


def texts_of(vr: str, value: StoredValue) -> Iterator[str]:
    """All text of a value that depends on the character set, also in items of sequences."""
    if isinstance(value, str):
        if vr in CUSTOMIZABLE_CHARSET_VR:
            yield value
        return
    for item in value:
        for keyword, each in item.items():
            yield from texts_of(vr_of_keyword(keyword), each)
