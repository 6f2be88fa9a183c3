"""The Performed Procedure Step SCP (PS3.4 F.7): a modality reports what it did of our worklist.

Rules
- N-CREATE says IN PROGRESS and nothing else (F.7.2.1.2), and for which scheduled steps; those are
  STARTED. N-SET with COMPLETED or DISCONTINUED closes them.
- Statuses are those of F.7.2: 0106 for any other status, 0111 for a UID that is
  known, 0112 for one that is not, 0120 without what is of type 1, 0110 with Error ID A710 once the
  step is over.
- A step is made durable before it is answered. A peer may not change a step of another.
- A step that is of no item of ours is kept all the same: the modality may have typed the patient.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pydicom.dataset import Dataset

from echonode.errors import DimseFailure, StepIsOver, StepKnown, StepUnknown
from echonode.exam.serving.item_values import procedure_id_of, step_id_of
from echonode.exam.serving.wire_json import json_of, text_in
from echonode.log import get_logger
from echonode.model.identity import Peer, derive_uid
from echonode.model.status import (
    DUPLICATE_SOP_INSTANCE,
    INVALID_ATTRIBUTE_VALUE,
    MISSING_ATTRIBUTE,
    NO_SUCH_SOP_INSTANCE,
    PROCESSING_FAILURE,
)
from echonode.model.worklist_item import WorklistItem
from echonode.store.exams.reported_steps import IN_PROGRESS, Attributes, ReportedSteps

log = get_logger(__name__)

MAY_NOT_BE_UPDATED = 0xA710  # Error ID (PS3.4 F.7.2.2.3)

# Performed Procedure Step Status (0040,0252) -> the state that is kept.
_STATES = {
    "IN PROGRESS": IN_PROGRESS,
    "COMPLETED": "completed",
    "DISCONTINUED": "discontinued",
}
_SCHEDULED = "00400270"  # Scheduled Step Attributes Sequence
_STEP_ID, _PROCEDURE_ID = "00400009", "00401001"
_ACCESSION_NUMBER, _STUDY_UID = "00080050", "0020000D"


class StepSCP:
    """Takes N-CREATE and N-SET of any association; thread-safe.

    next_number: never the same twice on this node; node_id: random, of this node.
    """

    def __init__(
        self,
        steps: ReportedSteps,
        *,
        node_id: str,
        next_number: Callable[[], int],
        now: Callable[[], datetime],
    ) -> None:
        self._steps, self._now = steps, now
        self._node_id, self._next_number = node_id, next_number

    def create(self, caller: Peer, uid: str, attributes: Dataset) -> str:
        """N-CREATE; the SOP Instance UID of the step. Raises DimseFailure.

        uid: '' where the peer leaves it to us.
        """
        if _status(attributes) != IN_PROGRESS:
            raise DimseFailure(INVALID_ATTRIBUTE_VALUE, "A new step is IN PROGRESS")
        held = json_of(attributes)
        if not _items(held, _SCHEDULED):
            raise DimseFailure(MISSING_ATTRIBUTE, "Scheduled Step Attributes Sequence is missing")
        uid = uid or derive_uid("reported step", self._node_id, str(self._next_number()))
        try:
            items = self._steps.create(
                uid,
                peer=caller.name,
                attributes=held,
                is_of=lambda item: is_of(held, item),
                at=self._now(),
            )
        except StepKnown:
            raise DimseFailure(DUPLICATE_SOP_INSTANCE, "The step exists") from None
        self._tell(caller, uid, IN_PROGRESS, items)
        return uid

    def change(self, caller: Peer, uid: str, modifications: Dataset) -> None:
        """N-SET. Raises DimseFailure."""
        state = _status(modifications) if "PerformedProcedureStepStatus" in modifications else None
        try:
            items = self._steps.change(
                uid,
                peer=caller.name,
                # What it was scheduled as is not the modality's to change (table F.7.2-1).
                modifications={
                    tag: value for tag, value in json_of(modifications).items() if tag != _SCHEDULED
                },
                state=state or IN_PROGRESS,
                is_of=is_of,
                at=self._now(),
            )
        except StepUnknown:
            raise DimseFailure(NO_SUCH_SOP_INSTANCE, "There is no such step") from None
        except StepIsOver:
            raise DimseFailure(
                PROCESSING_FAILURE,
                "The step may no longer be updated",
                error_id=MAY_NOT_BE_UPDATED,
            ) from None
        self._tell(caller, uid, state or IN_PROGRESS, items)

    def _tell(self, caller: Peer, uid: str, state: str, items: int) -> None:
        log.info(
            "procedure_step_reported",
            ae_title=caller.ae_title,
            sop_instance_uid=uid,
            state=state,
            items=items,
        )


def is_of(attributes: Attributes, item: WorklistItem) -> bool:
    """Whether a step was performed for an item.

    By the scheduled step's ID, and whatever else both name: study, accession number, Requested
    Procedure ID. A step ID alone would be that of another order of another department.
    """
    return any(_names(scheduled, item) for scheduled in _items(attributes, _SCHEDULED))


def _names(scheduled: Attributes, item: WorklistItem) -> bool:
    if _text(scheduled, _STEP_ID) != step_id_of(item):
        return False
    pairs = (
        (_text(scheduled, _STUDY_UID), item.study_instance_uid),
        (_text(scheduled, _ACCESSION_NUMBER), item.accession_number.value),
        (_text(scheduled, _PROCEDURE_ID), procedure_id_of(item)),
    )
    named = [(one, two) for one, two in pairs if one and two]
    return bool(named) and all(one == two for one, two in named)


def _status(attributes: Dataset) -> str:
    """The state that a dataset names. Raises DimseFailure."""
    term = text_in(attributes, "PerformedProcedureStepStatus")
    if not term:
        raise DimseFailure(MISSING_ATTRIBUTE, "Performed Procedure Step Status is missing")
    if term not in _STATES:
        raise DimseFailure(INVALID_ATTRIBUTE_VALUE, "Performed Procedure Step Status is no such")
    return _STATES[term]


def _items(attributes: Attributes, tag: str) -> list[Attributes]:
    element = attributes.get(tag)
    value = element.get("Value") if isinstance(element, dict) else None
    return [item for item in value or () if isinstance(item, dict)]


def _text(attributes: Attributes, tag: str) -> str:
    element = attributes.get(tag)
    value = element.get("Value") if isinstance(element, dict) else None
    return str(value[0]).strip() if value else ""
