"""A person's look: durable, the first one stays, and it sends what was held for it and no more."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from echonode.errors import UsageError
from echonode.model.delivery import WAITS_FOR_LOOK, DeliveryEvent, DeliveryState
from echonode.store.deliveries.looks import PixelLook
from echonode.store.store import Store
from tests.unit.store.samples import NOON, Clock, put_many


def held(store: Store, uid: str, destination: str, reason: str) -> None:
    """As a lane does that could not make a copy of it."""
    [job] = store.deliveries.claim(destination, now=NOON, limit=1)
    assert job.instance.sop_instance_uid == uid
    store.deliveries.record_attempt(job.id, DeliveryEvent.HOLD, now=NOON, error=reason)


def states(store: Store, uid: str) -> dict[str, DeliveryState]:
    return {job.destination: job.state for job in store.deliveries.of_instance(uid)}


def test_a_look_sends_what_was_held_for_it(store: Store, clock: Clock) -> None:
    """What is held for another reason stays held. It is read back, and the first one stays."""
    [uid] = put_many(store, 1, "research", "pacs")
    held(store, uid, "research", WAITS_FOR_LOOK)
    held(store, uid, "pacs", "held by the operator")
    woken: list[str] = []
    store.on_delivery_due.append(woken.append)
    assert not store.index.is_looked_at(uid)
    look = store.looks.accept(uid, by="jane", now=NOON)
    assert look == PixelLook(by="jane", at=NOON)
    assert states(store, uid) == {"research": DeliveryState.QUEUED, "pacs": DeliveryState.HELD}
    assert woken == ["research"]
    assert store.index.is_looked_at(uid)
    assert store.looks.accept(uid, by="joe", now=clock.pass_(hours=1)) == look
    assert store.looks.of([uid, "1.2.3.4.9"]) == {uid: look}


def test_an_image_that_is_not_here_is_refused(store: Store) -> None:
    """By its UID."""
    with pytest.raises(UsageError, match=r"1\.2\.3\.4\.9 is not here"):
        store.looks.accept("1.2.3.4.9", by="", now=NOON)


def test_a_look_goes_with_its_image(store: Store, data_dir: Path) -> None:
    """Whatever deletes the row of the image: retention, or the erasure of a patient."""
    [uid] = put_many(store, 1)
    store.looks.accept(uid, by="jane", now=NOON)
    store.erasure._deletions.erase(
        lambda connection: list(connection.execute(sa.text("SELECT id FROM instance")).scalars()),
        now=NOON,
        between=lambda: None,
    )
    assert store.looks.of([uid]) == {}
