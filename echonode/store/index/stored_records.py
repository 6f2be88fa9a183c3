"""Rows of instances, a part at a time, and what the file of each says."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from echonode.errors import Mismatch
from echonode.model.instance import InstanceRecord
from echonode.store.database import schema
from echonode.store.files.layout import Layout
from echonode.store.index.dataset_header import read_head
from echonode.store.index.instance_record import record_of

AT_ONCE = 200  # rows of one part: some tenths of a second, and one transaction for all of them
_I, _S, _T, _P = schema.instance.c, schema.series.c, schema.study.c, schema.patient.c

ROWS = (
    sa.select(
        _I.id,
        _I.file_id,
        _I.sop_instance_uid,
        _I.transfer_syntax_uid,
        _I.dataset_offset,
        _I.series_id,
        _S.series_instance_uid,
        _S.study_id,
        _T.study_instance_uid,
        _T.patient_id,
        _P.identity,
    )
    .select_from(schema.instance.join(schema.series).join(schema.study).join(schema.patient))
    .where(_I.id > sa.bindparam("after"))
    .order_by(_I.id)
    .limit(AT_ONCE)
)
"""The rows after the one with the id `after`, in the order they were stored."""
Row = sa.Row[*tuple[Any, ...]]


def record_of_row(layout: Layout, row: Row) -> InstanceRecord:
    """What the file of one of `ROWS` says. Raises EchoNodeError where it cannot be read."""
    ds = read_head(layout.instance_file(row.file_id), row.dataset_offset, row.transfer_syntax_uid)
    record = record_of(ds, row.transfer_syntax_uid)
    found = (record.sop_instance_uid, record.series_instance_uid, record.study_instance_uid)
    if found != (row.sop_instance_uid, row.series_instance_uid, row.study_instance_uid):
        raise Mismatch("the file is not of the instance that its row says")
    return record
