"""kill -9 within delivery: sending, asking for commitment, taking the report, deleting
(scenario 3)."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import pytest

from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.commands.lying_pacs.commitment_wire import Report
from echonode.commands.lying_pacs.script import Asked, Way, reporting
from echonode.model.identity import CommitmentPolicy
from tests.faults.callers.instances import small_instance
from tests.faults.judging import evidence, judge
from tests.faults.judging.books import Book, read_book
from tests.faults.judging.journal_check import disagreements
from tests.faults.lives.killer import Killer
from tests.faults.lives.steps import DELIVERING_S
from tests.faults.nodes.delivering_half import PACS, DeliveringHalf
from tests.faults.programme import FULL, KILLED_SENDS

INSTANCES = 2
NO_SUCH_INSTANCE = 0x0112  # PS3.3 C.14.1.1
# Until what was asked for in vain has been asked for anew (dicom-rules, no report: after 1 h).
ASKED_AGAIN_S = 8 * 3600.0
# The thread that reads an association of ours, and takes the reports that come on it.
READER = "dimse requestor"
AT_DEATH, AT_REST = ("I1", "I2", "I3"), ("I1", "I2", "I3", "I4", "I5")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Captures that are to be delivered, and the book that they are in."""
    folder = tmp_path_factory.mktemp("template")
    # Nothing is delivered here: the port does not matter.
    with DeliveringHalf(folder / "var", 1, book=Book(folder / "clients")) as half:
        for _ in range(INSTANCES):
            half.put(small_instance(pixels=2_000))
    return folder


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    with Killer() as ready:
        yield ready


class Trials:
    """Deliveries that are killed, and taken up again. phases: how far they had come by then."""

    def __init__(self, killer: Killer, template: Path, folder: Path) -> None:
        self._killer, self._template, self._folder = killer, template, folder
        self._numbers = count(1)
        self.broken: dict[str, list[str]] = {}
        self.phases: Counter[str] = Counter()
        self.sent_again = 0

    def one(self, call: str, at: int, thread: str = "") -> bool:
        """Have a process deliver; whether it was killed."""
        here = self._folder / str(next(self._numbers))
        shutil.copytree(self._template, here)
        with archive_with(here) as archive:
            killed = self._killer.send(
                "deliver", here / "var", str(archive.port), call=call, at=at, thread=thread
            )
        found = broken(here, AT_DEATH)
        if killed:
            self.phases[phase(here)] += 1
            found += self._take_up_again(here)
        if found:
            self.broken[f"{call} {at} {thread}"] = found
        shutil.rmtree(here)
        return killed

    def _take_up_again(self, here: Path) -> list[str]:
        with archive_with(here) as archive, half_for(here, archive.port) as half:
            half.live(ASKED_AGAIN_S)
            half.live(DELIVERING_S, housekeeping=True)
            states = Counter(row.state for row in half.store.ledger.rows())
        self.sent_again += len(kept(here)) > INSTANCES
        found = [*broken(here, AT_REST), *disagreements(here / "var")]
        if states != {"committed": INSTANCES}:
            found.append(f"not delivered in the end: {states}")
        if list(here.rglob("*.dcm")):
            found.append("what was promised is still here")
        return found


@contextmanager
def archive_with(here: Path) -> Iterator[LyingArchive]:
    """An honest one. Its report comes before its answer to the request, on the same association."""

    def promises(asked: Asked) -> Report:
        has = set(kept(here))
        return Report(
            transaction_uid=asked.transaction_uid,
            committed=tuple(item for item in asked.items if item.sop_instance_uid in has),
            failed=tuple(
                (item, NO_SUCH_INSTANCE) for item in asked.items if item.sop_instance_uid not in has
            ),
        )

    with closing(Book(here / "archive")) as book, LyingArchive(book) as archive:
        archive.commit = reporting(promises, ways=(Way.BEFORE_ANSWER,))
        yield archive


def half_for(here: Path, port: int) -> DeliveringHalf:
    return DeliveringHalf(here / "var", port, commitment=CommitmentPolicy.REQUIRED, keep_s=0)


def kept(here: Path) -> list[str]:
    """What came to the archive, as often as it came."""
    return [line["uid"] for line in read_book(here / "archive") if line["kind"] == "kept"]


def phase(here: Path) -> str:
    """How far the delivery had come, as the archive saw it, and the disk."""
    lines = read_book(here / "archive")
    kinds = Counter(line["kind"] for line in lines)
    if len(list(here.rglob("instances/*/*/*.dcm"))) < INSTANCES:
        return "deleting"
    if any(line["kind"] == "reported" and line["status"] == 0 for line in lines):
        return "promised"
    if kinds["asked"]:
        return "asking"
    return "sending" if kinds["kept"] else "beginning"


def broken(here: Path, promises: tuple[str, ...]) -> list[str]:
    """What the judge says."""
    verdict = judge.judge(
        evidence.read_folder(here / "var"),
        evidence.read_clients([here / "clients"]),
        {PACS: evidence.read_archive(here / "archive")},
    )
    return [f"{promise}: {what}" for promise in promises for what in verdict[promise]]


@pytest.mark.long
def test_a_delivery_that_is_killed_anywhere_is_taken_up_again(
    killer: Killer, template: Path, memory_path: Path
) -> None:
    """At each step that is durable and each word to the archive: nothing is deleted before the
    archive has promised, what is sent again is the same bytes, and in the end it has everything."""
    trials = Trials(killer, template, memory_path)
    sampled = {"writes": KILLED_SENDS.count, "others": 1 if FULL else 2}
    deaths = killer.deaths(trials.one, **sampled, words=True)
    print(f"{deaths} deaths: {trials.phases}; {trials.sent_again} sent something again")
    assert trials.broken == {}
    assert trials.phases.keys() >= {"beginning", "sending", "promised", "deleting"}
    assert trials.sent_again > 0


def test_a_report_whose_taking_is_killed_anywhere_counts_once_or_is_asked_for_again(
    killer: Killer, template: Path, memory_path: Path
) -> None:
    """Killed in the thread that takes the archive's report, before or after it is durable and
    answered: it is never taken for more than it is, and in the end it is there."""
    trials = Trials(killer, template, memory_path)
    deaths = killer.deaths(
        lambda call, at: trials.one(call, at, READER),
        writes=1 if FULL else 3,
        words=True,
    )
    print(f"{deaths} deaths: {trials.phases}")
    assert trials.broken == {}
    assert trials.phases.keys() >= {"asking"}
