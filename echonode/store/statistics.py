"""Figures of the database for health, metrics and alarms.

All but `lossy_copies` are read by index, and none of those counts instances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from echonode.model.commitment import TransactionState
from echonode.model.delivery import DeliveryState
from echonode.store.database import counters, schema
from echonode.store.database.connections import reading
from echonode.store.database.dialects import is_true
from echonode.store.database.exam_holds import REASONS, REJECTED
from echonode.store.deliveries.attempts import RETRIES
from echonode.store.encrypting.standing import Standing, standing_of
from echonode.store.files.disk import disk_errors
from echonode.store.files.layout import Layout
from echonode.store.ingest.insertion import REPAIRED
from echonode.store.retention.deletion import deleted_count

_delivery = schema.delivery.c
_transaction = schema.commitment_transaction.c
# The words of the partial indexes.
_MISSING = is_true(schema.instance.c.file_missing)
_DAMAGED = is_true(schema.instance.c.file_damaged)
_KEPT = is_true(_delivery.keep_local_copy)
# Not proved yet. `sent` is the end for a destination without proof; the caller knows the policy.
UNPROVED = (
    DeliveryState.QUEUED,
    DeliveryState.SENDING,
    DeliveryState.SENT,
    DeliveryState.COMMIT_REQUESTED,
    DeliveryState.HELD,
)

_OF_EXAMS = tuple(reason for reason in REASONS.values() if reason)


@dataclass(frozen=True, kw_only=True)
class DestinationStatistics:
    """One destination, from the database.

    oldest: state -> when the picture that waits longest in it was taken. unreported_since: the
    first request for commitment that no report has answered yet. last_report_at: the last report
    of this PACS that counted. retries: repetitions since the database was made. held: deliveries
    that wait for a person, but for those that wait for their exam's patient.
    """

    oldest: Mapping[DeliveryState, datetime]
    unreported_since: datetime | None
    last_report_at: datetime | None
    retries: int
    held: int


@dataclass(frozen=True, kw_only=True)
class StoreStatistics:
    """missing_files, damaged_files: instances whose file is gone, or is not what was stored.

    refused_reports: recorded since a time. kept_after_warning: deliveries whose local copy waits
    for a person (B006, B007). instances_deleted, instances_repaired: since the database was made.
    """

    missing_files: int
    refused_reports: int
    kept_after_warning: int
    instances_deleted: int
    damaged_files: int = 0
    instances_repaired: int = 0


class Statistics:
    """Figures for the metrics, the status and the alarms. Thread-safe."""

    def __init__(self, readers: sa.Engine, layout: Layout) -> None:
        self._readers = readers
        self._layout = layout

    def destination(self, destination: str) -> DestinationStatistics:
        """What waits at a destination, since when, and what came of earlier deliveries."""
        with reading(self._readers) as connection:
            oldest = {
                state: at
                for state in UNPROVED
                if (at := connection.scalar(_oldest(destination, state))) is not None
            }
            return DestinationStatistics(
                oldest=oldest,
                unreported_since=connection.scalar(_unreported(destination)),
                last_report_at=connection.scalar(_last_report(destination)),
                retries=counters.read(connection, RETRIES + destination),
                held=_count(
                    connection,
                    schema.delivery,
                    sa.and_(
                        _delivery.destination == destination,
                        _delivery.state == DeliveryState.HELD.value,
                        # These wait for their exam's patient, or for nothing.
                        _delivery.last_error.not_in(_OF_EXAMS),
                    ),
                ),
            )

    def lossy_copies(self) -> Mapping[str, int]:
        """destination -> instances of which it got, or holds, only a lossy copy; it counts them."""
        copies = schema.derived_copy.join(schema.delivery)
        statement = (
            sa.select(_delivery.destination, sa.func.count())
            .select_from(copies)
            .where(schema.derived_copy.c.anonymised_by == "")
        )
        with reading(self._readers) as connection:
            rows = connection.execute(statement.group_by(_delivery.destination))
            return {destination: count for destination, count in rows}  # noqa: C416  # dict(rows) has no type

    def store(self, *, since: datetime) -> StoreStatistics:
        """The figures of the whole store; refused reports since `since`."""
        refused = schema.refused_report.c
        with reading(self._readers) as connection:
            return StoreStatistics(
                missing_files=_count(connection, schema.instance, _MISSING),
                refused_reports=_count(
                    connection, schema.refused_report, refused.received_at >= since
                ),
                kept_after_warning=_count(connection, schema.delivery, _KEPT),
                instances_deleted=deleted_count(connection),
                damaged_files=_count(connection, schema.instance, _DAMAGED),
                instances_repaired=counters.read(connection, REPAIRED),
            )

    def encryption(self) -> Standing | None:
        """How far it is encrypted; None where it is not to be. Raises OutOfSpace."""
        return None if self._layout.cipher is None else standing_of(self._layout)

    def quarantined_files(self) -> int:
        """How many files are in quarantine now; a person who has looked at one takes it out."""
        with disk_errors("to list the quarantine"):
            return sum(1 for _ in self._layout.quarantine.glob("*.dcm"))


def _oldest(destination: str, state: DeliveryState) -> sa.Select[datetime | None]:
    return sa.select(sa.func.min(_delivery.acquired_at, type_=schema.UtcTime)).where(
        _delivery.destination == destination,
        _delivery.state == state.value,
        *([_delivery.last_error != REJECTED] if state is DeliveryState.HELD else []),
    )


def _unreported(destination: str) -> sa.Select[datetime | None]:
    """Of requests that deliveries wait for: an earlier one's late report may have settled all."""
    return sa.select(sa.func.min(_transaction.first_requested_at, type_=schema.UtcTime)).where(
        _transaction.destination == destination,
        sa.exists().where(_delivery.commitment_transaction_id == _transaction.id),
        _transaction.state.in_([TransactionState.CREATED.value, TransactionState.REQUESTED.value]),
    )


def _last_report(destination: str) -> sa.Select[datetime | None]:
    return sa.select(sa.func.max(_transaction.ended_at, type_=schema.UtcTime)).where(
        _transaction.destination == destination,
        _transaction.state == TransactionState.REPORTED.value,
    )


def _count(
    connection: sa.Connection,
    table: sa.FromClause,
    condition: sa.ColumnElement[bool] | sa.TextClause,
) -> int:
    statement = sa.select(sa.func.count()).select_from(table).where(condition)
    return int(connection.scalar(statement) or 0)
