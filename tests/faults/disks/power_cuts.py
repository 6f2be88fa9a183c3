"""Builds the disks that power cuts leave of a recorded life, and starts the node on each.

    python -m tests.faults.disks.power_cuts RECORDING FOLDER --states 5000 [--share 0 --shares 2]

A process that goes through many states, one after the other, in FOLDER (best one in memory). It
prints one JSON object: how many different states it saw, and what was wrong with which.

On some of them the index is lost as well: files and journal must then say what they promise.

The states come in rounds over every moment of the recording, between any two of its calls: first
the extremes, then as many by chance as are wanted. A state that was seen before does not count.
"""

from __future__ import annotations

import argparse
import json
import pickle
import random
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.disks.fates import (
    EVERYTHING,
    NOTHING,
    ONLY_BYTES,
    ONLY_NAMES,
    Fate,
    by_chance,
    torn,
)
from tests.faults.disks.recording import Recording
from tests.faults.disks.restart_check import violations, violations_without_index
from tests.faults.disks.states import Disk, Tree, fingerprint
from tests.faults.lives.defective_starts import STARTS
from tests.support.shared_statements import share_statements

MakeFate = Callable[[random.Random], Fate]
_EXTREMES: tuple[MakeFate, ...] = (
    lambda draw: NOTHING,
    lambda draw: EVERYTHING,
    lambda draw: ONLY_NAMES,
    lambda draw: ONLY_BYTES,
)
_BY_CHANCE: tuple[MakeFate, ...] = (torn, by_chance, by_chance)
_VAIN_ROUNDS = 3  # without a new state: there are no more
LOST_EVERY = 4  # states: of one in so many the index is lost


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A disk that a power cut leaves. lines: of the book by then."""

    step: int
    fate: str
    lines: tuple[Mapping[str, Any], ...]
    tree: Tree


@dataclass(kw_only=True)
class Findings:
    """What came of it. wrong: a line for each state with something wrong, and how many there are;
    by_fate: how many states of each kind; lost: of how many the index was lost as well."""

    states: int = 0
    lost: int = 0
    wrong_states: int = 0
    wrong: list[str] = field(default_factory=list)
    by_fate: dict[str, int] = field(default_factory=dict)


def moments(
    recording: Recording, *, seed: int, share: int = 0, shares: int = 1
) -> Iterator[Moment]:
    """All different states, the extremes first; those of one share of the recording's moments."""
    seen: set[int] = set()
    vain = 0
    for turn, make_fate in enumerate(_turns()):
        before = len(seen)
        for moment in _once_through(recording, make_fate, seed=seed + turn * 1_000_003):
            if moment.step % shares != share:
                continue
            key = fingerprint(moment.tree, len(moment.lines))
            if key not in seen:
                seen.add(key)
                yield moment
        vain = vain + 1 if len(seen) == before else 0
        if vain == _VAIN_ROUNDS:
            return


def _turns() -> Iterator[MakeFate]:
    yield from _EXTREMES
    while True:
        yield from _BY_CHANCE


def _once_through(recording: Recording, make_fate: MakeFate, *, seed: int) -> Iterator[Moment]:
    """One state for each moment, after each call."""
    disk = Disk(recording.root)
    lines: list[Mapping[str, Any]] = []
    for number, step in enumerate(recording.steps):
        disk.apply(step)
        if step.said is not None:
            lines.append(step.said)
        # Of its own for each moment, so that a share's states do not depend on the others.
        fate = make_fate(random.Random(seed + number))
        yield Moment(step=number, fate=fate.name, lines=tuple(lines), tree=disk.state(fate))


def without_index(tree: Tree) -> Tree:
    """What is left where the database and its logs are gone; nothing where none was made yet."""
    left = {path: content for path, content in tree.items() if "index.sqlite" not in path}
    return {} if left == tree else left


def build(tree: Tree, folder: Path) -> None:
    """Make a tree real; folders come before what lies in them. Of one file under two names the
    tree has the same object twice (states.py).
    """
    folder.mkdir()
    made: dict[int, Path] = {}
    for path, content in tree.items():
        if content is None:
            (folder / path).mkdir()
        elif content and id(content) in made:
            (folder / path).hardlink_to(made[id(content)])
        else:
            (folder / path).write_bytes(content)
            made[id(content)] = folder / path


def go_through(
    found: Iterator[Moment], *, folder: Path, states: int, enough: int, until: str, lost_every: int
) -> Findings:
    """Start the node on each, until there were so many states, or `enough` that were wrong and one
    of them in the way that `until` names. lost_every: of one in so many the index is lost as well.
    """
    findings = Findings()
    root, book = folder / "root", folder / "book"
    for moment in found:
        build(moment.tree, root)
        broken = violations(root / "var", moment.lines, book)
        shutil.rmtree(root)
        if findings.states % lost_every == 0 and (tree := without_index(moment.tree)):
            build(tree, root)
            broken += violations_without_index(root / "var", moment.lines, book)
            shutil.rmtree(root)
            findings.lost += 1
        findings.states += 1
        findings.by_fate[moment.fate] = findings.by_fate.get(moment.fate, 0) + 1
        if broken:
            findings.wrong_states += 1
            findings.wrong.append(f"step {moment.step}, {moment.fate}: {'; '.join(broken)}")
        if findings.states == states:
            break
        if findings.wrong_states >= enough and any(until in wrong for wrong in findings.wrong):
            break
    return findings


def main() -> None:
    parser = argparse.ArgumentParser(prog="power_cuts")
    parser.add_argument("recording", type=Path)
    parser.add_argument("folder", type=Path)
    defaults = {"seed": 1, "states": 1000, "share": 0, "shares": 1, "enough": 50}
    defaults["lost_every"] = LOST_EVERY
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--until", default="")
    parser.add_argument("--start", choices=STARTS, help="a defect of the start")
    given = parser.parse_args()
    share_statements()
    if given.start:
        STARTS[given.start]()
    recording: Recording = pickle.loads(given.recording.read_bytes())
    found = moments(recording, seed=given.seed, share=given.share, shares=given.shares)
    findings = go_through(
        found,
        folder=given.folder,
        states=given.states,
        enough=given.enough,
        until=given.until,
        lost_every=given.lost_every,
    )
    json.dump(asdict(findings), sys.stdout)


if __name__ == "__main__":
    main()
