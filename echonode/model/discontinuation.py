"""Why an exam was given up: the reasons of PS3.16 CID 9300 that a person at the probe can give.

Rules
- The reason is in the event that ended the exam, so it is durable with the end: a step that is
  reported after a kill is DISCONTINUED all the same (PS3.4 F.7.2).
- An exam that was reopened goes on; how it ends then is what counts.
- Left out of CID 9300: findings of a contrast injection, and reasons of workflow managers and of
  media.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from types import MappingProxyType

from echonode.errors import FieldRefused
from echonode.model.exam import ExamEventRecord
from echonode.model.exam_state import ExamEvent
from echonode.model.worklist_item import Code

UNSPECIFIED = "110513"
REASONS: MappingProxyType[str, Code] = MappingProxyType(
    {
        value: Code(value=value, scheme="DCM", meaning=meaning)
        for value, meaning in (
            ("110500", "Doctor canceled procedure"),
            ("110501", "Equipment failure"),
            ("110502", "Incorrect procedure ordered"),
            ("110503", "Patient allergic to media/contrast"),
            ("110504", "Patient died"),
            ("110505", "Patient refused to continue procedure"),
            ("110506", "Patient taken for treatment or surgery"),
            ("110507", "Patient did not arrive"),
            ("110508", "Patient pregnant"),
            ("110509", "Change of procedure for correct charging"),
            ("110510", "Duplicate order"),
            ("110511", "Nursing unit cancel"),
            ("110512", "Incorrect side ordered"),
            (UNSPECIFIED, "Discontinued for unspecified reason"),
            ("110514", "Incorrect worklist entry selected"),
            ("110515", "Patient condition prevented continuing"),
            ("110516", "Equipment change"),
            ("110526", "Resource pre-empted"),
            ("110527", "Resource inadequate"),
            ("110528", "Discontinued Procedure Step rescheduled"),
            ("110529", "Discontinued Procedure Step rescheduling recommended"),
        )
    }
)
DETAIL = "discontinued"  # key of an event's detail: the reason's code value


def reason_of(value: str) -> Code:
    """The reason of a code value. Raises FieldRefused."""
    try:
        return REASONS[value]
    except KeyError:
        raise FieldRefused(
            "reason",
            "is no reason for giving up an exam",
            f"give a code of PS3.16 CID 9300: {', '.join(REASONS)} (docs/exams.md)",
        ) from None


def discontinuation(history: Iterable[ExamEventRecord]) -> Code | None:
    """Why an exam was given up, by its history, oldest first; None where it was not."""
    found: Code | None = None
    for each in history:
        if each.event in (ExamEvent.ENDED, ExamEvent.REOPENED):
            value = json.loads(each.detail or "{}").get(DETAIL, "")
            found = REASONS.get(value)
    return found
