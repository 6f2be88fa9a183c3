"""A capture without an opened exam has a patient of its own, never one of two people."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echonode.exam.unattended import UnattendedExams, unattended_exam
from echonode.model.exam import ExamFacts
from echonode.model.patient import Patient
from tests.unit.objects.acquisitions import acquisition, built

AT = datetime(2026, 11, 20, 8, 3, 22, 123456, tzinfo=UTC)


def made(connection_id: str = "c1", counter: int = 1, patient: Patient | None = None) -> ExamFacts:
    return unattended_exam(
        node_id="n",
        connection_id=connection_id,
        started_at=AT,
        counter=counter,
        configured=patient,
    )


def test_an_unidentified_patient_has_a_time_and_a_counter_in_its_id() -> None:
    """As interfaces.md promises: the prefix, a time, a counter; the name UNIDENTIFIED."""
    patient = made(counter=17).patient
    assert patient.id == "UNIDENTIFIED-20261120080322123456-17"
    assert patient.name == "UNIDENTIFIED"
    assert (patient.birth_date, patient.sex) == ("", "")


def test_two_exams_never_share_an_unidentified_patient() -> None:
    """Even when two probes connect in the same microsecond, or the clock is set back."""
    assert made("c1", 1).patient.id != made("c2", 2).patient.id


def test_a_configured_patient_is_used_as_it_is() -> None:
    """`capture.patient` of the configuration."""
    configured = Patient(id="LAB-1", name="Phantom^One")
    assert made(patient=configured).patient == configured


def test_each_connection_is_a_study_of_its_own() -> None:
    """The same connection always gives the same study; another gives another."""
    assert made("c1", 1).study_instance_uid == made("c1", 2).study_instance_uid
    assert made("c1").study_instance_uid != made("c2").study_instance_uid


@pytest.mark.slow
@given(st.integers(1, 10**15 - 1))
def test_ids_fit_their_attributes(counter: int) -> None:
    """Study ID is 16 characters at most, Patient ID 64, however long the node has run."""
    exam = made(counter=counter)
    assert len(exam.study_id) <= 16
    assert len(exam.patient.id) <= 64


def test_an_unattended_exam_makes_a_valid_object() -> None:
    """Nothing that it gives is refused by the object's rules."""
    assert built(acquisition(), made()).dataset.PatientName == "UNIDENTIFIED"


def test_one_connection_is_asked_for_many_times_and_stays_one_exam() -> None:
    """Each capture asks; only the first draws a number, whatever time the later ones name."""
    numbers = itertools.count(1)
    exams = UnattendedExams(node_id="n", next_counter=lambda: next(numbers))
    first = exams.exam_for("c1", "handheld", AT)
    assert exams.exam_for("c1", "handheld", AT + timedelta(microseconds=1)) == first
    assert exams.exam_for("c2", "handheld", AT).patient != first.patient
    assert next(numbers) == 3


def test_a_connection_in_use_is_not_forgotten() -> None:
    """A probe that stays connected keeps its patient while others come and go a thousand times."""
    numbers = itertools.count(1)
    exams = UnattendedExams(node_id="n", next_counter=lambda: next(numbers))
    mine = exams.exam_for("mine", "a", AT)
    for n in range(1000):
        exams.exam_for(f"other-{n}", "b", AT)
        if n % 100 == 0:
            assert exams.exam_for("mine", "a", AT) == mine
