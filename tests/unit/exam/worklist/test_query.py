"""What a RIS is asked for."""

from __future__ import annotations

from datetime import date

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.dimse.messages.datasets import from_bytes, to_bytes
from echonode.exam.worklist.query import (
    NEEDED_KEYS,
    OPTIONAL_KEYS,
    WorklistQuery,
    identifier,
    window,
)
from tests.unit.exam.worklist.answers import full_answer

QUERY = WorklistQuery(
    station_ae_title="US1", modality="US", first_date="20261120", last_date="20261120"
)


def test_a_station_is_asked_for_its_modality_and_days() -> None:
    """Single value matching of station and modality, and of the date where it is one day."""
    step = identifier(QUERY).ScheduledProcedureStepSequence[0]
    assert (step.ScheduledStationAETitle, step.Modality) == ("US1", "US")
    assert step.ScheduledProcedureStepStartDate == "20261120"


def test_a_window_of_days_is_a_range() -> None:
    """Inclusive (PS3.4 C.2.2.2.5), over the end of a year as well."""
    first, last = window(date(2026, 12, 31), days_before=1, days_after=1)
    query = WorklistQuery(first_date=first, last_date=last)
    step = identifier(query).ScheduledProcedureStepSequence[0]
    assert step.ScheduledProcedureStepStartDate == "20261230-20270101"


def test_every_attribute_that_an_item_can_hold_is_asked_for() -> None:
    """A key that is not in the query does not come back."""
    asked = {element.keyword for element in identifier(QUERY).iterall()}
    within_items = {
        *("CodeValue", "CodingSchemeDesignator", "CodeMeaning", "TypeOfPatientID"),
        *("ReferencedSOPClassUID", "ReferencedSOPInstanceUID", "SpecificCharacterSet"),
        *("LocalNamespaceEntityID", "UniversalEntityID", "UniversalEntityIDType"),
    }
    assert {element.keyword for element in full_answer().iterall()} - asked == within_items


def test_what_was_refused_is_left_out_and_what_is_needed_never() -> None:
    """Whatever was remembered of a server, a query still finds its items."""
    dataset = identifier(QUERY, {*OPTIONAL_KEYS, *NEEDED_KEYS})
    keywords = {element.keyword for element in dataset.iterall()}
    wanted = {key.rpartition(">")[2] for key in NEEDED_KEYS}
    assert keywords == wanted | {"ScheduledProcedureStepSequence"}


def test_a_name_beyond_ascii_declares_its_character_set() -> None:
    """And no other query does: an old server may refuse a set that it does not know."""
    assert "SpecificCharacterSet" not in identifier(QUERY)
    dataset = identifier(WorklistQuery(patient_name="Müller*"))
    assert dataset.SpecificCharacterSet == "ISO_IR 192"
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian):
        assert from_bytes(to_bytes(dataset, syntax), syntax).PatientName == "Müller*"
