"""The checks on promises find what they are there to find: nodes that believe too much."""

from __future__ import annotations

from pathlib import Path

import pytest

from echonode.commands.lying_pacs.script import commits
from tests.faults.archives.two_archives import RELUCTANCES, assert_here, offer_to_both
from tests.faults.callers.forgeries import FORGERIES, forge, prepare
from tests.faults.callers.odd_reports import ODDITIES, report_oddly, requests, settle
from tests.faults.nodes.commitment_bench import CommitmentBench
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.mark.parametrize(
    ("defect", "who"),
    [
        ("any transaction UID accepted", "the archive, on no transaction"),
        ("any AE may report", "another archive, on this one's transaction"),
    ],
)
def test_a_node_that_believes_a_forger_is_found_out(tmp_path: Path, defect: str, who: str) -> None:
    """It is caught by what every forged report is held against."""
    with CommitmentBench(tmp_path, defect=defect) as bench:
        targets, old = prepare(bench, count=4)
        with pytest.raises(AssertionError, match=r"changed a delivery|was deleted for it"):
            forge(bench, FORGERIES[who], targets, old, trials=1)


@pytest.mark.parametrize("bytes_changed", [False, True], ids=["class", "bytes"])
def test_a_node_that_compares_by_uid_only_is_found_out(tmp_path: Path, bytes_changed: bool) -> None:
    """It lets go of an instance that is promised under another class, and of one whose bytes here
    are no longer those that were sent.
    """
    with CommitmentBench(tmp_path, defect="compare by UID only") as bench:
        [asked] = requests(bench, 1, of=4)
        every = {item.sop_instance_uid for item in asked.items}
        if bytes_changed:
            first = asked.items[0].sop_instance_uid
            bench.flip_a_byte(first)
            bench.pacs.report(commits(asked))
            promised = every - {first}
        else:
            promised = report_oddly(bench, ODDITIES["wrong class"], asked, ())
        with pytest.raises(AssertionError, match="that nobody promised to keep"):
            settle(bench, promised, every - promised)


@pytest.mark.parametrize("how", ["never reports", "refuses the request"])
def test_a_node_that_deletes_before_the_commit_is_found_out(tmp_path: Path, how: str) -> None:
    """By what is missing here, and by the judge, who knows what each archive has promised."""
    with CommitmentBench(tmp_path, to=["pacs", "vna"], defect="delete before commit") as bench:
        uids = offer_to_both(bench, RELUCTANCES[how], count=4)
        # Not by `retention_has_looked`: this node may delete the instance that is to show it.
        wait_until(lambda: bool(uids & bench.gone()), "an early deletion", timeout_s=60.0)
        with pytest.raises(AssertionError, match="are gone, and one archive has not promised"):
            assert_here(bench, uids)
        bench.node.stop()
        early = bench.verdict()["I2"]
        assert any("vna has not promised to keep it" in line for line in early)
