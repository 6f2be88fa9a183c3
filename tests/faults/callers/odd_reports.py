"""Reports that an archive should not send and some do, and what a node must make of each.

`report_oddly` sends them for a request that waits and says which instances it promised in a way
that counts; `settle` looks, once retention has been by, whether these and no others were let go.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.faults.archives.commitment_wire import ALL_COMMITTED, Item, Report
from tests.faults.archives.script import Asked
from tests.faults.callers.instances import ULTRASOUND
from tests.faults.nodes.commitment_bench import CommitmentBench

TAKEN, REFUSED, NO_SUCH_EVENT = 0x0000, 0x0115, 0x0113  # PS3.7 10.1.1.1.8
PROCESSING_FAILURE = 0x0110
NO_EVENT_TYPE = 3
_CINE = "1.2.840.10008.5.1.4.1.1.3.1"
assert _CINE != ULTRASOUND


@dataclass(frozen=True, kw_only=True)
class OddReport:
    """One report. status: what the node must answer. promised: what it must take for promised."""

    report: Report
    status: int
    promised: tuple[Item, ...]


# (request, items of another request that waits) -> reports, one after the other
Oddity = Callable[[Asked, tuple[Item, ...]], tuple[OddReport, ...]]


def _one(
    asked: Asked,
    committed: Sequence[Item],
    *,
    promised: Sequence[Item],
    failed: Sequence[Item] = (),
    event_type: int | None = None,
    status: int = TAKEN,
) -> OddReport:
    report = Report(
        transaction_uid=asked.transaction_uid,
        committed=tuple(committed),
        failed=tuple((item, PROCESSING_FAILURE) for item in failed),
        event_type=event_type,
    )
    return OddReport(report=report, status=status, promised=tuple(promised))


def _duplicate(asked: Asked, others: tuple[Item, ...]) -> tuple[OddReport, ...]:
    """The same report twice, the second perhaps after all that it names is deleted."""
    return (_one(asked, asked.items, promised=asked.items),) * 2


def _partial(asked: Asked, others: tuple[Item, ...]) -> tuple[OddReport, ...]:
    *most, _ = asked.items
    return (_one(asked, most, promised=most),)


def _with_extra_items(asked: Asked, others: tuple[Item, ...]) -> tuple[OddReport, ...]:
    """Those of another request among them, which still waits for its own report."""
    return (_one(asked, (*others, *asked.items), promised=asked.items),)


def _wrong_class(asked: Asked, others: tuple[Item, ...]) -> tuple[OddReport, ...]:
    first, *rest = asked.items
    other = Item(sop_class_uid=_CINE, sop_instance_uid=first.sop_instance_uid)
    return (_one(asked, (other, *rest), promised=rest),)


def _empty_sequence(asked: Asked, others: tuple[Item, ...]) -> tuple[OddReport, ...]:
    return (_one(asked, (), promised=(), status=REFUSED),)


def _unknown_event_type(asked: Asked, others: tuple[Item, ...]) -> tuple[OddReport, ...]:
    return (_one(asked, asked.items, promised=(), event_type=NO_EVENT_TYPE, status=NO_SUCH_EVENT),)


def _committed_and_failed(asked: Asked, others: tuple[Item, ...]) -> tuple[OddReport, ...]:
    """One instance in both lists: it is not promised."""
    first, *rest = asked.items
    return (_one(asked, asked.items, promised=rest, failed=(first,)),)


def _failed_as_success(asked: Asked, others: tuple[Item, ...]) -> tuple[OddReport, ...]:
    """The event says that all went well, the list says what did not."""
    first, *rest = asked.items
    return (_one(asked, rest, promised=rest, failed=(first,), event_type=ALL_COMMITTED),)


def _in_two_parts(asked: Asked, others: tuple[Item, ...]) -> tuple[OddReport, ...]:
    """First some, then the others: the second part is a promise as good as the first."""
    first, *rest = asked.items
    return (_one(asked, (first,), promised=(first,)), _one(asked, rest, promised=rest))


def _one_item_twice(asked: Asked, others: tuple[Item, ...]) -> tuple[OddReport, ...]:
    return (_one(asked, asked.items * 2, promised=asked.items),)


ODDITIES: dict[str, Oddity] = {
    "duplicate": _duplicate,
    "partial": _partial,
    "extra items": _with_extra_items,
    "wrong class": _wrong_class,
    "empty sequence": _empty_sequence,
    "event type 3": _unknown_event_type,
    "in both lists": _committed_and_failed,
    "failed as a success": _failed_as_success,
    "in two parts": _in_two_parts,
    "one item twice": _one_item_twice,
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
