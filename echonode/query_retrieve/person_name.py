"""Matching of person names: literally, but not by case, accent, width or padding.

PS3.4 C.2.2.2.1 leaves the degree to the application for VR PN. Ours:
- case does not count, nor do accents on letters, nor the half- and full-width forms of a letter;
- a value has up to three groups (alphabetic=ideographic=phonetic). A key of one group matches
  when any group of the value does; a key with `=` is compared group by group, and a group it
  leaves empty, or to `*`, matches anything, so `*=*` is every name (C.2.2.2.4, note);
- spaces around components and empty components at the end do not count: `Doe^Jane^^^` is
  `Doe^Jane`, and `Doe^*` finds a person without a given name too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from echonode.query_retrieve.wildcard import TextTest, compile_wildcard

# Accents of Latin, Greek and Cyrillic letters, Hebrew points, Arabic vowel signs. Not the marks of
# other scripts: the voicing mark of kana or the virama of Devanagari make another letter.
_ACCENTS = re.compile("[\u0300-\u036f\u0591-\u05c7\u064b-\u0652]")
_PADDING = " \0"


def fold(text: str) -> str:
    """`text` without the differences that do not count when names are compared."""
    if text.isascii():
        return text.lower()
    wide = unicodedata.normalize("NFKC", text).casefold()
    bare = _ACCENTS.sub("", unicodedata.normalize("NFD", wide))
    return unicodedata.normalize("NFC", bare)


def compile_name(key: str) -> Callable[[str], bool]:
    """The test of whether one stored PN value matches `key`, with or without wild cards."""
    groups = [_without_padding(group) for group in key.split("=")]
    if len(groups) == 1:
        test = _group_test(groups[0])
        return lambda value: any(test(group) for group in _groups(value))
    tests = [(index, _group_test(group)) for index, group in enumerate(groups) if group.strip("*^")]
    return lambda value: all(
        index < len(found) and test(found[index])
        for found in [_groups(value)]
        for index, test in tests
    )


def _groups(value: str) -> list[str]:
    return [fold(_without_padding(group)) for group in value.split("=")]


def _without_padding(group: str) -> str:
    return "^".join(part.strip(_PADDING) for part in group.split("^")).rstrip("^")


def _group_test(pattern: str) -> TextTest:
    """The test of one folded group; an empty group is an unknown name, which matches nothing."""
    carets = pattern.count("^")
    test = compile_wildcard(pattern, fold)

    def padded_test(group: str) -> bool:
        if not group:
            return False
        # A name that ends before a component of the key has that component, empty.
        return test(group + "^" * (carets - group.count("^")))

    return padded_test
