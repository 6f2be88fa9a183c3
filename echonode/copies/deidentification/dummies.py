"""Values that say nothing, for attributes that may be neither absent nor empty (action D).

Rules
- A dummy fits the VR (PS3.5 6.2) and is the same for everyone.
- A sequence becomes one item with the attributes that its macro demands, each a dummy; without
  macro, an empty item.
- A document becomes a PDF of one page without text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from pydicom import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from echonode.copies.deidentification.dates import DUMMY_DATE, DUMMY_DATE_TIME, DUMMY_TIME

REMOVED = "REMOVED"
_ZERO = b"\x00\x00"
_EMPTY_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\n"
    b"trailer<</Root 1 0 R>>\n%%EOF\n"
)
_BY_VR: Mapping[str, Any] = MappingProxyType(
    {
        **dict.fromkeys(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"), REMOVED),
        "AS": "000Y",
        "DA": DUMMY_DATE,
        "DT": DUMMY_DATE_TIME,
        "TM": DUMMY_TIME,
        **dict.fromkeys(("DS", "IS"), "0"),
        **dict.fromkeys(("FD", "FL"), 0.0),
        **dict.fromkeys(("SL", "SS", "SV", "UL", "US", "UV", "AT"), 0),
        **dict.fromkeys(("OB", "OD", "OF", "OL", "OV", "OW", "UN"), _ZERO),
        "UR": "urn:removed",
    }
)
_ENCAPSULATED_DOCUMENT = 0x00420011


def dummy(tag: BaseTag, vr: str) -> object:
    """The dummy of an attribute; None for a VR that has none."""
    if vr == "SQ":
        return Sequence([_ITEMS.get(int(tag), Dataset)()])
    if int(tag) == _ENCAPSULATED_DOCUMENT:
        return _EMPTY_PDF + b"\n" * (len(_EMPTY_PDF) % 2)
    return _BY_VR.get(vr)


def code(value: str, meaning: str, scheme: str = "DCM") -> Dataset:
    """A coded entry (PS3.3 table 8.8-1)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def _code() -> Dataset:
    return code(REMOVED, REMOVED, "99REMOVED")


def _person() -> Dataset:
    """PS3.3 table 10-1, Person Identification Macro."""
    item = Dataset()
    item.PersonIdentificationCodeSequence = [_code()]
    item.InstitutionName = REMOVED
    return item


def _observer() -> Dataset:
    """An item of Verifying Observer Sequence (PS3.3 C.17.2)."""
    item = Dataset()
    item.VerifyingOrganization = item.VerifyingObserverName = REMOVED
    item.VerificationDateTime = DUMMY_DATE_TIME
    item.VerifyingObserverIdentificationCodeSequence = []
    return item


def _content() -> Dataset:
    """A content item (PS3.3 C.17.3)."""
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "TEXT"
    item.ConceptNameCodeSequence = [code("121106", "Comment")]
    item.TextValue = REMOVED
    return item


def _annotation() -> Dataset:
    """An item of Graphic Annotation Sequence with one text and no place (PS3.3 C.10.5)."""
    text = Dataset()
    text.AnchorPointAnnotationUnits = "PIXEL"
    text.AnchorPoint, text.AnchorPointVisibility = [0.0, 0.0], "N"
    text.UnformattedTextValue = REMOVED
    item = Dataset()
    item.GraphicLayer = REMOVED
    item.TextObjectSequence = [text]
    return item


def _waveform_text() -> Dataset:
    """An item of Waveform Annotation Sequence (PS3.3 C.10.10)."""
    item = Dataset()
    item.ReferencedWaveformChannels, item.UnformattedTextValue = [1, 0], REMOVED
    return item


def _step() -> Dataset:
    """An item of Referenced Performed Procedure Step Sequence (PS3.3 table 10-11)."""
    item = Dataset()
    item.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.3"
    item.ReferencedSOPInstanceUID = "2.25.0"
    return item


_ITEMS: Mapping[int, Callable[[], Dataset]] = MappingProxyType(
    {
        0x00080082: _code,
        0x00081072: _person,
        0x00081111: _step,
        0x00401101: _code,
        0x0040A073: _observer,
        0x0040A730: _content,
        0x0040B020: _waveform_text,
        0x00700001: _annotation,
    }
)
