"""Folds names so that a search finds them: no case, no accents, no width (PS3.4 C.2.2.2.1).

Folding is coarser than any rule of matching: two names that match always fold alike, so SQL on
folded names finds a superset and query_retrieve/matching decides. It works character by character,
so the fold of a pattern's literal part is a part of the fold of every name it matches.
"""

from __future__ import annotations

import unicodedata


def fold(text: str) -> str:
    """Compatibility-decomposed, case-folded, without combining marks."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def fold_group(group: str) -> str:
    """One group of a name, folded; padding and empty components at its end do not count."""
    return "^".join(part.strip(" \x00") for part in fold(group).split("^")).rstrip("^")


def fold_name(value: str) -> tuple[str, str]:
    """A PN value as (folded alphabetic group, everything else that may match, folded).

    Everything else is the ideographic and phonetic groups (PS3.5 6.2.1.1) and further values; it
    is empty for most names, and apart so that the index on the first stays usable.
    """
    first, *values = value.split("\\")
    alphabetic, *groups = first.split("=")
    others = (fold_group(group) for other in (*groups, *values) for group in other.split("="))
    return fold_group(alphabetic), "\\".join(group for group in others if group)
