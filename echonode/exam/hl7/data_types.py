"""HL7 v2 data types as DICOM values (HL7 v2.5.1 chapter 2A; PS3.5 6.2).

Rules
- What identifies (IDs, accession and order numbers) is taken whole or refused: a number that was
  cut is another number. What describes is cut to what its attribute may hold.
- A backslash separates values in DICOM, a caret and an equals sign the parts of a name: within a
  value they become a slash, and a space.
- None is "nothing is said"; '' is "is empty" (HL7's null).
- A moment with an offset from UTC becomes the clock reading of this place; one without is that.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, tzinfo

from echonode.exam.hl7.message import DATA_TYPE_ERROR, Segment
from echonode.model.identity import is_valid_ae_title, is_valid_uid
from echonode.model.patient import Identifier
from echonode.model.worklist_item import Code

LONG = 64  # LO, and a group of PN
SHORT = 16  # SH, AE, CS
TEXT = 10_240  # LT
_ISSUER_UNIVERSAL = 1_024  # UT, of which an OID or a URL takes no more

_TS = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,6})\d*)?)?)?)?)?)?"
    r"([+-]\d{4})?",
    re.ASCII,
)
_SEXES = {"M": "M", "F": "F", "O": "O", "A": "O", "N": "O", "U": "", "": ""}  # table 0001
_REPRESENTATIONS = ("A", "I", "P")  # table 0465: alphabetic, ideographic, phonetic
# Table 0200, best first: the legal name, then what else names the patient now.
_NAME_TYPES = ("L", "D", "", "U", "C", "N", "B", "M", "A")
_CODE_MAX = 16


def clean(text: str, longest: int = LONG) -> str:
    """A descriptive text as an attribute may hold it."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return printable.replace("\\", "/").strip()[:longest].rstrip()


def identifier(segment: Segment, field: int, text: str, longest: int, component: int = 0) -> str:
    """A text that identifies, as it is. Raises Hl7Refused where an attribute cannot hold it."""
    if len(text) > longest:
        raise segment.fault(f"has more than {longest} characters", field, component)
    if "\\" in text or not text.isprintable():
        raise segment.fault("holds a backslash or a control character", field, component)
    return text


def cx(segment: Segment, field: int, repetition: int = 1) -> Identifier:
    """CX or an ID with its authority: ID^^^authority&universal id&type^kind."""
    return Identifier(
        value=identifier(segment, field, segment.text(field, 1, repetition=repetition), LONG),
        kind=clean(segment.text(field, 5, repetition=repetition), SHORT),
        **_authority(segment, field, 4, repetition),
    )


def ei(segment: Segment, field: int, longest: int = LONG) -> Identifier:
    """EI: entity identifier^namespace^universal id^type."""
    return Identifier(
        value=identifier(segment, field, segment.text(field, 1), longest),
        issuer=clean(segment.text(field, 2)),
        universal_id=clean(segment.text(field, 3), _ISSUER_UNIVERSAL),
        universal_id_type=clean(segment.text(field, 4), SHORT),
    )


def _authority(segment: Segment, field: int, component: int, repetition: int) -> dict[str, str]:
    """HD as a component: namespace&universal id&type."""
    parts = [
        segment.text(field, component, repetition=repetition, subcomponent=number)
        for number in (1, 2, 3)
    ]
    return {
        "issuer": identifier(segment, field, parts[0], LONG, component),
        "universal_id": identifier(segment, field, parts[1], _ISSUER_UNIVERSAL, component),
        "universal_id_type": clean(parts[2], SHORT),
    }


def xpn(segment: Segment, field: int) -> str | None:
    """XPN: a patient's name as a PN of up to three groups, from one repetition of each."""
    return _name(segment, field, first=1, types=7, representation=8)


def names(segment: Segment, field: int) -> tuple[str, ...]:
    """Every name of a field, each as one group of PN."""
    found = [_group(segment, field, number, first=1) for number in segment.repetitions(field)]
    return tuple(dict.fromkeys(name for name in found if name))


def xpn_others(segment: Segment, field: int) -> tuple[str, ...]:
    """The names that `xpn` left: maiden names, aliases."""
    chosen = (xpn(segment, field) or "").split("=")
    return tuple(name for name in names(segment, field) if name not in chosen)


def xcn(segment: Segment, field: int) -> str:
    """XCN: a person's name behind an identifier; the representation is component 15."""
    return _name(segment, field, first=2, types=10, representation=15) or ""


def xcn_list(segment: Segment, field: int) -> tuple[str, ...]:
    """Each repetition's name."""
    names = [_group(segment, field, number, first=2) for number in segment.repetitions(field)]
    return tuple(name for name in names if name)


def _name(
    segment: Segment, field: int, *, first: int, types: int, representation: int
) -> str | None:
    if segment.said(field, first) == "" and len(segment.repetitions(field)) == 1:
        return ""
    groups = dict.fromkeys(_REPRESENTATIONS, "")
    ranks: dict[str, int] = {}
    for number in segment.repetitions(field):
        name = _group(segment, field, number, first=first)
        form = segment.text(field, representation, repetition=number).upper() or "A"
        kind = segment.text(field, types, repetition=number).upper()
        rank = _NAME_TYPES.index(kind) if kind in _NAME_TYPES else len(_NAME_TYPES)
        if name and form in groups and rank < ranks.get(form, 99):
            groups[form], ranks[form] = name, rank
    return "=".join(groups.values()).rstrip("=") or None


