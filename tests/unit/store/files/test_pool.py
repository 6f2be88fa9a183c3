"""The files that peers' instances are written into: named before, settled after."""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from echonode.errors import OutOfSpace
from echonode.store.files import pool as pool_module
from echonode.store.files.layout import FileIds, Layout
from echonode.store.files.pool import SIZE, IncomingPool


class Steps(list[str]):
    """What makes anything durable, in order."""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "var")
    layout.make()
    return layout


@pytest.fixture
def steps(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> Steps:
    steps = Steps()

    def fsync_folder(folder: Path) -> None:
        steps.append(folder.relative_to(layout.data_dir).parts[0])

    monkeypatch.setattr(pool_module, "fsync_folder", fsync_folder)
    return steps


@pytest.fixture
def pool(layout: Layout, steps: Steps) -> Iterator[IncomingPool]:
    made = IncomingPool(
        layout, FileIds(layout), keep_rows=lambda: steps.append("rows"), is_used=True
    )
    yield made
    made.close()


def names(layout: Layout) -> list[str]:
    return [path.name for path in layout.pool.iterdir()]


def take_in(pool: IncomingPool, layout: Layout, uid: str, *, kept: bool = True) -> str:
    """A file as it is acknowledged, or refused."""
    file_id = pool.take()
    layout.pool_file(file_id).write_bytes(b"sealed")
    with pool.alone(uid):
        pool.name(file_id)
        if not kept:
            layout.instance_file(file_id).unlink()
        pool.ended(uid, file_id, kept=kept)
    return file_id


def test_names_are_durable_before_anything_is_written(
    pool: IncomingPool, layout: Layout, steps: Steps
) -> None:
    """A lot of files is made and synchronised once; each is given out once."""
    taken = {pool.take() for _ in range(SIZE)}
    assert steps == ["pool"]
    assert len(taken) == SIZE
    assert {layout.pool_file(each).stat().st_size for each in taken} == {0}


def test_what_has_ended_keeps_both_names_until_it_is_settled(
    pool: IncomingPool, layout: Layout, steps: Steps
) -> None:
    """The name in the pool goes after the other one, and the row, are durable."""
    file_id = take_in(pool, layout, "1.2.3")
    assert layout.pool_file(file_id).samefile(layout.instance_file(file_id))
    steps.clear()
    pool.settle()
    assert steps == ["instances", "rows", "pool"]
    assert not layout.pool_file(file_id).exists()
    assert layout.instance_file(file_id).read_bytes() == b"sealed"
    pool.settle()
    assert steps == ["instances", "rows", "pool"]


def test_a_new_lot_settles_the_last_one(pool: IncomingPool, layout: Layout, steps: Steps) -> None:
    """Never more than one lot has two names, however fast instances come."""
    for number in range(SIZE):
        take_in(pool, layout, f"1.2.3.{number}")
    assert len(names(layout)) == SIZE
    steps.clear()
    pool.take()
    assert steps == ["instances", "rows", "pool", "pool"]
    assert len(names(layout)) == SIZE


def test_a_second_file_under_a_uid_settles_the_first(
    pool: IncomingPool, layout: Layout, steps: Steps
) -> None:
    """Else a start could find both without a row, and not know which was acknowledged."""
    take_in(pool, layout, "1.2.3")
    with pool.alone("1.2.4"):
        assert "rows" not in steps
    with pool.alone("1.2.3"):
        assert "rows" in steps


def test_a_second_file_under_a_uid_waits_for_the_first(pool: IncomingPool) -> None:
    """Two senders of one UID go one after the other, and others meanwhile."""
    entered, order = threading.Event(), list[str]()

    def second() -> None:
        entered.set()
        with pool.alone("1.2.3"):
            order.append("second")

    with pool.alone("1.2.3"):
        thread = threading.Thread(target=second)
        thread.start()
        entered.wait()
        with pool.alone("1.2.4"):
            order.append("other")
        order.append("first")
    thread.join()
    assert order == ["other", "first", "second"]


def test_rows_that_cannot_be_kept_leave_every_name(layout: Layout, steps: Steps) -> None:
    """The disk refuses the database: the names in the pool stay, and it is tried again."""
    refused = [True]

    def keep_rows() -> None:
        if refused:
            raise OutOfSpace("the disk refused")

    pool = IncomingPool(layout, FileIds(layout), keep_rows=keep_rows, is_used=True)
    file_id = take_in(pool, layout, "1.2.3")
    with pytest.raises(OutOfSpace):
        pool.settle()
    assert layout.pool_file(file_id).exists()
    refused.clear()
    pool.settle()
    assert not layout.pool_file(file_id).exists()


def test_a_folder_that_is_refused_leaves_the_names_for_the_next_start(
    pool: IncomingPool, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An fsync that failed proves nothing when it is repeated: the durable name stays."""

    def fsync_folder(folder: Path) -> None:
        if folder != layout.pool:
            raise OutOfSpace("the disk refused")

    file_id = take_in(pool, layout, "1.2.3")
    with monkeypatch.context() as patched:
        patched.setattr(pool_module, "fsync_folder", fsync_folder)
        pool.settle()
    pool.settle()
    assert layout.pool_file(file_id).exists()
    pool.forget(file_id)
    assert not layout.pool_file(file_id).exists()


def test_a_refused_file_in_a_refused_folder_leaves_its_uid_in_doubt(
    pool: IncomingPool, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name may come back; what comes under its UID needs a durable row. All else goes on."""
    file_id = take_in(pool, layout, "1.2.3", kept=False)
    layout.instance_file(file_id).parent.rename(layout.data_dir / "taken away")
    monkeypatch.undo()
    pool.settle()
    assert pool.is_doubted("1.2.3")
    assert not pool.is_doubted("1.2.4")


def test_what_was_refused_loses_both_names(
    pool: IncomingPool, layout: Layout, steps: Steps
) -> None:
    """At once, and durably when it settles; nothing is in doubt."""
    file_id = take_in(pool, layout, "1.2.3", kept=False)
    assert not layout.pool_file(file_id).exists()
    assert not pool.is_doubted("1.2.3")
    steps.clear()
    pool.settle()
    assert steps == ["instances", "rows", "pool"]


def test_a_name_that_the_disk_does_not_remove_leaves_its_uid_in_doubt(
    pool: IncomingPool, layout: Layout
) -> None:
    """What comes under it then has a durable row before it is acknowledged."""
    file_id = pool.take()
    with pool.alone("1.2.3"):
        pool.name(file_id)
        pool.ended("1.2.3", file_id, kept=False)
    assert pool.is_doubted("1.2.3")
    assert not pool.is_doubted("1.2.4")


def test_where_no_file_has_two_names_there_is_no_pool(
    pool: IncomingPool, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system without links: each file is renamed, as before."""

    def refuse(target: Path, source: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    assert pool.take() == ""
    assert names(layout) == []


def test_a_link_that_a_full_disk_refuses_is_no_lack_of_links(
    pool: IncomingPool, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal, and the pool again as soon as there is room: else files that are in it would have
    no one who settles them."""

    def refuse(path: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Path, "hardlink_to", refuse)
        with pytest.raises(OutOfSpace):
            pool.take()
    assert pool.take() != ""
    assert len(names(layout)) == SIZE


def test_whether_there_are_links_is_tried_once(
    pool: IncomingPool, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system does not change its kind: a pool that is used stays in use."""
    for _ in range(SIZE):
        pool.take()
    monkeypatch.setattr(Path, "hardlink_to", lambda path, target: pytest.fail("tried again"))
    assert pool.take() != ""


def test_a_disk_that_makes_no_files_is_a_refusal(
    pool: IncomingPool, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is left of a lot that was not made; the next try makes one."""

    def refuse(folder: Path) -> None:
        raise OutOfSpace("the disk refused")

    with monkeypatch.context() as patched:
        patched.setattr(pool_module, "fsync_folder", refuse)
        with pytest.raises(OutOfSpace):
            pool.take()
        assert names(layout) == []
    assert pool.take() != ""


def test_a_pool_that_was_taken_away_and_came_back_is_filled(
    pool: IncomingPool, layout: Layout
) -> None:
    """Its free names went with it: the next instance gets another one, not 63 refusals before."""
    first = pool.take()
    for path in layout.pool.iterdir():
        path.unlink()
    layout.pool.rmdir()
    pool.forget_free()
    with pytest.raises(OutOfSpace, match="a new file"):
        pool.take()
    layout.pool.mkdir()
    taken = pool.take()
    assert layout.pool_file(taken).exists()
    assert taken != first


def test_a_stop_leaves_nothing(pool: IncomingPool, layout: Layout) -> None:
    """Free files are removed, and what has ended is settled."""
    take_in(pool, layout, "1.2.3")
    pool.close()
    assert names(layout) == []
