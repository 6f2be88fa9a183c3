"""Kept files are read again, and what is found is marked once and unmarked when it is whole."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from echonode.errors import OutOfSpace
from echonode.model.delivery import DeliveryState
from echonode.model.instance import StoredInstance
from echonode.store.ingest.ingest import check_bytes
from echonode.store.recovery.scrub import Scrubbed
from echonode.store.store import Store
from tests.unit.store.ingest.test_insertion import cut, hold_for_damage, rot
from tests.unit.store.samples import NOON, Clock, dataset, put, put_many


def scrub(store: Store) -> Scrubbed:
    first, last = store.scrub.span()
    return store.scrub.run(first - 1, last)


def paths(store: Store, count: int) -> list[Path]:
    found = [store.index.instance(uid) for uid in put_many(store, count)]
    return [instance.path for instance in found if instance is not None]


def marks(store: Store) -> tuple[int, int]:
    """How many instances are marked as damaged, and as missing."""
    figures = store.statistics.store(since=NOON)
    return figures.damaged_files, figures.missing_files


def test_what_is_damaged_or_gone_is_found_once(store: Store) -> None:
    """A turned bit, a file cut short, one that is gone: each named by its UID, and then known."""
    files = paths(store, 5)
    rot(files[1])
    cut(files[2])
    files[3].unlink()
    done = scrub(store)
    assert (done.files, done.damaged, done.missing) == (
        5,
        ["1.2.3.4.2", "1.2.3.4.3"],
        ["1.2.3.4.4"],
    )
    assert marks(store) == (2, 1)
    again = scrub(store)
    assert (again.files, again.damaged, again.missing, again.whole_again) == (5, [], [], [])


def test_a_damaged_file_that_vanishes_is_missing_and_no_longer_damaged(store: Store) -> None:
    """One instance is one mark, the latest."""
    [path] = paths(store, 1)
    rot(path)
    scrub(store)
    path.unlink()
    assert scrub(store).missing == ["1.2.3.4.1"]
    assert marks(store) == (0, 1)


def test_a_file_that_was_brought_back_loses_its_mark_and_is_delivered(store: Store) -> None:
    """From a backup, say: what was held for the damage is due again, without an operator."""
    path = put(store, dataset(1), destinations=["pacs"]).instance.path
    good = path.read_bytes()
    rot(path)
    hold_for_damage(store)
    scrub(store)
    path.write_bytes(good)
    woken: list[str] = []
    store.on_delivery_due.append(woken.append)
    assert scrub(store).whole_again == ["1.2.3.4.1"]
    assert marks(store) == (0, 0)
    assert woken == ["pacs"]
    assert [job.state for job in store.deliveries.of_instance("1.2.3.4.1")] == [
        DeliveryState.QUEUED
    ]


def test_a_second_sending_clears_the_mark(store: Store) -> None:
    """And with it the alarm."""
    [path] = paths(store, 1)
    rot(path)
    scrub(store)
    put(store, dataset(1))
    assert marks(store) == (0, 0)
    assert store.statistics.store(since=NOON).instances_repaired == 1


def test_a_part_goes_on_where_the_last_one_ended(store: Store) -> None:
    """By rows, for so long, or until it is asked to stop; nothing is passed over."""
    files = paths(store, 4)
    rot(files[3])
    first = store.scrub.run(0, 2)
    assert (first.files, first.after) == (2, 2)
    second = store.scrub.run(first.after, 4, longest_s=0)
    assert (second.files, second.after, second.damaged) == (1, 3, [])
    third = store.scrub.run(second.after, 4, stop=lambda: True)
    assert (third.files, third.damaged) == (1, ["1.2.3.4.4"])


class Failing:
    """A check that the disk spoils, so many times, from the n-th on."""

    def __init__(self, error: OSError, *, after: int = 0, times: int) -> None:
        self.error, self.after, self.times = error, after, times

    def __call__(self, instance: StoredInstance) -> None:
        if self.after:
            self.after -= 1
        elif self.times:
            self.times -= 1
            raise self.error
        check_bytes(instance)


@pytest.mark.parametrize(("times", "damaged"), [(1, 0), (2, 1)])
def test_a_read_error_counts_when_it_comes_twice(data_dir: Path, times: int, damaged: int) -> None:
    """EIO once may pass; twice, that place of the disk is lost."""
    check = Failing(OSError(errno.EIO, "Input/output error"), times=times)
    with Store.open(data_dir, now=Clock(), check_bytes=check) as store:
        put_many(store, 2)
        assert len(scrub(store).damaged) == damaged


def test_a_shortage_is_no_finding_and_ends_the_part(data_dir: Path) -> None:
    """Without a descriptor nothing is known: the rest is read later, from there on."""
    check = Failing(OSError(errno.EMFILE, "Too many open files"), after=1, times=2)
    with Store.open(data_dir, now=Clock(), check_bytes=check) as store:
        put_many(store, 3)
        done = scrub(store)
        assert (done.files, done.after, done.damaged) == (1, 1, [])
        with pytest.raises(OutOfSpace):
            store.scrub.run(1, 3)
        assert store.scrub.run(1, 3).files == 2


def test_a_folder_that_is_away_makes_no_file_missing(store: Store, data_dir: Path) -> None:
    """An unmounted disk is one fault, and not one for each of a million files."""
    put_many(store, 2)
    (data_dir / "instances").rename(data_dir / "elsewhere")
    with pytest.raises(OutOfSpace):
        scrub(store)
    (data_dir / "elsewhere").rename(data_dir / "instances")
    assert marks(store) == (0, 0)
