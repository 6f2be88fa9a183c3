"""An exam for images without a patient, found again after the database was lost.

The files say that they have no patient, and no exam says so any more. Without one they would be
adopted and delivered like everything that was captured; with one they wait, and can be named.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from echonode.model.exam import CaptureKind, Exam, ExamCapture
from echonode.model.exam_state import ExamEvent, after, opened
from echonode.model.instance import InstanceRecord
from echonode.store.database import schema
from echonode.store.exams.captures import insert_capture, next_instance_number, series_number
from echonode.store.exams.exam_rows import find_exam, insert_exam, new_exam_id

_exam, _capture = schema.exam.c, schema.exam_capture.c
_CONNECTION = "recovered "  # and the study: no connection is called so


def wait_in_an_exam(
    connection: sa.Connection, record: InstanceRecord, *, captured_at: datetime, now: datetime
) -> None:
    """Put an instance into the recovered exam of its study, unless it is in an exam."""
    known = sa.select(_capture.id).where(_capture.sop_instance_uid == record.sop_instance_uid)
    if connection.scalar(known) is not None:
        return
    name = _CONNECTION + record.study_instance_uid
    exam = find_exam(connection, _exam.connection_id == name)
    if exam is None:
        exam = Exam(
            id=new_exam_id(connection),
            study_instance_uid=record.study_instance_uid,
            probe="",
            state=after(opened(identified=False), ExamEvent.ENDED),
            held=True,
            opened_at=captured_at,
            connection_id=name,
            ended_at=now,
        )
        insert_exam(connection, exam, at=now, detail={"by": "recovery"})
    series = record.series_instance_uid
    capture = ExamCapture(
        exam_id=exam.id,
        sop_instance_uid=record.sop_instance_uid,
        series_instance_uid=series,
        probe="",
        connection_id=record.sop_instance_uid,
        acquisition_number=0,
        series_number=series_number(connection, exam.study_instance_uid, series),
        instance_number=next_instance_number(connection, series),
        kind=CaptureKind.CAPTURE,
        captured_at=captured_at,
    )
    insert_capture(connection, capture, has_patient=False)
