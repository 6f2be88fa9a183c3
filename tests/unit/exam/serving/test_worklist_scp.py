"""The worklist that modalities ask us for: which items match, and what an answer holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.dsutils import decode

from echonode.dimse.services import WorklistRequest
from echonode.errors import DimseFailure
from echonode.exam.serving.item_values import ITEM_KEYWORDS, values_of
from echonode.exam.serving.worklist_scp import WorklistSCP
from echonode.model.identity import Peer, Service
from echonode.model.patient import Identifier, Patient
from echonode.model.worklist_item import Code, ScheduledStep, WorklistItem, WorklistSource

CART = Peer(
    name="cart", ae_title="CART", host="127.0.0.1", port=104, may=frozenset({Service.WORKLIST})
)
ITEM = WorklistItem(
    id="00000000000000a1",
    source=WorklistSource.HL7,
    source_name="RIS",
    fetched_at=datetime(2026, 11, 29, 6, tzinfo=UTC),
    patient=Patient(id="P1", issuer="CLINIC", name="Müller^Jörg", birth_date="19700131"),
    accession_number=Identifier(value="A1", issuer="RIS"),
    study_instance_uid="1.2.3",
    requested_procedure_id="RP1",
    step=ScheduledStep(
        id="S1",
        modality="US",
        station_ae_titles=("CART", "ECHONODE"),
        start_date="20260705",
        start_time="1200",
        protocol_codes=(Code(value="C1", scheme="99X", meaning="Liver"),),
        status="SCHEDULED",
    ),
)


def asked(step: Mapping[str, object] | None = None, **keys: object) -> Dataset:
    """An identifier; step: the keys of the scheduled step's item."""
    identifier = Dataset()
    identifier.SpecificCharacterSet = "ISO_IR 100"
    for keyword, value in {"PatientName": "", "PatientID": "", **keys}.items():
        setattr(identifier, keyword, value)
    item = Dataset()
    for keyword, value in (step or {"ScheduledProcedureStepID": ""}).items():
        setattr(item, keyword, value)
    identifier.ScheduledProcedureStepSequence = [item]
    return identifier


def answers(
    identifier: Dataset,
    items: Iterable[WorklistItem] = (ITEM,),
    *,
    from_ris: bool = False,
    fuzzy_names: bool = False,
) -> list[tuple[Dataset, bool]]:
    def of_days(*, start_date_from: str, start_date_to: str) -> list[WorklistItem]:
        return [
            item
            for item in items
            if item.step.start_date >= start_date_from
            and (not start_date_to or item.step.start_date <= start_date_to)
        ]

    request = WorklistRequest(
        caller=CART,
        identifier=identifier,
        cancelled=lambda: False,
        transfer_syntax_uid=ExplicitVRLittleEndian,
        fuzzy_names=fuzzy_names,
    )
    found = []
    for answer in WorklistSCP(of_days, from_ris=from_ris)(request):
        assert isinstance(answer.identifier, bytes)
        found.append((decode(BytesIO(answer.identifier), False, True), answer.unsupported_keys))
    return found


def test_an_answer_holds_what_was_asked_for_and_no_more() -> None:
    """Keys of the step's item come back in the one item; what is unknown is empty."""
    step = {"ScheduledProcedureStepID": "", "Modality": "", "ScheduledStationAETitle": ""}
    ((answer, unsupported),) = answers(
        asked({**step, "CommentsOnTheScheduledProcedureStep": ""}, AccessionNumber="")
    )
    assert not unsupported
    assert answer.SpecificCharacterSet == "ISO_IR 100"
    assert (str(answer.PatientName), answer.AccessionNumber) == ("Müller^Jörg", "A1")
    assert "PatientBirthDate" not in answer
    (item,) = answer.ScheduledProcedureStepSequence
    assert list(item.ScheduledStationAETitle) == ["CART", "ECHONODE"]
    assert (item.ScheduledProcedureStepID, item.Modality) == ("S1", "US")
    assert item.CommentsOnTheScheduledProcedureStep == ""
    assert "ScheduledProtocolCodeSequence" not in item


def test_a_sequence_without_keys_comes_back_whole() -> None:
    """An empty sequence key asks for all that the item has."""
    identifier = asked()
    identifier.ScheduledProcedureStepSequence = []
    ((answer, _),) = answers(identifier)
    (item,) = answer.ScheduledProcedureStepSequence
    assert item.ScheduledProtocolCodeSequence[0].CodeValue == "C1"


