"""Which AE may commit our instances, and which only says so (scenario 24)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from echonode.commands.lying_pacs.script import Asked, commits
from tests.faults.callers.forgeries import FORGERIES, forge, prepare
from tests.faults.nodes.commitment_bench import CommitmentBench
from tests.faults.programme import FORGED_REPORTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A node that waits for the reports of `targets`, and has taken those of `old`."""

    bench: CommitmentBench
    targets: list[Asked]
    old: list[Asked]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with CommitmentBench(tmp_path_factory.mktemp("forged")) as bench:
        targets, old = prepare(bench, count=20)
        yield Scene(bench=bench, targets=targets, old=old)


@pytest.mark.long
@pytest.mark.parametrize("who", FORGERIES)
def test_a_forged_report_commits_nothing(scene: Scene, who: str) -> None:
    """Any sender's is refused and written down, and not one delivery changes its state;
    a true report that comes once more is acknowledged and changes nothing either.
    """
    forge(scene.bench, FORGERIES[who], scene.targets, scene.old, trials=FORGED_REPORTS.count)


def test_after_all_forgeries_the_instances_are_here_and_the_true_report_counts(
    scene: Scene,
) -> None:
    """Retention has looked and taken none of them, an operator is alarmed, and the archive's own
    report still finds its request waiting.
    """
    bench = scene.bench
    forge(
        bench,
        FORGERIES["another archive, on this one's transaction"],
        scene.targets,
        scene.old,
        trials=1,
    )
    bench.node.wait_for("alarm_raised", lambda event: event["name"] == "refused_reports")
    bench.retention_has_looked()
    targets = {item.sop_instance_uid for asked in scene.targets for item in asked.items}
    assert bench.states() == dict.fromkeys(targets, "commit_requested")
    for asked in scene.targets:
        assert bench.pacs.report(commits(asked)) == 0x0000
    bench.wait_gone(targets)
    assert bench.node.stop() == 0
    assert bench.verdict() == {}
