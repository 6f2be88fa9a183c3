"""The trail keeps what it was given, shows what was done to it, and forgets only by its rules."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from echonode.audit.codes import Kind
from echonode.audit.event import Patient
from echonode.audit.trail.checkpoint import from_text, read_checkpoint
from echonode.audit.trail.search import Page, Wanted, page, search
from echonode.audit.trail.trail import Trail, TrailFull, TrailLimits, TrailPaths
from echonode.audit.trail.verification import Verified, verify
from echonode.errors import UsageError
from tests.unit.audit.events import AT, US, instance, of_every_kind

LIMITS = TrailLimits(keep=timedelta(days=30), bytes=64 * 1024 * 1024)


@pytest.fixture
def trail(tmp_path: Path) -> Iterator[Trail]:
    with closing(Trail.open(tmp_path, now=AT)) as opened:
        opened.append([instance(n) for n in range(20)], LIMITS)
        opened.write_checkpoint()
        yield opened


def checked(trail: Trail) -> Verified:
    return verify(trail.readers, checkpoint=read_checkpoint(trail.paths.checkpoint))


def behind_its_back(trail: Trail, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(trail.paths.database)) as database, database:
        database.execute(statement, values)


def test_a_whole_trail_is_whole_after_a_restart(trail: Trail, tmp_path: Path) -> None:
    """And the next records go on behind the last."""
    trail.close()
    with closing(Trail.open(tmp_path, now=AT)) as again:
        again.append(of_every_kind(), LIMITS)
        assert checked(again).broken is None
        assert again.head.seq == 20 + len(of_every_kind())


@pytest.mark.parametrize(
    ("statement", "first", "words"),
    [
        ("UPDATE record SET actor = 'nurse' WHERE seq = 7", 7, "changed"),
        ("UPDATE record SET outcome = 4 WHERE seq = 1", 1, "changed"),
        ("UPDATE record SET at = at + 1 WHERE seq = 12", 12, "changed"),
        ("UPDATE record SET content = replace(content, '1.2.3', '9') WHERE seq = 3", 3, "changed"),
        ("UPDATE record SET private = replace(private, 'P-1', 'P-2') WHERE seq = 5", 5, "patient"),
        ("UPDATE record SET salt = x'', private = '{}' WHERE seq = 5", 5, "erased"),
        ("DELETE FROM record WHERE seq = 9", 10, "9 to 9 are missing"),
        ("DELETE FROM record WHERE seq <= 4", 5, "1 to 4 are missing"),
        ("DELETE FROM record WHERE seq > 17", 18, "18 to 20 were cut off"),
        ("DELETE FROM record", 1, "1 to 20 were cut off"),
        ("UPDATE record SET hash = (SELECT hash FROM record WHERE seq = 2) WHERE seq = 20", 20, ""),
    ],
)
def test_the_first_record_that_was_tampered_with_is_named(
    trail: Trail, statement: str, first: int, words: str
) -> None:
    """Changed, taken out, replaced, or cut off at the end."""
    behind_its_back(trail, statement)
    broken = checked(trail).broken
    assert broken is not None
    assert broken.seq == first
    assert words in broken.reason


def test_a_beginning_that_is_taken_out_with_the_mark_of_a_deletion_is_missed(trail: Trail) -> None:
    """A deletion by age leaves a record of itself, which cannot be made up."""
    [digest] = [r.hash for r in trail.after(0, 30) if r.seq == 4]
    behind_its_back(trail, "DELETE FROM record WHERE seq <= 4")
    behind_its_back(trail, "INSERT INTO state VALUES ('pruned', ?)", f'[4, "{digest.hex()}"]')
    broken = checked(trail).broken
    assert broken is not None
    assert "none says so" in broken.reason


def test_a_checkpoint_from_the_log_shows_a_chain_that_was_made_again(
    trail: Trail, tmp_path: Path
) -> None:
    """Who writes the whole trail again, with its checkpoint, has other hashes than the log."""
    known = trail.head
    trail.close()
    for path in trail.paths.folder.glob("audit.sqlite*"):
        path.unlink()
    with closing(Trail.open(tmp_path, now=AT)) as forged:
        forged.append([instance(n) for n in range(25)], LIMITS)
        forged.write_checkpoint()
        assert checked(forged).broken is None
        found = verify(forged.readers, checkpoint=None, anchor=known)
    assert found.broken is not None
    assert found.broken.seq == 20


def test_old_records_go_and_the_chain_still_holds(trail: Trail) -> None:
    """What was not sent yet stays, however old it is."""
    later = AT + LIMITS.keep + timedelta(seconds=1)
    assert trail.prune(LIMITS, now=later, sent=0, us=US) == 0
    assert trail.prune(LIMITS, now=later, sent=12, us=US) == 12
    found = checked(trail)
    assert found.broken is None
    assert (found.first, found.records) == (13, 9)


def test_at_its_limit_nothing_more_is_taken(trail: Trail) -> None:
    """The caller hears of it: nothing is lost in silence."""
    with pytest.raises(TrailFull):
        trail.append([instance()], TrailLimits(keep=LIMITS.keep, bytes=1))


def test_an_erased_patient_is_gone_and_the_chain_holds(trail: Trail) -> None:
    """Other patients stay."""
    trail.append([instance(1, patient=Patient(id="P-2", name="Roe^R"))], LIMITS)
    assert trail.erase(lambda private: "P-1" in private) == 20
    found = checked(trail)
    assert (found.broken, found.erased) == (None, 20)
    assert list(search(trail.readers, Wanted(patient="P-1"))) == []
    assert len(list(search(trail.readers, Wanted(patient="P-2")))) == 1


@pytest.mark.parametrize(
    ("wanted", "count"),
    [
        (Wanted(), 21),
        (Wanted(patient="P-2"), 1),
        (Wanted(user="reading"), 21),
        (Wanted(user="READING1"), 1),
        (Wanted(kind=Kind.ACCESS), 1),
        (Wanted(since=AT + timedelta(seconds=1)), 0),
        (Wanted(until=AT), 0),
    ],
)
def test_records_are_found(trail: Trail, wanted: Wanted, count: int) -> None:
    """By patient, by a login or an AE title, by kind and by time."""
    [access] = [e for e in of_every_kind() if e.kind is Kind.ACCESS]
    trail.append([replace(access, patient=Patient(id="P-2"))], LIMITS)
    assert len(list(search(trail.readers, wanted))) == count


def test_a_damaged_trail_is_set_aside_and_another_begins(trail: Trail, tmp_path: Path) -> None:
    """Nothing of it is deleted."""
    trail.close()
    database = TrailPaths.below(tmp_path).database
    database.write_bytes(b"\0" * 5000)
    with closing(Trail.open(tmp_path, now=AT)) as again:
        again.append([instance()], LIMITS)
        assert checked(again).broken is None
        assert "damaged" in again.state("set_aside")
    assert list(database.parent.glob("audit.damaged-*.sqlite"))


@pytest.mark.parametrize("text", ["", "x", "1", "1:zz", "1:00", "-1:" + "0" * 64])
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    """In words."""
    with pytest.raises(UsageError, match="not a checkpoint"):
        from_text(text)


def pages(trail: Trail, wanted: Wanted, *, most: int, most_read: int) -> list[Page]:
    """Until the last, each from where the one before it ended."""
    found = [page(trail.readers, wanted, before=None, most=most, most_read=most_read)]
    while found[-1].next is not None:
        before = found[-1].next
        found.append(page(trail.readers, wanted, before=before, most=most, most_read=most_read))
    return found


def test_pages_begin_with_the_newest_and_miss_nothing(trail: Trail) -> None:
    """20 records by 8: each once, in order, and the last page says that it is the last."""
    found = pages(trail, Wanted(), most=8, most_read=1000)
    assert [len(each.records) for each in found] == [8, 8, 4]
    assert [record.seq for each in found for record in each.records] == list(range(20, 0, -1))


def test_a_page_reads_no_more_than_it_may(trail: Trail) -> None:
    """A patient's records lie far apart: a page without any says how far it has looked."""
    trail.append([instance(30, patient=Patient(id="P-9"))], LIMITS)
    trail.append([instance(n) for n in range(40, 52)], LIMITS)
    found = pages(trail, Wanted(patient="P-9"), most=8, most_read=10)
    assert [[record.seq for record in each.records] for each in found] == [[], [21], [], []]
    assert found[0].next == 24
    assert found[0].reached == AT
    assert [(each.looked, each.of) for each in found] == [(10, 33), (20, 33), (30, 33), (33, 33)]


