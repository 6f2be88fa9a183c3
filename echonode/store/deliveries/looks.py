"""A person's look at an image: no text is in its pixels, so anonymised copies of it may leave.

Rules
- A look is of the pixels. They never change under a SOP Instance UID: a look stays valid when the
  exam gets its patient. It goes with the image.
- Deliveries that were held for the look are due again, in the transaction that records it.
- What an image's exam says is asked first: a look releases nothing that waits for its patient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from echonode.errors import UsageError
from echonode.model.delivery import WAITS_FOR_LOOK, DeliveryEvent, DeliveryState
from echonode.store.database import schema
from echonode.store.database.connections import Writer, reading
from echonode.store.database.event_log import NewEvent, add_event
from echonode.store.database.exam_holds import REASONS, Hold, hold_of
from echonode.store.deliveries.attempts import apply_attempt
from echonode.store.values import Attempt, OnDue

_delivery = schema.delivery.c
_instance = schema.instance.c
_look = schema.pixel_look.c


@dataclass(frozen=True, kw_only=True)
class PixelLook:
    """Who looked, and when. by: the user's name; '' where no user is known."""

    by: str
    at: datetime


class PixelLooks:
    """Thread-safe; a look is durable on return. Each raises StoreError."""

    def __init__(self, writer: Writer, readers: sa.Engine, *, on_due: OnDue) -> None:
        """on_due: called with the destinations of deliveries that became due."""
        self._writer, self._readers, self._on_due = writer, readers, on_due

    def accept(self, sop_instance_uid: str, *, by: str, now: datetime) -> PixelLook:
        """Record a look; the first one stays. Raises UsageError where the image is not here."""

        def work(connection: sa.Connection) -> tuple[PixelLook, list[str]]:
            found = connection.execute(
                sa.select(_instance.id, schema.study.c.study_instance_uid)
                .select_from(schema.instance.join(schema.series).join(schema.study))
                .where(_instance.sop_instance_uid == sop_instance_uid)
            ).first()
            if found is None:
                raise UsageError(f"the image {sop_instance_uid} is not here")
            known = connection.execute(
                sa.select(_look.looked_by, _look.looked_at).where(_look.instance_id == found.id)
            ).first()
            if known is None:
                connection.execute(
                    sa.insert(schema.pixel_look),
                    {"instance_id": found.id, "looked_at": now, "looked_by": by},
                )
                what = NewEvent(
                    kind="looked_at",
                    study_instance_uid=found.study_instance_uid,
                    sop_instance_uid=sop_instance_uid,
                    detail="a person saw no text in its pixels",
                )
                add_event(connection, what, now=now)
            look = PixelLook(by=by, at=now)
            if known is not None:
                look = PixelLook(by=known.looked_by, at=known.looked_at)
            return look, _release(connection, found.id, sop_instance_uid, now)

        look, due = self._writer.run(work)
        self._on_due(due)
        return look

    def of(self, sop_instance_uids: Sequence[str]) -> Mapping[str, PixelLook]:
        """SOP Instance UID -> the look, of those that were looked at."""
        statement = (
            sa.select(_instance.sop_instance_uid, _look.looked_by, _look.looked_at)
            .select_from(schema.pixel_look.join(schema.instance))
            .where(_instance.sop_instance_uid.in_(sop_instance_uids))
        )
        with reading(self._readers) as connection:
            return {
                row.sop_instance_uid: PixelLook(by=row.looked_by, at=row.looked_at)
                for row in connection.execute(statement)
            }


def _release(
    connection: sa.Connection, instance_id: int, sop_instance_uid: str, now: datetime
) -> list[str]:
    """Queue what was held for the look; the destinations of it."""
    held = connection.execute(
        sa.select(_delivery.id, _delivery.destination).where(
            _delivery.instance_id == instance_id,
            _delivery.state == DeliveryState.HELD.value,
            _delivery.last_error == WAITS_FOR_LOOK,
        )
    ).all()
    if not held:
        return []
    hold = hold_of(connection, sop_instance_uid)
    for row in held:
        apply_attempt(connection, Attempt(job_id=row.id, event=DeliveryEvent.RELEASE), now=now)
        if hold is not Hold.NONE:  # it is held on, for what its exam says
            waits = Attempt(job_id=row.id, event=DeliveryEvent.HOLD, error=REASONS[hold])
            apply_attempt(connection, waits, now=now)
    return [row.destination for row in held] if hold is Hold.NONE else []
