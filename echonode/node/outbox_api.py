"""The outbox as the HTTP API has it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, tzinfo
from typing import Any

from echonode.delivery.bulk_actions import Chosen, act_on_many
from echonode.delivery.delivery_status import DeliveryStatus
from echonode.delivery.held_reasons import HeldReason, grouped, held_reason
from echonode.errors import UsageError
from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.model.identity import CommitmentPolicy, Destination
from echonode.monitoring.monitor import NodeMonitor
from echonode.store.deliveries.outbox import MOST_ITEMS, OutboxChoice, OutboxItem
from echonode.store.statistics import UNPROVED
from echonode.store.store import Store
from echonode.web.outbox import Selection
from echonode.web.status import DestinationStatus

Json = dict[str, Any]

PAGE_ITEMS = 50
_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.3.1"
_KINDS = {_MULTI_FRAME: "clip", "1.2.840.10008.5.1.4.1.1.6.1": "still"}
# `list` of the API -> the states in it.
_LISTS: Mapping[str, Sequence[DeliveryState]] = {
    "held": (DeliveryState.HELD,),
    "waiting": (DeliveryState.QUEUED, DeliveryState.SENDING),
    "sent": (DeliveryState.SENT, DeliveryState.COMMIT_REQUESTED),
}
# What ends a delivery, by the proof that is wanted.
_DONE = {
    CommitmentPolicy.REQUIRED: DeliveryEvent.COMMITTED,
    CommitmentPolicy.VERIFY: DeliveryEvent.FOUND,
    CommitmentPolicy.NONE: DeliveryEvent.STORED,
}


class NodeOutbox:
    """web.outbox.OutboxApi on a node."""

    def __init__(
        self,
        store: Store,
        monitor: NodeMonitor,
        destinations: Sequence[Destination],
        *,
        delivery_status: Callable[[str], DeliveryStatus],
        call_now: Callable[[str], None],
        now: Callable[[], datetime],
        local: tzinfo,
    ) -> None:
        """local: of whose day `today` is."""
        self._store = store
        self._monitor = monitor
        self._destinations = {each.name: each for each in destinations}
        self._delivery_status = delivery_status
        self._call_now = call_now
        self._now = now
        self._local = local

    def overview(self) -> Json:
        """Each archive: its state, its counts, and what is held by its reason."""
        now = self._now()
        midnight = now.astimezone(self._local).replace(hour=0, minute=0, second=0, microsecond=0)
        done = self._store.outbox.done_since(midnight)
        return {
            "now": now.isoformat(),
            "archives": [self._archive(each, done) for each in self._monitor.destinations()],
            "left": self._left(),
        }

    def _archive(self, at: DestinationStatus, done: Mapping[tuple[str, str], int]) -> Json:
        destination = self._destinations[at.name]
        delivery = self._delivery_status(at.name)
        is_done_when_sent = destination.commitment is CommitmentPolicy.NONE
        # Counted again: what the status counts of all that is done may be some seconds old.
        states = [
            each for each in UNPROVED if each is not DeliveryState.SENT or not is_done_when_sent
        ]
        standing = self._store.outbox.standing(at.name, states)
        counts = standing.counts
        sent = counts.get(DeliveryState.SENT, 0) + counts.get(DeliveryState.COMMIT_REQUESTED, 0)
        held = grouped(at.ae_title, standing.held)
        next_due = self._store.deliveries.next_due(at.name)
        return {
            "name": at.name,
            "ae_title": at.ae_title,
            "address": f"{destination.peer.host}:{destination.peer.port}",
            "commitment": at.commitment,
            "contact": at.contact,
            "heard_s": at.heard_s,
            "problem": at.problem,
            "commitment_problem": at.commitment_problem,
            "associations": at.associations,
            "waiting": counts.get(DeliveryState.QUEUED, 0),
            "sending": counts.get(DeliveryState.SENDING, 0),
            "sent_not_proved": sent,
            "held": counts.get(DeliveryState.HELD, 0),
            "done_today": done.get((at.name, _DONE[destination.commitment].value), 0),
            "sent_per_minute": round(delivery.sent_per_minute, 1),
            "oldest_unproved_s": at.oldest_unproved_s,
            "retry_in_s": round(delivery.paused_s, 1) if delivery.paused_s else None,
            "next_attempt_at": next_due.isoformat() if next_due else None,
            "lossy_copies": at.lossy_copies,
            "held_for": [
                {"count": each.count, **_reason_json(each.reason, at.name)} for each in held
            ],
        }

    def _left(self) -> list[Json]:
        """Destinations that left the configuration and still have deliveries under way."""
        counts = self._monitor.delivery_counts()
        return [
            {"name": name, "deliveries": dict(counts[name])}
            for name in sorted(counts.keys() - self._destinations.keys())
            if _under_way(counts[name])
        ]

    def items(self, destination: str, which: str, *, after: int) -> Json:
        """A page of what is held, waits, or waits for its proof."""
        self._check(destination)
        choice = OutboxChoice(
            states=_LISTS[which],
            destination=destination,
            after=after,
            limit=min(PAGE_ITEMS + 1, MOST_ITEMS),
        )
        found = self._store.outbox.items(choice)
        page = found[:PAGE_ITEMS]
        return {
            "items": [self._item(item) for item in page],
            "next": page[-1].number if len(found) > PAGE_ITEMS else None,
        }

    def _item(self, item: OutboxItem) -> Json:
        held = item.state is DeliveryState.HELD
        reason = held_reason(self._ae_title(item.destination), item.last_status, item.last_error)
        return {
            "sop_instance_uid": item.sop_instance_uid,
            "study_instance_uid": item.study_instance_uid,
            "kind": _KINDS.get(item.sop_class_uid, "other"),
            "frames": item.frames,
            "exam_id": item.exam_id,
            "state": item.state.value,
            "attempts": item.attempts,
            "last_error": item.last_error,
            "acquired_at": item.acquired_at.isoformat(),
            "next_attempt_at": item.next_attempt_at.isoformat() if item.next_attempt_at else None,
            "held_for": _reason_json(reason, item.destination) if held else None,
            "actions": _actions(item, reason),
        }

    def act(self, action: str, selection: Selection) -> Json:
        """Do it to the selection, or to the next part of it."""
        if selection.destination is not None:
            self._check(selection.destination)
        if selection.study is not None and not self._store.ledger.knows_study(selection.study):
            raise UsageError(f"the store has no study {selection.study}")
        outcome = act_on_many(
            self._store,
            action,
            Chosen(
                uids=selection.uids,
                destination=selection.destination,
                study_instance_uid=selection.study,
                reason=selection.reason,
                after=selection.after,
            ),
            ae_titles={name: each.peer.ae_title for name, each in self._destinations.items()},
            now=self._now,
            call_now=self._call_now,
        )
        refused = sum(bool(each.error) for each in outcome.results)
        return {
            "done": len(outcome.results) - refused,
            "refused": refused,
            "results": [asdict(each) for each in outcome.results],
            "next": outcome.next,
        }

    def _check(self, destination: str) -> None:
        if destination in self._destinations:
            return
        if destination not in self._store.ledger.destinations():
            known = ", ".join(self._destinations) or "none"
            raise UsageError(f"there is no such destination; configured: {known}")

    def _ae_title(self, destination: str) -> str:
        known = self._destinations.get(destination)
        return known.peer.ae_title if known else destination


def _reason_json(reason: HeldReason, destination: str) -> Json:
    """With the code and the standard's name where an answer of the archive led to it."""
    return {**asdict(reason), "actions": list(reason.actions), "destination": destination}


def _actions(item: OutboxItem, reason: HeldReason) -> list[str]:
    match item.state:
        case DeliveryState.HELD:
            return list(reason.actions)
        case DeliveryState.QUEUED:
            return ["retry", "hold"]
        case DeliveryState.SENT | DeliveryState.COMMIT_REQUESTED:
            return ["retry", "hold"] if item.next_attempt_at is not None else ["hold"]
    return []


def _under_way(counts: Mapping[str, int]) -> bool:
    done: Iterable[str] = (DeliveryState.COMMITTED, DeliveryState.VERIFIED, DeliveryState.SENT)
    return any(count for state, count in counts.items() if state not in done)
