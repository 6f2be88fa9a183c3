"""How a copy is anonymised: the basic profile with the options that were chosen (PS3.15 E.2, E.3).

Rules
- The basic profile always holds; options add to it, and each is said in the copy by its code of
  PS3.16 CID 7050.
- Full dates and modified dates exclude each other.
- What a clinic wants to keep beyond the options is named: standard attributes by keyword, private
  ones by group, creator and element. Neither can keep what names the patient.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from pydicom.datadict import tag_for_keyword

from echonode.copies.deidentification.profile_table import Option, read_table
from echonode.errors import FieldRefused

BASIC = "basic"

# PS3.16 CID 7050, De-identification Method.
BASIC_CODE = ("113100", "Basic Application Confidentiality Profile")
PIXELS_CODE = ("113101", "Clean Pixel Data Option")
OPTION_CODES: Mapping[Option, tuple[str, str]] = MappingProxyType(
    {
        Option.GRAPHICS: ("113103", "Clean Graphics Option"),
        Option.STRUCTURED: ("113104", "Clean Structured Content Option"),
        Option.DESCRIPTORS: ("113105", "Clean Descriptors Option"),
        Option.FULL_DATES: (
            "113106",
            "Retain Longitudinal Temporal Information Full Dates Option",
        ),
        Option.MODIFIED_DATES: (
            "113107",
            "Retain Longitudinal Temporal Information Modified Dates Option",
        ),
        Option.PATIENT: ("113108", "Retain Patient Characteristics Option"),
        Option.DEVICE: ("113109", "Retain Device Identity Option"),
        Option.UIDS: ("113110", "Retain UIDs Option"),
        Option.SAFE_PRIVATE: ("113111", "Retain Safe Private Option"),
        Option.INSTITUTION: ("113112", "Retain Institution Identity Option"),
    }
)

# Who the patient is: no list keeps these.
_NEVER_KEPT = frozenset(
    {
        *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientBirthTime"),
        *("OtherPatientIDs", "OtherPatientIDsSequence", "OtherPatientNames", "PatientBirthName"),
        *("PatientMotherBirthName", "PatientAddress", "PatientTelephoneNumbers"),
        *("PatientTelecomInformation", "MedicalRecordLocator", "OriginalAttributesSequence"),
    }
)
_PRIVATE = re.compile(r"\(([0-9A-Fa-f]{3}[13579BDFbdf]),xx([0-9A-Fa-f]{2})\) ?(.{1,64})")


@dataclass(frozen=True, order=True)
class PrivateAttribute:
    """A private attribute wherever its block lies (PS3.5 7.8.1). element: its last two digits."""

    group: int
    creator: str
    element: int


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A named way to anonymise. keep: tags of standard attributes; private: those of safe list.

    words: what clean_descriptors keeps apart from its own vocabulary, in lower case.
    """

    name: str = BASIC
    options: frozenset[Option] = frozenset()
    keep: frozenset[int] = frozenset()
    private: frozenset[PrivateAttribute] = frozenset()
    words: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if {Option.FULL_DATES, Option.MODIFIED_DATES} <= self.options:
            raise FieldRefused(
                "options",
                "has both retain_full_dates and retain_modified_dates",
                "choose one of them",
            )

    def codes(self, *, pixels: bool) -> list[tuple[str, str]]:
        """The codes of what was applied. pixels: whether Clean Pixel Data was."""
        chosen = sorted(OPTION_CODES[option] for option in self.options)
        return [BASIC_CODE, *([PIXELS_CODE] if pixels else []), *chosen]


def kept_tag(keyword: str) -> int:
    """The tag of a standard attribute to keep. Raises FieldRefused."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise FieldRefused(
            "keep",
            "has a word that PS3.6 does not have as a keyword",
            "write it as PS3.6 does, such as BodyPartExamined",
        )
    if keyword in _NEVER_KEPT:
        raise FieldRefused("keep", "names the patient", f"take {keyword} away")
    return tag


def private_attribute(text: str) -> PrivateAttribute:
    """A private attribute, written as (0119,xx05) CREATOR. Raises FieldRefused."""
    found = _PRIVATE.fullmatch(text.strip())
    if found is None:
        raise FieldRefused(
            "keep_private",
            "has an entry that is no private attribute",
            "write it as (0119,xx05) SIEMENS Ultrasound SC2000",
        )
    return PrivateAttribute(int(found[1], 16), found[3].strip(), int(found[2], 16))


@cache
def safe_private() -> frozenset[PrivateAttribute]:
    """The private attributes that the standard lists as safe (PS3.15 table E.3.10-1)."""
    return frozenset(
        private_attribute(f"{row['element']} {row['creator']}")
        for row in read_table("safe_private.tsv")
    )


def profile_of(
    name: str,
    options: Iterable[str] = (),
    *,
    keep: Iterable[str] = (),
    keep_private: Iterable[str] = (),
    keep_words: Iterable[str] = (),
) -> Profile:
    """A profile of what the configuration says. Raises FieldRefused.

    With retain_safe_private the standard's own list is kept as well as keep_private.
    """
    chosen = frozenset(Option(option) for option in options)
    private = frozenset(private_attribute(text) for text in keep_private)
    if private and Option.SAFE_PRIVATE not in chosen:
        raise FieldRefused(
            "keep_private", "has no effect alone", "add retain_safe_private to the options"
        )
    return Profile(
        name=name,
        options=chosen,
        keep=frozenset(kept_tag(keyword) for keyword in keep),
        private=private | safe_private() if Option.SAFE_PRIVATE in chosen else frozenset(),
        words=frozenset(word.casefold() for word in keep_words),
    )
