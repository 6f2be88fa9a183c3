"""Wild card matching: `*` any run of characters, also none; `?` any one (PS3.4 C.2.2.2.4).

Rules
- No backtracking: a pattern comes from the network, and 10 kB of `*a?b` must not occupy a thread.
  Without `?` the literal parts are searched from left to right, which is linear; with `?` all
  positions of the pattern advance together as the bits of one integer, which costs the text's
  length times the pattern's divided by the machine word.
- Only the characters * and ? of the default repertoire are wild: what folding turns into one of
  them (a full-width asterisk) stays literal, because the pattern is split before it is folded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

TextTest = Callable[[str], bool]


def is_wild(value: str) -> bool:
    """Whether `value` has a wild card character."""
    return "*" in value or "?" in value


def compile_wildcard(pattern: str, fold: Callable[[str], str] = str) -> TextTest:
    """The test of whether a text matches `pattern` as a whole.

    fold: applied to the literal parts of the pattern; texts must come folded already.
    """
    return _parts_test(pattern, fold) if "?" not in pattern else _positions_test(pattern, fold)


def _parts_test(pattern: str, fold: Callable[[str], str]) -> TextTest:
    """For patterns without `?`: first part at the start, last at the end, others between."""
    first, *others = (fold(part) for part in pattern.split("*"))
    if not others:
        return lambda text: text == first
    *middle, last = others

    def test(text: str) -> bool:
        position, end = len(first), len(text) - len(last)
        if position > end or not text.startswith(first) or not text.endswith(last):
            return False
        for part in middle:
            # The leftmost match is the best: it leaves most for the parts that follow.
            found = text.find(part, position, end)
            if found < 0:
                return False
            position = found + len(part)
        return True

    return test


def _positions_test(pattern: str, fold: Callable[[str], str]) -> TextTest:
    """For patterns with `?`: bit n of `active` is "the first n single characters are matched"."""
    leads_to: dict[str, list[int]] = {}  # character -> the positions it leads to
    by_any: list[int] = []  # the positions that every character leads to
    stars: list[int] = []  # the positions with a `*`: any character leads back to them
    position = 0
    for character in _folded_outside_wild_cards(pattern, fold):
        if character == "*":
            stars.append(position)
            continue
        position += 1
        if character == "?":
            by_any.append(position)
        else:
            leads_to.setdefault(character[-1], []).append(position)
    accepts = {character: _bits(positions) for character, positions in leads_to.items()}
    any_character, stays = _bits(by_any), _bits(stars)

    def test(text: str) -> bool:
        active = 1
        for character in text:
            reached = accepts.get(character, 0) | any_character
            active = ((active << 1) & reached) | (active & stays)
            if not active:
                return False
        return bool(active >> position & 1)

    return test


def _bits(positions: Sequence[int]) -> int:
    """An integer with these bits set; `positions` ascend.

    By way of bytes, because setting the bits of an integer one by one copies it each time.
    """
    found = bytearray(positions[-1] // 8 + 1 if positions else 0)
    for position in positions:
        found[position // 8] |= 1 << position % 8
    return int.from_bytes(found, "little")


def _folded_outside_wild_cards(pattern: str, fold: Callable[[str], str]) -> list[str]:
    """`*` and `?` as themselves; each folded literal character after a NUL, so never taken for one.

    Runs of literal characters are folded whole, because folding joins letter and accent.
    """
    symbols: list[str] = []
    start = 0
    for index, character in enumerate([*pattern, "*"]):
        if character in "*?":
            symbols += [f"\0{literal}" for literal in fold(pattern[start:index])]
            symbols.append(character)
            start = index + 1
    return symbols[:-1]
