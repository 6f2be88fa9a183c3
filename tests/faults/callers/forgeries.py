"""Reports that are not what they seem, and what a node must do with each (scenario 24).

`forge` sends them one by one at a node that waits for the reports of an archive, and looks after
each whether anything has changed: it raises AssertionError where one was believed. A node with a
defect is held against the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from echonode.commands.lying_pacs import reporter
from echonode.commands.lying_pacs.commitment_wire import Item, Report
from echonode.commands.lying_pacs.script import Asked, commits
from tests.faults.callers.instances import ULTRASOUND, new_uid
from tests.faults.nodes.commitment_bench import VIEWER, CommitmentBench

REFUSED = 0x0115  # PS3.7 10.1.1.1.8: invalid argument value


@dataclass(frozen=True, kw_only=True)
class Plot:
    """What a forger can know. target: a request that waits; old: one that was reported long ago."""

    target: Asked
    old: Asked


@dataclass(frozen=True, kw_only=True)
class Forgery:
    """Who says what. status: what the node must answer, None where it must not even listen.

    recorded: whether a row of the database must tell of it.
    """

    calling: str
    report: Callable[[Plot], Report]
    status: int | None = REFUSED
    recorded: bool = True


def _under_a_new_uid(plot: Plot) -> Report:
    return Report(transaction_uid=new_uid(), committed=plot.target.items)


def _old_with_new_items(plot: Plot) -> Report:
    return Report(transaction_uid=plot.old.transaction_uid, committed=plot.target.items)


def _of_others_only(plot: Plot) -> Report:
    stranger = Item(sop_class_uid=ULTRASOUND, sop_instance_uid=new_uid())
    return Report(transaction_uid=plot.target.transaction_uid, committed=(stranger,))


def _as_asked(plot: Plot) -> Report:
    return commits(plot.target)


def _replayed(plot: Plot) -> Report:
    return commits(plot.old)


FORGERIES = {
    "an AE that nobody knows": Forgery(
        calling="STRANGER", report=_as_asked, status=None, recorded=False
    ),
    "a peer that may not report": Forgery(
        calling=VIEWER, report=_as_asked, status=None, recorded=False
    ),
    "the archive, on no transaction": Forgery(calling="PACS", report=_under_a_new_uid),
    "another archive, on no transaction": Forgery(calling="VNA", report=_under_a_new_uid),
    "another archive, on this one's transaction": Forgery(calling="VNA", report=_as_asked),
    "another archive, an old report again": Forgery(calling="VNA", report=_replayed),
    "the archive, an old transaction for new instances": Forgery(
        calling="PACS", report=_old_with_new_items
    ),
    "the archive, for none of the instances asked for": Forgery(
        calling="PACS", report=_of_others_only
    ),
    # What it says was true and is known: it is told so, and nothing changes (PS3.4 J.3.3).
    "the archive, an old report again": Forgery(
        calling="PACS", report=_replayed, status=0x0000, recorded=False
    ),
}


def prepare(bench: CommitmentBench, *, count: int) -> tuple[list[Asked], list[Asked]]:
    """(requests that wait, requests that were reported and whose instances are gone)."""
    earlier = bench.offer_at_once(count)
    bench.wait_asked(earlier)
    old = list(bench.pacs.asked)
    for asked in old:
        assert bench.pacs.report(commits(asked)) == 0x0000
    bench.wait_gone([instance.sop_instance_uid for instance in earlier])
    targets = bench.offer_at_once(count)
    bench.wait_asked(targets)
    return bench.pacs.asked[len(old) :], old


def forge(
    bench: CommitmentBench,
    forgery: Forgery,
    targets: Sequence[Asked],
    old: Sequence[Asked],
    *,
    trials: int,
) -> None:
    """So many reports, each on an association of its own. Raises AssertionError."""
    for trial in range(trials):
        plot = Plot(target=targets[trial % len(targets)], old=old[trial % len(old)])
        states, gone, refused = bench.states(), bench.gone(), bench.refused()
        report = forgery.report(plot)
        status = reporter.send_report(report, port=bench.node.port, calling=forgery.calling)
        assert bench.gone() == gone, "an instance was deleted for it"
        assert bench.states() == states, "it has changed a delivery"
        assert status == forgery.status, f"it was answered {status}"
        record = [(forgery.calling, report.transaction_uid)] if forgery.recorded else []
        assert bench.refused() == refused + record, "it was not recorded"
