"""A dataset walked header by header, without building anything of it (PS3.5 7).

Rules
- Only the values that are asked for are copied; everything else is passed over by its length. What
  an attacker sends costs a little time for each header, and memory for none.
- Headers are counted, and so are the elements, the items of a sequence and the nesting: WalkLimits.
  What is open is kept in a list, not on Python's stack.
- What real devices write is tolerated: Implicit VR headers in an Explicit VR dataset and the
  reverse, where the first header shows it; UN of undefined length with either kind (PS3.5 6.2.2,
  note 4, says Implicit VR Little Endian); delimiters out of place.
- A dataset ends where its bytes end. NUL bytes may follow its last element, as many as a device
  likes to pad with (PS3.5 A.5 asks for one behind a deflated stream of odd length). Any other byte
  that is not of an element is an error: another program may read what is hidden there.
- A dataset that is cut short within the value of Pixel Data or of another standard element is not
  an error here: it is kept as it was received, and Pixel Data is refused where its frames are read.
  Within a private element it is an error, as are bytes that only look like the beginning of one.
- Anything else raises Unreadable; no message quotes a value, so each may go to the peer.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Final

from echonode.errors import TrailingBytes, Unreadable
from echonode.model.element_header import (
    ITEM,
    ITEM_END,
    LONG_HEADER,
    SEQUENCE_END,
    SHORT_HEADER,
    UNDEFINED,
    CutShort,
    ElementHeader,
    Inspect,
    Source,
    Value,
    has_vr,
    header_at,
    skim,
)
from echonode.model.walk_limits import INSPECTED, STORED, WalkLimits

PIXEL_GROUP: Final = 0x7FE00000  # the first tag of the group of Pixel Data
_PIXEL_DATA = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))  # of floats, doubles, integers
_FOLLOW = "bytes that are no element follow the last element"
_END: Final = 1 << 63  # of what has no length of its own, and a tag behind every other


# Whether an element of given length is a sequence to be walked: its header, its first four bytes.
IsSequence = Callable[[ElementHeader, bytes], bool]

_MAGIC: Final = 8  # bytes by which a program is known (programs.py)


class _Open:
    """A sequence, or an item of one, that is being walked."""

    __slots__ = ("end", "implicit", "is_sequence", "most", "order")

    def __init__(self, *, is_sequence: bool, implicit: bool, order: str, end: int, most: int):
        self.is_sequence, self.implicit, self.order = is_sequence, implicit, order
        self.end = end
        self.most = most  # items that may still follow


class DatasetWalk:
    """One walk over one dataset: `head`, then perhaps `rest`."""

    def __init__(
        self,
        source: Source,
        *,
        implicit: bool,
        big_endian: bool = False,
        limits: WalkLimits = STORED,
        is_sequence: IsSequence | None = None,
        inspect: Inspect | None = None,
    ) -> None:
        """is_sequence: has the items of what it names walked; else they are passed over.

        inspect: see element_header.Inspect; of a long value it gets the first INSPECTED bytes.
        """
        self._source = source
        self._order = ">" if big_endian else "<"
        self._limits = limits
        self._is_sequence = is_sequence
        self._inspect = inspect
        self._window: bytes | memoryview = b""
        self._base = self._headers = self._elements = 0
        self._is_cut = False
        self.position = 0  # of the next header
        at = self._at_header()
        self.implicit = implicit if at is None else not has_vr(self._window, at)

    def head(
        self, wanted: Container[int], *, longest: int, sequences: bool = False
    ) -> dict[int, Value]:
        """The values asked for among the outermost elements before Pixel Data's group.

        Values of more than `longest` bytes are left out. sequences: those of undefined length are
        values too, their delimiters included; the source must be one that goes back.
        `position` is then that of the first header that was not walked, or the end.
        """
        found: dict[int, Value] = {}
        self._skim(wanted, longest, found)
        while (header := self._next(PIXEL_GROUP)) is not None:
            tag, vr, start, length = header
            begins = self.position
            try:
                if tag in wanted and length <= longest:
                    value = bytes(self._bytes(start, length))
                    found[tag] = Value(vr.decode("latin_1"), value, start)
                self._pass_over(header)
                size = self.position - start
                if sequences and length == UNDEFINED and tag in wanted and size <= longest:
                    value = bytes(self._source.window(start, size)[:size])
                    found[tag] = Value(vr.decode("latin_1"), value, start)
            except CutShort:
                if not self._may_be_cut(header):
                    self._only_looks_like(header, begins)
                    raise
                self._is_cut = True
                break
            self._skim(wanted, longest, found)
        return found

    def _only_looks_like(self, header: ElementHeader, begins: int) -> None:
        """Raises TrailingBytes where a header without a VR, in Explicit VR, leads nowhere."""
        if not self.implicit and header.vr == b"":
            raise TrailingBytes(_FOLLOW, begins)

    def _may_be_cut(self, header: ElementHeader) -> bool:
        """Whether a dataset may end within this element: of a standard group, with a VR."""
        has_its_vr = self.implicit or header.vr != b""
        return header.length != UNDEFINED and header.tag >> 16 & 1 == 0 and has_its_vr

    def _skim(self, wanted: Container[int], longest: int, found: dict[int, Value]) -> None:
        """Walk outermost elements as long as they are plain."""
        if self._is_sequence is not None:
            return
        at, count = skim(
            self._window,
            self.position - self._base,
            self._base,
            implicit=self.implicit,
            order=self._order,
            wanted=wanted,
            longest=longest,
            found=found,
            inspect=self._inspect,
        )
        self.position = self._base + at
        self._elements += count

    def rest(self) -> None:
        """Walk what is left; nothing but NUL bytes may follow the last element."""
        last, end = 0, self.position
        if self._is_cut:
            return
        while (header := self._next(_END)) is not None:
            if header.tag <= last:  # PS3.5 7.1: ascending order, each tag once
                raise TrailingBytes(_FOLLOW, end)
            last, begins = header.tag, self.position
            try:
                self._pass_over(header)
            except CutShort:
                if last in _PIXEL_DATA:
                    return
                self._only_looks_like(header, begins)
                raise
            end = self.position
        self._only_padding()

    def _next(self, before: int) -> ElementHeader | None:
        """The next outermost header; None at tag `before`, at padding and at the end."""
        while (at := self._at_header()) is not None:
            header = self._header(at, implicit=self.implicit, order=self._order)
            if header.tag not in (ITEM_END, SEQUENCE_END):
                if header.tag >= before or header.tag == 0:
                    return None
                self._elements += 1
                if self._elements > self._limits.elements:
                    raise Unreadable(f"the data set has over {self._limits.elements:,} elements")
                return header
            self.position = header.start  # out of place
        return None

    def _pass_over(self, header: ElementHeader) -> None:
        tag, vr, start, length = header
        if self._inspect is not None:
            self._show(header)
        if length == UNDEFINED:
            self.position = start
            implicit, order = self.implicit, self._order
            if vr == b"UN":
                implicit, order = True, self._order_of_items()
            most = UNDEFINED if tag in _PIXEL_DATA else self._limits.items
            self._walk(self._sequence(header, implicit=implicit, order=order, most=most))
        elif self._is_entered(header):
            self._walk(self._sequence(header, implicit=self.implicit, order=self._order))
        else:
            self.position = start + length
            if self.position > self._base + len(self._window):
                self._fill(self.position, 0)  # raises CutShort where it ends before

    def items(self, length: int, *, implicit: bool) -> None:
        """Walk the items of a sequence whose value is all that the source has."""
        self.implicit = implicit
        whole = ElementHeader(0, b"SQ", 0, length)
        self._walk(self._sequence(whole, implicit=implicit, order=self._order))

    @property
    def headers(self) -> int:
        """How many headers were read; those of plain outermost elements are not counted."""
        return self._headers

    # --- sequences ---

    def _order_of_items(self) -> str:
        """Of UN: Little Endian, unless the first item is plainly the other."""
        return ">" if bytes(self._bytes(self.position, 4)[:4]) == b"\xff\xfe\xe0\x00" else "<"

    def _sequence(
        self, header: ElementHeader, *, implicit: bool, order: str, most: int | None = None
    ) -> _Open:
        end = _END if header.length == UNDEFINED else header.start + header.length
        most = self._limits.items if most is None else most
        self.position = header.start
        return _Open(is_sequence=True, implicit=implicit, order=order, end=end, most=most)

    def _walk(self, outermost: _Open) -> None:
        """Behind a sequence, with all that it holds."""
        stack = [outermost]
        while stack:
            inner = stack[-1]
            if self.position >= inner.end:
                if self.position > inner.end:
                    raise Unreadable("an element is longer than what holds it")
                stack.pop()
                continue
            at = self._at_header()
            if at is None:
                raise CutShort("the data set ends within a sequence")
            opened = self._next_item(inner, at) if inner.is_sequence else self._member(inner, at)
            if opened is None:
                stack.pop()
            elif opened is not inner:
                stack.append(opened)
                if len(stack) > 2 * self._limits.nested:
                    raise Unreadable(f"sequences are nested deeper than {self._limits.nested}")

    def _next_item(self, sequence: _Open, at: int) -> _Open | None:
        """The item opened, `sequence` itself where it was passed over, None at the delimiter."""
        tag, _, start, length = self._header(at, implicit=True, order=sequence.order)
        self.position = start
        if tag == SEQUENCE_END:
            return None
        if tag != ITEM:
            raise Unreadable("a sequence holds what is no item")
        sequence.most -= 1
        if sequence.most < 0:
            raise Unreadable(f"a sequence has over {self._limits.items:,} items")
        if length != UNDEFINED and self._is_sequence is None:
            if self._inspect is not None and sequence.most < self._limits.items:
                self._show(ElementHeader(ITEM, b"SQ", start - SHORT_HEADER, length + SHORT_HEADER))
            self.position += length
            return sequence
        end = sequence.end if length == UNDEFINED else start + length
        if end > sequence.end:
            raise Unreadable("an item is longer than its sequence")
        # Within Implicit VR it stays so; elsewhere an item's first header shows what it is.
        first = self._at_header()
        implicit = self.implicit or first is None or not has_vr(self._window, first)
        return _Open(is_sequence=False, implicit=implicit, order=sequence.order, end=end, most=0)

    def _member(self, item: _Open, at: int) -> _Open | None:
        """The sequence opened, `item` itself where an element was passed over, None at its end."""
        header = self._header(at, implicit=item.implicit, order=item.order)
        if header.tag == ITEM_END:
            self.position = header.start
            return None
        if self._inspect is not None:
            self._show(header)
        if header.length == UNDEFINED or self._is_entered(header):
            return self._sequence(header, implicit=item.implicit, order=item.order)
        self.position = header.start + header.length
        return item

    def _is_entered(self, header: ElementHeader) -> bool:
        if self._is_sequence is None or not header.length:
            return False
        begins = bytes(self._bytes(header.start, min(4, header.length))[:4])
        return self._is_sequence(header, begins)

    def _show(self, header: ElementHeader) -> None:
        """Give a private element or a sequence of given length to `inspect`."""
        if self._inspect is None or header.length == UNDEFINED:
            return
        is_private = bool(header.tag >> 16 & 1)
        if is_private or header.vr == b"SQ":
            longest = INSPECTED if header.vr == b"SQ" else _MAGIC
            # Not of `_window`, which the walk goes on with.
            begins = self._source.window(header.start, min(longest, header.length))
            self._inspect(header, begins[: min(longest, header.length)])

    # --- bytes ---

    def _header(self, at: int, *, implicit: bool, order: str) -> ElementHeader:
        self._headers += 1
        if self._headers > self._limits.headers:
            raise Unreadable(f"the data set has over {self._limits.headers:,} elements and items")
        return header_at(self._window, at, self._base, implicit=implicit, order=order)

    def _at_header(self) -> int | None:
        """The index in the window of the header at `position`; None where no eight bytes are."""
        at = self.position - self._base
        if at + LONG_HEADER > len(self._window):
            self._fill(self.position, LONG_HEADER)
            at = 0
        return at if at + SHORT_HEADER <= len(self._window) else None

    def _bytes(self, position: int, length: int) -> bytes | memoryview:
        """The window from `position` on, with `length` bytes. Raises CutShort."""
        at = position - self._base
        if at + length > len(self._window):
            self._fill(position, length)
            at = 0
            if length > len(self._window):
                raise CutShort("the data set ends within an element")
        return self._window[at : at + length]

    def _fill(self, position: int, least: int) -> None:
        self._window = self._source.window(position, least)
        self._base = position

    def _only_padding(self) -> None:
        """Raises TrailingBytes where anything but NUL bytes follows."""
        end = self.position
        while True:
            self._fill(self.position, 1)
            if not self._window:
                return
            if bytes(self._window).strip(b"\0"):
                raise TrailingBytes(_FOLLOW, end)
            self.position += len(self._window)
