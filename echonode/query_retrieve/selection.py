"""A C-MOVE or C-GET identifier as a Selection (PS3.4 C.4.2.1.4.1, C.4.2.2.1, C.4.3.1.3.1).

Rules
- Only unique keys count. The standard allows no other key, but viewers send some (OsiriX a Patient
  ID in the Study Root). They are ignored, which does no harm.
- One exception: Issuer of Patient ID counts together with a Patient ID. One number of two issuers
  is two patients, and a request for the one must not get images of the other.
- PATIENT level in the Study Root, which has none (C.6.2.1), is read as the Patient Root's: Orthanc
  retrieves a patient this way, and a Patient ID alone is unambiguous.
- The key of the requested level must be there: a single Patient ID, or a list of UIDs. Above it
  the rules are those of a hierarchical query (hierarchy.py), with the same exception.
- Wild cards and universal matching are refused: A900.
"""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from echonode.model.attributes import UNIQUE_KEYS
from echonode.model.criteria import Level, Root, Selection
from echonode.query_retrieve.element_text import character_set_of, text_of
from echonode.query_retrieve.hierarchy import level_of, require_path, unique_values
from echonode.query_retrieve.refusal import refused
from echonode.query_retrieve.wildcard import is_wild

_ISSUER = Tag("IssuerOfPatientID")


def read_selection(identifier: Dataset, root: Root) -> Selection:
    """What a retrieve request's identifier selects. Raises DimseFailure A900."""
    level = level_of(identifier, Root.PATIENT if root is Root.STUDY else root)
    if level is Level.PATIENT:
        root = Root.PATIENT
    values = unique_values(identifier, root, level)
    require_path(values, level)
    keyword = UNIQUE_KEYS[level]
    if not values[level] or any(is_wild(value) for value in values[level]):
        raise refused(f"{keyword} must name what to retrieve")
    if level is Level.PATIENT and len(values[level]) > 1:
        # C.4.2.1.4.1, note: several UIDs may be asked for, but one Patient ID only.
        raise refused(f"{keyword} takes a single value")
    # The same UID twice is sent once.
    keys = {UNIQUE_KEYS[each]: tuple(dict.fromkeys(v)) for each, v in values.items() if v}
    issuer = text_of(identifier, _ISSUER, character_set_of(identifier)).strip(" \0")
    if values.get(Level.PATIENT) and issuer and not is_wild(issuer):
        keys["IssuerOfPatientID"] = (issuer,)
    return Selection(root=root, level=level, keys=keys)
