"""Tables of the exams: whose they are, what was captured in them, what was ordered and reported.

Rules
- A nested value (a patient, a worklist item) is JSON text of the model's dataclass; what is
  searched for or constrained also has a column of its own.
- `exam_event` and `patient_merge` are append-only: no code updates or deletes their rows.
- Instances are named by UID and not by row: an exam is remembered when its images were deleted.
"""

from __future__ import annotations

import sqlalchemy as sa

from echonode.model.exam_state import ExamEvent, Identity, Progress
from echonode.model.worklist_item import WorklistSource
from echonode.store.database.columns import (
    METADATA,
    Whole,
    Words,
    count_column,
    key_column,
    one_of,
    text_column,
    time_column,
)
from echonode.store.database.dialects import partial_index


def _of_exam() -> sa.Column[str]:
    return sa.Column("exam_id", sa.ForeignKey("exam.id"), nullable=False)


exam = sa.Table(
    "exam",
    METADATA,
    # For people as well: it is the Study ID (SH, 16) of an exam that no order names.
    text_column("id", primary_key=True),
    # Two exams of one order (two probes) share the study, so it is not unique.
    text_column("study_instance_uid"),
    text_column("probe"),
    # Of an exam that no person opened: the probe's connection; '' of one that a person opened.
    text_column("connection_id"),
    sa.Column("progress", Words, sa.CheckConstraint(one_of("progress", Progress)), nullable=False),
    sa.Column("identity", Words, sa.CheckConstraint(one_of("identity", Identity)), nullable=False),
    # Its instances wait for the patient. Kept with the exam: a changed configuration must not
    # release what was captured under another.
    sa.Column("held", sa.Boolean, nullable=False),
    time_column("opened_at"),
    # One offset from UTC for all dates of the study (ExamFacts.started_at).
    sa.Column("utc_offset_minutes", Whole, nullable=False),
    time_column("ended_at", nullable=True),
    text_column("patient"),
    text_column("patient_id"),
    # The exam's own copy of its item: what the RIS changes later does not reach an open exam.
    text_column("worklist_item"),
    text_column("worklist_item_id"),
    # All its captures are asked for, whatever the probe's mode.
    sa.Column("on_request", sa.Boolean, nullable=False, server_default=sa.false()),
    # Without its patient an exam is unidentified, and with one it is not.
    sa.CheckConstraint(
        "(identity = 'unidentified') = (patient = '')", name="identity_is_a_patient"
    ),
    sa.CheckConstraint("(progress = 'ended') = (ended_at IS NOT NULL)", name="end_has_time"),
    sa.Index("exam_by_study", "study_instance_uid"),
    sa.Index("exam_by_opening", "opened_at"),
    sa.Index("exam_by_patient", "patient_id"),
    sa.Index("exam_by_connection", "connection_id"),
    # A capture is of the exam that a person opened at its probe: with two, it would be chance whose
    # it is. One that no person opened is found by its connection.
    partial_index(
        "exam_open_of_probe",
        "probe",
        unique=True,
        where=sa.text("progress <> 'ended' AND connection_id = ''"),
    ),
    partial_index("exam_unidentified", "id", where=sa.text("identity = 'unidentified'")),
)

exam_event = sa.Table(
    "exam_event",
    METADATA,
    key_column(),
    _of_exam(),
    time_column("at"),
    sa.Column("event", Words, sa.CheckConstraint(one_of("event", ExamEvent)), nullable=False),
    # The state after it.
    text_column("progress"),
    text_column("identity"),
    # JSON: why, and by what; no patient data.
    text_column("detail"),
    sa.Index("exam_event_by_exam", "exam_id", "id"),
)

exam_capture = sa.Table(
    "exam_capture",
    METADATA,
    key_column(),
    _of_exam(),
    # Durable before the object is built, so that a file found without its row has its exam.
    text_column("sop_instance_uid", unique=True),
    text_column("series_instance_uid"),
    text_column("probe"),
    # The acquisition that it is; of what a correction made, the correction's note; of a document,
    # its id, and the number of its part.
    text_column("connection_id"),
    sa.Column("acquisition_number", Whole, nullable=False),
    sa.Column("series_number", Whole, nullable=False),
    sa.Column("instance_number", Whole, nullable=False),
    sa.Column(
        "kind",
        Words,
        sa.CheckConstraint(
            "kind IN ('capture', 'corrected', 'rejection_note', 'report', 'presentation')"
        ),
        nullable=False,
    ),
    time_column("captured_at"),
    # Whether the object was built, or written again, with its exam's patient in it; of what a
    # correction or a document owes, whether it is stored.
    sa.Column("has_patient", sa.Boolean, nullable=False),
    # While its patient is written into it: the file that takes the place of the present one, and
    # the one whose place was taken. Neither has a row when the node is killed; both are removed.
    text_column("new_file_id"),
    text_column("old_file_id"),
    # SOP Instance UIDs, of a correction: what this one is instead of, what is instead of this one,
    # and the note that rejected it.
    text_column("replaces"),
    text_column("replaced_by"),
    text_column("rejected_by"),
    # Two instances of one number would be one to a viewer that sorts by it.
    sa.UniqueConstraint("series_instance_uid", "instance_number"),
    # The same acquisition again is the same capture: retried, or found after a kill.
    partial_index(
        "exam_capture_by_acquisition",
        "connection_id",
        "acquisition_number",
        unique=True,
        where=sa.text("kind = 'capture'"),
    ),
    sa.Index("exam_capture_by_exam", "exam_id", "id"),
    partial_index("exam_capture_without_patient", "id", where=sa.text("NOT has_patient")),
    partial_index("exam_capture_new_file", "new_file_id", where=sa.text("new_file_id <> ''")),
    partial_index("exam_capture_old_file", "old_file_id", where=sa.text("old_file_id <> ''")),
)

