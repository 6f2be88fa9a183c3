"""The identifier of a C-FIND answer from a row of the index (PS3.4 C.4.1.1.3.2).

Rules
- An answer holds the keys that were asked for and, always, the unique keys of its level and those
  above, Query/Retrieve Level, Retrieve AE Title and Instance Availability: some viewers drop a
  study without its UID (dcm4chee-arc issue 1263, RadiAnt).
- What we do not know is there with zero length; so are unsupported keys, a sequence with no item.
- It is written as bytes in the presentation context's transfer syntax. An answer of ten keys takes
  20 microseconds so; as a pydicom Dataset it took 150, most of them in checks of values that a
  stored file may break anyway.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

from pydicom.tag import BaseTag, Tag
from pydicom.uid import UID
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR, EXPLICIT_VR_LENGTH_32, STANDARD_VR

from echonode.model.attributes import Attribute
from echonode.query.character_set import DEFAULT_REPERTOIRE, CharacterSet, for_answer
from echonode.query.hierarchy import QUERY_RETRIEVE_LEVEL
from echonode.query.identifier import FindIdentifier

_SPECIFIC_CHARACTER_SET = Tag(0x0008, 0x0005)
_RETRIEVE_AE_TITLE = Tag(0x0008, 0x0054)
_INSTANCE_AVAILABILITY = Tag(0x0008, 0x0056)

# Everything of an element before its value, from the value's length.
Header = Callable[[int], bytes]
# An element with what a row holds of it, in a character set; one that is the same in all answers.
_Element = Callable[[str, CharacterSet], bytes]


class AnswerWriter:
    """Makes the answers of one query; what they share is worked out once."""

    def __init__(self, asked: FindIdentifier, *, ae_title: str, transfer_syntax_uid: str) -> None:
        """transfer_syntax_uid: an uncompressed one, in which the answers are encoded."""
        self._asked = asked
        self._syntax = UID(transfer_syntax_uid)
        self._text = [each.keyword for each in asked.returned if each.vr in CUSTOMIZABLE_CHARSET_VR]
        fixed = {
            QUERY_RETRIEVE_LEVEL: self._fixed(QUERY_RETRIEVE_LEVEL, "CS", asked.query.level),
            _RETRIEVE_AE_TITLE: self._fixed(_RETRIEVE_AE_TITLE, "AE", ae_title),
            # PS3.3 C.4.23.1.1: everything in the store is on a disk of this node.
            _INSTANCE_AVAILABILITY: self._fixed(_INSTANCE_AVAILABILITY, "CS", "ONLINE"),
            **{tag: self._fixed(tag, vr, "") for tag, vr in asked.unsupported.items()},
        }
        returned = {
            Tag(attribute.keyword): (attribute.keyword, self._element(attribute))
            for attribute in asked.returned
        }
        elements = {
            **{tag: ("", element) for tag, element in fixed.items()},
            **returned,
            _SPECIFIC_CHARACTER_SET: ("", self._character_set()),
        }
        # PS3.5 7.1: in the order of their tags.
        self._elements: list[tuple[str, _Element]] = [elements[tag] for tag in sorted(elements)]

    @property
    def unsupported_keys(self) -> bool:
        """Whether the answers go out with FF01 (PS3.4 C.4.1.1.4)."""
        return bool(self._asked.unsupported)

    def write(self, row: Mapping[str, str]) -> bytes:
        """The answer for `row`, encoded."""
        texts = "".join([row.get(keyword, "") for keyword in self._text])
        character_set = for_answer(texts, self._asked.character_set)
        get = row.get
        return b"".join(
            [element(get(keyword, ""), character_set) for keyword, element in self._elements]
        )

    def _element(self, attribute: Attribute) -> _Element:
        """How an attribute is written."""
        tag, vr = Tag(attribute.keyword), attribute.vr
        header = self._header(tag, vr)
        if vr == "US":
            order = "<" if self._syntax.is_little_endian else ">"
            return lambda text, character_set: _unsigned_shorts(text, order, header)
        padding = b"\0" if vr == "UI" else b" "  # PS3.5 6.2

        def write(text: str, character_set: CharacterSet) -> bytes:
            value = character_set.encode(vr, text)
            if len(value) % 2:
                value += padding
            return header(len(value)) + value

        return write

    def _fixed(self, tag: BaseTag, vr: str, text: str) -> _Element:
        """An element that is the same in every answer."""
        value = text.encode("ascii")
        value += b" " * (len(value) % 2)
        encoded = self._header(tag, vr)(len(value)) + value
        return lambda text, character_set: encoded

    def _character_set(self) -> _Element:
        """Specific Character Set, only where the answer needs one (C.4.1.1.3.2)."""
        header = self._header(_SPECIFIC_CHARACTER_SET, "CS")

        def write(text: str, character_set: CharacterSet) -> bytes:
            if character_set is DEFAULT_REPERTOIRE:
                return b""
            value = character_set.value.encode("ascii")
            value += b" " * (len(value) % 2)
            return header(len(value)) + value

        return write

    def _header(self, tag: BaseTag, vr: str) -> Header:
        """The bytes before a value (PS3.5 7.1.2, 7.1.3)."""
        order = "<" if self._syntax.is_little_endian else ">"
        beginning = struct.pack(f"{order}HH", tag.group, tag.element)
        length = struct.Struct(f"{order}L").pack
        if not self._syntax.is_implicit_VR:
            vr = vr if vr in STANDARD_VR else "UN"  # of a private key, as the requestor sent it
            beginning += vr.encode("ascii")
            if vr in EXPLICIT_VR_LENGTH_32:
                beginning += b"\0\0"
            else:
                # The index keeps 10,240 characters of a value: 16 bits are enough.
                length = struct.Struct(f"{order}H").pack
        return lambda size: beginning + length(size)


def _unsigned_shorts(text: str, order: str, header: Header) -> bytes:
    numbers = [int(part) & 0xFFFF for part in text.split("\\") if part.isdecimal()]
    return header(2 * len(numbers)) + struct.pack(f"{order}{len(numbers)}H", *numbers)
