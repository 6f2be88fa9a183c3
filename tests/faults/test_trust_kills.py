"""kill -9 at each system call while a patient is erased, and while the audit trail is written
(scenario 54)."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from echonode.audit.trail.checkpoint import read_checkpoint
from echonode.audit.trail.inbox import waiting
from echonode.audit.trail.trail import Trail, stream
from echonode.audit.trail.verification import verify
from echonode.store.store import Store
from tests.faults.judging.books import read_book
from tests.faults.lives.killer import Killer
from tests.faults.lives.trust_steps import (
    ERASED,
    LIMITS,
    STAYS,
    erase_patient,
)
from tests.faults.programme import FULL, TRUST_KILLS
from tests.unit.audit.events import AT, instance
from tests.unit.store.patients.test_erasure import ID, fill, traces

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# One is tried of so many SQLite writes; of every other call each in the full programme.
EVERY = TRUST_KILLS.count
OTHERS = 1 if FULL else 4
FEWEST = 150 if FULL else 20
Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with Killer() as ready:
        yield ready


def kill_everywhere(
    killer: Killer,
    step: str,
    folder: Path,
    check: Callable[[Path, Path], Iterator[str]],
    template: Path | None = None,
) -> int:
    """A process for each call, on a copy of the template; how many died. check: what is wrong."""
    numbers = count(1)
    broken: dict[str, list[str]] = {}

    def one(call: str, at: int) -> bool:
        here = folder / str(next(numbers))
        here.mkdir()
        data_dir, book = here / "var", here / "book"
        if template is not None:
            shutil.copytree(template, data_dir)
        killed = killer.send(step, data_dir, book, call=call, at=at)
        if found := list(check(data_dir, book)):
            broken[f"{call} {at}"] = found
        shutil.rmtree(here)
        return killed

    deaths = killer.deaths(one, writes=EVERY, others=OTHERS)
    print(f"{step}: {deaths} deaths")
    assert broken == {}
    return deaths


def said(book: Path, kind: str) -> Lines:
    return [line for line in read_book(book) if line["kind"] == kind]


# --- erasure ---


def erasure_faults(data_dir: Path, book: Path) -> Iterator[str]:
    """Whole before it was begun; erased for good once that was answered, by the next start."""
    with Store.open(data_dir, now=lambda: AT) as store:
        under_way = store.erasure.under_way() is not None
        held = len(store.holdings.instances(ID))
    if not under_way and not said(book, "done") and held not in (0, 3):
        yield f"{held} of 3 instances are held, and no erasure is under way"
    if said(book, "begun") and not under_way and held:
        yield "it was begun, and forgotten"
    if said(book, "done") and (under_way or traces(data_dir)):
        yield "it was answered as done, and is not"
    erase_patient(str(data_dir), str(book))  # the next start, or the next person
    if left := traces(data_dir):
        yield f"what is left: {left}"
    with closing(Trail.open(data_dir, now=AT)) as trail:
        found = verify(trail.readers, checkpoint=read_checkpoint(trail.paths.checkpoint))
        if found.broken is not None:
            yield f"the trail: {found.broken}"
        if found.records != 2:
            yield f"the trail has {found.records} records"
    with Store.open(data_dir, now=lambda: AT) as store:
        [kept] = store.holdings.instances("P1")
        if not kept.path.exists():
            yield "the other patient's file is gone"


@pytest.mark.long
def test_a_kill_anywhere_in_an_erasure_is_gone_on_from(killer: Killer, memory_path: Path) -> None:
    """The patient is there as before, or the next start erases all of it: rows, files, pages of the
    databases, and the names in the audit trail, whose chain holds. The other patient stays."""
    template = memory_path / "template"
    fill(template)
    with closing(Trail.open(template, now=AT)) as trail:
        trail.append([instance(1, patient=ERASED), instance(2, patient=STAYS)], LIMITS)
        trail.write_checkpoint()
    deaths = kill_everywhere(killer, "erase_patient", memory_path, erasure_faults, template)
    assert deaths >= FEWEST


# --- the audit trail ---


def trail_faults(data_dir: Path, book: Path) -> Iterator[str]:
    """What was recorded is there, in a chain that holds, and can be gone on with."""
    with closing(Trail.open(data_dir, now=AT)) as trail:
        if list(trail.paths.folder.glob("audit.damaged*")):
            yield "a trail was set aside"
        with closing(stream(trail.readers)) as rows:
            records = {row.seq: row for row in rows}
        pruned = bool(records) and min(records) > 1
        for line in said(book, "recorded"):
            row = records.get(line["seq"])
            if row is None and not pruned:
                yield f"record {line['seq']} is lost"
            if row is not None and row.hash.hex() != line["hash"]:
                yield f"record {line['seq']} is another"
        put = [event for _, event in waiting(trail.paths.inbox)]
        by_inbox = [row for row in records.values() if "1.2.3.100" in row.content]
        if said(book, "put") and not put and not by_inbox:
            yield "what another process recorded is lost"
        if said(book, "erased") and any(ID in row.private for row in records.values()):
            yield "the patient is in the trail"
        trail.append([instance(200, patient=STAYS)], LIMITS)
        trail.write_checkpoint()
        found = verify(trail.readers, checkpoint=read_checkpoint(trail.paths.checkpoint))
        if found.broken is not None:
            yield f"the chain: {found.broken}"


def test_a_kill_anywhere_in_the_audit_trail_loses_no_record(
    killer: Killer, memory_path: Path
) -> None:
    """Records, the inbox, checkpoints, an erasure and a deletion by age: what was answered as
    recorded is there with its hash, and the chain holds and goes on."""
    assert kill_everywhere(killer, "write_trail", memory_path, trail_faults) >= FEWEST
