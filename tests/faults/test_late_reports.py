"""Reports that come an hour late, days late, after a restart, or never (scenario 21)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.commands.lying_pacs.script import Asked, commits, never_reports
from tests.faults.callers.instances import small_instance
from tests.faults.judging.books import Book
from tests.faults.judging.verdict import judged
from tests.faults.nodes.delivering_half import memory_folder
from tests.faults.nodes.listening_half import ListeningHalf
from tests.faults.nodes.set_clock import SetClock
from tests.faults.programme import LATE_REPORTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

HOUR_S, DAY_S = 3_600.0, 86_400.0
LATE = ("an hour", "three days", "after a restart", "never")


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[LyingArchive]:
    book = Book(tmp_path / "pacs.book")
    with LyingArchive(book) as lying:
        lying.commit = never_reports
        yield lying
    book.close()


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with memory_folder() as folder:
        yield folder


@pytest.fixture
def lives() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.mark.long
def test_nothing_goes_without_a_report_and_a_late_one_counts(
    tmp_path: Path, data_dir: Path, archive: LyingArchive, lives: ExitStack
) -> None:
    """Each instance is asked for in a request of its own; whenever that is reported, though it was
    asked for again since and the node was restarted, the instance is committed and goes. The
    others are here all the while, and those that are never reported are here after a week.
    """
    clock = SetClock()
    book = Book(tmp_path / "clients.book")
    half = lives.enter_context(ListeningHalf(data_dir, archive, clock=clock, book=book))
    first = {late: _ask_for(half, archive, LATE_REPORTS.count // len(LATE)) for late in LATE}
    waiting = set(LATE)

    def report(late: str) -> None:
        for asked in first[late]:
            assert archive.report(commits(asked)) == 0x0000
        half.tidy()
        waiting.discard(late)
        for other, requests in first.items():
            expected = other in waiting
            assert [half.has(_uid(asked)) for asked in requests] == [expected] * len(requests)

    half.live_and_tidy(HOUR_S + 60)
    report("an hour")
    half.live_and_tidy(3 * DAY_S, every_s=6 * HOUR_S)
    report("three days")
    half.close()
    half = lives.enter_context(ListeningHalf(data_dir, archive, clock=clock, book=book))
    report("after a restart")
    half.live_and_tidy(5 * DAY_S, every_s=6 * HOUR_S)
    never = [_uid(asked) for asked in first["never"]]
    assert all(half.has(uid) for uid in never)
    assert {half.row(uid).state for uid in never} == {"commit_requested"}
    # At once, after 1 h, 6 h, 24 h and then daily, and once after the restart.
    asked = [archive.asked_for(uid) for uid in never]
    assert {len(requests) for requests in asked} == {12}
    half.close()
    book.close()
    found = judged(data_dir=data_dir, books=[book.path], required={"pacs": archive.book.path})
    assert not any(found.values()), found


def _ask_for(half: ListeningHalf, archive: LyingArchive, count: int) -> list[Asked]:
    """New instances, each asked for in a request of its own; these requests."""
    before = len(archive.asked)
    for _ in range(count):
        half.put(small_instance())
        half.live(1.0)
    requests = archive.asked[before:]
    assert [len(asked.items) for asked in requests] == [1] * count
    return requests


def _uid(asked: Asked) -> str:
    [item] = asked.items
    return item.sop_instance_uid
