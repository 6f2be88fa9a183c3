"""Order messages: each one's effect and its acknowledgement in one transaction.

Rules
- A message is known by its sender and control ID (MSH-3, MSH-4, MSH-10). The same message again
  gets the acknowledgement of the first and changes nothing. Another one under the same control ID
  is refused: which of the two the sender means cannot be known.
- What has no effect is not kept: a refused message may be sent again once its cause is gone.
- After a merge, exams that had captures before it are listed until they are corrected.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from echonode.errors import ControlIdReused
from echonode.model.order_change import Change, is_same
from echonode.model.patient import Identifier, Patient
from echonode.model.worklist_item import WorklistSource
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.exams.json_values import from_json
from echonode.store.exams.order_effects import Effect, id_of, patient_in

_message, _exam, _merge = schema.hl7_message.c, schema.exam.c, schema.patient_merge.c
_item = schema.worklist_item.c
# A sender repeats what was not acknowledged within minutes or, after a fault, days.
KEEP_FOR = timedelta(days=30)


@dataclass(frozen=True, kw_only=True)
class OrderMessage:
    """What a message is known by. sha256: hex, of what it says but for its MSH."""

    sending_application: str
    sending_facility: str
    control_id: str
    message_type: str
    received_at: datetime
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Applied:
    """What became of a message. again: it was known; then nothing was changed.

    exams_to_correct: ids of exams with captures whose patient was merged into another.
    """

    acknowledgement: bytes
    again: bool = False
    placed: int = 0
    withdrawn: int = 0
    exams_to_correct: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MergedExam:
    """An exam whose patient was merged into another after something was captured in it."""

    exam_id: str
    merged_at: datetime


class OrderMessages:
    """Thread-safe; durable on return. Each raises StoreError."""

    def __init__(self, writer: Writer, readers: sa.Engine) -> None:
        self._writer = writer
        self._readers = readers

    def apply(
        self, message: OrderMessage, changes: Sequence[Change], acknowledgement: bytes
    ) -> Applied:
        """The whole effect of a message, or none. Raises ControlIdReused.

        acknowledgement: what the sender is answered if this is the first time.
        """

        def work(connection: sa.Connection) -> Applied:
            if (known := _known(connection, message)) is not None:
                return Applied(acknowledgement=known, again=True)
            row = connection.execute(
                sa.insert(schema.hl7_message).returning(_message.id),
                {
                    "sending_application": message.sending_application,
                    "sending_facility": message.sending_facility,
                    "control_id": message.control_id,
                    "message_type": message.message_type,
                    "received_at": message.received_at,
                    "sha256": message.sha256,
                    "code": "AA",
                    "acknowledgement": acknowledgement,
                    "error": "",
                },
            ).scalar_one()
            effect = Effect(
                connection,
                row,
                at=message.received_at,
                source_name=message.sending_application,
            )
            for change in changes:
                effect.add(change)
            return Applied(
                acknowledgement=acknowledgement,
                placed=effect.placed,
                withdrawn=effect.withdrawn,
                exams_to_correct=tuple(dict.fromkeys(effect.exams)),
            )

        return self._writer.run(work)

    def patient(self, patient_id: Identifier) -> Patient | None:
        """What messages said of a patient; None where they said nothing."""
        with reading(self._readers) as connection:
            return patient_in(connection, patient_id)

    def merged_exams(self) -> list[MergedExam]:
        """The exams that wait for a correction since a merge, oldest merge first."""
        with reading(self._readers) as connection:
            rows = connection.execute(
                sa.select(
                    _exam.id, _exam.patient, _merge.at, _merge.prior_patient_id, _merge.prior_issuer
                )
                .join(schema.patient_merge, _merge.prior_patient_id == _exam.patient_id)
                .where(_merge.at > _exam.opened_at)
                .order_by(_merge.id)
            ).all()
        found: dict[str, MergedExam] = {}
        for row in rows:
            prior = Identifier(value=row.prior_patient_id, issuer=row.prior_issuer)
            if (patient := from_json(Patient, row.patient)) and is_same(id_of(patient), prior):
                found.setdefault(row.id, MergedExam(exam_id=row.id, merged_at=row.at))
        return list(found.values())

    def prune(self, *, now: datetime, most: int = 10_000) -> int:
        """Forget what is older than KEEP_FOR, `most` messages at once; how many were forgotten.

        A message that is sent again after that is taken as a new one. Merges stay on record. Orders
        whose day is so long past are withdrawn; what was withdrawn so long ago is removed.
        """
        before = now - KEEP_FOR
        merged = sa.select(_merge.hl7_message_id).where(_merge.hl7_message_id.is_not(None))
        old = (
            sa.select(_message.id)
            .where(_message.received_at < before, _message.id.not_in(merged))
            .order_by(_message.received_at)
            .limit(most)
        )
        gone = sa.delete(schema.hl7_message).where(_message.id.in_(old))
        missed = (
            sa.update(schema.worklist_item)
            .where(
                _item.source == WorklistSource.HL7.value,
                _item.withdrawn_at.is_(None),
                _item.start_date < f"{before:%Y%m%d}",
            )
            .values(withdrawn_at=now)
        )
        removed = sa.delete(schema.worklist_item).where(
            _item.source == WorklistSource.HL7.value, _item.withdrawn_at < before
        )

        def work(connection: sa.Connection) -> int:
            connection.execute(missed)
            connection.execute(removed)
            return connection.execute(gone).rowcount

        return self._writer.run(work)


def _known(connection: sa.Connection, message: OrderMessage) -> bytes | None:
    """The acknowledgement of a message that came before. Raises ControlIdReused."""
    row = connection.execute(
        sa.select(_message.sha256, _message.acknowledgement).where(
            _message.sending_application == message.sending_application,
            _message.sending_facility == message.sending_facility,
            _message.control_id == message.control_id,
        )
    ).first()
    if row is None:
        return None
    if row.sha256 != message.sha256:
        raise ControlIdReused("another message came under this control ID")
    return bytes(row.acknowledgement)
