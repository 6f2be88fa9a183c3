"""The levels of a request and the unique keys it must hold (PS3.4 C.4.1.2.1, C.4.2.2.1, C.6).

Rules
- Query/Retrieve Level (0008,0052) is required and one that the root has: Study Root begins at
  STUDY (C.6.2.1), Patient/Study Only Root ends there. Case and padding are ignored, because
  they cannot be misunderstood.
- Below the requested level no key counts. Above it, the baseline (hierarchical) behaviour requires
  a single value in each unique key; a relational query does not.
- One exception: a unique key may be absent where a UID of a lower level is present, because a UID
  identifies one entity and all those above it. DCMTK and dcm4chee refuse such a query; Orthanc and
  dcm4chee in its lenient mode accept it (dcm4che issue 587: a viewer that asks by SOP Instance UID
  alone). A query that would search everything is refused: A900.
- Another exception: the Patient Root's STUDY level is served without Patient ID. Each study is
  answered once, and the query searches no more than the same query in the Study Root.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from echonode.model.attributes import UNIQUE_KEYS
from echonode.model.criteria import Level, Root
from echonode.query_retrieve.element_text import character_set_of, text_of
from echonode.query_retrieve.refusal import refused
from echonode.query_retrieve.wildcard import is_wild

QUERY_RETRIEVE_LEVEL = Tag(0x0008, 0x0052)

_LEVELS = MappingProxyType(
    {
        Root.PATIENT: tuple(Level),
        Root.STUDY: (Level.STUDY, Level.SERIES, Level.IMAGE),
        Root.PATIENT_STUDY_ONLY: (Level.PATIENT, Level.STUDY),
    }
)

UniqueValues = Mapping[Level, tuple[str, ...]]


def level_of(identifier: Dataset, root: Root) -> Level:
    """The level that `identifier` requests. Raises DimseFailure A900."""
    text = text_of(identifier, QUERY_RETRIEVE_LEVEL).strip(" \0").upper()
    if not text:
        raise refused("Query/Retrieve Level is missing")
    if text not in tuple(Level):
        raise refused("Query/Retrieve Level is not one of this service")
    level = Level(text)
    if level not in levels_of(root):
        raise refused(f"{root.capitalize()} Root has no {level} level")
    return level


def levels_of(root: Root) -> tuple[Level, ...]:
    """The levels of a root, from the top."""
    return _LEVELS[root]


def unique_values(identifier: Dataset, root: Root, level: Level) -> UniqueValues:
    """The values of each level's unique key down to `level`; () where it is absent or universal."""
    character_set = character_set_of(identifier)
    found: dict[Level, tuple[str, ...]] = {}
    for each in levels_of(root):
        if each.depth > level.depth:
            break
        text = text_of(identifier, Tag(UNIQUE_KEYS[each]), character_set)
        values = (value.strip(" \0") for value in text.split("\\"))
        found[each] = tuple(value for value in values if value.strip("*"))
    return found


def require_path(values: UniqueValues, level: Level) -> None:
    """Check the unique keys above `level` by the baseline behaviour. Raises DimseFailure A900."""
    # A Patient ID is not a UID: it does not identify the entities above it.
    anchored = level is not Level.PATIENT and bool(values[level])
    for above in sorted(values, key=lambda each: each.depth, reverse=True):
        if above is level:
            continue
        keyword = UNIQUE_KEYS[above]
        if len(values[above]) > 1 or any(is_wild(value) for value in values[above]):
            raise refused(f"{keyword} takes a single value at {level} level")
        is_as_study_root = above is Level.PATIENT and level is Level.STUDY
        if not values[above] and not anchored and not is_as_study_root:
            raise refused(f"{keyword} is required at {level} level")
        anchored = anchored or bool(values[above])
