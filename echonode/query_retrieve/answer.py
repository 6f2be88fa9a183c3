"""The identifier of a C-FIND answer from a row of the index (PS3.4 C.4.1.1.3.2).

Rules
- An answer holds the requested keys and, always, the unique keys of its level and those
  above, Query/Retrieve Level, Retrieve AE Title and Instance Availability: some viewers drop a
  study without its UID (dcm4chee-arc issue 1263, RadiAnt).
- An unknown value has zero length; so does an unsupported key. A sequence then has no item.
- It is written as bytes in the presentation context's transfer syntax. An answer of ten keys takes
  some microseconds. As a pydicom Dataset it took 150, most of them for checks of values that a
  stored file may break anyway.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import CUSTOMIZABLE_CHARSET_VR

from echonode.query_retrieve.character_set import DEFAULT_REPERTOIRE, CharacterSet, for_answer
from echonode.query_retrieve.element_encoding import Element, ElementEncoder, texts_of
from echonode.query_retrieve.hierarchy import QUERY_RETRIEVE_LEVEL
from echonode.query_retrieve.identifier import FindIdentifier
from echonode.query_retrieve.matching import StoredValue

_SPECIFIC_CHARACTER_SET = Tag(0x0008, 0x0005)
_RETRIEVE_AE_TITLE = Tag(0x0008, 0x0054)
_INSTANCE_AVAILABILITY = Tag(0x0008, 0x0056)


class AnswerWriter:
    """Makes the answers of one query; their common parts are computed once."""

    def __init__(self, asked: FindIdentifier, *, ae_title: str, transfer_syntax_uid: str) -> None:
        """transfer_syntax_uid: an uncompressed one, in which the answers are encoded."""
        self._asked = asked
        self._encoder = ElementEncoder(transfer_syntax_uid)
        self._text = [each.keyword for each in asked.returned if each.vr in CUSTOMIZABLE_CHARSET_VR]
        fixed = {
            QUERY_RETRIEVE_LEVEL: self._fixed(QUERY_RETRIEVE_LEVEL, "CS", asked.query.level),
            _RETRIEVE_AE_TITLE: self._fixed(_RETRIEVE_AE_TITLE, "AE", ae_title),
            # PS3.3 C.4.23.1.1: everything in the store is on a disk of this node.
            _INSTANCE_AVAILABILITY: self._fixed(_INSTANCE_AVAILABILITY, "CS", "ONLINE"),
            **{tag: self._fixed(tag, vr, "") for tag, vr in asked.unsupported.items()},
        }
        returned = {
            tag: (keyword, self._encoder.element(tag, vr))
            for tag, keyword, vr in (
                *((Tag(each.keyword), each.keyword, each.vr) for each in asked.returned),
                *((key.tag, key.keyword, key.vr) for key in asked.from_files),
            )
        }
        elements = {
            **{tag: ("", element) for tag, element in fixed.items()},
            **returned,
            _SPECIFIC_CHARACTER_SET: ("", self._character_set()),
        }
        # PS3.5 7.1: in the order of their tags.
        self._elements: list[tuple[str, Element]] = [elements[tag] for tag in sorted(elements)]

    @property
    def unsupported_keys(self) -> bool:
        """Whether all answers are sent with FF01 (PS3.4 C.4.1.1.4)."""
        return bool(self._asked.unsupported)

    def write(self, row: Mapping[str, StoredValue]) -> bytes:
        """The answer for `row`, encoded; keys that the row lacks are empty."""
        get = row.get
        texts = "".join([str(get(keyword, "")) for keyword in self._text])
        for key in self._asked.from_files:
            texts += "".join(texts_of(key.vr, get(key.keyword, "")))
        character_set = for_answer(texts, self._asked.character_set)
        return b"".join(
            [element(get(keyword, ""), character_set) for keyword, element in self._elements]
        )

    def _fixed(self, tag: BaseTag, vr: str, text: str) -> Element:
        """An element that is the same in every answer."""
        value = text.encode("ascii")
        value += b" " * (len(value) % 2)
        encoded = self._encoder.header(tag, vr)[len(value)] + value
        return lambda text, character_set: encoded

    def _character_set(self) -> Element:
        """Specific Character Set, only where the answer needs one (C.4.1.1.3.2)."""
        header = self._encoder.header(_SPECIFIC_CHARACTER_SET, "CS")

        def write(text: StoredValue, character_set: CharacterSet) -> bytes:
            if character_set is DEFAULT_REPERTOIRE:
                return b""
            value = character_set.value.encode("ascii")
            value += b" " * (len(value) % 2)
            return header[len(value)] + value

        return write
