"""A dataset as the index keeps it: pydicom Dataset -> InstanceRecord. Pure.

Rules
- Values are read from the raw bytes of their elements, not through pydicom's value classes: those
  warn about (and quote) values that do not have the form of their VR, and refuse some. An archive
  takes what real devices send, and C-FIND answers what was sent.
- Text is decoded by the dataset's own Specific Character Set (PS3.5 6.1).
- The UIDs that the index relies on must be present and valid; nothing else must.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, MutableSequence

from pydicom import Dataset
from pydicom.charset import STAND_ALONE_ENCODINGS, decode_bytes, python_encoding
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.tag import BaseTag, Tag
from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

from echonode.errors import Mismatch
from echonode.model.attributes import ATTRIBUTES, Attribute, of_level
from echonode.model.criteria import Level
from echonode.model.identity import is_valid_uid
from echonode.model.instance import InstanceRecord

LONGEST_VALUE = 10_240  # characters kept of a value: the most that any VR here allows (LT)
_TAGS = {keyword: Tag(keyword) for keyword in ATTRIBUTES}
_IN_THE_CHARACTER_SET = frozenset({"LO", "LT", "PN", "SH"})
_SPECIFIC_CHARACTER_SET = Tag(0x0008, 0x0005)
INDEXED_TAGS = frozenset({int(_SPECIFIC_CHARACTER_SET), *map(int, _TAGS.values())})
_PADDING = " \x00"
_ESCAPE = b"\x1b"
_DEFAULT = "iso8859"  # ISO_IR 6; ISO 8859-1 also shows what Latin writers do not declare
_MISSPELT = re.compile(r"ISO[-_ ]IR[-_ ](\d+)")  # seen: ISO-IR 100


def record_of(ds: Dataset, transfer_syntax_uid: str) -> InstanceRecord:
    """What the index keeps of a dataset. Raises Mismatch when a UID is missing or malformed."""
    values = _Values(ds)
    frames = values.of(ATTRIBUTES["NumberOfFrames"])
    levels = {level: values.of_level(level) for level in Level}
    return InstanceRecord(
        sop_class_uid=_uid(levels[Level.IMAGE], "SOPClassUID"),
        sop_instance_uid=_uid(levels[Level.IMAGE], "SOPInstanceUID"),
        study_instance_uid=_uid(levels[Level.STUDY], "StudyInstanceUID"),
        series_instance_uid=_uid(levels[Level.SERIES], "SeriesInstanceUID"),
        transfer_syntax_uid=transfer_syntax_uid,
        frames=max(1, int(frames)) if frames.isascii() and frames.isdigit() else 1,
        patient=levels[Level.PATIENT],
        study=levels[Level.STUDY],
        series=levels[Level.SERIES],
        image=levels[Level.IMAGE],
    )


def _uid(values: Mapping[str, str], keyword: str) -> str:
    value = values.get(keyword, "")
    if not is_valid_uid(value):
        # The value stays out: an error's text goes into logs and over the wire.
        raise Mismatch(f"{keyword} is {'not a UID' if value else 'missing'}")
    return value


class _Values:
    """Reads attributes of one dataset."""

    def __init__(self, ds: Dataset) -> None:
        self._ds = ds
        self._encodings = [_DEFAULT]
        declared = self._text(_SPECIFIC_CHARACTER_SET, "CS")
        if declared:
            self._encodings = _encodings(declared)

    def of_level(self, level: Level) -> dict[str, str]:
        """The attributes of a level that have a value."""
        return {
            attribute.keyword: value
            for attribute in of_level(level)
            if not attribute.computed and (value := self.of(attribute))
        }

    def of(self, attribute: Attribute) -> str:
        """An attribute's value as a string; '' where it is absent or empty."""
        return self._text(_TAGS[attribute.keyword], attribute.vr)[:LONGEST_VALUE]

    def _text(self, tag: BaseTag, vr: str) -> str:
        if tag not in self._ds:
            return ""
        # pydicom declares DataElement only, but returns what it has.
        element: object = self._ds.get_item(tag, keep_deferred=True)
        if isinstance(element, DataElement):
            return _joined(element.value)
        if not isinstance(element, RawDataElement) or element.value is None:
            return ""  # empty, or deferred because it is far too long for what it should be
        value = element.value
        if vr == "US":
            return _unsigned_shorts(value, "<" if element.is_little_endian else ">")
        return _stripped(self._decoded(value, vr), vr)

    def _decoded(self, value: bytes, vr: str) -> str:
        if vr not in _IN_THE_CHARACTER_SET:
            return value.decode("latin-1")
        if _ESCAPE not in value:
            return value.decode(self._encodings[0], errors="replace")
        # PS3.5 6.1.2.5: code extensions; a delimiter switches back to the first character set.
        return decode_bytes(value, self._encodings, PN_DELIMS if vr == "PN" else TEXT_VR_DELIMS)


def _encodings(declared: str) -> list[str]:
    """Python's names of the character sets of (0008,0005); unknown ones are left out."""
    names = [_MISSPELT.sub(r"ISO_IR \1", name) for name in declared.split("\\")]
    if names[0] in STAND_ALONE_ENCODINGS:  # PS3.3 C.12.1.1.2: without code extensions
        names = names[:1]
    return [python_encoding[name] for name in names if name in python_encoding] or [_DEFAULT]


def _joined(value: object) -> str:
    """A value that pydicom has already decoded."""
    if value is None:
        return ""
    if isinstance(value, list | tuple | MutableSequence):
        return "\\".join(str(item) for item in value)
    return str(value)


def _unsigned_shorts(value: bytes, order: str) -> str:
    return "\\".join(
        str(struct.unpack_from(f"{order}H", value, at)[0]) for at in range(0, len(value) - 1, 2)
    )


def _stripped(text: str, vr: str) -> str:
    """Without padding (PS3.5 6.2); of each value where a backslash separates values."""
    if vr == "LT":
        return text.rstrip(_PADDING)
    if vr == "PN":
        return "\\".join(value.rstrip(_PADDING) for value in text.split("\\"))
    return "\\".join(value.strip(_PADDING) for value in text.split("\\"))
