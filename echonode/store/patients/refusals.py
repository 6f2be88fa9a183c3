"""Why a patient cannot be erased now: what is under way would be lost, or come back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sqlalchemy as sa

from echonode.model.commitment import InboundState
from echonode.model.exam_state import Progress
from echonode.model.identity import CommitmentPolicy
from echonode.store.database import schema
from echonode.store.patients.holdings import instances_of, uids_of
from echonode.store.retention.policy import ENOUGH, PROOFS

_delivery, _capture = schema.delivery.c, schema.exam_capture.c


def reasons(
    connection: sa.Connection, patient_id: str, policies: Mapping[str, CommitmentPolicy]
) -> Iterator[str]:
    """Each in words. policies: of the destinations that are configured."""
    yield from _deliveries(connection, patient_id, policies)
    exams = sa.select(schema.exam.c.id).where(schema.exam.c.patient_id == patient_id)
    open_exams = exams.where(schema.exam.c.progress != Progress.ENDED.value)
    for exam in connection.execute(open_exams).scalars():
        yield f"the exam {exam} is open: end it first"
    item, inbound = schema.inbound_commitment_item, schema.inbound_commitment
    asked = (
        sa.select(sa.func.count())
        .select_from(item.join(inbound))
        .where(
            inbound.c.state == InboundState.PENDING.value,
            item.c.sop_instance_uid.in_(uids_of(patient_id)),
        )
    )
    of_exams = _capture.exam_id.in_(exams)
    step, result = schema.procedure_step.c, schema.hl7_result.c
    documents = sa.select(schema.exam_document.c.id).where(
        schema.exam_document.c.exam_id.in_(exams)
    )
    for count, words in (
        (asked, "commitments that a peer asked for are not reported yet"),
        (
            _counted(
                _capture.id, of_exams, sa.or_(~_capture.has_patient, _capture.new_file_id != "")
            ),
            "images are being rewritten or corrected",
        ),
        (
            _counted(step.id, step.exam_id.in_(exams), step.next_attempt_at.is_not(None)),
            "procedure steps are not reported yet",
        ),
        (
            _counted(result.id, result.exam_document_id.in_(documents), result.state == "waiting"),
            "results wait for the RIS",
        ),
    ):
        if number := int(connection.scalar(count) or 0):
            yield f"{number} {words}"


def _deliveries(
    connection: sa.Connection, patient_id: str, policies: Mapping[str, CommitmentPolicy]
) -> Iterator[str]:
    grouped = (
        sa.select(_delivery.destination, _delivery.state, sa.func.count().label("count"))
        .where(_delivery.instance_id.in_(instances_of(patient_id)))
        .group_by(_delivery.destination, _delivery.state)
    )
    for destination, state, count in connection.execute(grouped):
        policy = policies.get(destination, CommitmentPolicy.VERIFY)
        if state not in ENOUGH.get(policy, PROOFS):
            deliveries = "1 delivery" if count == 1 else f"{count} deliveries"
            yield f"{deliveries} to {destination} {'is' if count == 1 else 'are'} {state}"


def _counted(column: sa.ColumnElement[int], *conditions: sa.ColumnElement[bool]) -> sa.Select[int]:
    return sa.select(sa.func.count(column)).where(*conditions)
