"""DICOM PS3.15 table E.1-1 as data: what becomes of each attribute, by profile and option.

Rules
- The table is profile_table.tsv, whose head names its source; nothing of it is written in code.
- An attribute that the table does not name has no row; dataset_rules.py says what becomes of it.
- Of the repeating groups 50xx and 60xx the table names one element or two. Here the whole group is
  one row, for without its data the rest of an overlay or a curve says nothing, and may say a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from pydicom.tag import BaseTag

_CURVES, _OVERLAYS = range(0x5000, 0x5100), range(0x6000, 0x6100)


class Option(StrEnum):
    """The options of PS3.15 E.3 that table E.1-1 has a column for, as the configuration has them.

    Retain Safe Private, UIDs, Device Identity, Institution Identity, Patient Characteristics,
    Longitudinal Temporal Information with Full or Modified Dates; Clean Descriptors, Structured
    Content and Graphics.
    """

    SAFE_PRIVATE = "retain_safe_private"
    UIDS = "retain_uids"
    DEVICE = "retain_device_identity"
    INSTITUTION = "retain_institution_identity"
    PATIENT = "retain_patient_characteristics"
    FULL_DATES = "retain_full_dates"
    MODIFIED_DATES = "retain_modified_dates"
    DESCRIPTORS = "clean_descriptors"
    STRUCTURED = "clean_structured_content"
    GRAPHICS = "clean_graphics"


# The table's column of each.
_COLUMNS: Mapping[Option, str] = MappingProxyType(
    {
        Option.SAFE_PRIVATE: "safe_private",
        Option.UIDS: "uids",
        Option.DEVICE: "device",
        Option.INSTITUTION: "institution",
        Option.PATIENT: "patient",
        Option.FULL_DATES: "full_dates",
        Option.MODIFIED_DATES: "modified_dates",
        Option.DESCRIPTORS: "descriptors",
        Option.STRUCTURED: "structured",
        Option.GRAPHICS: "graphics",
    }
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One attribute of the table. basic, options: action codes as the table has them.

    tag: as the table writes it, such as 0010,0010 or 60xx,3000.
    """

    tag: str
    name: str
    basic: str
    options: Mapping[Option, str]

    def action(self, chosen: frozenset[Option]) -> str:
        """The action code under the options: theirs before the profile's (PS3.15 E.1.1).

        Where options differ, cleaning goes before keeping: the one that gives away less.
        """
        asked = {self.options[option] for option in chosen if option in self.options}
        return "C" if "C" in asked else "K" if "K" in asked else self.basic


class ProfileTable:
    """The rows, by tag."""

    def __init__(self, rows: tuple[Row, ...]) -> None:
        self.rows = rows
        self._by_tag = {int(row.tag.replace(",", ""), 16): row for row in rows if _is_plain(row)}
        self._others = {row.tag: row for row in rows if not _is_plain(row)}

    def row_of(self, tag: BaseTag) -> Row | None:
        """The row of an attribute; None where the table does not name it."""
        if tag.is_private:
            return self._others["gggg,eeee"]
        if tag.group in _CURVES:
            return self._others["50xx,xxxx"]
        if tag.group in _OVERLAYS:
            return self._others["60xx,3000"]
        return self._by_tag.get(int(tag))


def _is_plain(row: Row) -> bool:
    return "x" not in row.tag and "g" not in row.tag


@cache
def profile_table() -> ProfileTable:
    """The table; read once."""
    return ProfileTable(
        tuple(
            Row(
                tag=fields["tag"],
                name=fields["name"],
                basic=fields["basic"],
                options=MappingProxyType(
                    {
                        option: fields[column]
                        for option, column in _COLUMNS.items()
                        if fields[column]
                    }
                ),
            )
            for fields in read_table("profile_table.tsv")
        )
    )


def read_table(name: str) -> list[dict[str, str]]:
    """A table of this folder, as a list of rows by the names in its first line."""
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    heads, *rows = (line.split("\t") for line in text.splitlines() if not line.startswith("#"))
    return [dict(zip(heads, row, strict=True)) for row in rows]