worklist_item = sa.Table(
    "worklist_item",
    METADATA,
    # Of the item's own words (model/worklist_item.py): the same item again is the same row.
    text_column("id", primary_key=True),
    sa.Column(
        "source", Words, sa.CheckConstraint(one_of("source", WorklistSource)), nullable=False
    ),
    text_column("source_name"),
    text_column("patient_id"),
    text_column("patient_name"),
    text_column("accession_number"),
    text_column("study_instance_uid"),
    text_column("modality"),
    # DA and TM, as order is order in time.
    text_column("start_date"),
    text_column("start_time"),
    time_column("fetched_at"),
    # The source no longer names it, or cancelled it: not shown, and kept for what refers to it.
    time_column("withdrawn_at", nullable=True),
    text_column("item"),
    sa.Index("worklist_item_by_start", "start_date", "start_time"),
    sa.Index("worklist_item_by_patient", "patient_id"),
    sa.Index("worklist_item_by_accession_number", "accession_number"),
    sa.Index("worklist_item_by_source", "source", "source_name"),
)

procedure_step = sa.Table(
    "procedure_step",
    METADATA,
    key_column(),
    # Ours is derived from the exam, so that a repeated N-CREATE names the same (0111 is success).
    text_column("sop_instance_uid", unique=True),
    # NULL of a step that another modality reported to us.
    sa.Column("exam_id", sa.ForeignKey("exam.id")),
    # Where ours goes, or who reported it.
    text_column("peer"),
    sa.Column(
        "state",
        Words,
        sa.CheckConstraint("state IN ('in_progress', 'completed', 'discontinued')"),
        nullable=False,
    ),
    # What the peer acknowledged last; '' nothing. Ours is due while it differs from `state`.
    sa.Column(
        "acknowledged",
        Words,
        sa.CheckConstraint("acknowledged IN ('', 'in_progress', 'completed', 'discontinued')"),
        nullable=False,
    ),
    # The attributes as DICOM JSON.
    text_column("attributes"),
    time_column("created_at"),
    time_column("changed_at"),
    count_column("attempts"),
    # NULL where nothing is due: acknowledged, given up, or another's.
    time_column("next_attempt_at", nullable=True),
    sa.Column("last_status", Whole),
    text_column("last_error"),
    sa.Index("procedure_step_by_due", "next_attempt_at"),
    # One exam has one step at one peer.
    partial_index(
        "procedure_step_of_exam",
        "exam_id",
        "peer",
        unique=True,
        where=sa.text("exam_id IS NOT NULL"),
    ),
)

hl7_message = sa.Table(
    "hl7_message",
    METADATA,
    key_column(),
    # MSH-3, MSH-4 and MSH-10.
    text_column("sending_application"),
    text_column("sending_facility"),
    text_column("control_id"),
    # MSH-9.
    text_column("message_type"),
    time_column("received_at"),
    # Of the message's bytes: another message under a known control id is refused, not answered.
    text_column("sha256"),
    # MSA-1: AA, AE or AR.
    text_column("code"),
    # As it was sent, so that the same message again gets the same bytes.
    sa.Column("acknowledgement", sa.LargeBinary, nullable=False),
    # The segment and field at fault; no patient data.
    text_column("error"),
    # The same message twice changes nothing the second time (HL7 v2.5.1, 2.9.2).
    sa.UniqueConstraint("sending_application", "sending_facility", "control_id"),
    sa.Index("hl7_message_by_time", "received_at"),
)

patient_merge = sa.Table(
    "patient_merge",
    METADATA,
    key_column(),
    time_column("at"),
    # ADT A40: PID-3 is what remains, MRG-1 what is given up.
    text_column("patient_id"),
    text_column("issuer"),
    text_column("prior_patient_id"),
    text_column("prior_issuer"),
    sa.Column("hl7_message_id", sa.ForeignKey("hl7_message.id"), index=True),
    sa.CheckConstraint(
        "patient_id <> prior_patient_id OR issuer <> prior_issuer", name="merge_is_of_two"
    ),
    sa.Index("patient_merge_by_prior", "prior_patient_id"),
)

known_patient = sa.Table(
    "known_patient",
    METADATA,
    key_column(),
    # As messages gave it, orders or others: what a later order leaves out, and what a merge left.
    text_column("patient_id"),
    text_column("issuer"),
    text_column("source_name"),
    time_column("changed_at"),
    text_column("patient"),
    sa.UniqueConstraint("patient_id", "issuer"),
    sa.Index("known_patient_by_change", "changed_at"),
)
