"""Instances for two archives, of which one promises and the other has its reasons (scenario 25)."""

from __future__ import annotations

from dataclasses import dataclass

from echonode.commands.lying_pacs.script import (
    Asked,
    Commit,
    Promise,
    Store,
    Way,
    answers,
    never_reports,
    refuses,
    reporting,
    stores,
)
from tests.faults.nodes.commitment_bench import CommitmentBench
from tests.support.waiting import wait_until

NOT_SUPPORTED, DOES_NOT_MATCH, PROCESSING_FAILURE = 0x0122, 0xA900, 0x0110
_HERE = (Way.SAME_ASSOCIATION,)


def _refuses_to_promise(asked: Asked) -> Promise:
    return Promise(status=PROCESSING_FAILURE)


@dataclass(frozen=True, kw_only=True)
class Reluctance:
    """How the second archive does not promise. state: what its deliveries come to rest in."""

    store: Store = stores
    commit: Commit = never_reports
    state: str


RELUCTANCES = {
    "never reports": Reluctance(state="commit_requested"),
    "refuses the request": Reluctance(commit=_refuses_to_promise, state="sent"),
    "never lets go of this class": Reluctance(
        commit=reporting(refuses(NOT_SUPPORTED), ways=_HERE), state="held"
    ),
    "does not take the instance": Reluctance(store=answers(DOES_NOT_MATCH), state="held"),
}


def offer_to_both(bench: CommitmentBench, reluctance: Reluctance, *, count: int) -> set[str]:
    """So many instances on their way to an archive that promises and one that does not."""
    bench.pacs.commit = reporting(ways=_HERE)
    bench.vna.store, bench.vna.commit = reluctance.store, reluctance.commit
    return {instance.sop_instance_uid for instance in bench.offer(count)}


def promise_of_one(bench: CommitmentBench, reluctance: Reluctance, *, count: int) -> set[str]:
    """So many instances that the first archive commits and the second does not.

    Raises AssertionError where one of them is gone by the time that retention has looked.
    """
    uids = offer_to_both(bench, reluctance, count=count)

    def settled() -> bool:
        first, second = bench.states("pacs"), bench.states("vna")
        return bool(uids & bench.gone()) or all(
            (first.get(uid), second.get(uid)) == ("committed", reluctance.state) for uid in uids
        )

    wait_until(settled, lambda: f"settled: {bench.states('vna')}", timeout_s=120.0)
    assert_here(bench, uids)
    bench.retention_has_looked()
    assert_here(bench, uids)
    return uids


def assert_here(bench: CommitmentBench, uids: set[str]) -> None:
    """Raises AssertionError where one is gone."""
    gone = uids & bench.gone()
    assert not gone, f"{len(gone)} of {len(uids)} are gone, and one archive has not promised"
