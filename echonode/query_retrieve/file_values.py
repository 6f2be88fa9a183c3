"""The rows of a query completed from stored files, for keys that the index does not hold.

Rules
- A file is read only for a row that all indexed keys match, one file for each row.
- At most MOST_FILES are read for a query. For the rows after that these keys are not supported:
  they do not match, are returned empty, and the answer is FF01 (PS3.4 C.2.2.1.3, C.4.1.1.4).
- A value that a file lacks is unknown: it matches a universal key only, and is returned empty. A
  file that cannot be read has no values; that is logged, without the text of the error.
- Text is decoded by the character set that the file declares, or the item it is in.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydicom.dataset import Dataset

from echonode.errors import described
from echonode.log import get_logger, place_of
from echonode.model.attributes import UNIQUE_KEYS
from echonode.model.criteria import Level, Root, Selection, Universal
from echonode.query_retrieve.character_set import CharacterSet
from echonode.query_retrieve.element_text import character_set_of, items_of, text_of
from echonode.query_retrieve.file_keys import FileKey, served
from echonode.query_retrieve.identifier import FindIdentifier
from echonode.query_retrieve.matching import StoredItem, StoredValue, compile_stored_test
from echonode.query_retrieve.temporal import parse_offset

log = get_logger(__name__)

# The dataset of any one instance of a selection with the values of some tags; None for none there.
ReadFile = Callable[[Selection, Collection[int]], Dataset | None]

# Files read for one query. A file takes about a millisecond: for more, a viewer would
# wait too long; it should name a study or a series.
MOST_FILES: Final = 2_000
# Items of a stored sequence that are read. Lists of requests, codes and references are short.
MOST_ITEMS: Final = 100
# Sequences in sequences. Protocol and content trees of real objects stay under it.
_MOST_NESTED: Final = 16
_LONGEST_VALUE: Final = 10_240  # characters; as the index (store/index/instance_record.py)


@dataclass(frozen=True, kw_only=True)
class CompletedRow:
    """A row that matches; supported: its keys of files were matched too."""

    values: Mapping[str, StoredValue]
    supported: bool = True


class FileRows:
    """Completes the rows of one query."""

    def __init__(self, asked: FindIdentifier, read: ReadFile) -> None:
        self._level = asked.query.level
        self._keys = asked.from_files
        self._tags = frozenset(int(key.tag) for key in self._keys) | {0x00080005}
        self._read = read
        offset = parse_offset(asked.timezone_offset)
        self._tests = [
            (key.keyword, compile_stored_test(key.criterion, key.vr, offset=offset))
            for key in self._keys
            if not isinstance(key.criterion, Universal)
        ]
        self.files_read = 0

    def complete(self, row: Mapping[str, str]) -> CompletedRow | None:
        """The row with the values of its file; None where that does not match."""
        selection = _selection(row, self._level)
        if selection is None or self.files_read >= MOST_FILES:
            return CompletedRow(values=row, supported=False)
        self.files_read += 1
        found = self._values(selection)
        if not all(test(found.get(keyword, "")) for keyword, test in self._tests):
            return None
        return CompletedRow(values={**row, **found}, supported=True)

    def _values(self, selection: Selection) -> StoredItem:
        try:
            ds = self._read(selection, self._tags)
            return {} if ds is None else values_in(ds, self._keys, character_set_of(ds))
        except Exception as fault:  # noqa: BLE001  # the border of one file
            log.warning(
                "file_not_read_for_query",
                uid=selection.keys[UNIQUE_KEYS[self._level]][0]
                if self._level is not Level.PATIENT
                else "",
                error=described(fault),
                where=place_of(fault),
            )
            return {}


def _selection(row: Mapping[str, str], level: Level) -> Selection | None:
    """Selects the entity of a row; None for a patient without an ID."""
    keys = {
        keyword: (row[keyword],)
        for each, keyword in UNIQUE_KEYS.items()
        if each.depth <= level.depth and row.get(keyword)
    }
    if UNIQUE_KEYS[level] not in keys:
        return None
    if row.get("IssuerOfPatientID"):
        keys["IssuerOfPatientID"] = (row["IssuerOfPatientID"],)
    return Selection(root=Root.PATIENT, level=level, keys=keys)


def values_in(
    holder: Dataset, keys: Sequence[FileKey], character_set: CharacterSet, *, nested: int = 0
) -> dict[str, StoredValue]:
    """keyword -> value of those `keys` that a dataset, or an item of a sequence, has."""
    found: dict[str, StoredValue] = {}
    for key in keys:
        if key.tag not in holder:
            continue
        if key.vr != "SQ":
            text = text_of(holder, key.tag, character_set).rstrip(" \0")
            found[key.keyword] = text if len(text) <= _LONGEST_VALUE else ""
        elif nested < _MOST_NESTED:
            found[key.keyword] = [
                _item(item, key.items, character_set, nested + 1)
                for item in items_of(holder, key.tag)[:MOST_ITEMS]
            ]
    return found


def _item(
    item: Dataset, keys: Sequence[FileKey], character_set: CharacterSet, nested: int
) -> StoredItem:
    own = character_set_of(item)
    asked = keys or [key for key in map(served, item.keys()) if key is not None]
    return values_in(item, asked, own if own.terms else character_set, nested=nested)
