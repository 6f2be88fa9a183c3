"""How an archive behaves as a whole, as one value that behaviours change one after the other.

    conduct = Conduct(way=Way.SEPARATE)
    conduct = conduct.also(stores=StoreChange(when=When(seconds=3600), change=...))
    follow(archive, conduct)

Rules
- A C-STORE meets the changes in the order in which they were given, each on the answer that the
  ones before it left; so do reports.
- A change holds for some C-STOREs only where its `when` says so; the others are answered honestly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.commands.lying_pacs.association_wire import ACCEPTED
from echonode.commands.lying_pacs.commitment_wire import Report
from echonode.commands.lying_pacs.report_changes import ReportChange, of_what_is_held
from echonode.commands.lying_pacs.script import (
    SUCCESS,
    Accepts,
    Arrival,
    Asked,
    Caller,
    Greeting,
    Promise,
    StoreAnswer,
    Way,
    welcomes,
)


@dataclass(frozen=True, kw_only=True)
class When:
    """Which C-STOREs or association requests a change is for.

    first: the number of the first one, from 1. count: how many, 0 for all that follow.
    every: only every Nth of them. seconds: only so long after the archive began, 0 for no limit.
    """

    first: int = 1
    count: int = 0
    every: int = 1
    seconds: float = 0.0

    def holds(self, number: int, age_s: float) -> bool:
        """For the one of this number, at this age of the archive."""
        if self.seconds and age_s >= self.seconds:
            return False
        behind = number - self.first
        if behind < 0 or behind % self.every:
            return False
        return not self.count or behind // self.every < self.count


@dataclass(frozen=True, kw_only=True)
class StoreChange:
    """What becomes of the answer to some C-STOREs."""

    when: When
    change: Callable[[StoreAnswer], StoreAnswer]


@dataclass(frozen=True, kw_only=True)
class GreetingChange:
    """What becomes of some association requests."""

    when: When
    change: Callable[[Greeting], Greeting]


@dataclass(frozen=True, kw_only=True)
class Conduct:
    """All of it. An archive without a change is honest.

    ways: on which association reports go. delay_s: before a report on an association of its own.
    action_status: the answer to N-ACTION, None for silence. finds: whether C-FIND finds an
    instance, None for the truth.
    """

    ways: tuple[Way, ...] = (Way.SAME_ASSOCIATION,)
    greetings: tuple[GreetingChange, ...] = ()
    accepts: tuple[Accepts, ...] = ()
    stores: tuple[StoreChange, ...] = ()
    reports: tuple[ReportChange, ...] = ()
    sends_reports: bool = True
    delay_s: float = 0.0
    action_status: int | None = SUCCESS
    finds: bool | None = None
    find_status: int = SUCCESS
    releases: bool = True

    def greeting(self, caller: Caller) -> Greeting:
        """To an A-ASSOCIATE-RQ."""
        answer = welcomes(caller)
        for each in self.greetings:
            if each.when.holds(caller.number, caller.age_s):
                answer = each.change(answer)
        return answer

    def verdict(self, abstract_syntax: str, transfer_syntax: str) -> int:
        """On a proposed context: the first refusal."""
        verdicts = [accepts(abstract_syntax, transfer_syntax) for accepts in self.accepts]
        return next((verdict for verdict in verdicts if verdict != ACCEPTED), ACCEPTED)

    def store_answer(self, arrival: Arrival) -> StoreAnswer:
        """To a C-STORE."""
        answer = StoreAnswer()
        for each in self.stores:
            if each.when.holds(arrival.number, arrival.age_s):
                answer = each.change(answer)
        return answer

    def promise(self, asked: Asked) -> Promise:
        """To an N-ACTION."""
        if self.action_status != SUCCESS:
            return Promise(status=self.action_status)
        reports: tuple[Report, ...] = (of_what_is_held(asked),) if self.sends_reports else ()
        for change in self.reports if self.sends_reports else ():
            reports = change(asked, reports)
        return Promise(
            reports=tuple((way, report) for way in self.ways for report in reports),
            delay_s=self.delay_s,
        )

    @property
    def calls_the_sender(self) -> bool:
        """Whether a report goes on an association of its own, so that an address is needed."""
        here = (Way.SAME_ASSOCIATION, Way.BEFORE_ANSWER, Way.ANSWERED_FIRST, Way.DURING_RELEASE)
        return self.sends_reports and any(way not in here for way in self.ways)


def follow(archive: LyingArchive, conduct: Conduct) -> None:
    """From now on the archive behaves so."""
    archive.greets = conduct.greeting
    archive.accepts = conduct.verdict
    archive.store = conduct.store_answer
    archive.commit = conduct.promise
    archive.find_status = conduct.find_status
    archive.releases = conduct.releases
    if conduct.finds is not None:
        found = conduct.finds
        archive.finds = lambda sop_instance_uid: found
    else:
        archive.finds = lambda sop_instance_uid: sop_instance_uid in archive.kept


def always(conduct: Conduct, *changes: ReportChange) -> Conduct:
    """The conduct with further changes of its reports."""
    return replace(conduct, reports=(*conduct.reports, *changes))
