"""Attribute matching: what finds what, by the standard's own examples and by a second opinion."""
# ruff: noqa: RUF001 - letters that look like others are what folding is about

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from echonode.model.criteria import (
    Range,
    SequenceMatch,
    SingleValue,
    Universal,
    ValueList,
    Wildcard,
)
from echonode.query_retrieve.matching import compile_test, criterion_for, matches
from tests.support.examples import examples
from tests.unit.query_retrieve.reference_matcher import reference_matches

HOUR = 3600 * 1_000_000


def found(vr: str, key: str, stored: str) -> bool:
    return matches(criterion_for(vr, key), vr, stored)


@pytest.mark.parametrize(
    ("vr", "value", "criterion"),
    [
        ("LO", "", Universal()),
        ("LO", "   ", Universal()),
        ("LO", "**", Universal()),
        ("DA", "*", Universal()),
        ("UI", "*", Universal()),
        ("DA", "-", Universal()),
        ("SH", "A1 ", SingleValue("A1")),
        ("SH", "A?1*", Wildcard("A?1*")),
        ("UI", "1.2.*", SingleValue("1.2.*")),
        ("UI", "1.2\0", SingleValue("1.2")),
        ("UI", "1.2\\1.3", ValueList(("1.2", "1.3"))),
        ("CS", "US\\CT", ValueList(("US", "CT"))),
        ("LT", "a\\b", SingleValue("a\\b")),
        ("DA", "20240101-20240131", Range("20240101", "20240131")),
        ("DA", "20240101 - 20240131", Range("20240101", "20240131")),
        ("DA", "-20240131", Range("", "20240131")),
        ("TM", "1000-", Range("1000", "")),
        ("DT", "20240101-20240131", Range("20240101", "20240131")),
        ("DT", "2023-2024", Range("2023", "2024")),
        ("DT", "20240101120000-0500", SingleValue("20240101120000-0500")),
        ("DT", "20240101-0500-20240131-0500", Range("20240101-0500", "20240131-0500")),
        ("DT", "20240101-0500-", Range("20240101-0500", "")),
        ("DT", "-20240131+0100", Range("", "20240131+0100")),
        ("LO", "20240101-20240131", SingleValue("20240101-20240131")),
    ],
)
def test_a_keys_value_says_which_matching_it_asks_for(
    vr: str, value: str, criterion: object
) -> None:
    """VR and value distinguish empty, single, list, wild card and range (C.2.2.2)."""
    assert criterion_for(vr, value) == criterion


@pytest.mark.parametrize(
    ("vr", "key", "stored", "expected"),
    [
        # PS3.4 C.2.2.2.1, note 2: by meaning.
        ("DT", "19980128103000.0000", "19980128103000", True),
        ("DT", "19980128103000+0000", "19980128073000-0300", True),
        ("DT", "19980128103000+0000", "19980128103000-0300", False),
        ("TM", "2230", "223000", True),
        ("TM", "223000", "22:30:00", True),
        ("TM", "223000", "2230", True),
        ("DA", "19980128", "1998.01.28", True),
        ("DA", "1998.01.28", "19980128", True),
        # C.2.2.2.5: both ends inside, one may be open, a key covers all the moments it leaves open.
        ("DA", "20060705-20060707", "20060705", True),
        ("DA", "20060705-20060707", "20060707", True),
        ("DA", "20060705-20060707", "20060708", False),
        ("DA", "20060707-20060705", "20060706", False),
        ("DA", "-20060705", "20060706", False),
        ("DA", "20060705-", "20991231", True),
        ("TM", "1000-1800", "180059.999999", True),
        ("TM", "1000-1800", "180100", False),
        ("TM", "10-18", "18", True),
        ("TM", "2200-0200", "230000", False),
        ("DT", "2006-2007", "20071231235959.999999", True),
        ("DT", "200607-200608", "20060901", False),
        ("DT", "20060705100000+0200-20060705110000+0200", "20060705083000+0000", True),
        # Malformed values mean nothing; they are only equal to themselves.
        ("DA", "2024-13-01", "2024-13-01", False),
        ("DA", "20241301", "20241301", True),
        ("DA", "20240230", "20240301", False),
        ("DA", "20240101-", "yesterday", False),
        ("DA", "2024*", "20240101", False),
        ("TM", "2500", "250000", False),
        # C.2.2.2.4: case counts, except in names.
        ("SH", "abc*", "ABCDEF", False),
        ("LO", "a*c", "abbbc", True),
        ("LO", "a?c", "ac", False),
        ("LO", "*b*", "abc", True),
        ("LO", "ab*ba", "aba", False),
        ("UI", "1.2.*", "1.2.3", False),
        ("LO", "100%", "1000", False),
        ("LO", "a_c", "abc", False),
        ("LO", "O'Neil\"", "O'Neil\"", True),
        # Several values on either side: any of them.
        ("CS", "US\\CT", "MR\\CT", True),
        ("CS", "US", "USX\\CT", False),
        ("CS", "U*\\PT", "US", True),
        ("UI", "1.2\\1.3", "1.3", True),
        ("LT", "a", "a\\b", False),
        # Padding does not count, unknown values are found by no key.
        ("LO", "A", " A ", True),
        ("LT", "A", " A", False),
        ("LO", "?*", "", False),
        ("IS", "7", "007", True),
        ("IS", "+7", "7", True),
        ("IS", "1_0", "10", False),
        ("US", "512", "512", True),
    ],
)
def test_the_standards_examples_and_the_edges_beside_them(
    vr: str, key: str, stored: str, expected: object
) -> None:
    """Each line is a key, a stored value and whether the standard says they match."""
    assert found(vr, key, stored) is expected


