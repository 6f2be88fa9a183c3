"""Archives that take some instances of an exam and then fail (scenario 16)."""

from __future__ import annotations

from collections import Counter

import pytest

from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.commands.lying_pacs.script import Arrival, Break, StoreAnswer, stores
from echonode.model.delivery import DeliveryState
from tests.faults.callers.instances import small_instance
from tests.faults.judging.books import Book
from tests.faults.judging.verdict import judged
from tests.faults.nodes.delivering_half import PACS, DeliveringHalf, memory_folder
from tests.faults.programme import BREAKING_INSTANCES

S = DeliveryState
PIXELS = 40_000  # more than one PDU of some archives, and of ours an odd piece
BEHIND = 2  # instances after the one at which it fails

# How an archive fails at an instance; whether it has it nobody knows but the archive.
WAYS: dict[str, StoreAnswer] = {
    "fails": StoreAnswer(status=0x0110, keeps=False),
    "aborts at the dataset": StoreAnswer(reads=0, then=Break.ABORT),
    "aborts in the middle of a PDU": StoreAnswer(reads=20_001, then=Break.ABORT),
    "resets in the middle of a PDU": StoreAnswer(reads=7, then=Break.RESET),
    "closes after it has stored": StoreAnswer(status=None, then=Break.FINISH),
    "resets after it has stored": StoreAnswer(status=None, then=Break.RESET),
    "aborts within its answer": StoreAnswer(answer_bytes=40, then=Break.ABORT),
    "resets within its answer": StoreAnswer(answer_bytes=3, then=Break.RESET),
}


@pytest.mark.long
@pytest.mark.parametrize("taken", range(1, BREAKING_INSTANCES.count + 1))
def test_each_instance_has_its_own_state_when_an_archive_breaks_off(taken: int) -> None:
    """After k instances the archive fails, aborts in the middle of a PDU or resets, with its answer
    or without: those it answered are sent and are not sent again, the one under way is not taken
    for sent, those behind it wait untouched; and when it has recovered each gets there, unchanged.
    """
    way = list(WAYS.values())[taken % len(WAYS)]
    with memory_folder() as folder:
        captures, archive_book = Book(folder / "captures"), Book(folder / "archive")
        with (
            LyingArchive(archive_book) as archive,
            DeliveringHalf(folder / "var", archive.port, book=captures) as node,
        ):
            exam = [small_instance(pixels=PIXELS) for _ in range(taken + 1 + BEHIND)]
            for instance in exam:
                node.put(instance)
                node.clock.go(1.0)
            uids = [instance.sop_instance_uid for instance in exam]

            def store(arrival: Arrival) -> StoreAnswer:
                return way if arrival.number > taken else StoreAnswer()

            archive.store = store
            node.live(0.5)
            states = [node.job(uid).state for uid in uids]
            assert states == [S.SENT] * taken + [S.QUEUED] * (1 + BEHIND)
            assert [node.job(uid).attempts for uid in uids] == [1] * (taken + 1) + behind(way)
            archive.store = stores
            node.live(120.0)
            assert {node.job(uid).state for uid in uids} == {S.SENT}
            arrivals = Counter(arrival.sop_instance_uid for arrival in archive.arrivals)
            assert [arrivals[uid] for uid in uids[:taken]] == [1] * taken
            assert arrivals[uids[taken]] == 2
        for name, kept in archive.kept.items():
            assert kept.sha256 == exam[uids.index(name)].sha256
        verdict = judged(
            data_dir=folder / "var", books=[captures.path], required={PACS: archive_book.path}
        )
    assert not any(verdict.values()), verdict
    assert set(archive.kept) == set(uids)


def behind(way: StoreAnswer) -> list[int]:
    """How often those behind were tried: an archive that answers was asked for each of them."""
    return [1 if way.then is None else 0] * BEHIND
