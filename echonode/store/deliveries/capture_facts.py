"""What a list of images shows beyond the ledger: the source and the duration of each."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from echonode.store.database import schema

_instance = schema.instance.c


@dataclass(frozen=True, kw_only=True)
class CaptureFacts:
    """Of an instance whose file is here.

    source: the probe's name, or the AE title of the peer that sent it; '' where neither is known.
    duration_s: from the first frame to the last; None where that is not known.
    """

    source: str
    duration_s: float | None
    transfer_syntax_uid: str


def read_capture_facts(
    connection: sa.Connection, sop_instance_uids: Collection[str]
) -> Mapping[str, CaptureFacts]:
    """SOP Instance UID -> facts; instances that are not here are left out."""
    statement = sa.select(
        _instance.sop_instance_uid,
        _instance.transfer_syntax_uid,
        _instance.source_ae_title,
        _instance.evidence,
    ).where(
        _instance.sop_instance_uid.in_(list(sop_instance_uids)), _instance.file_missing.is_(False)
    )
    return {
        row.sop_instance_uid: _facts(row.evidence, row.source_ae_title, row.transfer_syntax_uid)
        for row in connection.execute(statement)
    }


def _facts(evidence: str, source_ae_title: str, transfer_syntax_uid: str) -> CaptureFacts:
    known = json.loads(evidence) if evidence else {}
    milliseconds = known.get("duration_ms")
    return CaptureFacts(
        source=str(known.get("probe", source_ae_title)),
        duration_s=None if milliseconds is None else float(milliseconds) / 1000,
        transfer_syntax_uid=transfer_syntax_uid,
    )
