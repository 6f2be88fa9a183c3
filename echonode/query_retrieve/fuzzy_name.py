"""Fuzzy semantic matching of person names, where it was negotiated (PS3.4 C.5.1.1.1 byte 3).

The standard leaves the rule to the implementation and its conformance statement. Ours:
- what matches literally (person_name.py) matches;
- otherwise the words of the key are searched among the words of the value, in any order and any
  component group. Carets, equals signs, spaces, commas, full stops and hyphens separate words;
  apostrophes are left out. Case, accents and width do not count;
- a word is found where a word of the value begins with it, or, for words of three Latin letters
  and more, where both sound alike: the same American Soundex code (Meyer and Maier, Smith and
  Smyth). A word with `*` or `?` is found as a wildcard;
- every word of the key must be found. So `jane doe` finds `Doe^Jane^^Dr`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from echonode.model.criteria import Criterion, SingleValue, ValueList, Wildcard
from echonode.query_retrieve.matching import values_of
from echonode.query_retrieve.person_name import compile_name, fold
from echonode.query_retrieve.wildcard import compile_wildcard, is_wild

_BETWEEN_WORDS = re.compile(r"[\s^=,.\-\0]+")
_APOSTROPHES = re.compile("['\u2019`]")
_LATIN_WORD = re.compile(r"[a-z]{3,}")
_CODES = {
    letter: code
    for code, letters in enumerate(("bfpv", "cgjkqsxz", "dt", "l", "mn", "r"), 1)
    for letter in letters
}


def compile_fuzzy_name(key: str) -> Callable[[str], bool]:
    """The test of whether one stored PN value means the person that `key` means."""
    literal = compile_name(key)
    tests = [_word_test(word) for word in _words(key) if word.strip("*")]
    if not tests:
        return literal

    def test(value: str) -> bool:
        if literal(value):
            return True
        words = [fold(word) for word in _words(value)]
        return all(any(map(word_test, words)) for word_test in tests)

    return test


def compile_fuzzy_test(criterion: Criterion) -> Callable[[str], bool]:
    """The test of whether a stored value of names, perhaps several, matches a key of names."""
    match criterion:
        case SingleValue(text) | Wildcard(text):
            keys: tuple[str, ...] = (text,)
        case ValueList(keys):
            pass
        case _:
            return lambda stored: True
    tests = [compile_fuzzy_name(key) for key in keys]
    return lambda stored: any(
        test(value) for value in values_of("PN", stored) if value for test in tests
    )


def soundex(word: str) -> str:
    """American Soundex of a word of a to z: its first letter and three digits."""
    digits = ""
    last = _CODES.get(word[0], 0)
    for letter in word[1:]:
        code = _CODES.get(letter, 0)
        if code and code != last:
            digits += str(code)
        if letter not in "hw":  # these do not part two letters of one code
            last = code
    return (word[0] + digits + "000")[:4]


def _words(name: str) -> list[str]:
    return [word for word in _BETWEEN_WORDS.split(_APOSTROPHES.sub("", name)) if word]


def _word_test(word: str) -> Callable[[str], bool]:
    if is_wild(word):
        return compile_wildcard(word, fold)
    wanted = fold(word)
    sound = soundex(wanted) if _LATIN_WORD.fullmatch(wanted) else ""

    def test(found: str) -> bool:
        if found.startswith(wanted):
            return True
        return bool(sound and _LATIN_WORD.fullmatch(found)) and soundex(found) == sound

    return test
