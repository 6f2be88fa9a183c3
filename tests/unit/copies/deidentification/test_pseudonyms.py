"""Pseudonyms: the same for the same patient, and of no use to who has no key."""

from __future__ import annotations

import stat
import uuid
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from echonode.copies.deidentification.key_file import pseudonym_key
from echonode.copies.deidentification.pseudonyms import Patient, Pseudonyms
from echonode.errors import OperatorRefused
from echonode.model.identity import is_valid_uid
from echonode.store.files.layout import Layout

KEY, OTHER_KEY = b"k" * 32, b"o" * 32


@pytest.mark.slow
@given(st.text(alphabet="0123456789.", max_size=64))
def test_a_uid_becomes_another_valid_one(uid: str) -> None:
    """Always the same under one key, another under another key; a version 8 UUID."""
    assume(not uid.startswith("1.2.840.10008."))  # the standard's own: the next test
    made = Pseudonyms(KEY).uid(uid)
    assert is_valid_uid(made)
    assert made == Pseudonyms(KEY).uid(uid) != Pseudonyms(OTHER_KEY).uid(uid)
    assert uuid.UUID(int=int(made.removeprefix("2.25."))).version == 8


def test_what_the_standard_registers_is_no_identity() -> None:
    """A SOP class stays what it is."""
    assert Pseudonyms(KEY).uid("1.2.840.10008.5.1.4.1.1.6.1") == "1.2.840.10008.5.1.4.1.1.6.1"


def test_a_patient_is_known_again_by_issuer_and_id() -> None:
    """By another name, too; the same ID of another issuer is another patient."""
    code = Pseudonyms(KEY).patient
    jane = Patient(issuer="A", patient_id="1", name="Doe^Jane")
    assert code(jane) == code(Patient(issuer="A", patient_id="1", name="Roe^Jane"))
    assert code(jane) != code(Patient(issuer="B", patient_id="1", name="Doe^Jane"))
    assert code(jane) != Pseudonyms(OTHER_KEY).patient(jane)


def test_without_an_id_the_name_and_birth_date_and_else_the_study_tell() -> None:
    """Two people without an ID are not made one."""
    code = Pseudonyms(KEY).patient
    jane = Patient(name="Doe^Jane", birth_date="19700102", study_instance_uid="1.2")
    assert code(jane) != code(Patient(name="Doe^Jane", birth_date="19800102"))
    assert code(Patient(study_instance_uid="1.2")) != code(Patient(study_instance_uid="1.3"))


@pytest.mark.slow
@given(st.text(max_size=20))
def test_dates_move_into_the_past_by_more_than_a_year(patient_id: str) -> None:
    """By the same days for all studies of a patient."""
    days = Pseudonyms(KEY).days(Patient(patient_id=patient_id))
    assert -3650 <= days <= -366


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    """32 bytes of chance, mode 600."""
    key = pseudonym_key(Layout(tmp_path))
    assert len(key) == 32
    assert pseudonym_key(Layout(tmp_path)) == key
    assert stat.S_IMODE(Layout(tmp_path).pseudonyms_key.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["pseudonyms.key"]


def test_a_key_that_others_may_read_or_that_is_broken_is_refused(tmp_path: Path) -> None:
    """It is not silently made new: later copies would not fit the earlier ones."""
    pseudonym_key(Layout(tmp_path))
    Layout(tmp_path).pseudonyms_key.chmod(0o644)
    with pytest.raises(OperatorRefused, match="chmod 600"):
        pseudonym_key(Layout(tmp_path))
    Layout(tmp_path).pseudonyms_key.chmod(0o600)
    Layout(tmp_path).pseudonyms_key.write_bytes(b"short")
    with pytest.raises(OperatorRefused, match="restore it from a backup"):
        pseudonym_key(Layout(tmp_path))
