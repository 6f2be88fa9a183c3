"""The identifier of a C-FIND answer from a row of the index (PS3.4 C.4.1.1.3.2).

Rules
- An answer holds the keys that were asked for and, always, the unique keys of its level and those
  above, Query/Retrieve Level, Retrieve AE Title and Instance Availability: some viewers drop a
  study without its UID (dcm4chee-arc issue 1263, RadiAnt).
- What we do not know is there with zero length; so are unsupported keys, a sequence with no item.
- Values go in as the bytes they will be on the wire: with pydicom's elements an answer of twenty
  keys costs ten times as much, most of it in checking values that a stored file may break anyway.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from pydicom.charset import convert_encodings
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR

from echonode.model.attributes import Attribute
from echonode.query.character_set import CharacterSet, for_answer
from echonode.query.hierarchy import QUERY_RETRIEVE_LEVEL
from echonode.query.identifier import FindIdentifier

_SPECIFIC_CHARACTER_SET = Tag(0x0008, 0x0005)
_RETRIEVE_AE_TITLE = Tag(0x0008, 0x0054)
_INSTANCE_AVAILABILITY = Tag(0x0008, 0x0056)


class AnswerWriter:
    """Makes the answers of one query; what they share is worked out once."""

    def __init__(self, asked: FindIdentifier, *, ae_title: str) -> None:
        self._asked = asked
        self._returned = [(Tag(each.keyword), each) for each in asked.returned]
        self._text = [each for each in asked.returned if each.vr in CUSTOMIZABLE_CHARSET_VR]
        self._fixed: dict[BaseTag, RawDataElement] = {
            QUERY_RETRIEVE_LEVEL: self._element(QUERY_RETRIEVE_LEVEL, "CS", asked.query.level),
            _RETRIEVE_AE_TITLE: self._element(_RETRIEVE_AE_TITLE, "AE", ae_title),
            # PS3.3 C.4.23.1.1: everything in the store is on a disk of this node.
            _INSTANCE_AVAILABILITY: self._element(_INSTANCE_AVAILABILITY, "CS", "ONLINE"),
            **{tag: self._element(tag, vr, "") for tag, vr in asked.unsupported.items()},
        }

    @property
    def unsupported_keys(self) -> bool:
        """Whether the answers go out with FF01 (PS3.4 C.4.1.1.4)."""
        return bool(self._asked.unsupported)

    def write(self, row: Mapping[str, str]) -> Dataset:
        """The answer for `row`, encoded as its request was."""
        texts = "".join(row.get(each.keyword, "") for each in self._text)
        character_set = for_answer(texts, self._asked.character_set)
        elements: dict[BaseTag, RawDataElement | DataElement] = dict(self._fixed)
        for tag, attribute in self._returned:
            value = self._encoded(attribute, row.get(attribute.keyword, ""), character_set)
            elements[tag] = self._raw(tag, attribute.vr, value)
        answer = Dataset(elements)
        if character_set.terms:
            answer.SpecificCharacterSet = list(character_set.terms)
        answer.set_original_encoding(
            self._asked.implicit_vr,
            self._asked.little_endian,
            # As pydicom derives it from (0008,0005): then it writes the bytes as they are.
            convert_encodings(list(character_set.terms)) if character_set.terms else "iso8859",
        )
        return answer

    def _encoded(self, attribute: Attribute, text: str, character_set: CharacterSet) -> bytes:
        if attribute.vr == "US":
            order = "<" if self._asked.little_endian else ">"
            numbers = [int(part) & 0xFFFF for part in text.split("\\") if part.isdecimal()]
            return struct.pack(f"{order}{len(numbers)}H", *numbers)
        return character_set.encode(attribute.vr, text)

    def _element(self, tag: BaseTag, vr: str, text: str) -> RawDataElement:
        return self._raw(tag, vr, text.encode("ascii"))

    def _raw(self, tag: BaseTag, vr: str, value: bytes) -> RawDataElement:
        if len(value) % 2:
            value += b"\0" if vr == "UI" else b" "  # PS3.5 6.2
        return RawDataElement(
            tag,
            vr,
            len(value),
            value,
            0,
            self._asked.implicit_vr,
            self._asked.little_endian,
        )
