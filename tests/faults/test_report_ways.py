"""An archive may report when and where it likes (scenario 22); each way is as good as another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from echonode.commands.lying_pacs.script import Way, never_reports, reporting
from tests.faults.nodes.commitment_bench import CommitmentBench
from tests.faults.programme import REPORT_WAYS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommitmentBench]:
    """One request for commitment for each instance."""
    with CommitmentBench(tmp_path_factory.mktemp("ways"), ask=1) as running:
        yield running


@pytest.mark.long
@pytest.mark.parametrize("way", Way, ids=lambda way: way.name.lower())
def test_a_report_is_taken_whichever_way_it_comes(bench: CommitmentBench, way: Way) -> None:
    """Before the answer to our request or after, on the same association, while it is released, or
    on one of its own with or without the role and in Implicit LE: every promise counts, is answered
    where it can be, and the copy here may go.
    """
    pacs = bench.pacs
    before = len(pacs.reported)
    # A release carries the reports of its association: one each, to have as many releases.
    at_once = 1 if way is Way.DURING_RELEASE else REPORT_WAYS.count
    pacs.commit = reporting(ways=(way,))
    for _ in range(REPORT_WAYS.count // at_once):
        instances = bench.offer(at_once)
        bench.wait_gone([instance.sop_instance_uid for instance in instances])
    reported = pacs.wait_reported(before + REPORT_WAYS.count)[before:]
    # After A-RELEASE-RQ the node may not say a word (PS3.8 9.2.3, Sta7).
    expected = None if way is Way.DURING_RELEASE else 0x0000
    assert [(one.way, one.status) for one in reported] == [(way, expected)] * REPORT_WAYS.count


def test_all_that_went_is_with_the_archive(bench: CommitmentBench) -> None:
    """The judge finds every acknowledged instance at the archive, with its bytes and its promise;
    what is not promised is still here.
    """
    bench.pacs.commit = never_reports
    kept = bench.offer(3)
    bench.wait_asked(kept)
    bench.retention_has_looked()
    assert set(bench.states()) == {instance.sop_instance_uid for instance in kept}
    assert bench.node.stop() == 0
    assert bench.verdict() == {}
