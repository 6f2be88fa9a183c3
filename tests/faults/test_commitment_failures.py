"""An archive that has said "stored" and then does not commit (scenario 20).

What the node does depends on the Failure Reason, is written down here as a table, and is the same
to the second each time. Whatever it is, the local copy stays until there is a promise.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.commands.lying_pacs.commitment_wire import Report
from echonode.commands.lying_pacs.script import Asked, Promise, Way, commits, refuses
from echonode.model.delivery import DeliveryState
from tests.faults.callers.instances import small_instance
from tests.faults.judging.books import Book
from tests.faults.judging.verdict import judged
from tests.faults.nodes.delivering_half import memory_folder
from tests.faults.nodes.listening_half import ListeningHalf
from tests.faults.nodes.set_clock import SetClock
from tests.faults.programme import FAILURE_REASONS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HELD, COMMITTED = DeliveryState.HELD, DeliveryState.COMMITTED
FOR_EVER = 1_000
A_DAY_S = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Course:
    """What follows on a Failure Reason.

    refusals: how often the archive gives it, then it commits. gaps_s: between the requests for
    commitment. sent: how often each instance goes out. end: of the delivery. why: what the ledger
    then says.
    """

    reason: int
    refusals: int
    gaps_s: tuple[float, ...]
    sent: int
    end: DeliveryState
    why: str = ""


COURSES = {
    "no such instance, for ever": Course(
        reason=0x0112,
        refusals=FOR_EVER,
        gaps_s=(0, 30, 60),
        sent=4,
        end=HELD,
        why="the archive does not have the instance (0112), 4 times",
    ),
    "no such instance, once": Course(reason=0x0112, refusals=1, gaps_s=(0,), sent=2, end=COMMITTED),
    "processing failure": Course(
        reason=0x0110, refusals=4, gaps_s=(30, 60, 120, 240), sent=1, end=COMMITTED
    ),
    "resource limitation": Course(
        reason=0x0213, refusals=4, gaps_s=(30, 60, 120, 240), sent=1, end=COMMITTED
    ),
    "duplicate Transaction UID": Course(
        reason=0x0131, refusals=2, gaps_s=(30, 60), sent=1, end=COMMITTED
    ),
    "a reason that there is not": Course(
        reason=0xC123, refusals=2, gaps_s=(30, 60), sent=1, end=COMMITTED
    ),
    "class/instance conflict": Course(
        reason=0x0119,
        refusals=FOR_EVER,
        gaps_s=(),
        sent=1,
        end=HELD,
        why="the archive has the instance under another SOP class (0119)",
    ),
    "class not supported": Course(
        reason=0x0122,
        refusals=FOR_EVER,
        gaps_s=(),
        sent=1,
        end=HELD,
        why="the archive never commits to this SOP class; the local copy stays (0122)",
    ),
}


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[LyingArchive]:
    book = Book(tmp_path / "pacs.book")
    with LyingArchive(book) as lying:
        yield lying
    book.close()


@pytest.fixture
def half(tmp_path: Path, archive: LyingArchive) -> Iterator[ListeningHalf]:
    book = Book(tmp_path / "clients.book")
    with (
        memory_folder() as folder,
        ListeningHalf(folder, archive, clock=SetClock(), book=book) as running,
    ):
        yield running
    book.close()


@pytest.mark.parametrize("name", COURSES)
def test_each_failure_reason_has_its_course(
    half: ListeningHalf, archive: LyingArchive, tmp_path: Path, name: str
) -> None:
    """Sent again or only asked again, under a new Transaction UID each time, at these moments, and
    in the end committed or held with this reason; held, nothing is asked or sent any more.
    """
    course = COURSES[name]
    asked_at: list[float] = []

    def answer(asked: Asked) -> Promise:
        asked_at.append(half.clock.passed_s)
        report = refuses(course.reason) if len(asked_at) <= course.refusals else commits
        return Promise(reports=((Way.ANSWERED_FIRST, report(asked)),))

    archive.commit = answer
    instances = [small_instance() for _ in range(FAILURE_REASONS.count)]
    for instance in instances:
        half.put(instance)
    half.live(sum(course.gaps_s) + 30)
    half.live_and_tidy(A_DAY_S)

    gaps_s = [later - earlier for earlier, later in pairwise(asked_at)]
    assert gaps_s == pytest.approx(list(course.gaps_s))
    assert len({asked.transaction_uid for asked in archive.asked}) == len(archive.asked)
    sent = Counter(arrival.sop_instance_uid for arrival in archive.arrivals)
    assert sent == {instance.sop_instance_uid: course.sent for instance in instances}
    for instance in instances:
        row = half.row(instance.sop_instance_uid)
        assert row.state == course.end
        assert row.last_error.endswith(course.why)
        assert half.has(instance.sop_instance_uid) is (course.end is HELD)
    _judge(half, tmp_path)


def test_each_instance_of_one_report_goes_its_own_way(
    half: ListeningHalf, archive: LyingArchive, tmp_path: Path
) -> None:
    """One request, six reasons and a promise: each instance is treated by what is said of it."""
    after = {
        None: COMMITTED,
        0x0112: DeliveryState.COMMIT_REQUESTED,  # sent again at once, and asked for again
        0x0110: DeliveryState.SENT,
        0x0213: DeliveryState.SENT,
        0x0131: DeliveryState.SENT,
        0x0119: HELD,
        0x0122: HELD,
    }
    instances = {reason: small_instance() for reason in after}
    reasons = {instance.sop_instance_uid: reason for reason, instance in instances.items()}

    def answer(asked: Asked) -> Promise:
        if len(archive.asked) > 1:
            return Promise()
        given = [(item, reasons[item.sop_instance_uid]) for item in asked.items]
        report = Report(
            transaction_uid=asked.transaction_uid,
            committed=tuple(item for item, reason in given if reason is None),
            failed=tuple((item, reason) for item, reason in given if reason is not None),
        )
        return Promise(reports=((Way.ANSWERED_FIRST, report),))

    archive.commit = answer
    for instance in instances.values():
        half.put(instance)
    half.live(10.0)
    states = {reason: half.row(i.sop_instance_uid).state for reason, i in instances.items()}
    assert states == after
    half.tidy()
    here = {reason for reason, i in instances.items() if half.has(i.sop_instance_uid)}
    assert here == after.keys() - {None}
    _judge(half, tmp_path)


def _judge(half: ListeningHalf, folder: Path) -> None:
    """Nothing is lost, and nothing went that the archive had not promised."""
    half.close()
    found = judged(
        data_dir=half.data_dir,
        books=[folder / "clients.book"],
        required={"pacs": folder / "pacs.book"},
    )
    assert not any(found.values()), found
