"""The worklist in the background: asked for again and again, kept durably, its age known.

Rules
- What the RIS named last is what is shown, until it names something else: a node out of reach of
  its RIS goes on with it, and says how old it is.
- An item that is named no more is withdrawn only after every station's query was answered whole.
- Only what changed is written: a list of 2,000 items that stays the same costs one small note.
- A failure pauses this peer, longer each time; what it was and what to do is logged once.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import random as random_number
from types import MappingProxyType

from echonode.errors import ContextNotAccepted, NetworkError, QueryRefused, StoreError
from echonode.exam.worklist.query import WorklistQuery, window
from echonode.exam.worklist.scu import WorklistSCU
from echonode.log import get_logger
from echonode.model import remedies
from echonode.model.backoff import PEER_STEPS_S, Random, step_s
from echonode.model.identity import CallBackAddress
from echonode.model.worklist_item import WorklistItem, WorklistSource
from echonode.store.database.key_value import KeyValue
from echonode.store.exams.worklist_items import WorklistItems
from echonode.threads import RecurringThread

log = get_logger(__name__)

# Of either wait: so that the nodes of a clinic do not ask in step.
JITTER = 0.1
# For the thread to end after `stop`.
STOP_S = 3.0
# An exam keeps its own copy; an operator may still have an older list open.
KEEP_WITHDRAWN = timedelta(days=7)


@dataclass(frozen=True, kw_only=True)
class WorklistPlan:
    """What is asked for, and how often.

    station_ae_titles: a query each; none asks for every station. days_before, days_after: around
    today. period_s: between the end of one refresh and the next.
    """

    station_ae_titles: tuple[str, ...]
    modality: str
    days_before: int = 0
    days_after: int = 0
    period_s: float = 120.0

    def queries(self, today: datetime) -> tuple[WorklistQuery, ...]:
        """Today's: `today` is local."""
        first, last = window(today.date(), days_before=self.days_before, days_after=self.days_after)
        return tuple(
            WorklistQuery(
                station_ae_title=station,
                modality=self.modality,
                first_date=first,
                last_date=last,
            )
            for station in self.station_ae_titles or ("",)
        )


@dataclass(frozen=True, kw_only=True)
class WorklistStatus:
    """How the list stands. No patient data.

    fetched_at: when every station's query was last answered whole; None where never. unusable:
    reason -> answers that were no items. excess: answers beyond the limits; more: and others.
    problem: why the last refresh failed, and what to do; '' where it did not.
    """

    peer: str
    fetched_at: datetime | None = None
    items: int = 0
    unusable: MappingProxyType[str, int] = field(default_factory=lambda: MappingProxyType({}))
    excess: int = 0
    more: bool = False
    left_out: tuple[str, ...] = ()
    problem: str = ""

    def age_s(self, now: datetime) -> float | None:
        """Seconds since then; None where the list was never fetched."""
        return (
            None if self.fetched_at is None else max(0.0, (now - self.fetched_at).total_seconds())
        )


