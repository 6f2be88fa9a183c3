"""Every answer an archive can give to a C-STORE, and what becomes of the delivery (scenario 17).

The table is written from what the answers mean (PS3.4 B.2.3, PS3.7 annex C) and from what a node
owes its users for each; it knows nothing of the node's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.commands.lying_pacs.script import (
    Arrival,
    Break,
    StoreAnswer,
    Way,
    never_reports,
    reporting,
)
from echonode.dimse.limits import Limits
from echonode.model.delivery import DeliveryState
from echonode.model.identity import CommitmentPolicy
from tests.faults.callers.instances import Instance, small_instance
from tests.faults.judging.books import Book
from tests.faults.judging.verdict import judged
from tests.faults.nodes.delivering_half import PACS, DeliveringHalf, memory_folder
from tests.faults.programme import STATUS_REPEATS

S = DeliveryState
SOON_S, DAY_S = 20.0, 25 * 3600.0
# An archive's silence is waited for by a real clock; a loaded machine answers within this as well.
SILENCE_S = 0.8


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What an answer leads to.

    soon: the state twenty seconds after it. others_go_on: whether the rest of the exam is sent in
    that time. alarm: whether there is an alarm in that time. later: the state when a day has passed
    and the archive has answered the same every time. tries: how often it was sent by then, least
    and most.
    """

    soon: DeliveryState
    later: DeliveryState
    tries: tuple[int, int]
    others_go_on: bool = True
    alarm: bool = False


# Stored, with or without a warning, or there already: proof is asked for.
STORED = Expected(soon=S.COMMIT_REQUESTED, later=S.COMMIT_REQUESTED, tries=(1, 1))
# The archive is full: it is left alone, 30 s at first and twice as long each time, up to an hour;
# nothing is held, for it is nobody's fault: 7 pauses up to 32 minutes, then one an hour.
PAUSED = Expected(soon=S.QUEUED, later=S.QUEUED, tries=(25, 31), others_go_on=False)
FORBIDDEN = Expected(soon=S.QUEUED, later=S.QUEUED, tries=(25, 31), others_go_on=False, alarm=True)
# It can never go: a person is told at once, and the rest of the exam goes.
HELD = Expected(soon=S.HELD, later=S.HELD, tries=(1, 1), alarm=True)
# Once more in the other transfer syntax that this archive takes.
OTHER_CONTEXT = Expected(soon=S.HELD, later=S.HELD, tries=(2, 2), alarm=True)
# Three tries over a day; five repetitions.
NOT_UNDERSTOOD = Expected(soon=S.QUEUED, later=S.HELD, tries=(3, 3))
FAILED = Expected(soon=S.QUEUED, later=S.HELD, tries=(6, 6))
# Nothing is known: the same bytes again, for ever, ever more seldom.
UNKNOWN = Expected(soon=S.QUEUED, later=S.QUEUED, tries=(25, 32))

TABLE: dict[int, Expected] = {
    0x0000: STORED,
    0xB000: STORED,
    0xB006: STORED,
    0xB007: STORED,
    0xA700: PAUSED,
    0xA702: PAUSED,
    0xA900: HELD,
    0xC000: NOT_UNDERSTOOD,
    0xC211: NOT_UNDERSTOOD,
    0x0110: FAILED,
    0x0111: STORED,
    0x0122: OTHER_CONTEXT,
    0x0124: FORBIDDEN,
    0x0210: UNKNOWN,
    0xFFFF: UNKNOWN,
}
# No answer, or another message's: how an archive can be silent.
SILENCES: dict[str, tuple[StoreAnswer, ...]] = {
    "no response": (
        StoreAnswer(status=None),
        StoreAnswer(status=None, then=Break.ABORT),
        StoreAnswer(status=None, then=Break.RESET, keeps=False),
    ),
    "wrong message id": tuple(StoreAnswer(message_id_added=added) for added in (1, 100, -1)),
}
EXAM = 3  # instances; the one that the archive dislikes is the first, the second or the last


@dataclass(frozen=True, kw_only=True)
class Trial:
    """An exam on its way to an archive that answers one instance in its own way."""

    node: DeliveringHalf
    archive: LyingArchive
    disliked: Instance
    others: tuple[Instance, ...]

    @property
    def state(self) -> DeliveryState:
        return self.node.job(self.disliked.sop_instance_uid).state

    @property
    def tries(self) -> int:
        arrivals = self.archive.arrivals
        return sum(a.sop_instance_uid == self.disliked.sop_instance_uid for a in arrivals)

    @property
    def others_at_archive(self) -> int:
        return sum(other.sop_instance_uid in self.archive.kept for other in self.others)

    def answer(self, answer: StoreAnswer) -> None:
        """From now on, to the one instance; the others are stored."""

        def store(arrival: Arrival) -> StoreAnswer:
            is_disliked = arrival.sop_instance_uid == self.disliked.sop_instance_uid
            return answer if is_disliked else StoreAnswer()

        self.archive.store = store


