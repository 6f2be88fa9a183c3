"""Rows of instances, a part at a time, and what the file of each contains."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from echonode.errors import Mismatch
from echonode.model.instance import InstanceRecord
from echonode.store.database import schema
from echonode.store.files.layout import Layout
from echonode.store.files.placing import readable
from echonode.store.index.dataset_header import read_head
from echonode.store.index.instance_record import record_of

AT_ONCE = 200  # rows of one part: some tenths of a second, and one transaction for all of them
_instance, _series, _study, _patient = (
    schema.instance.c,
    schema.series.c,
    schema.study.c,
    schema.patient.c,
)

ROWS = (
    sa.select(
        _instance.id,
        _instance.file_id,
        _instance.sop_instance_uid,
        _instance.transfer_syntax_uid,
        _instance.dataset_offset,
        _instance.series_id,
        _series.series_instance_uid,
        _series.study_id,
        _study.study_instance_uid,
        _study.patient_id,
        _patient.identity,
    )
    .select_from(schema.instance.join(schema.series).join(schema.study).join(schema.patient))
    .where(_instance.id > sa.bindparam("after"))
    .order_by(_instance.id)
    .limit(AT_ONCE)
)
"""The rows after the one with the id `after`, in the order they were stored."""
Row = sa.Row[*tuple[Any, ...]]


def record_of_row(layout: Layout, row: Row) -> InstanceRecord:
    """The record of the file of one of `ROWS`. Raises EchoNodeError where it cannot be read."""
    ds = read_head(
        readable(layout, row.file_id),
        row.dataset_offset,
        row.transfer_syntax_uid,
        cipher=layout.cipher,
    )
    record = record_of(ds, row.transfer_syntax_uid)
    found = (record.sop_instance_uid, record.series_instance_uid, record.study_instance_uid)
    if found != (row.sop_instance_uid, row.series_instance_uid, row.study_instance_uid):
        raise Mismatch("the file is not of the instance that its row says")
    return record
