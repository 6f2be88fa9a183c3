"""Which records name a patient who is erased."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

import pytest

from echonode.audit.event import AuditEvent, Query, private_of
from echonode.audit.trail.erasure import names_of
from tests.unit.audit.events import DOE, instance, of_every_kind


def asking(keys: bytes) -> str:
    query: AuditEvent = replace(
        of_every_kind()[4], patient=None, query=Query(sop_class="1.2", keys=keys)
    )
    assert b64encode(keys).decode() in private_of(query)
    return private_of(query)


@pytest.mark.parametrize(
    ("private", "named"),
    [
        (private_of(instance()), True),
        (private_of(instance(patient=DOE.__class__(id="P-11", name="Doe^Jane"))), False),
        (asking(b"\x10\x00\x20\x00\x04\x00\x00\x00P-1 "), True),
        (asking(b"\x10\x00\x20\x00\x04\x00\x00\x00P-11"), False),
        (asking(b"/dicom-web/studies?PatientName=M%C3%BCller*"), True),
        (asking("PatientName=müller^x".encode()), True),
        (asking(b"/dicom-web/studies?PatientName=Other*"), False),
        (asking("山田^太郎".encode()), True),
    ],
)
def test_a_record_names_the_patient_or_not(private: str, *, named: bool) -> None:
    """By the number as a whole word, and by the family name in any of its writings."""
    assert names_of("P-1", ["Müller^Jan=山田^太郎", "Li^X"])(private) is named
