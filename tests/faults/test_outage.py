"""An archive that is off for a day while the probe goes on (scenario 15)."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.model.delivery import DeliveryState
from tests.faults.callers.instances import Instance, new_uid, small_instance
from tests.faults.judging.books import Book
from tests.faults.judging.verdict import judged
from tests.faults.nodes.delivering_half import PACS, DeliveringHalf, memory_folder
from tests.faults.programme import OUTAGE_BACKLOG
from tests.peers.ports import free_port

S = DeliveryState
DAY_S = 24 * 3600.0
STUDIES_AT_ONCE = 3  # exams whose instances come in turn
INSTANCES_OF_STUDY = 20
# Once a minute for a day, and more often in the first nine minutes, when it may just restart.
MOST_CALLS = 24 * 60 + 60
FEWEST_CALLS = 24 * 60 - 60


def exams(count: int) -> list[tuple[str, Instance]]:
    """So many instances with their studies, in the order in which they are taken."""
    taken: list[tuple[str, Instance]] = []
    while len(taken) < count:
        studies = [new_uid() for _ in range(STUDIES_AT_ONCE)] * INSTANCES_OF_STUDY
        taken += [(study, small_instance(pixels=500, study=study)) for study in studies]
    return taken[:count]


def capture(
    node: DeliveringHalf, instances: Sequence[tuple[str, Instance]], seconds: float
) -> None:
    """The instances are taken one by one, evenly over the time."""
    for _, instance in instances:
        node.put(instance)
        node.live(seconds / len(instances))


def by_study(taken: Sequence[tuple[str, Instance]], arrived: Sequence[str]) -> dict[str, list[str]]:
    """Study -> its instances, in the order in which they arrived."""
    study_of = {instance.sop_instance_uid: study for study, instance in taken}
    orders: dict[str, list[str]] = {}
    for uid in arrived:
        orders.setdefault(study_of[uid], []).append(uid)
    return orders


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.timeout(3_000)
def test_after_a_day_without_an_archive_everything_is_delivered_in_order() -> None:
    """The archive is off for 24 hours while instances are taken: it is called about once a minute
    however many wait, none of them is blamed or held, the node may be started again in between; and
    within a minute of its return they all go, each once, each study in the order it was taken.
    """
    taken = exams(OUTAGE_BACKLOG.count)
    with memory_folder() as folder:
        captures, archive_book = Book(folder / "captures"), Book(folder / "archive")
        half = len(taken) // 2
        with DeliveringHalf(folder / "var", free_port(), book=captures) as node:
            capture(node, taken[:half], DAY_S / 2)
            calls = len(node.association_times)
            clock = node.clock
        with (
            DeliveringHalf(folder / "var", free_port(), book=captures, clock=clock) as node,
            LyingArchive(archive_book) as archive,
        ):
            capture(node, taken[half:], DAY_S / 2)
            calls += len(node.association_times)
            assert FEWEST_CALLS <= calls <= MOST_CALLS
            assert node.store.ledger.counts() == {PACS: {S.QUEUED: len(taken)}}
            assert {node.job(i.sop_instance_uid).attempts for _, i in taken} == {0}
            node.port = archive.port
            node.live(75.0)
            assert node.store.ledger.counts() == {PACS: {S.SENT: len(taken)}}
            arrived = [arrival.sop_instance_uid for arrival in archive.arrivals]
        verdict = judged(
            data_dir=folder / "var", books=[captures.path], required={PACS: archive_book.path}
        )
    assert not any(verdict.values()), verdict
    assert by_study(taken, arrived) == by_study(taken, [i.sop_instance_uid for _, i in taken])
