"""Tables of the index: patients, studies, series and instances, as queries see them.

Rules
- A column for every attribute of model.attributes that is not computed, named after the attribute.
- Counts and sets over lower levels are kept in rows, by the transaction that inserts an instance:
  a query never counts.
"""

from __future__ import annotations

import sqlalchemy as sa

from echonode.model.attributes import of_level
from echonode.model.criteria import Level
from echonode.model.instance import ConflictKind, Origin
from echonode.store.database.columns import (
    METADATA,
    LongWhole,
    Whole,
    Words,
    count_column,
    key_column,
    one_of,
    reference_to,
    text_column,
    time_column,
)
from echonode.store.database.dialects import is_true, partial_index


def _attributes(level: Level) -> list[sa.Column[str]]:
    """The columns of a level's attributes; of each name also its folded forms (folding.py)."""
    columns: list[sa.Column[str]] = []
    for attribute in of_level(level):
        if attribute.computed:
            continue
        columns.append(text_column(attribute.column))
        if attribute.vr == "PN":
            columns += [
                text_column(f"{attribute.column}_folded"),
                text_column(f"{attribute.column}_other"),
            ]
    return columns


def _irregular() -> sa.Column[bool]:
    # True where a value does not have the form of its VR (an invalid date, two values where one
    # belongs): SQL cannot narrow on it, so such a row is a candidate for every query.
    return sa.Column("irregular", sa.Boolean, nullable=False)


def _own_patient() -> sa.Column[str]:
    # How the row's first image describes its patient differently from the patient's row
    # (patient_identity.own_attributes); '' for nearly all.
    return sa.Column("own_patient", Words, nullable=False, server_default="")


patient = sa.Table(
    "patient",
    METADATA,
    key_column(),
    # Which images belong to one patient: patient_identity.py.
    text_column("identity", unique=True),
    # Whether a row below has attributes of its own: queries by name look below these too.
    sa.Column("varied", sa.Boolean, nullable=False, server_default=sa.false()),
    *_attributes(Level.PATIENT),
    count_column("number_of_patient_related_studies"),
    count_column("number_of_patient_related_series"),
    count_column("number_of_patient_related_instances"),
    _irregular(),
    sa.Index("patient_by_id", "patient_id"),
    sa.Index("patient_by_name", "patient_name_folded"),
    sa.Index("patient_by_birth_date", "patient_birth_date"),
    partial_index("patient_varied", "varied", where=is_true(sa.column("varied", sa.Boolean))),
)

study = sa.Table(
    "study",
    METADATA,
    key_column(),
    # A study belongs to one patient (PS3.3 A.1.2): images of two patients under one Study Instance
    # UID are two studies.
    reference_to("patient"),
    *_attributes(Level.STUDY),
    _own_patient(),
    text_column("modalities_in_study"),
    text_column("sop_classes_in_study"),
    count_column("number_of_study_related_series"),
    count_column("number_of_study_related_instances"),
    _irregular(),
    # Two rows of one UID and patient would be two answers to one question.
    sa.UniqueConstraint("study_instance_uid", "patient_id"),
    sa.Index("study_by_date", "study_date"),
    sa.Index("study_by_accession_number", "accession_number"),
    sa.Index("study_by_study_id", "study_id"),
    sa.Index("study_by_referring_physician", "referring_physician_name_folded"),
)

series = sa.Table(
    "series",
    METADATA,
    key_column(),
    reference_to("study", index=False),
    *_attributes(Level.SERIES),
    _own_patient(),
    count_column("number_of_series_related_instances"),
    _irregular(),
    # Unique within its study only: a faulty sender that uses one series UID in two studies must
    # not move instances from the study that their own dataset names.
    sa.UniqueConstraint("study_id", "series_instance_uid"),
    sa.Index("series_by_uid", "series_instance_uid"),
    sa.Index("series_by_date", "series_date"),
    sa.Index("series_by_procedure_step", "performed_procedure_step_id"),
)

instance = sa.Table(
    "instance",
    METADATA,
    key_column(),
    reference_to("series"),
    *_attributes(Level.IMAGE),
    _own_patient(),
    text_column("transfer_syntax_uid"),
    sa.Column("frames", Whole, sa.CheckConstraint("frames >= 1"), nullable=False),
    _irregular(),
    # Two instances in one file would overwrite each other.
    text_column("file_id", unique=True),
    sa.Column("size", LongWhole, nullable=False),
    sa.Column("dataset_offset", Whole, nullable=False),
    # The hash distinguishes an instance from another with the same UID.
    sa.Column("dataset_sha256", Words, sa.CheckConstraint("length(dataset_sha256) = 64")),
    sa.Column("file_missing", sa.Boolean, nullable=False, default=False),
    # It was read and is not what was stored; the scrub and a second sending clear it (damage.py).
    sa.Column("file_damaged", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("origin", Words, sa.CheckConstraint(one_of("origin", Origin)), nullable=False),
    text_column("source_ae_title"),
    time_column("acquired_at", nullable=True),
    time_column("stored_at"),
    # JSON; frames dropped, partial lines and the like: facts of its acquisition.
    text_column("evidence"),
    # One UID, one instance (PS3.5 9): the second with other bytes goes to quarantine.
    sa.UniqueConstraint("sop_instance_uid"),
    partial_index(
        "instance_file_missing", "id", where=is_true(sa.column("file_missing", sa.Boolean))
    ),
    partial_index(
        "instance_file_damaged", "id", where=is_true(sa.column("file_damaged", sa.Boolean))
    ),
)

# What DICOMweb answers of an instance (descriptions.py); made again where it is not there.
instance_description = sa.Table(
    "instance_description",
    METADATA,
    sa.Column(
        "instance_id",
        sa.ForeignKey("instance.id", ondelete="CASCADE"),
        primary_key=True,
        nullable=False,
    ),
    # It is of this file only.
    text_column("file_id"),
    sa.Column("form", Whole, nullable=False),
    sa.Column("metadata", sa.LargeBinary, nullable=False),
    sa.Column("frames", sa.LargeBinary, nullable=False),
)

# One UID where there should be two, or one number for two persons (identity_conflicts.py). It
# stays until a person acknowledges it or one side is deleted. No patient data.
identity_conflict = sa.Table(
    "identity_conflict",
    METADATA,
    key_column(),
    sa.Column("kind", Words, sa.CheckConstraint(one_of("kind", ConflictKind)), nullable=False),
    # Of the image that came second.
    text_column("study_instance_uid"),
    # '' except for a series.
    text_column("series_instance_uid"),
    time_column("found_at"),
    time_column("acknowledged_at", nullable=True),
    sa.UniqueConstraint("study_instance_uid", "kind", "series_instance_uid"),
)

# Ideographic and phonetic groups (folding.py); most names have none, so partial indexes.
for _column in (patient.c.patient_name_other, study.c.referring_physician_name_other):
    partial_index(f"{_column.table.name}_by_{_column.name}", _column, where=_column > sa.text("''"))

# Rows that are candidates for every query (see `_irregular`); very few, so partial indexes.
for _table in (patient, study, series, instance):
    partial_index(
        f"{_table.name}_irregular",
        _table.c.irregular,
        where=is_true(sa.column("irregular", sa.Boolean)),
    )
