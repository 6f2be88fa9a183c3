"""Nested values of the model as the JSON text that a row keeps, and back.

Text that is no such value any more raises IndexDamaged: nothing else writes these columns.
"""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from echonode.errors import IndexDamaged
from echonode.model.exam_report import ReportContent
from echonode.model.patient import Patient
from echonode.model.softcopy_state import SoftcopyState
from echonode.model.worklist_item import WorklistItem

V = TypeVar("V", Patient, WorklistItem, ReportContent, SoftcopyState)
_ADAPTERS: dict[str, TypeAdapter[Any]] = {}  # made when first needed: each costs milliseconds


def _adapter(kind: type[V]) -> TypeAdapter[V]:
    if kind.__name__ not in _ADAPTERS:
        _ADAPTERS[kind.__name__] = TypeAdapter(kind)
    return _ADAPTERS[kind.__name__]


def to_json(value: Patient | WorklistItem | ReportContent | SoftcopyState | None) -> str:
    """The text; '' of None."""
    if value is None:
        return ""
    adapter: TypeAdapter[Any] = _adapter(type(value))
    return adapter.dump_json(value, exclude_defaults=True).decode()


def from_json(kind: type[V], text: str) -> V | None:
    """The value of a text; None of ''. Raises IndexDamaged."""
    if not text:
        return None
    try:
        return _adapter(kind).validate_json(text)
    except ValidationError:
        raise IndexDamaged(f"the database holds what is no {kind.__name__}") from None
