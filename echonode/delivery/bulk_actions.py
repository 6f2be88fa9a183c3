"""hold, release and retry on many deliveries: a selection, an archive, a study, or one reason.

Rules
- Each delivery is an action of its own, durable before the next one: one that is refused comes back
  with its reason, and the others are done.
- A call does at most MOST_AT_ONCE and says where the next one goes on (`next`): the person sees
  how far it is, and no request lasts for minutes.
- What is chosen by archive, study or reason is read in the order of storing, so that a delivery
  that is refused is met once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from echonode.delivery.held_reasons import held_reason
from echonode.delivery.operator_actions import act
from echonode.errors import OperatorRefused
from echonode.model.delivery import DeliveryState
from echonode.store.deliveries.outbox import MOST_ITEMS, OutboxChoice, OutboxItem
from echonode.store.store import Store

# Some seconds on a slow disk: each is one transaction or two.
MOST_AT_ONCE = 100
# Pages of the store that one call reads for a reason that few of the deliveries are held for.
_MOST_PAGES = 50

# States of a delivery that each action can change. `sending` cannot be held: that it was asked for
# and not done is to be seen.
CHANGES: Mapping[str, Collection[DeliveryState]] = {
    "hold": (
        DeliveryState.QUEUED,
        DeliveryState.SENDING,
        DeliveryState.SENT,
        DeliveryState.COMMIT_REQUESTED,
    ),
    "release": (DeliveryState.HELD,),
    "retry": (DeliveryState.QUEUED, DeliveryState.SENT, DeliveryState.HELD),
}


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What an action concerns: `uids`, or else all that the rest describes.

    destination: None for all. reason: the key of a reason for a hold (held_reasons.py); '' for any.
    after: where an earlier call ended.
    """

    uids: Sequence[str] = ()
    destination: str | None = None
    study_instance_uid: str | None = None
    reason: str = ""
    after: int = 0


@dataclass(frozen=True, kw_only=True)
class BulkResult:
    """One delivery (of a selection: one instance). error: why nothing was done, '' when it was."""

    sop_instance_uid: str
    destination: str
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class BulkOutcome:
    """results: in order. next: `after` of the next call; None where all is done."""

    results: Sequence[BulkResult]
    next: int | None = None


def act_on_many(
    store: Store,
    action: str,
    chosen: Chosen,
    *,
    ae_titles: Mapping[str, str],
    now: Callable[[], datetime],
    call_now: Callable[[str], None],
) -> BulkOutcome:
    """Do it to the next MOST_AT_ONCE of what is chosen. ae_titles: of the destinations."""

    def done(uid: str, destination: str | None) -> BulkResult:
        try:
            act(store, action, uid, now=now(), destination=destination, call_now=call_now)
        except OperatorRefused as refused:
            return BulkResult(
                sop_instance_uid=uid, destination=destination or "", error=str(refused)
            )
        return BulkResult(sop_instance_uid=uid, destination=destination or "")

    if chosen.uids:
        uids = list(dict.fromkeys(chosen.uids))
        return BulkOutcome(results=[done(uid, chosen.destination) for uid in uids])
    if action == "retry" and chosen.destination is not None:
        call_now(chosen.destination)  # even where nothing is due: a person wants to see it called
    results: list[BulkResult] = []
    at = chosen.after
    for _ in range(_MOST_PAGES):
        page = _page(store, action, chosen, at)
        for item in page:
            if len(results) == MOST_AT_ONCE:
                return BulkOutcome(results=results, next=at)
            if _is_for(chosen.reason, item, ae_titles):
                results.append(done(item.sop_instance_uid, item.destination))
            at = item.number
        if len(page) < MOST_ITEMS:
            return BulkOutcome(results=results)
    return BulkOutcome(results=results, next=at)


def _page(store: Store, action: str, chosen: Chosen, after: int) -> Sequence[OutboxItem]:
    return store.outbox.items(
        OutboxChoice(
            states=CHANGES[action],
            destination=chosen.destination,
            study_instance_uid=chosen.study_instance_uid,
            kept=action == "release" and not chosen.reason,
            after=after,
        )
    )


def _is_for(reason: str, item: OutboxItem, ae_titles: Mapping[str, str]) -> bool:
    if not reason:
        return True
    ae_title = ae_titles.get(item.destination, item.destination)
    held = item.state is DeliveryState.HELD
    return held and held_reason(ae_title, item.last_status, item.last_error).key == reason
