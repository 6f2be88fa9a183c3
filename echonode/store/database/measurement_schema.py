"""The table of measurements: what a person measured on a frame.

Rules
- A row is never removed and its values never change: a measurement that was deleted is marked so,
  with who and when, for a report may have quoted it.
- The instance is named by UID and not by row: measurements outlive the local copy of an image.
"""

from __future__ import annotations

import sqlalchemy as sa

from echonode.model.measurement import MeasurementKind
from echonode.store.database.columns import (
    METADATA,
    Whole,
    Words,
    key_column,
    one_of,
    text_column,
    time_column,
)

measurement = sa.Table(
    "measurement",
    METADATA,
    key_column(),
    # NULL of an image that is of no exam here.
    sa.Column("exam_id", sa.ForeignKey("exam.id")),
    text_column("sop_instance_uid"),
    # From 1 on (PS3.3 C.18.4, Referenced Frame Number).
    sa.Column("frame", Whole, sa.CheckConstraint("frame >= 1"), nullable=False),
    sa.Column("kind", Words, sa.CheckConstraint(one_of("kind", MeasurementKind)), nullable=False),
    # JSON: [[column, row], ...] in image coordinates, and [{name, value, unit}, ...] in UCUM.
    text_column("points"),
    text_column("results"),
    text_column("label"),
    # Millimetres a pixel, of the region that it was made in.
    sa.Column("delta_x_mm", sa.Float, nullable=False),
    sa.Column("delta_y_mm", sa.Float, nullable=False),
    time_column("made_at"),
    text_column("made_by"),
    time_column("deleted_at", nullable=True),
    text_column("deleted_by"),
    sa.Index("measurement_by_instance", "sop_instance_uid", "id"),
    sa.Index("measurement_by_exam", "exam_id", "id"),
)
