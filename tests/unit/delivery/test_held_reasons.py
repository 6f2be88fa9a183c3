"""Why something is held, and what to do: each reason that the code gives has its own words."""

from __future__ import annotations

import pytest

from echonode.commitment.schedule import FAILURE_RULES
from echonode.delivery.held_reasons import HELD_BY_OPERATOR, grouped, held_reason
from echonode.delivery.status_table import ROWS, Treatment
from echonode.model.delivery import DAMAGED_HERE, WAITS_FOR_LOOK, DeliveryEvent
from echonode.store.database.exam_holds import REJECTED, WAITS_FOR_NAMING, WAITS_FOR_PATIENT
from echonode.store.deliveries.outbox import HeldGroup

HOLDING = {Treatment.HOLD, Treatment.OTHER_CONTEXT, Treatment.RETRY_THEN_HOLD}
CODES = {"Cxxx": 0xC211, "A9xx": 0xA900, "C122": 0xC122}


@pytest.mark.parametrize("pattern", [p for p, row in ROWS.items() if row.treatment in HOLDING])
def test_each_status_that_holds_says_its_code_and_its_remedy(pattern: str) -> None:
    """As the archive sent it, with the standard's name, and a remedy that names the archive."""
    code = CODES.get(pattern) or int(pattern, 16)
    reason = held_reason("ORTHANC", code, ROWS[pattern].meaning)
    assert (reason.status, reason.key) == (f"{code:04X}", f"status:{code:04X}")
    assert "ORTHANC" in reason.remedy
    assert reason.actions == ("release",)


def test_a_status_of_an_earlier_try_does_not_explain_a_hold() -> None:
    """The archive failed once, and then a person held it."""
    reason = held_reason("ORTHANC", 0x0110, HELD_BY_OPERATOR)
    assert (reason.key, reason.status) == ("operator", "")


@pytest.mark.parametrize(
    ("words", "key", "says"),
    [
        (WAITS_FOR_PATIENT, "patient", "Identify the exam"),
        (WAITS_FOR_NAMING, "naming", "goes by itself"),
        (WAITS_FOR_LOOK, "look", "accept-look"),
        ("it cannot be anonymised for this archive: 12 bits", "not_anonymised", "PACS as it is"),
        (REJECTED, "rejected", "Nothing is to be done"),
        (f"not sent, {DAMAGED_HERE}: 3 bytes", "damaged", "reindex"),
        ("it cannot be re-encoded for this archive: 12 bits", "not_accepted", "lossy"),
        ("the archive takes SOP class 1.2 in none of: 1.2.840", "not_accepted", "PACS"),
        ("the archive breaks off at it, 8 times while it stored others", "breaks_off", "PACS"),
        ("this node failed to send it: MemoryError, 5 times", "fault_here", "job_held"),
        ("status A7xx: hold, by this node's configuration", "status:A702", "disk of PACS"),
    ],
)
def test_each_other_reason_has_a_remedy(words: str, key: str, says: str) -> None:
    """By the words that the store keeps."""
    reason = held_reason("PACS", 0xA702 if key.startswith("status") else None, words)
    assert reason.key == key
    assert says in reason.remedy


def test_what_waits_for_its_patient_is_not_to_be_released() -> None:
    """Nor what a correction rejected, nor what a person must look at first."""
    for words in (WAITS_FOR_PATIENT, WAITS_FOR_NAMING, WAITS_FOR_LOOK, REJECTED):
        assert held_reason("PACS", None, words).actions == ()


def test_a_refused_commitment_is_told_by_its_failure_reason() -> None:
    """PS3.3 C.14.1.1."""
    for code, rule in FAILURE_RULES.items():
        if rule.event is DeliveryEvent.HOLD:
            reason = held_reason("PACS", 0, f"not committed: {rule.meaning} ({code:04X})")
            assert reason.key == f"not_committed:{code:04X}"


def test_one_cause_is_one_group() -> None:
    """However many different words it came with; the largest first, with its words."""
    groups = [
        HeldGroup(last_status=0xA900, last_error=ROWS["A9xx"].meaning, count=2),
        HeldGroup(last_status=None, last_error="this node failed to send it: A", count=3),
        HeldGroup(last_status=None, last_error="this node failed to send it: B", count=1),
    ]
    found = grouped("PACS", groups)
    assert [(each.reason.key, each.count) for each in found] == [
        ("fault_here", 4),
        ("status:A900", 2),
    ]
    assert found[0].reason.meaning == "this node failed to send it: A"
