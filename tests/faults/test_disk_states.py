"""The model of what a power cut leaves, and the reading of strace: pure, so seen through whole."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.faults.disks.effects import (
    Effect,
    Mapped,
    Named,
    Node,
    Resized,
    Step,
    Synced,
    Written,
    new_node,
)
from tests.faults.disks.fates import (
    EVERYTHING,
    NOTHING,
    ONLY_BYTES,
    ONLY_NAMES,
    Fate,
    by_chance,
    sectors_of,
    some_sectors,
    torn,
)
from tests.faults.disks.recording import NotUnderstood, parse
from tests.faults.disks.states import Disk, Tree, fingerprint

ROOT = new_node(is_folder=True)
ROOT_PATH, BOOK = Path("/r"), Path("/book")


def disk(*effects: Effect) -> Disk:
    """A disk after calls of one effect each."""
    made = Disk(ROOT)
    for effect in effects:
        made.apply(Step(call="", effects=(effect,)))
    return made


def named(node: Node, name: str = "a", folder: Node = ROOT) -> Named:
    return Named(folder, name, node)


def chances(made: Disk, times: int = 300) -> list[Tree]:
    """What chance makes of it, often enough to have seen everything that is likely at all."""
    return [made.state(by_chance(random.Random(number))) for number in range(times)]


# --- what is sure ---


def test_bytes_are_sure_once_their_file_is_synced() -> None:
    """A write is in every state after fsync of its file, and in some states only before."""
    file = new_node()
    before = (named(file), Synced(ROOT), Written(file, 0, b"abc"))
    assert {tree["a"] for tree in chances(disk(*before))} >= {b"", b"abc"}
    assert {tree["a"] for tree in chances(disk(*before, Synced(file)))} == {b"abc"}


def test_a_name_is_sure_once_its_folder_is_synced() -> None:
    """fsync of the file itself keeps none of its names."""
    file = new_node()
    before = (named(file), Written(file, 0, b"abc"), Synced(file))
    assert disk(*before).state(NOTHING) == {}
    assert disk(*before).state(EVERYTHING) == {"a": b"abc"}
    assert disk(*before, Synced(ROOT)).state(NOTHING) == {"a": b"abc"}


def test_what_lies_in_a_folder_goes_with_its_name() -> None:
    """A synced folder is lost with all that is in it, where the one above was not synced."""
    folder, file = new_node(is_folder=True), new_node()
    made = disk(named(folder, "f"), named(file, "a", folder), Synced(folder))
    assert made.state(NOTHING) == {}
    assert made.state(EVERYTHING) == {"f": None, "f/a": b""}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["write", "resize", "name", "unname"]),
            st.integers(0, 2),
            st.integers(0, 1500),
        ),
        max_size=12,
    ),
    st.integers(0, 10),
)
def test_where_everything_is_synced_there_is_one_state(
    calls: list[tuple[str, int, int]], seed: int
) -> None:
    """Whatever was done, and whatever the fate of the unsynced: there is nothing unsynced."""
    files = [new_node() for _ in range(3)]
    made = Disk(ROOT)
    for call, number, size in calls:
        file, name = files[number], "abc"[number]
        effects: dict[str, Effect] = {
            "write": Written(file, size, b"x" * 600),
            "resize": Resized(file, size),
            "name": Named(ROOT, name, file),
            "unname": Named(ROOT, name, None),
        }
        made.apply(Step(call=call, effects=(effects[call],)))
    made.apply(Step(call="sync", effects=(Synced(ROOT), *map(Synced, files))))
    draw = random.Random(seed)
    fates = (EVERYTHING, ONLY_NAMES, ONLY_BYTES, torn(draw), by_chance(draw))
    assert all(made.state(fate) == made.state(NOTHING) for fate in fates)


# --- what is not ---


def test_a_later_write_may_be_there_without_an_earlier() -> None:
    """What is missing before it reads as zeros."""
    file = new_node()
    made = disk(named(file), Synced(ROOT), Written(file, 0, b"aa"), Written(file, 2, b"bb"))
    assert {tree["a"] for tree in chances(made)} >= {b"", b"aa", b"aabb", b"\0\0bb"}


def test_a_file_may_have_grown_and_be_empty_of_bytes() -> None:
    """Names and sizes are on the disk, and what was written is not."""
    file = new_node()
    made = disk(named(file), Written(file, 0, b"abc"))
    assert made.state(ONLY_NAMES) == {"a": bytes(3)}
    assert made.state(ONLY_BYTES) == {}


def test_an_overwritten_page_is_old_or_new_by_the_sector() -> None:
    """Of a page that is written over, each of its eight sectors is the old or the new one."""
    file = new_node()
    old, new = b"o" * 4096, b"n" * 4096
    made = disk(named(file), Written(file, 0, old), Synced(file), Synced(ROOT))
    made.apply(Step(call="", effects=(Written(file, 0, new),)))
    seen = {made.state(torn(random.Random(n)))["a"] for n in range(50)}
    assert len(seen) > 20
    for content in seen:
        assert content is not None
        assert len(content) == 4096
        assert {content[at : at + 512] for at in range(0, 4096, 512)} <= {old[:512], new[:512]}


def test_sectors_are_those_of_the_file() -> None:
    """A write that begins within a sector is cut at the file's sectors, not at its own."""
    file = new_node()
    pieces = [
        (piece.offset, len(piece.data)) for piece in sectors_of(Written(file, 500, b"x" * 600))
    ]
    assert pieces == [(500, 12), (512, 512), (1024, 76)]
    assert some_sectors(Resized(file, 0), random.Random(1)) in ((), (Resized(file, 0),))


