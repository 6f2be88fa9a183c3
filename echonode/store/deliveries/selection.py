"""The deliveries that an operator's command on many instances concerns, and where they go."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from echonode.model.delivery import DeliveryState
from echonode.store.database import schema

_delivery = schema.delivery.c
_instance = schema.instance.c


@dataclass(frozen=True, kw_only=True)
class DeliveryChoice:
    """states: those that the command may change. kept: also copies kept for a warning.

    destination, study_instance_uid: None does not limit.
    """

    states: Collection[DeliveryState]
    kept: bool = False
    destination: str | None = None
    study_instance_uid: str | None = None


def read_chosen(connection: sa.Connection, choice: DeliveryChoice) -> list[str]:
    """The SOP Instance UIDs that have such a delivery, each once, in the order of storing."""
    states = [state.value for state in choice.states]
    wanted: sa.ColumnElement[bool] = _delivery.state.in_(states)
    if choice.kept:
        wanted = sa.or_(wanted, _delivery.keep_local_copy.is_(True))
    statement = (
        sa.select(_instance.sop_instance_uid)
        .select_from(
            schema.delivery.join(schema.instance, _delivery.instance_id == _instance.id)
            .join(schema.series)
            .join(schema.study)
        )
        .where(wanted)
        .order_by(_instance.id)
    )
    if choice.destination is not None:
        statement = statement.where(_delivery.destination == choice.destination)
    if choice.study_instance_uid is not None:
        statement = statement.where(schema.study.c.study_instance_uid == choice.study_instance_uid)
    return list(dict.fromkeys(connection.execute(statement).scalars()))


def read_destinations(connection: sa.Connection) -> Iterator[str]:
    """Every destination that has deliveries; each is found in the index, none is counted."""
    found = connection.scalar(sa.select(sa.func.min(_delivery.destination)))
    while found is not None:
        yield found
        found = connection.scalar(
            sa.select(sa.func.min(_delivery.destination)).where(_delivery.destination > found)
        )