@contextmanager
def trial(
    disliked_at: int, *, limits: Limits | None = None, keep_s: float = 7 * 86_400
) -> Iterator[Trial]:
    """The exam is captured, and nothing is sent yet; at the end the books agree."""
    with memory_folder() as folder:
        captures, archive_book = Book(folder / "captures"), Book(folder / "archive")
        with (
            LyingArchive(archive_book) as archive,
            DeliveringHalf(
                folder / "var",
                archive.port,
                commitment=CommitmentPolicy.REQUIRED,
                limits=limits,
                keep_s=keep_s,
                book=captures,
                reencoding=True,
            ) as node,
        ):
            archive.commit = never_reports
            exam = [small_instance(pixels=2_000) for _ in range(EXAM)]
            for instance in exam:
                node.put(instance)
                node.clock.go(1.0)
            disliked = exam.pop(disliked_at)
            yield Trial(node=node, archive=archive, disliked=disliked, others=tuple(exam))
        books_agree(folder / "var", captures.path, archive_book.path)


def books_agree(data_dir: Path, captures: Path, archive: Path) -> None:
    """Nothing is lost, early gone or changed, whatever was answered."""
    verdict = judged(data_dir=data_dir, books=[captures], required={PACS: archive})
    assert not any(verdict.values()), verdict


@pytest.mark.long
@pytest.mark.parametrize("repeat", range(STATUS_REPEATS.count))
@pytest.mark.parametrize("status", TABLE, ids=lambda status: f"{status:04X}")
def test_each_status_leads_to_what_it_means(status: int, repeat: int) -> None:
    """Stored is stored and asked to be kept; a full archive is left alone; what can never go is
    held and told; what is not known is sent again. The rest of the exam does not wait for it.
    """
    expected = TABLE[status]
    keeps = expected is STORED
    with trial(repeat % EXAM) as exam:
        exam.answer(StoreAnswer(status=status, keeps=keeps))
        with capture_logs() as logs:
            exam.node.live(SOON_S)
        assert exam.state is expected.soon
        assert any(entry.get("alarm") for entry in logs) is expected.alarm
        job = exam.node.job(exam.disliked.sop_instance_uid)
        assert job.last_status == status
        assert bool(job.last_error) is (status != 0x0000), "not shown to the operator"
        before_it = repeat % EXAM  # in the exam's order; these were sent before it was disliked
        assert exam.others_at_archive == (len(exam.others) if expected.others_go_on else before_it)
        exam.node.live(DAY_S - SOON_S)
        assert exam.state is expected.later
        least, most = expected.tries
        assert least <= exam.tries <= most


@pytest.mark.slow
@pytest.mark.parametrize("repeat", range(STATUS_REPEATS.count))
@pytest.mark.parametrize("kind", SILENCES)
def test_an_answer_that_does_not_come_means_that_nothing_is_known(kind: str, repeat: int) -> None:
    """No response, or a response to something else: the same bytes go again within seconds, the
    rest of the exam goes as well, and one good answer ends it.
    """
    answers = SILENCES[kind]
    with trial(repeat % EXAM, limits=Limits(dimse_s=SILENCE_S)) as exam:
        exam.answer(answers[repeat % len(answers)])
        exam.node.live(SOON_S)
        assert exam.state is S.QUEUED
        assert exam.tries == 2
        assert exam.others_at_archive == len(exam.others)
        exam.answer(StoreAnswer())
        exam.node.live(600.0)
        assert exam.state is S.COMMIT_REQUESTED
        assert exam.tries == 3


@pytest.mark.parametrize(
    ("status", "is_kept"), [(0x0000, False), (0xB000, False), (0xB006, True), (0xB007, True)]
)
def test_a_copy_that_differs_keeps_ours_until_a_person_clears_it(
    status: int, is_kept: bool
) -> None:
    """B006 and B007: the archive's copy is not the whole of ours, so ours stays, though the archive
    committed its own; it goes once a person has released it. B000 and 0000: it goes.
    """
    with trial(0, keep_s=60.0) as exam:
        exam.archive.commit = reporting(ways=(Way.BEFORE_ANSWER,))
        exam.answer(StoreAnswer(status=status))
        exam.node.live(600.0, housekeeping=True)
        uid = exam.disliked.sop_instance_uid
        assert (exam.node.store.index.instance(uid) is not None) is is_kept
        exam.node.store.operator.release(uid, now=exam.node.clock.now())
        exam.node.live(120.0, housekeeping=True)
        assert exam.node.store.index.instance(uid) is None
        assert exam.node.row(uid).state == S.COMMITTED