@pytest.mark.parametrize(
    ("key", "stored", "expected"),
    [
        ("MUELLER^JOERG", "Mueller^Joerg", True),
        ("Buc^Jerome", "Buc^Jérôme", True),
        ("Buc^Jérôme", "BUC^JEROME", True),
        ("BUC^JE\u0301R*", "Buc^Jérôme", True),
        ("strasse", "Straße", True),
        ("Doe^Jane", "Doe^Jane^^^", True),
        ("Doe^Jane^^^", "Doe^Jane", True),
        ("Doe ^ Jane", "Doe^Jane", True),
        ("Doe^*", "Doe", True),
        ("Doe*", "Doe^Jane", True),
        ("Doe", "Doe^Jane", False),
        ("Doe?", "Doe", False),
        ("Doe?????", "Doe^^^^", False),
        ("^Jane", "Doe^Jane", False),
        ("*^Jane", "Doe^Jane", True),
        ("山田^太郎", "Yamada^Tarou=山田^太郎=やまだ^たろう", True),
        ("山田*", "Yamada^Tarou=山田^太郎=やまだ^たろう", True),
        ("yamada*", "Yamada^Tarou=山田^太郎=やまだ^たろう", True),
        ("Yamada^Tarou=山田^太郎", "Yamada^Tarou=山田^太郎=やまだ^たろう", True),
        ("=山田*", "Yamada^Tarou=山田^太郎=やまだ^たろう", True),
        ("=Yamada*", "Yamada^Tarou=山田^太郎=やまだ^たろう", False),
        ("*=*", "Doe^Jane", True),
        ("ヤマダ^タロウ", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう", True),
        ("か*", "が", False),
        ("Doe＊", "Doe^Jane", False),
        ("Smith^A\\Doe^J*", "Doe^Jane", True),
    ],
)
def test_names_match_by_what_they_say(key: str, stored: str, expected: object) -> None:
    """Case, accents, width and padding do not count; any group of the name may match."""
    assert found("PN", key, stored) is expected


def test_real_names_of_every_character_set_find_themselves(shared_data: Path) -> None:
    """A name typed in capitals, without accents, or by any of its groups finds its patient."""
    pydicom = pytest.importorskip("pydicom")
    names = [
        str(pydicom.dcmread(path).get("PatientName", ""))
        for path in sorted((shared_data / "other").glob("charset_*.dcm"))
    ]
    assert sum(not name.isascii() for name in names) >= 10
    for name in filter(None, names):
        for key in (name, name.upper(), name.split("^")[0] + "*", *name.split("=")):
            assert found("PN", key, name), (key, name)
        assert not found("PN", "?" + name, name)


def test_offsets_count_when_both_are_known_and_clocks_are_compared_when_not() -> None:
    """A query's Timezone Offset From UTC reads date-times that name no offset of their own."""
    key = criterion_for("DT", "20240101100000+0100")
    assert matches(key, "DT", "20240101100000")
    assert not matches(key, "DT", "20240101100000", offset=0)
    assert matches(key, "DT", "20240101110000", offset=2 * HOUR)


def test_a_sequence_matches_when_one_item_matches_all_keys() -> None:
    """Keys are matched item by item (C.2.2.2.6); no key at all matches any sequence."""
    key = SequenceMatch(
        {"CodeValue": SingleValue("B"), "CodingSchemeDesignator": SingleValue("SRT")}
    )
    apart = [
        {"CodeValue": "A", "CodingSchemeDesignator": "SRT"},
        {"CodeValue": "B", "CodingSchemeDesignator": "DCM"},
    ]
    assert not matches(key, "SQ", apart)
    assert matches(key, "SQ", [*apart, {"CodeValue": "B", "CodingSchemeDesignator": "SRT"}])
    assert matches(SequenceMatch({}), "SQ", [])
    nested = SequenceMatch({"ConceptNameCodeSequence": key})
    assert not matches(nested, "SQ", [{"ConceptNameCodeSequence": apart}])


@pytest.mark.parametrize(
    "pattern",
    ["*a" * 5000, "a*" * 5000 + "b", "*" * 10_000, "?" * 10_000 + "*", "*a?" * 3333 + "b"],
)
def test_a_wildcard_of_ten_kilobytes_takes_no_time(pattern: str) -> None:
    """No pattern makes matching hang: 10 kB against 10 kB within a second."""
    test = compile_test(Wildcard(pattern), "LT")
    began = time.process_time()
    test("a" * 10_240)
    assert time.process_time() - began < 1


NAMES = "aAbäÄéßΣςώйﾔヤ山^^== *?%_'\"\\"
TEXTS = "aAb1%_'\"\\ *?-^;"
DIGITS = "0112359.:- \\*x"
ALPHABETS = {
    "PN": NAMES,
    "LO": TEXTS,
    "CS": TEXTS,
    "LT": TEXTS,
    "UI": "12.\\*",
    "IS": "0123\\ *-",
    "AS": TEXTS,
}


def _date(pick: random.Random) -> str:
    form = pick.choice(["{:04}{:02}{:02}"] * 4 + ["{:04}.{:02}.{:02}", "{:04}{:02}", "x"])
    return form.format(pick.choice([2023, 2024]), pick.randint(1, 13), pick.randint(1, 31))


def _time(pick: random.Random) -> str:
    clock = (pick.randint(0, 25), pick.choice([0, 30, 61]), pick.choice([0, 59, 60]))
    form = pick.choice(["{:02}", "{:02}{:02}", "{:02}{:02}{:02}", "{:02}:{:02}:{:02}"])
    fraction = pick.choice(["", "", ".5", ".500000", ".", ".1234567"])
    return form.format(*clock) + fraction


def _query(pick: random.Random) -> tuple[str, str, str]:
    vr = pick.choice(["PN", "LO", "CS", "LT", "UI", "IS", "AS", "DA", "DA", "TM", "TM"])
    if vr in ALPHABETS:
        texts = ["".join(pick.choices(ALPHABETS[vr], k=pick.randint(0, 8))) for _ in "ks"]
        if pick.random() < 0.5:  # a key that has a chance
            texts[0] = "".join(pick.choice([c, c, c, "?", "*"]) for c in texts[1])
        return vr, texts[0], texts[1]
    make = _date if vr == "DA" else _time
    key = pick.choice(
        [make(pick), f"{make(pick)}-{make(pick)}", f"-{make(pick)}", f"{make(pick)}-", "", "-"]
    )
    return vr, key, pick.choice([make(pick), make(pick), "", f"{make(pick)}\\{make(pick)}"])


@pytest.mark.slow
def test_twenty_thousand_queries_match_as_a_second_plain_matcher_says() -> None:
    """Quotes, percent signs, underscores, backslashes, wild cards and reversed ranges: no query
    is answered differently by a matcher written independently from the standard."""
    pick = random.Random(20_000)
    matched = 0
    for _ in range(20_000):
        vr, key, stored = _query(pick)
        expected = reference_matches(vr, key, stored)
        assert found(vr, key, stored) is expected, (vr, key, stored)
        matched += expected
    assert 4_000 < matched < 16_000  # the comparison says something both ways


@pytest.mark.slow
@settings(max_examples=examples(300))
@given(key=st.text(NAMES, max_size=12), stored=st.text(NAMES, max_size=12))
@example(key="a^*", stored="a")
@example(key="=a", stored="b=a")
def test_names_match_as_the_second_matcher_says(key: str, stored: str) -> None:
    """The same for names, with hypothesis looking for the smallest that differ."""
    assert found("PN", key, stored) is reference_matches("PN", key, stored)


@pytest.mark.slow
@settings(max_examples=examples(300))
@given(key=st.text(TEXTS, max_size=12), stored=st.text(TEXTS, max_size=12))
def test_texts_match_as_the_second_matcher_says(key: str, stored: str) -> None:
    """The same for text."""
    assert found("LO", key, stored) is reference_matches("LO", key, stored)


@settings(max_examples=examples(40))
@given(part=st.text("ab?*", min_size=1, max_size=12), stored=st.text("ab", max_size=64))
def test_long_wildcards_match_as_the_second_matcher_says(part: str, stored: str) -> None:
    """A pattern of 10 kB is not cut short: it says what its short form would."""
    pattern = part * (10_000 // len(part))
    assert found("LO", pattern, stored) is reference_matches("LO", pattern, stored)


@pytest.mark.slow
@settings(max_examples=examples(300))
@given(key=st.text(DIGITS, max_size=16), stored=st.text(DIGITS, max_size=16))
def test_no_key_makes_date_matching_fail(key: str, stored: str) -> None:
    """Whatever a viewer sends as a date, time or date-time is answered, by yes or by no."""
    for vr in ("DA", "TM", "DT"):
        assert found(vr, key, stored) in {True, False}
