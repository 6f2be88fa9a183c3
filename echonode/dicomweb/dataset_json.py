"""A stored dataset as DICOM JSON, read header by header (PS3.18 F.2, 10.4.1.1.2). Pure.

Rules
- Every element before the pixels is in it, private ones and nested ones too; Pixel Data and what
  is longer than LONGEST_INLINE are named by BulkDataURI and are not read.
- Text is UTF-8, so Specific Character Set says ISO_IR 192, whatever the file was written in.
- Group lengths and the File Meta Information are left out (F.2); Available Transfer Syntax UID
  says how the pixels are stored (10.4.1.1.2).
- No more is held than the text that is made, and that is limited: files come from the wire.
- A sequence that cannot be read is given as bytes of UN: the rest is answered all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from pydicom.datadict import dictionary_VR

from echonode.dicomweb.json_values import BULK_VRS, element_json, empty_json, text, text_json
from echonode.errors import Unreadable
from echonode.model.dataset_walk import PIXEL_GROUP
from echonode.model.element_header import (
    ITEM,
    ITEM_END,
    LONG_HEADER,
    SEQUENCE_END,
    SHORT_HEADER,
    UNDEFINED,
    CutShort,
    ElementHeader,
    Source,
    has_vr,
    header_at,
)
from echonode.query_retrieve.character_set import CharacterSet, declared

# Bytes of a value that are written into the metadata. Palettes and curves are longer.
LONGEST_INLINE: Final = 2 * 1024
# Characters of all metadata of one instance. Enhanced objects of some thousand frames have ten
# million; beyond it a viewer would not take it either.
MOST_CHARACTERS: Final = 64 * 1024 * 1024
MOST_HEADERS: Final = 400_000
MOST_NESTED: Final = 64
_SPECIFIC_CHARACTER_SET, _PIXEL_REPRESENTATION = 0x00080005, 0x00280103
_AVAILABLE_TRANSFER_SYNTAX = 0x00083002
_PIXEL_DATA = 0x7FE00010
_MOST_OF_PIXEL_GROUP = 8  # elements before it: its group length and the offset tables
_LONGEST_TEXT = 64 * 1024  # bytes; in Implicit VR any text may claim to be of four gigabytes
_CHARACTER_SET_JSON = '{"vr":"CS","Value":["ISO_IR 192"]}'

# Where an element lies: its tag, or for a nested one the tags of the sequences above it, each
# followed by the number of the item from 0 on. It is the rest of its bulk data's address.
Place = tuple[int, ...]
BulkAddress = Callable[[str], str]


def place_text(place: Place) -> str:
    """A place as the end of a path: 00091010, or 00400555/0/0040A30A."""
    return "/".join(str(part) if index % 2 else f"{part:08X}" for index, part in enumerate(place))


class DatasetReader:
    """One pass over one dataset."""

    def __init__(
        self,
        source: Source,
        *,
        implicit: bool,
        big_endian: bool = False,
        bulk_address: BulkAddress,
        wanted: Place | None = None,
    ) -> None:
        """bulk_address: the URI of a value, by the text of its place.

        wanted: the place of the value that is searched, for `find`.
        """
        self._source = source
        self._order = ">" if big_endian else "<"
        self._implicit = implicit
        self._bulk_address = bulk_address
        self._wanted = wanted
        self._window: bytes | memoryview = b""
        self._base = self._headers = self._characters = 0
        self._signed = False
        self.found: tuple[str, int, int] | None = None
        self.position = 0

    def json(self, transfer_syntax_uid: str) -> str:
        """The whole dataset. `position` is then that of the first header of the pixels' group.

        Raises Unreadable where there is more of it than is answered.
        """
        members: dict[int, str] = {}
        self._elements(members, self._implicit, declared(()), (), None)
        members[_AVAILABLE_TRANSFER_SYNTAX] = text_json("UI", transfer_syntax_uid)
        if vr := self._vr_of_pixels():
            members[_PIXEL_DATA] = self._bulk(vr, (_PIXEL_DATA,))
        return _object(members)

    def find(self) -> tuple[str, int, int] | None:
        """VR, position and length of the wanted value; None where there is none."""
        members: dict[int, str] = {}
        self._elements(members, self._implicit, declared(()), (), None)
        return self.found

    # --- one level ---

    def _elements(
        self,
        members: dict[int, str],
        implicit: bool,
        character_set: CharacterSet,
        above: Place,
        end: int | None,
    ) -> None:
        """The elements of a dataset or an item, up to `end`, its delimiter or the pixels."""
        own = character_set
        while end is None or self.position < end:
            header = self._next(implicit, above, end)
            if header is None:
                return
            try:
                json = self._element(header, self._vr(header), implicit, own, (*above, header.tag))
            except CutShort:
                if above:
                    raise
                return  # kept as it was received, and answered as far as it goes
            if header.tag == _SPECIFIC_CHARACTER_SET and header.length <= LONGEST_INLINE:
                own, json = self._character_set(header), _CHARACTER_SET_JSON
            if header.length != UNDEFINED:
                self.position = header.start + header.length
            if header.tag & 0xFFFF and header.tag >> 16 != 2:
                self._characters += len(json)
                if self._characters > MOST_CHARACTERS:
                    raise Unreadable("its attributes are too long to be answered as metadata")
                members[header.tag] = json

    def _next(self, implicit: bool, above: Place, end: int | None) -> ElementHeader | None:
        """The next header; None at the end of what holds it, and at the pixels."""
        while (header := self._header_or_none(implicit)) is not None:
            tag, length = header.tag, header.length
            if tag in (ITEM_END, SEQUENCE_END):
                self.position = header.start
                if above:
                    return None
                continue  # out of place
            if not above and (tag >= PIXEL_GROUP or tag == 0):
                return None
            if end is not None and length != UNDEFINED and header.start + length > end:
                raise Unreadable("an element is longer than what holds it")
            return header
        return None

    def _character_set(self, header: ElementHeader) -> CharacterSet:
        terms = bytes(self._bytes(header.start, header.length)).decode("latin_1")
        return declared(terms.split("\\"))

    def _element(
        self,
        header: ElementHeader,
        vr: str,
        implicit: bool,
        character_set: CharacterSet,
        place: Place,
    ) -> str:
        tag, _, start, length = header
        if place == self._wanted and length != UNDEFINED:
            self.found = (vr, start, length)
        if tag == _PIXEL_REPRESENTATION and length == 2:
            self._signed = bytes(self._bytes(start, 2)) in (b"\1\0", b"\0\1")
        if length == UNDEFINED and tag == _PIXEL_DATA:  # of an icon
            self._pass_over_fragments(start)
            return empty_json("OB")
        if length == UNDEFINED or (vr == "SQ" and length):
            return self._sequence(header, vr, implicit, character_set, place)
        if vr == "SQ":
            return empty_json("SQ")
        if length > (LONGEST_INLINE if vr in BULK_VRS else _LONGEST_TEXT):
            self._check_there(start + length)
            return self._bulk(vr if vr in BULK_VRS else "UN", place)
        value = bytes(self._bytes(start, length)) if length else b""
        return element_json(vr, value, order=self._order, character_set=character_set)

    def _sequence(
        self,
        header: ElementHeader,
        vr: str,
        implicit: bool,
        character_set: CharacterSet,
        place: Place,
    ) -> str:
        if len(place) > 2 * MOST_NESTED:
            raise Unreadable(f"sequences are nested deeper than {MOST_NESTED}")
        # UN of undefined length holds items in Implicit VR (PS3.5 6.2.2, note 2).
        inner = implicit or vr == "UN"
        self.position = header.start
        end = None if header.length == UNDEFINED else header.start + header.length
        try:
            items = self._items(inner, character_set, place, end)
        except CutShort:
            raise
        except Unreadable:
            if end is None or len(place) > 1 or self._characters > MOST_CHARACTERS:
                raise
            return self._bulk("UN", place)
        return f'{{"vr":"SQ","Value":[{",".join(items)}]}}' if items else empty_json("SQ")

    def _pass_over_fragments(self, position: int) -> None:
        self.position = position
        while (header := self._header_or_none(True)) is not None:
            self.position = header.start + (header.length if header.tag == ITEM else 0)
            if header.tag != ITEM:
                return

    def _items(
        self, implicit: bool, character_set: CharacterSet, place: Place, end: int | None
    ) -> list[str]:
        items: list[str] = []
        while end is None or self.position < end:
            header = self._header_or_none(True)
            if header is None:
                raise CutShort("the data set ends within a sequence")
            self.position = header.start
            if header.tag == SEQUENCE_END:
                break
            if header.tag != ITEM:
                raise Unreadable("a sequence holds what is no item")
            item_end = None if header.length == UNDEFINED else header.start + header.length
            if end is not None and item_end is not None and item_end > end:
                raise Unreadable("an item is longer than its sequence")
            members: dict[int, str] = {}
            if header.length:
                first = self._at_header()
                plain = implicit or first is None or not has_vr(self._window, first)
                above = (*place, len(items))
                self._elements(members, plain, character_set, above, item_end)
            if item_end is not None:
                self.position = item_end
            items.append(_object(members))
        return items

    def _vr(self, header: ElementHeader) -> str:
        if header.vr:
            return header.vr.decode("latin_1")
        if header.tag >> 16 & 1:  # a private creator (PS3.5 7.8.1), or what only its maker knows
            return "LO" if 0x10 <= header.tag & 0xFFFF <= 0xFF else "UN"
        try:
            vr = dictionary_VR(header.tag)
        except KeyError:
            return "UN"
        if " " in vr:  # "US or SS", "OB or OW", "US or OW" and the like
            words = vr.split(" or ")
            if "OW" in words and "SS" not in words:
                return "OW"
            return "SS" if self._signed and "SS" in words else words[0]
        return vr

    def _bulk(self, vr: str, place: Place) -> str:
        return f'{{"vr":"{vr}","BulkDataURI":{text(self._bulk_address(place_text(place)))}}}'

    # --- bytes ---

    def _vr_of_pixels(self) -> str:
        """That of Pixel Data among the next elements; '' where there is none."""
        position, vr = self.position, ""
        for _ in range(_MOST_OF_PIXEL_GROUP):
            header = self._header_or_none(self._implicit)
            if header is None or header.tag >> 16 != PIXEL_GROUP >> 16:
                break
            if header.tag == _PIXEL_DATA:
                vr = header.vr.decode("latin_1") or "OW"
                break
            if header.length == UNDEFINED:
                break
            self.position = header.start + header.length
        self.position = position
        return vr

    def _header_or_none(self, implicit: bool) -> ElementHeader | None:
        at = self._at_header()
        if at is None:
            return None
        self._headers += 1
        if self._headers > MOST_HEADERS:
            raise Unreadable(f"it has over {MOST_HEADERS:,} elements and items")
        return header_at(self._window, at, self._base, implicit=implicit, order=self._order)

    def _at_header(self) -> int | None:
        at = self.position - self._base
        if not 0 <= at <= len(self._window) - LONG_HEADER:
            try:
                self._fill(self.position, LONG_HEADER)
            except CutShort:  # the element before ends behind the data set
                return None
            at = 0
        return at if at + SHORT_HEADER <= len(self._window) else None

    def _bytes(self, position: int, length: int) -> bytes | memoryview:
        at = position - self._base
        if at < 0 or at + length > len(self._window):
            self._fill(position, length)
            at = 0
            if length > len(self._window):
                raise CutShort("the data set ends within an element")
        return self._window[at : at + length]

    def _check_there(self, position: int) -> None:
        """Raises CutShort where the data set ends before `position`."""
        if position - self._base > len(self._window):
            self._fill(position, 0)

    def _fill(self, position: int, least: int) -> None:
        try:
            self._window = self._source.window(position, least)
        except CutShort:
            self._window = b""
            self._base = position
            raise
        self._base = position


def _object(members: dict[int, str]) -> str:
    return "{" + ",".join(f'"{tag:08X}":{members[tag]}' for tag in sorted(members)) + "}"
