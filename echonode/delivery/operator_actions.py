"""What an operator does with the deliveries of an instance: hold, release, retry."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from echonode.errors import OperatorRefused
from echonode.log import get_logger
from echonode.model.delivery import DeliveryState
from echonode.store.store import Store
from echonode.store.values import DeliveryJob

log = get_logger(__name__)

# How often a hold meets a delivery that is just being sent, which ends in a moment where an archive
# refuses or does not answer, and what lies between.
_TRIES = 5
_BETWEEN_S = 0.1
# States that do not end by themselves, and that a hold does not change.
_KEPT = (DeliveryState.COMMITTED, DeliveryState.VERIFIED, DeliveryState.HELD)

ACTIONS: Mapping[str, str] = {
    "hold": "holds what is not done nor just being sent",
    "release": "sends again what is held, and allows the deletion of a copy kept for a warning",
    "retry": "sends now what waits for its next try, or is held, and asks now for the commitment "
    "of what was sent and not promised",
}


def _no_call(destination: str) -> None:
    """No node runs: nothing is paused."""


def act(
    store: Store,
    action: str,
    sop_instance_uid: str,
    *,
    now: datetime,
    destination: str | None = None,
    call_now: Callable[[str], None] = _no_call,
    wait: Callable[[float], None] | None = None,
) -> dict[str, object]:
    """Apply `action` and return the deliveries as they are then, for JSON.

    call_now: ends the pause of a destination by its name; a retry calls those that it concerns.
    wait: for so many seconds, where what is to be held is just being sent; None: it is refused at
    once, as of many at a time.
    Raises OperatorRefused where it applies to none; then nothing is changed.
    """
    before = _jobs(store, sop_instance_uid, destination)
    if not before:
        where = f" to {destination}" if destination else ""
        raise OperatorRefused(
            f"the store has no delivery of {sop_instance_uid}{where}; `echonode ledger` lists all"
        )
    operator = store.operator
    apply = {"hold": operator.hold, "release": operator.release, "retry": operator.retry}[action]
    changed = apply(sop_instance_uid, now=now, destination=destination)
    after, tries = before, 0
    while not changed:
        after = _jobs(store, sop_instance_uid, destination)
        if (
            wait is None
            or tries == _TRIES
            or action != "hold"
            or all(job.state in _KEPT for job in after)
        ):
            break
        wait(_BETWEEN_S)
        changed, tries = apply(sop_instance_uid, now=now, destination=destination), tries + 1
    if not changed:
        states = ", ".join(f"{job.destination} is {_state(job)}" for job in after)
        raise OperatorRefused(f"nothing to {action}: {states}. `{action}` {ACTIONS[action]}")
    if action == "retry":
        # The pause is for archives that do not answer; who presses Retry expects a call now.
        for job in before:
            call_now(job.destination)
    log.info("operator_acted", action=action, sop_instance_uid=sop_instance_uid, deliveries=changed)
    return {
        "changed": changed,
        "deliveries": [
            {"destination": job.destination, "state": job.state, "last_error": job.last_error}
            for job in store.deliveries.of_instance(sop_instance_uid)
        ],
    }


def acknowledge(store: Store, study_instance_uid: str, *, now: datetime) -> dict[str, object]:
    """A person has seen a study's conflicts of identity; their alarm ends.

    Raises OperatorRefused where it has none.
    """
    acknowledged = store.operator.acknowledge_conflict(study_instance_uid, now=now)
    if not acknowledged:
        raise OperatorRefused(f"{study_instance_uid} has no conflict that waits for a person")
    log.info(
        "operator_acted",
        action="acknowledge",
        study_instance_uid=study_instance_uid,
        conflicts=acknowledged,
    )
    return {"acknowledged": acknowledged}


def _jobs(store: Store, sop_instance_uid: str, destination: str | None) -> Sequence[DeliveryJob]:
    jobs = store.deliveries.of_instance(sop_instance_uid)
    return [job for job in jobs if destination in (None, job.destination)]


def _state(job: DeliveryJob) -> str:
    being_sent = job.state is DeliveryState.SENDING
    return f"{job.state} (being sent just now: try again)" if being_sent else str(job.state)