def test_a_page_of_a_seldom_kind_reads_no_more_than_it_may(trail: Trail) -> None:
    """The limit is of records that are passed over, and not of those of the kind."""
    found = pages(trail, Wanted(kind=Kind.LOGIN), most=8, most_read=6)
    assert [list(each.records) for each in found] == [[], [], [], []]
    assert [each.next for each in found] == [15, 9, 3, None]
    assert [(each.looked, each.of) for each in found] == [(6, 20), (12, 20), (18, 20), (20, 20)]


def test_pages_of_a_time_begin_and_end_with_it(trail: Trail) -> None:
    """What lies outside is not passed over page by page; an empty time is said at once."""
    hour = timedelta(hours=1)
    later = [replace(instance(n), at=AT + n * hour) for n in range(30, 60)]
    trail.append(later, LIMITS)
    wanted = Wanted(since=AT + 35 * hour, until=AT + 45 * hour, patient="nobody")
    found = pages(trail, wanted, most=8, most_read=4)
    assert [(each.looked, each.of) for each in found] == [(4, 10), (8, 10), (10, 10)]
    assert found[-1].reached == AT + 35 * hour
    [nothing] = pages(trail, Wanted(since=AT + 900 * hour), most=8, most_read=4)
    assert (nothing.records, nothing.next, nothing.looked, nothing.of) == ([], None, 0, 0)


def test_a_page_that_is_full_says_how_far_it_looked(trail: Trail) -> None:
    """To its last record, and no further."""
    first, *_ = pages(trail, Wanted(), most=8, most_read=1000)
    assert (first.next, first.looked, first.of) == (13, 8, 20)
