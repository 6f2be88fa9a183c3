"""A dataset from the wire as DICOM JSON (PS3.18 annex F), for a record and for comparing.

Rules
- pydicom's own conversion is not used: it warns with the offending value, which is patient data.
- Values that cannot be text, numbers or sequences are left out, and items of a sequence beyond
  those that the query package reads: a list of a thousand images is not kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydicom.dataset import Dataset
from pydicom.tag import Tag

from echonode.query_retrieve.element_encoding import vr_of_keyword
from echonode.query_retrieve.element_text import character_set_of, text_of
from echonode.query_retrieve.file_keys import served
from echonode.query_retrieve.file_values import values_in
from echonode.query_retrieve.matching import StoredValue, values_of

_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")


def text_in(dataset: Dataset, keyword: str) -> str:
    """One attribute's text without its padding; '' where it is not there."""
    return text_of(dataset, Tag(keyword), character_set_of(dataset)).strip(" \0")


def json_of(dataset: Dataset) -> dict[str, object]:
    """Every attribute that can be kept."""
    keys = [key for tag in list(dataset.keys()) if (key := served(tag)) is not None]
    return _json(values_in(dataset, keys, character_set_of(dataset)))


def _json(values: Mapping[str, StoredValue]) -> dict[str, object]:
    return {
        f"{Tag(keyword):08X}": {"vr": vr_of_keyword(keyword), **_value(keyword, value)}
        for keyword, value in values.items()
    }


def _value(keyword: str, value: StoredValue) -> dict[str, object]:
    if not value:
        return {}
    if not isinstance(value, str):
        return {"Value": [_json(item) for item in value]}
    vr = vr_of_keyword(keyword)
    texts: Sequence[str] = [text.strip(" \0") for text in values_of(vr, value)]
    if vr == "PN":
        return {"Value": [dict(zip(_GROUPS, text.split("="), strict=False)) for text in texts]}
    return {"Value": texts}
