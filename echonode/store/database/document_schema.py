"""Tables of the documents of exams: reports and presentation states, and results for a RIS.

Rules
- A document is a row before its objects are made (exam_capture has a row for each), so that a kill
  between the two loses none.
- Its content never changes. An answer of a RIS changes its result alone.
"""

from __future__ import annotations

import sqlalchemy as sa

from echonode.store.database.columns import (
    METADATA,
    Words,
    count_column,
    key_column,
    text_column,
    time_column,
)

exam_document = sa.Table(
    "exam_document",
    METADATA,
    # Never the same twice; what exam_capture.connection_id has of its objects.
    text_column("id", primary_key=True),
    sa.Column("exam_id", sa.ForeignKey("exam.id"), nullable=False),
    sa.Column(
        "kind", Words, sa.CheckConstraint("kind IN ('report', 'presentation')"), nullable=False
    ),
    # JSON of the model's dataclass.
    text_column("content"),
    # JSON: SOP Instance UIDs. What a correction rejects takes along what speaks of it.
    text_column("refers_to"),
    time_column("made_at"),
    text_column("made_by"),
    # Who gets its text as an HL7 result; '' where no one does.
    text_column("result_for"),
    # Why it could not be made, for good.
    text_column("problem"),
    sa.Index("exam_document_by_exam", "exam_id", "id"),
)

hl7_result = sa.Table(
    "hl7_result",
    METADATA,
    key_column(),
    sa.Column("exam_document_id", sa.ForeignKey("exam_document.id"), nullable=False, unique=True),
    # MSH-10: the same on each attempt, so that a receiver knows what it has.
    text_column("control_id", unique=True),
    # The message as it is sent.
    sa.Column("message", sa.LargeBinary, nullable=False),
    sa.Column(
        "state",
        Words,
        sa.CheckConstraint("state IN ('waiting', 'accepted', 'refused')"),
        nullable=False,
    ),
    time_column("made_at"),
    count_column("attempts"),
    # NULL where nothing is due.
    time_column("next_attempt_at", nullable=True),
    # MSA-1 of the answer; '' while there was none.
    text_column("answer"),
    text_column("last_error"),
    sa.CheckConstraint(
        "(state = 'waiting') = (next_attempt_at IS NOT NULL)", name="waits_for_time"
    ),
    sa.Index("hl7_result_by_due", "next_attempt_at"),
)