def test_a_renamed_file_may_have_either_name_or_both_or_none() -> None:
    """Names in two folders are two changes; under both it is one file, with one content."""
    here, there = new_node(is_folder=True), new_node(is_folder=True)
    file = new_node()
    made = disk(named(here, "h"), named(there, "t"), Synced(ROOT))
    for effect in (named(file, "a", here), Synced(here), Written(file, 0, b"xy")):
        made.apply(Step(call="", effects=(effect,)))
    made.apply(Step(call="rename", effects=(named(file, "b", there), Named(here, "a", None))))
    seen = chances(made)
    assert {frozenset(tree) - {"h", "t"} for tree in seen} == {
        frozenset(),
        frozenset({"h/a"}),
        frozenset({"t/b"}),
        frozenset({"h/a", "t/b"}),
    }
    assert all(tree["h/a"] == tree["t/b"] for tree in seen if "h/a" in tree and "t/b" in tree)


def test_a_linked_file_keeps_the_name_that_was_sure() -> None:
    """A second name is one change: it may be there or not, and the first one stays."""
    here, there = new_node(is_folder=True), new_node(is_folder=True)
    file = new_node()
    made = disk(named(here, "h"), named(there, "t"), Synced(ROOT))
    for effect in (named(file, "a", here), Synced(here), named(file, "b", there)):
        made.apply(Step(call="", effects=(effect,)))
    assert {frozenset(tree) - {"h", "t"} for tree in chances(made)} == {
        frozenset({"h/a"}),
        frozenset({"h/a", "t/b"}),
    }


def test_an_unlinked_file_may_be_there_again() -> None:
    """With its bytes, until its folder is synced."""
    file = new_node()
    before = (named(file), Written(file, 0, b"x"), Synced(file), Synced(ROOT))
    made = disk(*before, Named(ROOT, "a", None))
    assert {"a" in tree for tree in chances(made)} == {True, False}
    made.apply(Step(call="", effects=(Synced(ROOT),)))
    assert chances(made, 20) == [{}] * 20


def test_a_name_may_stand_for_the_file_before_the_last() -> None:
    """Removed and made again without a sync between: the old one may be back."""
    old, new = new_node(), new_node()
    made = disk(named(old), Written(old, 0, b"old"), Synced(old), Synced(ROOT))
    for effect in (Named(ROOT, "a", None), named(new), Written(new, 0, b"new"), Synced(new)):
        made.apply(Step(call="", effects=(effect,)))
    assert {tree.get("a") for tree in chances(made)} == {b"old", None, b"new"}


def test_what_is_mapped_may_be_anything() -> None:
    """What is written through a mapping, and when, cannot be seen."""
    file = new_node()
    made = disk(named(file), Synced(ROOT), Resized(file, 32_768), Synced(file), Mapped(file))
    assert len({tree["a"] for tree in chances(made)}) > 3


@pytest.mark.parametrize("fate", [NOTHING, EVERYTHING, ONLY_NAMES, ONLY_BYTES])
def test_looking_changes_nothing(fate: Fate) -> None:
    """A state may be asked for as often as one likes."""
    file = new_node()
    made = disk(named(file), Written(file, 0, b"ab"), Resized(file, 1))
    assert made.state(fate) == made.state(fate)
    assert made.state(EVERYTHING) == {"a": b"a"}


def test_states_are_told_apart() -> None:
    """By their names, their bytes, and by what had been said."""
    trees: list[Tree] = [{}, {"a": b""}, {"a": None}, {"b": b""}, {"a": b"x"}]
    assert len({fingerprint(tree, said) for tree in trees for said in (0, 1)}) == 10
    assert fingerprint({"a": b"", "b": b""}, 0) == fingerprint({"b": b"", "a": b""}, 0)


# --- reading strace ---


def quoted(text: str | bytes) -> str:
    """A string as strace -xx writes it."""
    raw = text.encode() if isinstance(text, str) else text
    return '"' + "".join(f"\\x{byte:02x}" for byte in raw) + '"'


def opened(path: str, descriptor: int, flags: str = "O_WRONLY|O_CREAT") -> str:
    return f"7 openat(AT_FDCWD, {quoted(path)}, {flags}, 0600) = {descriptor}"