def _group(segment: Segment, field: int, repetition: int, *, first: int) -> str:
    """One repetition as a group of PN: family^given^middle^prefix^suffix (PS3.5 6.2.1.1)."""
    # HL7: family, given, second, suffix, prefix, degree.
    family, given, second, suffix, prefix, degree = (
        _name_part(segment.text(field, first + index, repetition=repetition)) for index in range(6)
    )
    last = " ".join(part for part in (suffix, degree) if part)
    group = "^".join((family, given, second, prefix, last)).rstrip("^")
    if len(group) > LONG:
        raise segment.fault(f"is a name of more than {LONG} characters", field)
    return group


def _name_part(text: str) -> str:
    return clean(text.replace("^", " ").replace("=", " "))


def day(segment: Segment, field: int) -> str | None:
    """TS or DT as DA; '' where the day is not known (a year alone)."""
    text = segment.said(field)
    if text is None or text == "":
        return text
    found = _TS.fullmatch(text)
    if found is None or _moment(found) is None:
        raise segment.fault("is no date", field, 1)
    return f"{found[1]}{found[2]}{found[3]}" if found[3] else ""


def moment(
    segment: Segment, field: int, zone: tzinfo, *, component: int = 1
) -> tuple[str, str] | None:
    """TS as DA and TM by the clock of `zone`; TM is '' where the value has only a date."""
    text = segment.text(field, component)
    if not text:
        return None
    found = _TS.fullmatch(text)
    read = _moment(found) if found else None
    if found is None or read is None or found[3] is None:
        raise segment.fault("is no date and time", field, component)
    if found[4] is None:
        return read.strftime("%Y%m%d"), ""
    if found[8]:
        read = read.astimezone(zone)
    return read.strftime("%Y%m%d"), read.strftime("%H%M%S")


def _moment(found: re.Match[str]) -> datetime | None:
    """The moment that a TS names, missing parts as their first; None where there is none such."""
    year, month, day_, hour, minute, second = (
        int(part) if part else missing
        for part, missing in zip(found.groups()[:6], (0, 1, 1, 0, 0, 0), strict=True)
    )
    try:
        date(year, month, day_)
        text = f"{year:04}{month:02}{day_:02}{hour:02}{minute:02}{min(second, 59):02}"
        offset = found[8] or ""
        return datetime.strptime(text + offset, f"%Y%m%d%H%M%S{'%z' if offset else ''}")  # noqa: DTZ007  # aware where the sender says so
    except ValueError:
        return None


def sex(segment: Segment, field: int) -> str | None:
    """Table 0001 as Patient's Sex: M, F, O; what is ambiguous or not applicable is O."""
    text = segment.said(field)
    if text is None:
        return None
    if text.upper() not in _SEXES:
        raise segment.fault("is not of table 0001", field, 1, code=103)
    return _SEXES[text.upper()]


def ce(segment: Segment, field: int, *, first: int = 1) -> Code | None:
    """CE or CWE, from component `first`: code^meaning^scheme; None where no code can be made.

    A code of more than 16 characters or without a scheme is not valid (PS3.3 8.8): the caller
    then keeps only its meaning.
    """
    value, meaning, scheme = (segment.text(field, first + index) for index in range(3))
    if not value or not scheme or max(len(value), len(scheme)) > _CODE_MAX:
        return None
    return Code(
        value=clean(value, _CODE_MAX),
        scheme=_scheme(clean(scheme, _CODE_MAX)),
        meaning=clean(meaning) or clean(value),
    )


# HL7 table 0396 -> the standard's Coding Scheme Designator (PS3.16 8).
_SCHEMES = {"LN": "LN", "SCT": "SCT", "SNM": "SRT", "L": "L", "I10": "I10", "I10C": "I10"}


def _scheme(name: str) -> str:
    return _SCHEMES.get(name, name)


def meaning(segment: Segment, field: int, *, first: int = 1) -> str:
    """What a CE says in words: its text, or its code where it has none."""
    return clean(segment.text(field, first + 1) or segment.text(field, first))


def texts(segments: Sequence[Segment], field: int, longest: int = TEXT) -> str:
    """The lines of a field of several segments, one after another."""
    lines = [
        clean(segment.text(field, repetition=number), longest)
        for segment in segments
        for number in segment.repetitions(field)
    ]
    return "\r\n".join(line for line in lines if line)[:longest].rstrip()


def location(segment: Segment, field: int) -> str:
    """PL: point of care, room and bed, as one text."""
    parts = [segment.text(field, number) for number in (1, 2, 3)]
    return clean("^".join(parts).rstrip("^").replace("^", " "))


def uid(segment: Segment, field: int, text: str) -> str:
    """A UID. Raises Hl7Refused."""
    if text and not is_valid_uid(text):
        raise segment.fault("is no UID", field, 1)
    return text


def ae_title(segment: Segment, field: int, text: str, component: int = 1) -> str:
    """An AE title. Raises Hl7Refused."""
    if text and not is_valid_ae_title(text):
        raise segment.fault("is no AE title", field, component, code=DATA_TYPE_ERROR)
    return text.strip()
