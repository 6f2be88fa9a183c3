"""What an order message changes, as values: patients, worklist items, merges.

Rules
- A value knows no HL7: exam/hl7/ makes it, store/exams/ applies it, in one transaction.
- `said` holds only what the sender said: what it left out stays as it is.
- Two patient identifiers are the same when their values are, and their issuers, as far as both name
  one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from echonode.model.patient import Identifier
from echonode.model.worklist_item import WorklistItem


@dataclass(frozen=True, kw_only=True)
class PatientUpdate:
    """What is said of a patient. said: field of model.patient.Patient -> its value."""

    patient_id: Identifier
    said: Mapping[str, object]


@dataclass(frozen=True, kw_only=True)
class OrderPlaced:
    """A scheduled step is new or has changed. is_change: an item that was begun stays begun."""

    item: WorklistItem
    is_change: bool


@dataclass(frozen=True, kw_only=True)
class OrderWithdrawn:
    """An order, or one step of it, was cancelled or discontinued.

    The numbers are those that the sender gave, '' where it gave none; what is withdrawn has all of
    those that are not ''.
    """

    source_name: str
    patient_id: Identifier
    placer_order_number: str = ""
    filler_order_number: str = ""
    accession_number: str = ""
    step_id: str = ""


@dataclass(frozen=True, kw_only=True)
class PatientMerge:
    """`prior` was the same patient as `patient_id`, and is used no more."""

    patient_id: Identifier
    prior: Identifier
    said: Mapping[str, object]


Change = PatientUpdate | OrderPlaced | OrderWithdrawn | PatientMerge


def is_same(one: Identifier, other: Identifier) -> bool:
    """Whether two identifiers are of one patient."""
    if one.value != other.value:
        return False
    for mine, theirs in ((one.issuer, other.issuer), (one.universal_id, other.universal_id)):
        if mine and theirs and mine != theirs:
            return False
    return True