def final(*lines: str) -> Tree:
    """The tree at the end of these lines."""
    recording = parse(lines, root=ROOT_PATH, book=BOOK)
    made = Disk(recording.root)
    for step in recording.steps:
        made.apply(step)
    return made.state(EVERYTHING)


def test_calls_become_what_they_did() -> None:
    """Made, written, renamed, removed: the tree is the one that the calls left."""
    assert final(
        f"7 mkdir({quoted('/r/d')}, 0700) = 0",
        opened("/r/a", 3),
        f"7 write(3, {quoted('hello')}, 5) = 5",
        f"7 pwrite64(3, {quoted('J')}, 1, 0) = 1",
        "7 ftruncate(3, 4) = 0",
        "7 close(3) = 0",
        f"7 rename({quoted('/r/a')}, {quoted('/r/d/b')}) = 0",
        opened("/r/gone", 3),
        f"7 unlink({quoted('/r/gone')}) = 0",
        "7 +++ exited with 0 +++",
    ) == {"d": None, "d/b": b"Jell"}


@pytest.mark.parametrize(
    "link",
    [
        f"7 link({quoted('/r/a')}, {quoted('/r/b')}) = 0",
        f"7 linkat(AT_FDCWD, {quoted('/r/a')}, AT_FDCWD, {quoted('/r/b')}, 0) = 0",
    ],
)
def test_a_link_is_a_second_name_of_the_same_file(link: str) -> None:
    """What is written later under one name is there under both."""
    later = f"7 write(3, {quoted('x')}, 1) = 1"
    assert final(opened("/r/a", 3), link, later) == {"a": b"x", "b": b"x"}


def test_what_failed_or_is_elsewhere_did_nothing() -> None:
    """Other folders' files, and calls that the kernel refused."""
    assert (
        final(
            opened("/elsewhere/a", 4),
            f"7 write(4, {quoted('x')}, 1) = 1",
            f"7 openat(AT_FDCWD, {quoted('/r/a')}, O_RDONLY) = -1 ENOENT (No such file)",
            f"7 unlink({quoted('/r/a')}) = -1 ENOENT (No such file)",
            f"7 write(99, {quoted('x')}, 1) = ?",
        )
        == {}
    )


def test_a_write_that_was_cut_short_counts_as_far_as_it_went() -> None:
    """The result says how many bytes there were; the next goes on behind them."""
    lines = [f"7 write(3, {quoted('abcdef')}, 6) = 2", f"7 write(3, {quoted('cd')}, 2) = 2"]
    assert final(opened("/r/a", 3), *lines) == {"a": b"abcd"}


def test_syncs_and_mappings_are_seen() -> None:
    """fsync of a folder, fdatasync of a file; a mapping that is shared and may be written."""
    recording = parse(
        [
            opened("/r/a", 3, "O_RDWR|O_CREAT"),
            "7 fdatasync(3) = 0",
            opened("/r", 4, "O_RDONLY|O_DIRECTORY"),
            "7 fsync(4) = 0",
            "7 mmap(NULL, 32768, PROT_READ, MAP_SHARED, 3, 0) = 0x7f00",
            "7 mmap(NULL, 32768, PROT_READ|PROT_WRITE, MAP_SHARED, 3, 0) = 0x7f00",
        ],
        root=ROOT_PATH,
        book=BOOK,
    )
    kinds = [type(effect) for step in recording.steps for effect in step.effects]
    assert kinds == [Named, Synced, Synced, Mapped]


def test_a_line_in_the_book_is_a_moment() -> None:
    """It stands between the calls before and after it, and is nothing on the disk."""
    line = json.dumps({"kind": "answered", "uid": "1.2"})
    recording = parse(
        [
            opened("/book", 5, "O_WRONLY|O_CREAT|O_APPEND|O_DSYNC"),
            opened("/r/a", 3),
            f"7 write(5, {quoted(line)}, {len(line)}) = {len(line)}",
            "7 fsync(3) = 0",
        ],
        root=ROOT_PATH,
        book=BOOK,
    )
    assert [step.call for step in recording.steps] == ["openat", "said", "fsync"]
    assert recording.steps[1].said == {"kind": "answered", "uid": "1.2"}
    assert recording.said() == 1


@pytest.mark.parametrize(
    "line",
    [
        f"7 link({quoted('/r/a')}, {quoted('/r/b')}) = 0",
        opened("/r/a", 3, "O_WRONLY|O_CREAT|O_DSYNC"),
        opened("/r/unknown/a", 3),
        "7 writev(3, [], 0) = 0",
        "7 sync() = 0",
        "7 fsync(3 <unfinished ...>",
        f"7 write(3, {quoted('abc')}..., 30) = 30",
    ],
)
def test_what_is_not_in_the_model_is_refused(line: str) -> None:
    """A recording that passed over something would prove nothing."""
    with pytest.raises(NotUnderstood):
        final(opened("/r/known", 3), line)
