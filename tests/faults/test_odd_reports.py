"""Reports as no archive should send them: what they promise is taken, and not one instance more.

Scenario 23.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from echonode.commands.lying_pacs.script import commits
from tests.faults.callers.odd_reports import ODDITIES, report_oddly, requests, settle
from tests.faults.nodes.commitment_bench import CommitmentBench
from tests.faults.programme import ODD_REPORTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

EACH = 4  # instances of a request


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommitmentBench]:
    with CommitmentBench(tmp_path_factory.mktemp("odd"), ask=EACH) as running:
        yield running


@pytest.mark.long
@pytest.mark.parametrize("kind", ODDITIES)
def test_exactly_what_a_report_promises_is_let_go(bench: CommitmentBench, kind: str) -> None:
    """Twice, in part, with too much, of another class, empty, of no event that there is: the right
    instances are committed and leave, every other one stays.
    """
    before = len(bench.pacs.asked)
    [bystander, *asked] = requests(bench, 1 + ODD_REPORTS.count, of=EACH)
    promised = set[str]()
    for one in asked:
        promised |= report_oddly(bench, ODDITIES[kind], one, bystander.items)
    named = {item.sop_instance_uid for one in bench.pacs.asked[before:] for item in one.items}
    settle(bench, promised, named - promised)
    # So that the next kind begins with nothing: late as it is, the true report counts.
    for one in bench.pacs.asked[before:]:
        assert bench.pacs.report(commits(one)) == 0x0000
    bench.wait_gone(named)
    assert bench.states() == {}


def test_an_instance_whose_bytes_have_changed_here_is_not_let_go(bench: CommitmentBench) -> None:
    """The archive commits what it was sent; what lies here by now is something else, is
    held for a person, and stays.
    """
    [asked] = requests(bench, 1, of=EACH)
    changed, *others = [item.sop_instance_uid for item in asked.items]
    bench.flip_a_byte(changed)
    assert bench.pacs.report(commits(asked)) == 0x0000
    settle(bench, set(others), {changed})
    assert bench.states()[changed] == "held"
    bench.flip_a_byte(changed)  # as it was, for the judge


def test_after_all_that_nothing_is_lost(bench: CommitmentBench) -> None:
    """The judge finds each acknowledged instance here or at the archive, with its bytes."""
    bench.retention_has_looked()
    assert bench.node.stop() == 0
    assert bench.verdict() == {}
