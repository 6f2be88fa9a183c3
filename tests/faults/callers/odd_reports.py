"""Reports that an archive should not send and some do, and what a node must make of each.

`report_oddly` sends them for a request that waits and says which instances it promised in a way
that counts; `settle` looks, once retention has been by, whether these and no others were let go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from echonode.commands.lying_pacs import report_changes
from echonode.commands.lying_pacs.commitment_wire import Item, Report
from echonode.commands.lying_pacs.report_changes import ReportChange
from echonode.commands.lying_pacs.script import Asked, commits
from tests.faults.callers.instances import ULTRASOUND
from tests.faults.nodes.commitment_bench import CommitmentBench

TAKEN, REFUSED, NO_SUCH_EVENT = 0x0000, 0x0115, 0x0113  # PS3.7 10.1.1.1.8
assert report_changes.OTHER_CLASS != ULTRASOUND


@dataclass(frozen=True, kw_only=True)
class OddReport:
    """One report. status: what the node must answer. promised: what it must take for promised."""

    report: Report
    status: int
    promised: tuple[Item, ...]


# (request, items of another request that waits) -> reports, one after the other
Oddity = Callable[[Asked, tuple[Item, ...]], tuple[OddReport, ...]]


def _oddity(
    change: ReportChange, *promised: slice, status: int = TAKEN, with_others: bool = False
) -> Oddity:
    """A change of the honest report. promised: of the items, by each of its reports."""

    def reports(asked: Asked, others: tuple[Item, ...]) -> tuple[OddReport, ...]:
        changed = change(asked, (commits(asked),))
        if with_others:
            changed = report_changes.with_items(others)(asked, changed)
        return tuple(
            OddReport(report=report, status=status, promised=asked.items[part])
            for report, part in zip(changed, promised, strict=True)
        )

    return reports


_ALL, _FIRST, _REST, _MOST, _NONE = (
    slice(None),
    slice(1),
    slice(1, None),
    slice(-1),
    slice(0),
)
ODDITIES: dict[str, Oddity] = {
    # The second perhaps after all that it names is deleted.
    "duplicate": _oddity(report_changes.twice, _ALL, _ALL),
    "partial": _oddity(report_changes.partial, _MOST),
    # Those of another request among them, which still waits for its own report.
    "extra items": _oddity(lambda asked, reports: reports, _ALL, with_others=True),
    "wrong class": _oddity(report_changes.wrong_class, _REST),
    "empty sequence": _oddity(report_changes.empty, _NONE, status=REFUSED),
    "event type 3": _oddity(report_changes.unknown_event, _NONE, status=NO_SUCH_EVENT),
    # One instance in both lists: it is not promised.
    "in both lists": _oddity(report_changes.in_both_lists, _REST),
    # The event says that all went well, the list says what did not.
    "failed as a success": _oddity(report_changes.failure_as_success, _REST),
    # The second part is a promise as good as the first.
    "in two parts": _oddity(report_changes.in_two_parts, _FIRST, _REST),
    "one item twice": _oddity(report_changes.each_item_twice, _ALL),
}


def report_oddly(
    bench: CommitmentBench, oddity: Oddity, asked: Asked, others: tuple[Item, ...]
) -> set[str]:
    """Report on a request; the UIDs that are promised. Raises AssertionError on a wrong answer."""
    promised: set[str] = set()
    for odd in oddity(asked, others):
        status = bench.pacs.report(odd.report)
        assert status == odd.status, f"it was answered {status}"
        promised |= {item.sop_instance_uid for item in odd.promised}
    return promised


def settle(bench: CommitmentBench, promised: set[str], unpromised: set[str]) -> None:
    """The promised ones are committed and deleted, the others not. Raises AssertionError."""
    bench.wait_gone(promised)
    bench.retention_has_looked()
    wrongly = bench.gone() & unpromised
    assert not wrongly, f"{len(wrongly)} instances were deleted that nobody promised to keep"
    states = bench.states()
    assert unpromised <= states.keys()
    believed = {uid for uid in unpromised if states[uid] in ("committed", "verified")}
    assert not believed, f"{len(believed)} are taken for committed"


def requests(bench: CommitmentBench, count: int, *, of: int) -> list[Asked]:
    """So many requests for commitment that name `of` instances each; smaller ones may be made."""
    found: list[Asked] = []
    while len(found) < count:
        before = len(bench.pacs.asked)
        bench.wait_asked(bench.offer_at_once((count - len(found)) * of))
        found += [asked for asked in bench.pacs.asked[before:] if len(asked.items) == of]
    return found[:count]
