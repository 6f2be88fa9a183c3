"""A query as values: level, keys and what each must match (PS3.4 C.2.2.2).

Pure shape only; what matches what is query_retrieve/matching.py, and how rows are found is store/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """Query/Retrieve Level (0008,0052), from the top down."""

    PATIENT = "PATIENT"
    STUDY = "STUDY"
    SERIES = "SERIES"
    IMAGE = "IMAGE"

    @property
    def depth(self) -> int:
        """0 for PATIENT to 3 for IMAGE."""
        return tuple(Level).index(self)


class Root(StrEnum):
    """The information model asked for (PS3.4 C.6).

    PATIENT_STUDY_ONLY: retired in 2004 (PS3.4 C.6.3 until then), and still asked for.
    """

    PATIENT = "patient"
    STUDY = "study"
    PATIENT_STUDY_ONLY = "patient/study only"


@dataclass(frozen=True)
class Universal:
    """An empty key: everything matches, the value is returned (C.2.2.2.3)."""


@dataclass(frozen=True)
class SingleValue:
    """The value itself (C.2.2.2.1); case counts except in person names."""

    value: str


@dataclass(frozen=True)
class ValueList:
    """List of UID matching (C.2.2.2.2), or several values of another key: any one of them."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Wildcard:
    """`*` any run, `?` any one character (C.2.2.2.4)."""

    pattern: str


@dataclass(frozen=True)
class Range:
    """Dates, times or date-times from low to high, both inside; '' is open (C.2.2.2.5)."""

    low: str
    high: str


@dataclass(frozen=True)
class SequenceMatch:
    """Keys inside one sequence item (C.2.2.2.6)."""

    keys: Mapping[str, Criterion]


Criterion = Universal | SingleValue | ValueList | Wildcard | Range | SequenceMatch


@dataclass(frozen=True, kw_only=True)
class Query:
    """What a C-FIND (or QIDO-RS) asks.

    criteria: keyword -> criterion, of this level and of those above; keys the index does not hold
    are not in here (find_scp returns them empty).
    """

    root: Root
    level: Level
    criteria: Mapping[str, Criterion]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What a C-MOVE or C-GET asks for: unique keys only (PS3.4 C.4.2.2.1).

    keys: unique keyword of each level down to `level` -> its values (a list of UID at `level`);
    with PatientID also IssuerOfPatientID, where the request says whose number it is.
    """

    root: Root
    level: Level
    keys: Mapping[str, tuple[str, ...]]
