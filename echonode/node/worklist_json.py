"""The worklist as the HTTP API answers it, and an item of it.

A list of two thousand is asked for every half minute by each console, and changes by an item now
and then: what an item is as JSON is remembered.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from echonode.exam.serving.worklist_scp import OVER
from echonode.exam.worklist.refresh import WorklistStatus
from echonode.model.worklist_item import WorklistItem

Json = Mapping[str, Any]
_MOST_REMEMBERED = 5_000  # as the store remembers items; of one, some 600 bytes


def standing_json(status: WorklistStatus | None, now: datetime) -> Json:
    """How the RIS's list stands: its age, why it is not newer, how many answers it lacks."""
    age_s = status.age_s(now) if status else None
    return {
        "age_s": None if age_s is None else round(age_s, 1),
        "problem": status.problem if status else "",
        "missing": status.excess + sum(status.unusable.values()) if status else 0,
    }


def item_json(item: WorklistItem) -> Json:
    """A worklist item as the API answers it."""
    return {
        "id": item.id,
        "patient_id": item.patient.id,
        "patient_name": item.patient.name,
        "birth_date": item.patient.birth_date,
        "sex": item.patient.sex,
        "issuer": item.patient.issuer,
        "accession_number": item.accession_number.value,
        "study_instance_uid": item.study_instance_uid,
        "requested_procedure": item.requested_procedure_description,
        "scheduled_step": item.step.description,
        "start_date": item.step.start_date,
        "start_time": item.step.start_time,
        "modality": item.step.modality,
        "station_ae_titles": list(item.step.station_ae_titles),
        "referring_physician": item.referring_physician_name,
        "status": item.step.status,
        "source": item.source.value,
        "fetched_at": item.fetched_at.isoformat(),
    }


class WorklistJson:
    """Answers of a list. Thread-safe: what two threads remember at once is the same."""

    def __init__(self) -> None:
        # By the value's identity, which is its own as long as it is held here: the store gives the
        # same values until they change, and to compare all they hold would take as long.
        self._remembered: dict[int, tuple[WorklistItem, str]] = {}

    def of(
        self,
        standing: Json,
        items: Iterable[WorklistItem],
        *,
        performed: Mapping[str, str],
        with_over: bool,
    ) -> bytes:
        """{...standing, items}. performed: id -> the status that an exam of this node gave it.

        with_over: with what a modality has done of our own list, and is not to be done any more.
        """
        lines = ",".join(
            self._line(item, performed.get(item.id, ""))
            for item in items
            if with_over or item.step.status not in OVER
        )
        head = _text(standing).removesuffix("}")
        return f'{head},"items":[{lines}]}}'.encode()

    def _line(self, item: WorklistItem, performed: str) -> str:
        if performed:
            return _text({**item_json(item), "status": performed})
        held = self._remembered.get(id(item))
        if held is not None and held[0] is item:
            return held[1]
        if len(self._remembered) >= _MOST_REMEMBERED:
            self._remembered.clear()
        line = _text(item_json(item))
        self._remembered[id(item)] = (item, line)
        return line


def _text(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
