"""The query of a QIDO-RS request as the identifier of a C-FIND (PS3.18 8.3.4, 10.6.1). Pure.

Rules
- An attribute is named by its keyword, its tag in eight hexadecimal digits, or a path of these with
  dots, for one in a sequence. An unknown name, or one that is there twice, is refused.
- A comma separates UIDs; a backslash separates values of any attribute (as in C-FIND).
- `includefield` takes names, several with commas, and `all`; an unknown name is left out, for
  it asks for nothing that is here.
- The identifier is what the matching of C-FIND reads, so each rule of it holds here.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from pydicom.datadict import dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import BaseTag, Tag

from echonode.dicomweb.answers import Refused
from echonode.model.attributes import of_level
from echonode.model.criteria import Level
from echonode.query_retrieve.element_text import BINARY_FORMATS
from echonode.query_retrieve.key_bounds import MOST_KEYS

# PS3.18 tables 10.6.3-3 to 10.6.3-5: in every answer, of what the level has.
_ALWAYS: Final = {
    Level.STUDY: """
        StudyDate StudyTime AccessionNumber ModalitiesInStudy ReferringPhysicianName PatientName
        PatientID PatientBirthDate PatientSex StudyInstanceUID StudyID
        NumberOfStudyRelatedSeries NumberOfStudyRelatedInstances
        """,
    Level.SERIES: """
        Modality SeriesDescription SeriesInstanceUID SeriesNumber NumberOfSeriesRelatedInstances
        PerformedProcedureStepStartDate PerformedProcedureStepStartTime
        """,
    Level.IMAGE: """
        SOPClassUID SOPInstanceUID InstanceNumber Rows Columns BitsAllocated NumberOfFrames
        """,
}
_NOT_MATCHED: Final = frozenset({"includefield", "fuzzymatching", "limit", "offset", "accept"})
_TAG = re.compile(r"[0-9A-Fa-f]{8}", re.ASCII)
LARGEST_NUMBER: Final = 2**31 - 1
_UTF_8 = RawDataElement(Tag(0x00080005), "CS", 10, b"ISO_IR 192", 0, False, True)

Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Search:
    """What is searched. limit: None where the request has none; everything: includefield=all."""

    level: Level
    identifier: Dataset
    limit: int | None
    offset: int
    fuzzy_names: bool
    everything: bool


def read_search(pairs: Pairs, level: Level, fixed: Sequence[tuple[str, str]]) -> Search:
    """The search of a request at one level.

    pairs: its query, decoded. fixed: attributes that the path names, and their UIDs; above the
    requested level, those that it does not name are searched as well (10.6.1.1). Raises Refused.
    """
    given = list(pairs)
    if len(given) > MOST_KEYS:
        raise Refused(400, f"over {MOST_KEYS:,} query parameters")
    single = _single(given)
    keys = [(name, value) for name, value in given if name.lower() not in _NOT_MATCHED]
    includes = [
        name for pair, value in given if pair == "includefield" for name in value.split(",")
    ]
    identifier = Dataset()
    identifier[_UTF_8.tag] = _UTF_8
    identifier.QueryRetrieveLevel = str(level)
    everything = "all" in includes
    for keyword in _returned(level, {name for name, _ in fixed}, everything):
        _put(identifier, (Tag(keyword),), "")
    for name in includes:
        if (path := _path(name)) is not None and path[0] not in identifier:
            _put(identifier, path, "")
    seen: set[tuple[BaseTag, ...]] = set()
    for name, value in [*fixed, *keys]:
        path = _path(name)
        if path is None:
            raise Refused(
                400,
                "a query parameter is neither known nor the name of an attribute",
                remedy="use a keyword or a tag of the data dictionary (PS3.6)",
            )
        if path in seen:
            raise Refused(400, f"{keyword_for_tag(path[-1])} is given twice")
        seen.add(path)
        _put(identifier, path, value)
    return Search(
        level=level,
        identifier=identifier,
        limit=_number(single, "limit"),
        offset=_number(single, "offset") or 0,
        fuzzy_names=_flag(single.get("fuzzymatching", "false")),
        everything=everything,
    )


def _single(given: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The parameters that are no attributes; each is there once at most."""
    found: dict[str, str] = {}
    for name, value in given:
        if name in _NOT_MATCHED and name != "includefield":
            if name in found:
                raise Refused(400, f"{name} is given twice")
            found[name] = value
    return found


def _returned(level: Level, fixed: set[str], everything: bool) -> list[str]:
    """What answers hold without being asked: of the level, and of those above that the path does
    not name (10.6.1.2).
    """
    if everything:
        return [
            attribute.keyword
            for each in Level
            if each.depth <= level.depth
            for attribute in of_level(each)
        ]
    found = _ALWAYS[level].split()
    above = {Level.SERIES: "StudyInstanceUID", Level.IMAGE: "SeriesInstanceUID"}
    for lower, keyword in above.items():
        if lower.depth <= level.depth and keyword not in fixed:
            found += _ALWAYS[Level.STUDY if lower is Level.SERIES else Level.SERIES].split()
    return found


def _path(name: str) -> tuple[BaseTag, ...] | None:
    """The tags that a name means; None where it means none."""
    tags: list[BaseTag] = []
    for word in name.split("."):
        number = int(word, 16) if _TAG.fullmatch(word) else tag_for_keyword(word)
        if number is None or not word or number >> 16 <= 2:
            return None
        tags.append(Tag(number))
    sequences = all(_vr(tag) == "SQ" for tag in tags[:-1])
    return tuple(tags) if sequences and len(tags) <= 16 else None


def _vr(tag: BaseTag) -> str:
    try:
        return dictionary_VR(tag)[:2]
    except KeyError:
        return "UN"


def _put(holder: Dataset, path: Sequence[BaseTag], value: str) -> None:
    """The key at its place; within a sequence, in its one item."""
    tag, *below = path
    if below or _vr(tag) == "SQ":
        if tag not in holder:
            holder[tag] = DataElement(tag, "SQ", DicomSequence([Dataset()] if below else []))
        items = holder[tag].value
        if below:
            if not items:
                items.append(Dataset())
            _put(items[0], below, value)
        elif value:
            raise Refused(400, f"{keyword_for_tag(tag)} is a sequence: name an attribute within it")
        return
    vr = _vr(tag)
    encoded = _encoded(vr, value)
    holder[tag] = RawDataElement(tag, vr, len(encoded), encoded, 0, False, True)


def _encoded(vr: str, value: str) -> bytes:
    """A value as an identifier's bytes."""
    if vr == "UI":
        value = value.replace(",", "\\")
    if vr not in BINARY_FORMATS:
        return value.encode("utf-8", "replace")
    packed = b""
    for part in value.split("\\") if value else []:
        try:
            is_real = vr in ("FL", "FD")
            packed += struct.pack(f"<{BINARY_FORMATS[vr]}", float(part) if is_real else int(part))
        except (ValueError, OverflowError, struct.error):
            raise Refused(400, f"a value is not a number of the VR {vr}") from None
    return packed


def _number(single: dict[str, str], name: str) -> int | None:
    text = single.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 10) or int(text) > LARGEST_NUMBER:
        raise Refused(400, f"{name} is not a whole number from 0 on")
    return int(text)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise Refused(400, "fuzzymatching is true or false")
    return text == "true"
