"""Values of a dataset: checked where a wrong one must stop the object, cleaned where it need not.

Rules
- What identifies a patient or a study is never altered: `checked` refuses it (InvalidObject).
- What only describes the equipment may come from the probe's wire; an odd character there must not
  cost an image: `cleaned` makes it fit.
- Messages name the attribute and the rule, never the value: it may be patient data.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from types import MappingProxyType

from pydicom.datadict import tag_for_keyword

from echonode.errors import InvalidObject

# PS3.5 6.2: longest value in characters.
_LONGEST: MappingProxyType[str, int] = MappingProxyType(
    # UC and UT end at 4 GiB; a description that long would be an attack.
    {"CS": 16, "LO": 64, "LT": 10240, "SH": 16, "ST": 1024, "DA": 8, "UC": 1024, "UT": 1024}
)
# Control characters, halves of surrogate pairs, separators of lines and paragraphs. The ideographic
# space and the joiners of Arabic and Persian are parts of names: str.isprintable() refuses them.
_CONTROL = frozenset({"Cc", "Cs", "Zl", "Zp"})
_CODE_STRING = re.compile(r"[A-Z0-9 _]*")
_DECIMAL = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_TIME = re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?", re.ASCII)
_PN_GROUPS, _PN_COMPONENTS, _PN_GROUP_LENGTH = 3, 5, 64  # PS3.5 6.2, VR PN


def refusal(keyword: str, rule: str) -> InvalidObject:
    """The error for an attribute that breaks a rule; it names both."""
    tag = tag_for_keyword(keyword) or 0
    return InvalidObject(f"{keyword} ({tag >> 16:04X},{tag & 0xFFFF:04X}): {rule}")


def checked(keyword: str, vr: str, value: str) -> str:
    """`value` as it is. Raises InvalidObject where it is not one value of `vr` (PS3.5 6.2)."""
    if "\\" in value or _has_control(value):
        raise refusal(keyword, "no backslash and no control character (PS3.5 6.2)")
    if vr == "PN":
        _check_person_name(keyword, value)
    elif len(value) > _LONGEST[vr]:
        raise refusal(keyword, f"at most {_LONGEST[vr]} characters (PS3.5 6.2, VR {vr})")
    if vr == "CS" and not _CODE_STRING.fullmatch(value):
        raise refusal(keyword, "only A-Z, 0-9, space and underscore (PS3.5 6.2, VR CS)")
    if vr == "DA" and value:
        _check_date(keyword, value)
    return value


def _has_control(value: str) -> bool:
    return any(unicodedata.category(character) in _CONTROL for character in value)


def _without_control(value: str) -> str:
    """Control characters and backslashes as spaces."""
    return "".join(
        " " if character == "\\" or unicodedata.category(character) in _CONTROL else character
        for character in value
    )


def _check_person_name(keyword: str, value: str) -> None:
    groups = value.split("=")
    if len(groups) > _PN_GROUPS or any(len(group) > _PN_GROUP_LENGTH for group in groups):
        raise refusal(keyword, "at most 3 groups of 64 characters (PS3.5 6.2, VR PN)")
    if any(group.count("^") >= _PN_COMPONENTS for group in groups):
        raise refusal(keyword, "at most 5 components in a group (PS3.5 6.2, VR PN)")


def _check_date(keyword: str, value: str) -> None:
    try:
        if len(value) != 8 or not (value.isascii() and value.isdigit()):
            raise ValueError
        date(int(value[:4]), int(value[4:6]), int(value[6:]))
    except ValueError:
        raise refusal(keyword, "a calendar day as YYYYMMDD (PS3.5 6.2, VR DA)") from None


def cleaned(vr: str, value: str) -> str:
    """`value` made to fit one value of a text VR or CS; '' where nothing of it is left."""
    text = _without_control(value)
    text = " ".join(text.split())[: _LONGEST[vr]].strip()
    if vr == "CS":
        text = text.upper()
        return text if _CODE_STRING.fullmatch(text) else ""
    return text


def cleaned_name(value: str) -> str:
    """`value` made to fit a PN of a person who is not the patient; '' where nothing is left."""
    text = _without_control(value)
    groups = [
        "^".join(part.strip() for part in group.split("^")[:_PN_COMPONENTS])[:_PN_GROUP_LENGTH]
        for group in text.split("=")[:_PN_GROUPS]
    ]
    return "=".join(groups).rstrip("=") if "".join(groups).strip("^ ") else ""


def cleaned_number(vr: str, value: str) -> str:
    """`value` where it is one of DS or TM; '' where it is not."""
    text = value.strip()
    pattern = _TIME if vr == "TM" else _DECIMAL
    return text if len(text) <= 16 and pattern.fullmatch(text) else ""
