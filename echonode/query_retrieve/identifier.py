"""A C-FIND request's identifier as a Query, and the keys of its answers (PS3.4 C.4.1.1.3).

Rules
- Each element is a key: of an attribute that the index has at the requested level or above, or
  unsupported. Patient attributes belong to the STUDY level in the Study Root (C.6.2.1), which makes
  no difference, because a study's row has them.
- Keys above the level are matched and returned, not only unique ones: the baseline forbids
  them, but viewers send them (a series list with the patient's name), and their meaning is clear.
- An attribute that the index does not hold is matched and returned from the stored files, where
  these can be read (file_keys.py).
- An attribute of a lower level, or a private one, is an unsupported optional key (C.2.2.1.3): it
  does not match, is returned with zero length, and each answer is FF01.
- One exception: Modality at STUDY level matches as Modalities in Study. The key is
  of the SERIES level, but a viewer that sends it wants the studies of that modality (pynetdicom
  issue 522), and all studies would be of no use to it.
- Elements that define how to read the identifier are not keys: Specific Character Set,
  Query/Retrieve Level, Timezone Offset From UTC, group lengths. Orthanc matched the timezone and
  found nothing until 1.12.4.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from echonode.model.attributes import ATTRIBUTES, UNIQUE_KEYS, Attribute
from echonode.model.criteria import Criterion, Level, Query, Root, Universal
from echonode.query_retrieve.character_set import CharacterSet
from echonode.query_retrieve.element_text import character_set_of, text_of, vr_of
from echonode.query_retrieve.file_keys import FileKey, file_key
from echonode.query_retrieve.hierarchy import (
    QUERY_RETRIEVE_LEVEL,
    level_of,
    levels_of,
    require_path,
    unique_values,
)
from echonode.query_retrieve.key_bounds import check_identifier, check_values
from echonode.query_retrieve.matching import criterion_for, values_of

TIMEZONE_OFFSET = Tag(0x0008, 0x0201)
# PS3.4 C.4.1.1.3.2: the SCP fills these in itself, requested or not.
_OF_THE_ANSWER = frozenset({QUERY_RETRIEVE_LEVEL, Tag(0x0008, 0x0054), Tag(0x0008, 0x0056)})
_NO_KEYS = _OF_THE_ANSWER | {Tag(0x0008, 0x0005)}


@dataclass(frozen=True, kw_only=True)
class FindIdentifier:
    """The contents of a C-FIND request.

    query: the keys that match. returned: the attributes of each answer, unique keys included.
    from_files: the keys, matched and returned, that the index does not hold.
    unsupported: tag -> VR of keys that are returned empty. character_set: the requestor's.
    timezone_offset: as sent, '' where not.
    """

    query: Query
    returned: tuple[Attribute, ...]
    unsupported: dict[BaseTag, str]
    character_set: CharacterSet
    timezone_offset: str
    from_files: tuple[FileKey, ...] = ()


def read_identifier(
    identifier: Dataset, *, root: Root, relational: bool, files: bool = False
) -> FindIdentifier:
    """Read a request's identifier. Raises DimseFailure A900 where it does not fit the root.

    relational: relational queries were negotiated (C.5.1.1) or the peer is configured for them, so
    no key above the level is needed. files: keys that the index does not hold are read from files.
    """
    check_identifier(identifier)
    level = level_of(identifier, root)
    if not relational:
        require_path(unique_values(identifier, root, level), level)
    character_set = character_set_of(identifier)
    criteria: dict[str, Criterion] = {}
    returned = {UNIQUE_KEYS[each] for each in levels_of(root) if each.depth <= level.depth}
    unsupported: dict[BaseTag, str] = {}
    from_files: list[FileKey] = []
    for tag in _keys(identifier):
        attribute = _attribute(tag, level)
        if attribute is not None:
            returned.add(attribute.keyword)
            if tag != TIMEZONE_OFFSET:
                text = text_of(identifier, tag, character_set)
                check_values(attribute.vr, values_of(attribute.vr, text))
                _add(criteria, attribute, criterion_for(attribute.vr, text))
        elif files and (key := file_key(identifier, tag, level, character_set)):
            from_files.append(key)
        elif tag != TIMEZONE_OFFSET:
            unsupported[tag] = vr_of(identifier, tag)
    _match_modality_at_study_level(identifier, level, criteria)
    return FindIdentifier(
        query=Query(root=root, level=level, criteria=criteria),
        returned=tuple(ATTRIBUTES[keyword] for keyword in sorted(returned, key=Tag)),
        unsupported=unsupported,
        character_set=character_set,
        timezone_offset=text_of(identifier, TIMEZONE_OFFSET).strip(" \0"),
        from_files=tuple(from_files),
    )


def _keys(identifier: Dataset) -> list[BaseTag]:
    # Tags only: iterating over a Dataset itself converts its values, see element_text.py.
    tags = list(identifier.keys())
    # Element 0000 is a group length, retired (PS3.5 7.2).
    return [tag for tag in tags if tag not in _NO_KEYS and tag.element != 0]


def _attribute(tag: BaseTag, level: Level) -> Attribute | None:
    """The attribute that `tag` is, when the index can give it at `level`."""
    attribute = ATTRIBUTES.get(keyword_for_tag(tag))
    return attribute if attribute and attribute.level.depth <= level.depth else None


def _add(criteria: dict[str, Criterion], attribute: Attribute, criterion: Criterion) -> None:
    if not isinstance(criterion, Universal):
        criteria[attribute.keyword] = criterion


def _match_modality_at_study_level(
    identifier: Dataset, level: Level, criteria: dict[str, Criterion]
) -> None:
    if level is Level.STUDY and "ModalitiesInStudy" not in criteria:
        text = text_of(identifier, Tag("Modality"))
        check_values("CS", values_of("CS", text))
        modality = criterion_for("CS", text)
        _add(criteria, ATTRIBUTES["ModalitiesInStudy"], modality)
