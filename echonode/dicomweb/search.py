"""QIDO-RS: the rows that match, as DICOM JSON (PS3.18 10.6).

Rules
- The keys are read, narrowed and matched by the code of C-FIND: both services find the same.
- Rows come in one order at every call, those stored last first, so that pages join without a gap.
- An answer is streamed and held nowhere. Where attributes are read from files, it is limited as in
  C-FIND, and says so (Warning: 299); nothing else limits it.
- What an answer must have and an instance does not say is empty; Modalities in Study is never so:
  viewers leave a study without it out.
- One line is logged a search, as for C-FIND: the level, how many answers, how long; never a key.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from pydicom.tag import Tag

from echonode.dicomweb.answers import Refused
from echonode.dicomweb.json_values import empty_json, text_json
from echonode.dicomweb.search_parameters import Search
from echonode.errors import DimseFailure
from echonode.log import get_logger
from echonode.model.criteria import Level, Query, Root
from echonode.query_retrieve.element_encoding import vr_of_keyword
from echonode.query_retrieve.element_text import text_of
from echonode.query_retrieve.file_values import MOST_FILES, FileRows, ReadFile
from echonode.query_retrieve.identifier import FindIdentifier, read_identifier
from echonode.query_retrieve.matching import StoredItem, StoredValue
from echonode.query_retrieve.row_matching import compile_row_test, narrowable

log = get_logger(__name__)

Row = Mapping[str, str]
_Matched = Generator[Mapping[str, StoredValue], None, None]
_UNKNOWN_MODALITY = "OT"
_PLACES = {
    Level.STUDY: ("StudyInstanceUID",),
    Level.SERIES: ("StudyInstanceUID", "SeriesInstanceUID"),
    Level.IMAGE: ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"),
}
_MODALITY = Tag("Modality")
_NAMES = ("studies", "series", "instances")


class Find(Protocol):
    """IndexReader.find_in_order."""

    def __call__(self, query: Query, *, skip: int) -> Generator[Row, None, None]:
        """Raises StoreError."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """rows: JSON objects, one after the other; to be closed. limited: why there may be more."""

    rows: Generator[str, None, None]
    limited: str = ""


class Searcher:
    """Answers searches; one serves all requests."""

    def __init__(
        self,
        find: Find,
        *,
        read_file: ReadFile,
        ae_title: str,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """ae_title: our own."""
        self._find = find
        self._read_file = read_file
        self._ae_title = ae_title
        self._monotonic = monotonic

    def search(self, search: Search, *, address: str) -> Found:
        """The answer. address: that of the service, for Retrieve URLs. Raises Refused, StoreError.

        Reads the database while `rows` is read, in the thread that reads it.
        """
        try:
            asked = read_identifier(search.identifier, root=Root.STUDY, relational=True, files=True)
        except DimseFailure as failure:
            raise Refused(400, str(failure.comment)) from None
        if not asked.from_files:
            return Found(
                rows=self._answers(search, asked, address), limited=_unmatched(search, asked)
            )
        # Few: each costs a file, and only at the end shows whether there were too many.
        files = FileRows(asked, self._read_file)
        rows = list(self._answers(search, asked, address, files))
        limited = _unmatched(search, asked)
        if files.files_read >= MOST_FILES:
            limited = "there may be more results: name a study or series, or ask for fewer fields"
        return Found(rows=(row for row in rows), limited=limited)

    def _answers(
        self, search: Search, asked: FindIdentifier, address: str, files: FileRows | None = None
    ) -> Generator[str, None, None]:
        began, answers = self._monotonic(), 0
        writer = _AnswerWriter(asked, ae_title=self._ae_title, address=address)
        every = not asked.query.criteria and files is None
        matched = self._matched(search, asked, files, skip=search.offset if every else 0)
        first = 0 if every else search.offset
        last = None if search.limit is None else first + search.limit
        try:
            with closing(matched):
                for row in islice(matched, first, last):
                    answers += 1
                    yield writer.write(row)
        finally:
            log.info(
                "web_query_answered",
                query_retrieve_level=search.level,
                answers=answers,
                milliseconds=round((self._monotonic() - began) * 1000, 1),
            )

    def _matched(
        self, search: Search, asked: FindIdentifier, files: FileRows | None, *, skip: int
    ) -> _Matched:
        matches = compile_row_test(asked, fuzzy_names=search.fuzzy_names)
        query: Query = narrowable(asked.query, fuzzy_names=search.fuzzy_names)
        with closing(self._find(query, skip=skip)) as rows:
            for row in rows:
                if not matches(row):
                    continue
                if files is None:
                    yield row
                    continue
                if files.files_read >= MOST_FILES:
                    return
                completed = files.complete(row)
                if completed is not None:
                    yield completed.values


def _unmatched(search: Search, asked: FindIdentifier) -> str:
    # Modality is matched as Modalities in Study (query_retrieve/identifier.py).
    ignored = {_MODALITY} if asked.query.level is Level.STUDY else set()
    if not any(text_of(search.identifier, tag) for tag in asked.unsupported.keys() - ignored):
        return ""
    return "attributes of a lower level and private ones are not matched"


class _AnswerWriter:
    """Makes the answers of one search."""

    def __init__(self, asked: FindIdentifier, *, ae_title: str, address: str) -> None:
        self._level = asked.query.level
        self._address = address
        self._elements = sorted(
            [
                *((Tag(each.keyword), each.keyword, each.vr) for each in asked.returned),
                *((key.tag, key.keyword, key.vr) for key in asked.from_files),
            ]
        )
        self._fixed = {
            0x00080005: text_json("CS", "ISO_IR 192"),
            0x00080054: text_json("AE", ae_title),
            0x00080056: text_json("CS", "ONLINE"),
        }

    def write(self, row: Mapping[str, StoredValue]) -> str:
        """One answer."""
        members = dict(self._fixed)
        for tag, keyword, vr in self._elements:
            value = row.get(keyword, "")
            if keyword == "ModalitiesInStudy" and not value:
                value = _UNKNOWN_MODALITY
            members[int(tag)] = _json(vr, value)
        place = "/".join(
            f"{name}/{row.get(keyword, '')}"
            for name, keyword in zip(_NAMES, _PLACES[self._level], strict=False)
        )
        members[0x00081190] = text_json("UR", self._address + place)
        return "{" + ",".join(f'"{tag:08X}":{members[tag]}' for tag in sorted(members)) + "}"


def _json(vr: str, value: StoredValue) -> str:
    if isinstance(value, str):
        return text_json(vr, value) if value else empty_json(vr)
    items = [_item(each) for each in value]
    return f'{{"vr":"SQ","Value":[{",".join(items)}]}}' if items else empty_json("SQ")


def _item(item: StoredItem) -> str:
    members = {
        int(Tag(keyword)): _json(vr_of_keyword(keyword), value) for keyword, value in item.items()
    }
    return "{" + ",".join(f'"{tag:08X}":{members[tag]}' for tag in sorted(members)) + "}"
