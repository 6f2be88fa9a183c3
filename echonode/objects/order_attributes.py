"""Writes what the order says into an image or a procedure step, by the table of order_table.py.

Rules
- A row whose value is unknown writes nothing. What PS3.4 wants empty is the step's own affair.
- What identifies the patient and the study is checked: a value that does not fit refuses the
  object. Other identifiers go as they are or not at all. What describes is made to fit its VR: an
  odd character in a description must not cost an image.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

from echonode.errors import InvalidObject
from echonode.model.exam import ExamFacts
from echonode.model.identity import is_valid_uid
from echonode.objects.order_table import ROWS, Fit, Row
from echonode.objects.sequence_items import ITEMS_OF
from echonode.objects.values import checked, cleaned, cleaned_name, cleaned_number

_REQUESTED_PROCEDURE_ID, _SCHEDULED_STEP_ID = 0x00401001, 0x00400009


def value_at(facts: object, source: str) -> object:
    """What a row's source names; None where a part of the way is not there."""
    value: object = facts
    for name in source.split("."):
        value = getattr(value, name, None)
        if value is None:
            return None
    return value


def set_order_attributes(dataset: Dataset, exam: ExamFacts) -> None:
    """Write every row that has a place in an image. Raises InvalidObject."""
    _write(dataset, exam, (row.image for row in ROWS))
    for item in dataset.get("RequestAttributesSequence", []):
        if not item.keys() & {_REQUESTED_PROCEDURE_ID, _SCHEDULED_STEP_ID}:
            # Both are type 1C, and what neither names is no request (PS3.3 table 10-9).
            del dataset.RequestAttributesSequence


def set_step_attributes(dataset: Dataset, exam: ExamFacts) -> None:
    """Write every row that has a place in the procedure step. Raises InvalidObject."""
    _write(dataset, exam, (row.step for row in ROWS))


def _write(dataset: Dataset, exam: ExamFacts, places: Iterable[str]) -> None:
    for row, place in zip(ROWS, places, strict=True):
        if not place:
            continue
        made = _element(row, value_at(exam, row.source))
        if made is not None:
            *sequences, keyword = place.split(">")
            target = dataset
            for sequence in sequences:
                target = _only_item(target, sequence)
            setattr(target, keyword, made)


def _only_item(dataset: Dataset, keyword: str) -> Dataset:
    """The one item of a sequence, made where it is not there."""
    if keyword not in dataset:
        setattr(dataset, keyword, [Dataset()])
    item: Dataset = dataset[keyword].value[0]
    return item


def _element(row: Row, value: object) -> object:
    """The value as pydicom takes it; None where nothing is known."""
    maker = ITEMS_OF.get(row.keyword)
    if maker is not None:
        return maker(value) or None
    tag = tag_for_keyword(row.keyword) or 0
    vr = dictionary_VR(tag)
    if isinstance(value, tuple):
        texts = [text for text in (_text(row, vr, str(part)) for part in value) if text]
        return (texts if dictionary_VM(tag) != "1" else texts[0]) if texts else None
    if value is None or isinstance(value, int):
        return value
    return _text(row, vr, str(value)) or None


def _text(row: Row, vr: str, text: str) -> str:
    if vr == "UI":
        return text if is_valid_uid(text) else ""
    if row.fit is Fit.EXACT:
        return checked(row.keyword, vr, text)
    if row.fit is Fit.WHOLE:
        try:
            return checked(row.keyword, vr, text)
        except InvalidObject:
            return ""
    if vr == "PN":
        return cleaned_name(text)
    if vr in ("DS", "TM"):
        return cleaned_number(vr, text)
    return cleaned(vr, text)
