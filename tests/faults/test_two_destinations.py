"""One archive's commitment is not the other's: both must have given it (scenario 25)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from echonode.commands.lying_pacs.script import commits
from tests.faults.archives.two_archives import RELUCTANCES, promise_of_one
from tests.faults.nodes.commitment_bench import CommitmentBench
from tests.faults.programme import TWO_ARCHIVES
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommitmentBench]:
    folder = tmp_path_factory.mktemp("two")
    with CommitmentBench(folder, to=["pacs", "vna"], ask=1000) as running:
        yield running


@pytest.mark.long
@pytest.mark.parametrize("how", RELUCTANCES)
def test_while_one_archive_does_not_promise_nothing_is_deleted(
    bench: CommitmentBench, how: str
) -> None:
    """The first promises at once and nothing is to be kept a moment longer than it must; the other
    is silent, refuses, or never got it: all of it is here, on the disk and in the ledger.
    """
    count = TWO_ARCHIVES.count // len(RELUCTANCES)
    uids = promise_of_one(bench, RELUCTANCES[how], count=count)
    ledger = {row["sop_instance_uid"] for row in bench.node.ledger()}
    assert uids <= ledger
    wait_until(
        lambda: len(bench.node.stored_files()) == len(bench.states("vna")),
        lambda: f"{len(bench.states('vna'))} files: {len(bench.node.stored_files())}",
    )


def test_when_the_other_promises_too_they_go(bench: CommitmentBench) -> None:
    """It was its promise that was missing: with it, days late for all we know, the copies here are
    let go; those it has still not promised stay, and the judge agrees.
    """
    uids = promise_of_one(bench, RELUCTANCES["never reports"], count=10)
    asked = {a.transaction_uid: a for uid in uids for a in bench.vna.asked_for(uid)}.values()
    named = {item.sop_instance_uid for one in asked for item in one.items}
    others = set(bench.states("vna")) - named
    for one in asked:
        assert bench.vna.report(commits(one)) == 0x0000
    bench.wait_gone(named)
    bench.retention_has_looked()
    assert set(bench.states("vna")) == others
    assert bench.node.stop() == 0
    assert bench.verdict() == {}
