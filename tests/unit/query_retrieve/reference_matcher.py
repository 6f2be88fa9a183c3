"""A second, plain statement of PS3.4 C.2.2.2, to compare echonode.query_retrieve.matching with.

Written from the standard and not from the module: one function a VR family, no state kept between
calls, no regular expression for wild cards (a table of prefixes instead), folding by a table of the
characters that the tests use, dates and times by padded digits.
"""
# ruff: noqa: RUF001 - letters that look like others are what folding is about

from __future__ import annotations

from collections.abc import Callable
from datetime import date

WILD = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}
ONE_VALUE = {"LT", "ST", "UT", "UR"}

# What the names of the tests are made of, as they compare.
PLAIN = {
    **dict.fromkeys("äÄàÀáÁ", "a"),
    **dict.fromkeys("éÉèÈ", "e"),
    **dict.fromkeys("öÖ", "o"),
    "ß": "ss",
    "ﾔ": "ヤ",
    "Σ": "σ",
    "ς": "σ",
    "ώ": "ω",
    "Й": "и",
    "й": "и",
}


def reference_matches(vr: str, key: str, stored: str) -> bool:
    """Whether a key of `vr` with value `key` matches the stored attribute."""
    keys = [k for k in (trimmed(vr, k) for k in values(vr, key)) if k]
    open_range = {"-"} if vr in {"DA", "TM"} else set()
    if not keys or any(set(k) == {"*"} or set(k) - {" "} == open_range for k in keys):
        return True
    have = [s for s in (trimmed(vr, s) for s in values(vr, stored)) if s]
    return any(one(vr, k, s) for k in keys for s in have)


def values(vr: str, text: str) -> list[str]:
    return [text] if vr in ONE_VALUE else text.split("\\")


def trimmed(vr: str, text: str) -> str:
    return text.rstrip(" \0") if vr in {"LT", "ST", "UT", "UC"} else text.strip(" \0")


def one(vr: str, key: str, stored: str) -> bool:
    if vr == "PN":
        return name(key, stored)
    if vr == "DA":
        return temporal(key, stored, day)
    if vr == "TM":
        return temporal(key, stored, clock)
    if vr in {"IS", "US"}:
        return key == stored or (key.isdigit() and stored.isdigit() and int(key) == int(stored))
    if vr in WILD:
        return glob(key, stored)
    return key == stored


def glob(pattern: str, text: str) -> bool:
    """Row by row: which prefixes of `text` the pattern so far can be."""
    ends = {0}
    for symbol in pattern:
        if symbol == "*":
            ends = set(range(min(ends), len(text) + 1)) if ends else ends
        elif symbol == "?":
            ends = {e + 1 for e in ends if e < len(text)}
        else:
            ends = {e + 1 for e in ends if e < len(text) and text[e] == symbol}
    return len(text) in ends


def plain(text: str) -> str:
    return "".join(PLAIN.get(c, c.lower()) for c in text)


def name(key: str, stored: str) -> bool:
    key_groups, groups = key.split("="), stored.split("=")
    if len(key_groups) == 1:
        return any(group(key, g) for g in groups)
    for index, wanted in enumerate(key_groups):
        if set("".join(components(wanted))) <= {"*"}:
            continue
        if index >= len(groups) or not group(wanted, groups[index]):
            return False
    return True


def components(text: str) -> list[str]:
    found = [part.strip(" \0") for part in text.split("^")]
    while found and not found[-1]:
        found.pop()
    return found


def group(key: str, stored: str) -> bool:
    wanted, have = components(key), components(stored)
    if not have:
        return False
    have += [""] * (len(wanted) - len(have))
    return glob(plain("^".join(wanted)), plain("^".join(have)))


def temporal(key: str, stored: str, digits: Callable[[str, str], str | None]) -> bool:
    low, hyphen, high = key.partition("-")
    if not hyphen:
        high = low
    low, high = low.replace(" ", ""), high.replace(" ", "")
    bounds = [digits(end, fill) if end else None for end, fill in ((low, "0"), (high, "9"))]
    if (low and bounds[0] is None) or (high and bounds[1] is None):
        return not hyphen and key == stored
    moment = digits(stored, "0")
    if moment is None:
        return False
    return (bounds[0] or "") <= moment and (bounds[1] is None or moment <= bounds[1])


def day(text: str, _fill: str) -> str | None:
    digits = text.replace(".", "") if text.count(".") == 2 and text[4::3] == ".." else text
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
    return digits if len(digits) == 8 else None


def clock(text: str, fill: str) -> str | None:
    """HHMMSSFFFFFF, what is not given filled with `fill`."""
    whole, point, fraction = text.partition(".")
    whole = whole.replace(":", "") if whole.count(":") == (len(whole) - 1) // 3 else whole
    if not whole.isdigit() or len(whole) not in (2, 4, 6):
        return None
    if point and (len(whole) != 6 or not fraction.isdigit() or len(fraction) > 6):
        return None
    parts = [int(whole[i : i + 2]) for i in range(0, len(whole), 2)]
    limits = (23, 59, 60)
    if any(part > limit for part, limit in zip(parts, limits, strict=False)):
        return None
    return (whole + fraction).ljust(12, fill)
