"""Who was here before is found by what a person has typed so far."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from echonode.model.order_change import PatientUpdate
from echonode.model.patient import Identifier, Patient
from echonode.store.store import Store
from tests.unit.store.exams.test_order_messages import apply
from tests.unit.store.samples import NOON

MILLER = Patient(id="P1", issuer="CLINIC", name="Müller^Jörg=山田", birth_date="19700228", sex="M")
DOE = Patient(id="A-77", name="Doe^Jane Mary")


@pytest.fixture
def known(store: Store) -> Store:
    """One patient by a message, one by an exam."""
    said = {"id": "P1", "issuer": "CLINIC", "name": MILLER.name, "birth_date": MILLER.birth_date}
    apply(store, 1, PatientUpdate(patient_id=Identifier(value="P1", issuer="CLINIC"), said=said))
    store.exams.open("hand", at=NOON, held=True, patient=DOE)
    return store


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("mul", ["P1"]),
        ("MÜLLER jo", ["P1"]),
        ("Jörg^Müller", ["P1"]),
        ("山", ["P1"]),
        ("p1", ["P1"]),
        ("a-7", ["A-77"]),
        ("mary doe", ["A-77"]),
        ("ller", []),
        ("mary p1", []),
        ("clinic", []),
        ('"', []),
        ("%", []),
        (" ^ ", []),
    ],
)
def test_words_begin_a_name_or_the_number(known: Store, text: str, ids: list[str]) -> None:
    """In any order, whatever case or accents."""
    assert [each.id for each in known.known_patients.search(text, limit=10)] == ids


def test_what_a_message_said_last_is_what_is_offered(known: Store) -> None:
    """Once, though an exam has the patient as well; the newest exams come first, up to a limit."""
    known.exams.open("cart", at=NOON, held=True, patient=replace(MILLER, birth_date=""))
    [found] = known.known_patients.search("müller", limit=10)
    assert found.birth_date == "19700228"
    for number in range(5):
        patient = Patient(id=f"N{number}", name="Novak")
        at = NOON + timedelta(days=number)
        known.exams.open(f"probe-{number}", at=at, held=True, patient=patient)
    offered = known.known_patients.search("novak", limit=3)
    assert [each.id for each in offered] == ["N4", "N3", "N2"]