class WorklistRefresh:
    """A thread of its own; `look` is what it does. now: aware. local_now: in the clinic's zone."""

    def __init__(
        self,
        scu: WorklistSCU,
        *,
        plan: WorklistPlan,
        items: WorklistItems,
        notes: KeyValue,
        us: CallBackAddress,
        now: Callable[[], datetime],
        local_now: Callable[[], datetime],
        random: Random = random_number,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._scu = scu
        self._plan = plan
        self._items = items
        self._notes = notes
        self._us = us
        self._now = now
        self._local_now = local_now
        self._random = random
        self._monotonic = monotonic
        self._failures = 0
        self._fetched_note = f"worklist_fetched_at {scu.peer.name}"
        self._status = WorklistStatus(peer=scu.peer.name, fetched_at=self._last_fetched_at())
        self._looked = threading.Condition()
        self._looks = 0
        self._thread = RecurringThread(
            "worklist", self._step, on_stalled=self._stalled, stalled_s=PEER_STEPS_S[-1]
        )

    @property
    def status(self) -> WorklistStatus:
        """A snapshot."""
        return self._status

    def only_while(self, may: Callable[[], bool]) -> None:
        """Work only while `may` is true: of several nodes one does."""
        self._thread.only_while(may)

    def start(self) -> None:
        """Begin; the first look is at once."""
        self._thread.start()

    def refresh_now(self, *, patience_s: float = 0.0) -> WorklistStatus:
        """Look without waiting for the period; what stands after it, or after `patience_s`."""
        with self._looked:
            before = self._looks
            self._thread.wake()
            self._looked.wait_for(lambda: self._looks > before, timeout=patience_s or None)
        return self._status

    def stop(self, deadline_s: float) -> bool:
        """End, breaking off a query under way; False when it did not in time.

        A RIS that does not answer our association request cannot be broken off: it is left alone
        after STOP_S, for nothing that it says would count any more.
        """
        self._thread.ask_stop()
        self._scu.break_off()
        return self._thread.join(min(deadline_s, STOP_S))

    def look(self) -> float:
        """Ask for the list and keep it; the seconds until the next look. Does not raise."""
        try:
            self._fetch()
        except (NetworkError, StoreError) as error:
            return self._failed(error)
        self._failures = 0
        return step_s((self._plan.period_s,), 0, self._random, jitter=JITTER)

    def _fetch(self) -> None:
        """Every station's list. What came before a failure is kept, and nothing is withdrawn."""
        found: dict[str, WorklistItem] = {}
        unusable: Counter[str] = Counter()
        left_out: tuple[str, ...] = ()
        excess, more = 0, False
        try:
            for query in self._plan.queries(self._local_now()):
                fetched = self._scu.fetch(query)
                found |= {item.id: item for item in fetched.items}
                unusable.update(fetched.unusable)
                excess, more = excess + fetched.excess, more or fetched.more
                left_out = fetched.left_out
        except NetworkError:
            self._keep(found, withdraw=False)
            raise
        self._keep(found, withdraw=True)
        self._succeeded(
            replace(
                self._status,
                fetched_at=self._now(),
                items=len(found),
                unusable=MappingProxyType(dict(unusable)),
                excess=excess,
                more=more,
                left_out=left_out,
                problem="",
            )
        )

    def _keep(self, found: dict[str, WorklistItem], *, withdraw: bool) -> None:
        shown = {
            item.id: item
            for item in self._items.items(source=WorklistSource.RIS)
            if item.source_name == self._scu.peer.name
        }
        self._items.put([item for item in found.values() if _changed(shown.get(item.id), item)])
        if withdraw:
            now = self._now()
            gone = shown.keys() - found.keys()
            if gone:
                self._items.withdraw(gone, now=now)
            self._items.remove_withdrawn(before=now - KEEP_WITHDRAWN)

    def _succeeded(self, status: WorklistStatus) -> None:
        self._notes.write(self._fetched_note, (status.fetched_at or self._now()).isoformat())
        known = replace(self._status, fetched_at=status.fetched_at)
        if known != status:
            log.info(
                "worklist_refreshed",
                peer=status.peer,
                items=status.items,
                unusable=dict(status.unusable),
                excess=status.excess,
                more=status.more,
            )
        self._status = status

    def _failed(self, error: Exception) -> float:
        longest_s = max(self._plan.period_s, PEER_STEPS_S[0])
        steps_s = [min(pause_s, longest_s) for pause_s in PEER_STEPS_S]
        wait_s = step_s(steps_s, self._failures, self._random, jitter=JITTER)
        self._failures += 1
        remedy = self._remedy(error) if isinstance(error, NetworkError) else ""
        problem = f"{error}. {remedy}" if remedy else str(error)
        if problem != self._status.problem and not self._thread.is_stopping:
            log.warning("worklist_failed", peer=self._status.peer, reason=str(error), remedy=remedy)
        self._status = replace(self._status, problem=problem)
        return wait_s

    def _remedy(self, error: NetworkError) -> str:
        peer = self._scu.peer
        if isinstance(error, QueryRefused):
            return f"The log of {peer.name} says why"
        if isinstance(error, ContextNotAccepted):
            return remedies.no_service(peer, "worklist")
        return remedies.no_query(error, peer, self._us)

    def _last_fetched_at(self) -> datetime | None:
        try:
            at = datetime.fromisoformat(self._notes.read(self._fetched_note))
        except ValueError:
            return None
        return at if at.tzinfo else None

    def _step(self) -> float:
        try:
            return self.look()
        finally:
            with self._looked:
                self._looks += 1
                self._looked.notify_all()

    def _stalled(self, error: Exception) -> None:
        log.error("worklist_failed", peer=self._status.peer, reason=type(error).__name__)


def _changed(known: WorklistItem | None, item: WorklistItem) -> bool:
    """Whether anything but the moment differs."""
    return known is None or replace(known, fetched_at=item.fetched_at) != item


def listed_on(items: WorklistItems, day: str) -> Sequence[WorklistItem]:
    """What is shown of one day (DA): from every source; items without a day as well."""
    return items.items(start_date_from=day, start_date_to=day)
