"""What becomes of a dataset: every attribute, in sequences of any depth (PS3.15 E.1.1).

Rules
- Attributes that table E.1-1 names: as it says, under the profile's options.
- Where the table leaves a choice (X/Z, X/D, ...), the objects of this node's trade, ultrasound and
  secondary captures, take the first that their modules allow. For other classes, and within
  sequences, what a missing value would break is not known: there the last is taken, a dummy.
- Attributes that it does not name: a person's name is emptied; dates and times follow the options;
  what the data dictionary (PS3.6) does not know goes, for nothing tells what it holds.
- Also removed: commands and file meta information that were misplaced, group lengths, encrypted
  attributes (someone may have their key), and whole overlays and curves, which hold text as a
  drawing. Clean Graphics keeps graphic annotations without their text.
- Private attributes: only those of the profile's safe list, with their creators.
- The copy is written in UTF-8, whatever the original was in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pydicom import Dataset
from pydicom.datadict import dictionary_has_tag
from pydicom.dataelem import DataElement
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag
from pydicom.uid import (
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    MultiFrameSingleBitSecondaryCaptureImageStorage,
    MultiFrameTrueColorSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from echonode.copies.deidentification.clean_text import clean_text
from echonode.copies.deidentification.dates import kept_time, moved_date, moved_date_time
from echonode.copies.deidentification.dummies import REMOVED, dummy
from echonode.copies.deidentification.profile import PrivateAttribute, Profile
from echonode.copies.deidentification.profile_table import Option, Row, profile_table
from echonode.copies.deidentification.pseudonyms import Patient, Pseudonyms

_PATIENT_NAME, _PATIENT_ID = Tag(0x00100010), Tag(0x00100020)
_ACQUISITION_DATE_TIME, _CHARACTER_SET = Tag(0x0008002A), Tag(0x00080005)
_NEVER: Final = frozenset(
    {
        0x00080300,  # of private attributes, which go
        0x04000500,  # Encrypted Attributes Sequence
        int(_CHARACTER_SET),
    }
)
_OF_OTHER_DATASETS: Final = frozenset({0x0000, 0x0002})  # commands and file meta information
_DRAWN: Final = frozenset({*range(0x5000, 0x5100), *range(0x6000, 0x6100)})
_TEXT: Final = frozenset({"LO", "LT", "SH", "ST", "UC", "UT"})
_DATES: Final = frozenset({"DA", "DT", "TM"})
_OUR_TRADE: Final = frozenset(
    {
        *(UltrasoundImageStorage, UltrasoundMultiFrameImageStorage, SecondaryCaptureImageStorage),
        *("1.2.840.10008.5.1.4.1.1.6", "1.2.840.10008.5.1.4.1.1.3"),  # retired ultrasound
        MultiFrameSingleBitSecondaryCaptureImageStorage,
        MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
        MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
        MultiFrameTrueColorSecondaryCaptureImageStorage,
    }
)
# Schemes whose codes and meanings are published; all others may be a clinic's own.
_PUBLISHED: Final = frozenset({"DCM", "SCT", "SRT", "SNM3", "LN", "UCUM", "RADLEX", "FMA", "UMLS"})


class DatasetRules:
    """The rules for the datasets of one patient, under one profile."""

    def __init__(self, profile: Profile, pseudonyms: Pseudonyms, patient: Patient) -> None:
        self._profile, self._pseudonyms = profile, pseudonyms
        self._table = profile_table()
        self._code = pseudonyms.patient(patient)
        self._days = pseudonyms.days(patient)

    def apply(self, source: Dataset) -> Dataset:
        """A new dataset; `source` stays as it is. Raises what pydicom raises on bad values."""
        made = self._dataset(source, is_top=True, cleaning=False)
        made.PatientName = made.PatientID = self._code
        made.SpecificCharacterSet = "ISO_IR 192"
        return made

    def _dataset(self, source: Dataset, *, is_top: bool, cleaning: bool) -> Dataset:
        made = Dataset()
        for tag in sorted(source.keys()):
            if int(tag) in _NEVER or tag.group in _OF_OTHER_DATASETS or tag.element == 0:
                continue
            if tag.is_private:
                self._private(source, tag, made)
                continue
            element = self._standard(source, tag, is_top=is_top, cleaning=cleaning)
            if element is not None:
                made[tag] = element
        return made

    # --- standard attributes ---

    def _standard(
        self, source: Dataset, tag: BaseTag, *, is_top: bool, cleaning: bool
    ) -> DataElement | None:
        row, element = self._table.row_of(tag), source[tag]
        # What only a later edition names could be anything; the table's own attributes are known.
        if not dictionary_has_tag(tag) and (row is None or element.VR == "UN"):
            return None
        if int(tag) in self._profile.keep:
            return self._kept(element, cleaning=False)
        if row is None:
            return self._unlisted(element, source, cleaning=cleaning)
        if tag.group in _DRAWN:
            return None
        code = row.action(self._profile.options)
        if code == "C":
            return self._cleaned(element, row, source, is_top=is_top)
        return self._done(_one_of(code, element, source, is_top=is_top), element)

    def _done(self, code: str, element: DataElement) -> DataElement | None:
        """The element after a plain action."""
        if code == "X":
            return None
        if element.tag in (_PATIENT_NAME, _PATIENT_ID):
            return DataElement(element.tag, element.VR, self._code)
        if code == "K":
            return self._kept(element, cleaning=False)
        if code == "Z":
            return _empty(element)
        if element.VR == "UI":
            return self._remapped(element)
        if code == "U":  # of a sequence: what its items refer to stays, and nothing that they tell
            return self._kept(element, cleaning=True)
        value = dummy(element.tag, element.VR)
        return None if value is None else DataElement(element.tag, element.VR, value)

    def _kept(self, element: DataElement, *, cleaning: bool) -> DataElement:
        if element.VR != "SQ":
            return element
        items = [self._dataset(item, is_top=False, cleaning=cleaning) for item in element.value]
        return DataElement(element.tag, "SQ", Sequence(items))

    def _remapped(self, element: DataElement) -> DataElement:
        uids = [self._pseudonyms.uid(uid) for uid in _values(element)]
        return DataElement(element.tag, "UI", uids if len(uids) != 1 else uids[0])

    # --- cleaning ---

    def _cleaned(
        self, element: DataElement, row: Row, source: Dataset, *, is_top: bool
    ) -> DataElement | None:
        """After action C; where nothing is left, the basic profile's action."""
        if element.VR == "SQ":
            return self._kept(element, cleaning=True)
        if element.VR in _DATES:
            return self._moved(element)
        if element.VR == "AE":
            labels = [f"AE_{self._pseudonyms.label('ae', title)}" for title in _values(element)]
            return DataElement(element.tag, "AE", labels)
        if element.VR in _TEXT and (text := self._safe_text(element)):
            return DataElement(element.tag, element.VR, text)
        basic = _one_of(row.basic, element, source, is_top=is_top)
        return self._done(basic, element)

    def _safe_text(self, element: DataElement) -> str:
        return clean_text(" ".join(_values(element)), self._profile.words)

    def _moved(self, element: DataElement) -> DataElement:
        moved = {
            "DA": lambda value: moved_date(value, self._days),
            "DT": lambda value: moved_date_time(value, self._days),
            "TM": kept_time,
        }[element.VR]
        values = [moved(value) for value in _values(element)]
        return DataElement(element.tag, element.VR, values if len(values) != 1 else values[0])

    # --- what the table does not name ---

    def _unlisted(
        self, element: DataElement, source: Dataset, *, cleaning: bool
    ) -> DataElement | None:
        vr = element.VR
        if vr == "SQ":
            return self._kept(element, cleaning=cleaning)
        if vr in _DATES:
            if Option.FULL_DATES in self._profile.options:
                return element
            if Option.MODIFIED_DATES in self._profile.options:
                return self._moved(element)
            return _empty(element)
        if vr == "PN":
            return _empty(element)
        if vr == "UN":
            return None
        if cleaning and vr in _TEXT and not _is_published_code(source):
            return DataElement(element.tag, vr, self._safe_text(element) or REMOVED)
        return element

    # --- private attributes ---

    def _private(self, source: Dataset, tag: BaseTag, made: Dataset) -> None:
        """Keep a private attribute of the safe list, and its creator before it."""
        block = Tag(tag.group, tag.element >> 8)
        if tag.element < 0x1000 or block not in source:
            return
        creator = str(source[block].value).strip()
        named = PrivateAttribute(tag.group, creator, tag.element & 0xFF)
        if named in self._profile.private:
            made[block] = DataElement(block, "LO", creator)
            made[tag] = self._kept(source[tag], cleaning=False)


def _one_of(code: str, element: DataElement, source: Dataset, *, is_top: bool) -> str:
    """The action where the table leaves a choice."""
    first, *_, last = code.split("/") if "/" in code else (code, code)
    if is_top and str(source.get("SOPClassUID", "")) in _OUR_TRADE:
        # PS3.3 C.8.5.6, type 1C: demanded where a contrast agent was given.
        with_contrast = element.tag == _ACQUISITION_DATE_TIME and "ContrastBolusAgent" in source
        return last if with_contrast else first
    if not is_top and last == "Z" and element.VR == "SQ":
        return first  # an empty sequence within another is no one's type 2
    return last.removesuffix("*")


def _empty(element: DataElement) -> DataElement:
    return DataElement(element.tag, element.VR, Sequence() if element.VR == "SQ" else None)


def _values(element: DataElement) -> list[str]:
    """An element's values as strings."""
    value = element.value
    if value is None or value == "":
        return []
    if isinstance(value, bytes):
        return [value.decode("latin-1")]
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [str(one) for one in value]
    return [str(value)]


def _is_published_code(source: Dataset) -> bool:
    return str(source.get("CodingSchemeDesignator", "")) in _PUBLISHED
