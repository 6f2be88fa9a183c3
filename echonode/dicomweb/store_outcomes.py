"""What became of each instance of a STOW-RS request, and the answer that says so (PS3.18 10.5.3).

Rules
- 200 where all are stored, 202 where some are, 409 where none is. 503 where none is because there
  is no room now: the same request may succeed later.
- Each instance has its own outcome: stored and where it is retrieved, or failed and why, by the
  statuses of C-STORE (PS3.18 annex I).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from echonode.dicomweb.json_values import text_json
from echonode.model.status import OUT_OF_RESOURCES, SUCCESS

_REFERENCED_CLASS, _REFERENCED_INSTANCE = "00081150", "00081155"
_RETRIEVE_URL, _WARNING_REASON, _FAILURE_REASON = "00081190", "00081196", "00081197"
_FAILED, _STORED, _OTHER_FAILURES = "00081198", "00081199", "0008119A"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Of one instance. status: as C-STORE answers it. The UIDs are '' where it did not say them."""

    status: int
    sop_class_uid: str = ""
    sop_instance_uid: str = ""
    study_instance_uid: str = ""
    series_instance_uid: str = ""

    @property
    def is_stored(self) -> bool:
        """With a warning or without."""
        return self.status == SUCCESS or self.status >> 12 == 0xB


def http_status(outcomes: Sequence[Outcome]) -> int:
    """The status of the whole request."""
    stored = sum(outcome.is_stored for outcome in outcomes)
    if stored == len(outcomes):
        return 200 if all(outcome.status == SUCCESS for outcome in outcomes) else 202
    if stored:
        return 202
    return 503 if all(outcome.status == OUT_OF_RESOURCES for outcome in outcomes) else 409


def answer_json(outcomes: Sequence[Outcome], address: str) -> str:
    """The Store Instances Response. address: of the service."""
    stored = [_stored(outcome, address) for outcome in outcomes if outcome.is_stored]
    failed = [_failed(each) for each in outcomes if not each.is_stored and each.sop_instance_uid]
    other = [
        _object({_FAILURE_REASON: text_json("US", str(outcome.status))})
        for outcome in outcomes
        if not outcome.is_stored and not outcome.sop_instance_uid
    ]
    members = {}
    studies = {outcome.study_instance_uid for outcome in outcomes if outcome.is_stored}
    if len(studies) == 1:
        members[_RETRIEVE_URL] = text_json("UR", f"{address}studies/{studies.pop()}")
    for tag, items in ((_FAILED, failed), (_STORED, stored), (_OTHER_FAILURES, other)):
        if items:
            members[tag] = f'{{"vr":"SQ","Value":[{",".join(items)}]}}'
    return _object(members)


def _stored(outcome: Outcome, address: str) -> str:
    place = (
        f"{address}studies/{outcome.study_instance_uid}/series/{outcome.series_instance_uid}"
        f"/instances/{outcome.sop_instance_uid}"
    )
    members = {**_referenced(outcome), _RETRIEVE_URL: text_json("UR", place)}
    if outcome.status != SUCCESS:
        members[_WARNING_REASON] = text_json("US", str(outcome.status))
    return _object(members)


def _failed(outcome: Outcome) -> str:
    return _object({**_referenced(outcome), _FAILURE_REASON: text_json("US", str(outcome.status))})


def _referenced(outcome: Outcome) -> dict[str, str]:
    return {
        _REFERENCED_CLASS: text_json("UI", outcome.sop_class_uid),
        _REFERENCED_INSTANCE: text_json("UI", outcome.sop_instance_uid),
    }


def _object(members: dict[str, str]) -> str:
    return "{" + ",".join(f'"{tag}":{members[tag]}' for tag in sorted(members)) + "}"