@pytest.mark.parametrize(
    ("step", "keys", "found"),
    [
        ({"ScheduledStationAETitle": "CART"}, {}, True),
        ({"ScheduledStationAETitle": "OTHER"}, {}, False),
        ({"Modality": "US"}, {"PatientName": "muller*"}, True),
        ({"Modality": "CT"}, {}, False),
        ({}, {"PatientID": "P?"}, True),
        ({}, {"AccessionNumber": "A2"}, False),
        ({"ScheduledProcedureStepStartDate": "20260705"}, {}, True),
        ({"ScheduledProcedureStepStartDate": "20260706-"}, {}, False),
        ({"ScheduledProcedureStepStartDate": "-20260706"}, {}, True),
        ({"ScheduledProcedureStepStartTime": "1100-1300"}, {}, True),
        ({"ScheduledProcedureStepStartTime": "1300-1400"}, {}, False),
    ],
)
def test_items_match_by_the_rules_of_the_standard(
    step: dict[str, object], keys: dict[str, object], found: bool
) -> None:
    """Sequence keys, wild cards, ranges; names without case and accents."""
    assert bool(answers(asked({"ScheduledProcedureStepID": "", **step}, **keys))) is found


@pytest.mark.parametrize(
    ("name", "literally", "fuzzily"),
    [
        ("Müller^Jörg", True, True),
        ("jorg muller", False, True),
        ("Mueller", False, True),
        ("Moeller", False, True),
        ("Miller", False, True),
        ("Smith", False, False),
        ("", True, True),
        ("*", True, True),
    ],
)
def test_names_match_by_meaning_where_that_was_negotiated(
    name: str, literally: bool, fuzzily: bool
) -> None:
    """K.5.1.1: the words of a name in any order, and what sounds alike."""
    assert bool(answers(asked(PatientName=name))) is literally
    assert bool(answers(asked(PatientName=name), fuzzy_names=True)) is fuzzily


def test_ranges_of_date_and_time_are_one_range_of_moments() -> None:
    """Table K.6-1: from the 4th at 18:00 to the 6th at 09:00 holds the 5th at 12:00."""
    step = {
        "ScheduledProcedureStepStartDate": "20260704-20260706",
        "ScheduledProcedureStepStartTime": "1800-0900",
    }
    assert len(answers(asked(step))) == 1
    late = replace(ITEM, step=replace(ITEM.step, start_date="20260706", start_time="0901"))
    assert answers(asked(step), [late]) == []


def test_a_key_that_no_item_has_comes_back_empty_with_ff01() -> None:
    """It does not match, and the answer says that it was not looked at."""
    ((answer, unsupported),) = answers(asked(Allergies="x", SmokingStatus="YES"))
    assert unsupported
    assert (answer.Allergies, answer.SmokingStatus) == ("", "")


def test_what_is_over_and_what_a_ris_keeps_is_not_served() -> None:
    """Completed steps are not scheduled; a RIS's own items only where that is configured."""
    done = replace(ITEM, step=replace(ITEM.step, status="COMPLETED"))
    ris = replace(ITEM, source=WorklistSource.RIS)
    assert answers(asked(), [done, ris]) == []
    assert len(answers(asked(), [done, ris], from_ris=True)) == 1


def test_an_item_without_ids_gets_its_own() -> None:
    """Requested Procedure ID and step ID are type 1: the item's id stands for them."""
    bare = replace(ITEM, requested_procedure_id="", step=replace(ITEM.step, id=""))
    ((answer, _),) = answers(asked(RequestedProcedureID=""), [bare])
    assert answer.RequestedProcedureID == ITEM.id
    assert answer.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID == ITEM.id


def test_values_are_of_keywords_that_can_be_asked_for() -> None:
    """Whatever an item says is a key."""
    assert set(values_of(ITEM)) <= ITEM_KEYWORDS


def test_an_identifier_beyond_the_limits_is_refused() -> None:
    """Two items in a sequence key are no query (C.2.2.2.6)."""
    identifier = asked()
    identifier.ScheduledProcedureStepSequence = [Dataset(), Dataset()]
    with pytest.raises(DimseFailure) as caught:
        answers(identifier)
    assert caught.value.status == 0xA900
