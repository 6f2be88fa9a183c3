"""The harness measures what it says, and cannot be flattered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from echonode.at_rest.reading import is_sealed
from tests.benchmarks.at_rest import Working
from tests.benchmarks.c_store import INSTANCES_PER_SECOND, Storing
from tests.benchmarks.contest import (
    ECHONODE,
    QUICK,
    Benchmark,
    Contender,
    Failed,
    Scale,
    Stage,
    hold,
)
from tests.benchmarks.receivers import (
    EncryptedReceiver,
    FarReceiver,
    Receiver,
    UnrecordedReceiver,
    WireReceiver,
)
from tests.benchmarks.registry import BENCHMARKS, chosen
from tests.benchmarks.results import Better, Goal, Row
from tests.benchmarks.senders import DeliveringNode, WorkerSender
from tests.benchmarks.work import Address, Errand
from tests.peers.instances import InstanceKind, make_instances

SMALL = InstanceKind(name="small", columns=64, rows=48)
THREE_ROUNDS = Scale(rounds=3, stills=1, rgb=1, cines=1, echoes=1, idle_s=0.1, large_bytes=1 << 20)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as parts:
        yield Stage(parts=parts, folder=tmp_path, scale=THREE_ROUNDS)


def row(
    *,
    echonode: float | None,
    peer: float | None,
    better: Better = Better.HIGHER,
    goal: Goal | None = None,
) -> Row:
    return Row(
        name="x", unit="u", better=better, echonode=echonode, peers={"peer": peer}, goal=goal
    )


@pytest.mark.parametrize(
    ("better", "echonode", "peer", "ratio"),
    [(Better.HIGHER, 30.0, 10.0, 3.0), (Better.LOWER, 10.0, 30.0, 3.0)],
)
def test_a_ratio_above_one_means_that_echonode_is_better(
    better: Better, echonode: float, peer: float, ratio: float
) -> None:
    """Whichever way the figure improves."""
    assert row(echonode=echonode, peer=peer, better=better).ratio == {"peer": ratio}


@pytest.mark.parametrize(
    ("echonode", "peer", "goal", "met"),
    [
        (80.0, 10.0, Goal(at_least=8), True),
        (79.0, 10.0, Goal(at_least=8), False),
        (1.9, 0.0, Goal(below=2), True),
        (2.0, 0.0, Goal(below=2), False),
        (None, 10.0, Goal(at_least=8), False),
        (None, 10.0, Goal(below=8), False),
        (80.0, None, Goal(at_least=8), False),
        (80.0, None, Goal(reach=80), True),
        (79.0, None, Goal(reach=80), False),
        (80.0, 70.0, Goal(at_least=8, reach=80), True),
        (79.0, 9.0, Goal(at_least=8, reach=80), True),
        (79.0, 70.0, Goal(at_least=8, reach=80), False),
        (80.0, 10.0, None, None),
    ],
)
def test_a_goal_is_met_by_measurement_only(
    echonode: float | None, peer: float | None, goal: Goal | None, met: bool | None
) -> None:
    """Without a figure of EchoNode's own, or without any peer's, a goal is not met."""
    better = Better.LOWER if goal and goal.below else Better.HIGHER
    assert row(echonode=echonode, peer=peer, better=better, goal=goal).met is met


def test_a_goal_must_hold_against_every_peer_of_its_row() -> None:
    """The best peer decides, not the worst."""
    best = Row(
        name="x",
        unit="u",
        better=Better.HIGHER,
        echonode=9.0,
        peers={"slow": 1.0, "fast": 11.0},
        goal=Goal(at_least=0.9),
    )
    assert best.met is False


def test_a_row_is_written_in_the_promised_form() -> None:
    """The keys of `make bench`'s JSON file, and no others."""
    written = row(echonode=30.0, peer=None, goal=Goal(at_least=2)).as_json()
    assert written == {
        "name": "x",
        "unit": "u",
        "better": "higher",
        "echonode": 30.0,
        "peers": {"peer": None},
        "ratio": {},
        "goal": 2,
        "met": False,
    }


def test_contenders_take_turns_and_the_warm_up_does_not_count(stage: Stage) -> None:
    """A B A B A B; the figure is the median of the counted rounds."""
    calls: list[tuple[str, bool]] = []

    def contender(name: str, figures: list[float]) -> Contender:
        def take_turn(*, warm_up: bool) -> float:
            calls.append((name, warm_up))
            return 1e9 if warm_up else figures.pop()

        return take_turn

    def set_up(stage: Stage) -> Mapping[str, Callable[[], Contender]]:
        return {
            ECHONODE: lambda: contender(ECHONODE, [1.0, 9.0, 2.0]),
            "peer": lambda: contender("peer", [4.0, 3.0, 50.0]),
        }

    held = hold(Benchmark(name="x", unit="u", better=Better.HIGHER, set_up=set_up), stage)
    assert calls == [(name, turn == 0) for turn in range(4) for name in (ECHONODE, "peer")]
    assert (held.echonode, held.peers) == (2.0, {"peer": 4.0})


def test_a_contender_that_fails_is_named_and_the_others_go_on(stage: Stage) -> None:
    """One missing program or one failed send does not cost the rest of the row."""

    def failing(*, warm_up: bool) -> float:
        raise Failed("first line\nand the last")

    def missing() -> Contender:
        raise OSError("not there")

    def set_up(stage: Stage) -> Mapping[str, Callable[[], Contender]]:
        return {ECHONODE: lambda: failing, "gone": missing, "peer": lambda: lambda warm_up: 5.0}

    held = hold(Benchmark(name="x", unit="u", better=Better.HIGHER, set_up=set_up), stage)
    assert held.echonode is None
    assert held.peers == {"gone": None, "peer": 5.0}
    assert held.failures == {
        ECHONODE: "Failed: first line ... and the last",
        "gone": "OSError: not there",
    }


def test_every_benchmark_is_there_and_its_name_chooses_it() -> None:
    """All goals of the network layer are in the table, and ONLY finds by any part of a name."""
    names = [benchmark.name for benchmark in BENCHMARKS]
    assert len(set(names)) == len(names)
    assert chosen("") == list(BENCHMARKS)
    assert [benchmark.name for benchmark in chosen("100 IDLE")] == ["100 idle associations"]
    goals = [benchmark.goal for benchmark in BENCHMARKS if benchmark.goal is not None]
    assert {8, 0.9, 3, 2, 0.5, 64} <= {goal.number for goal in goals}


def test_what_is_measured_has_arrived(stage: Stage) -> None:
    """The raw sender and the raw receiver that keeps files: the bytes that arrive are the same."""
    made = make_instances(stage.folder / "made", SMALL, 4)
    errand = Errand.of(made)
    with WireReceiver(keep=True) as receiver, WorkerSender("wire", stage.folder) as sender:
        assert sender.send([errand], receiver.address) > 0
        assert receiver.count() == 4
        kept = sorted(receiver.files())
        for file, sent in zip(kept, made.files, strict=True):
            assert file.read_bytes()[132:] == sent.read_bytes()[errand.dataset_offset :]


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_what_a_node_delivers_for_a_figure_has_arrived(stage: Stage) -> None:
    """The delivering half sends what it was filled with, once; over a far line it takes longer."""
    with (
        WireReceiver(keep=True) as near,
        FarReceiver(WireReceiver(keep=True), round_trip_s=0.2) as far,
        DeliveringNode(stage.folder) as node,
    ):
        for number, receiver in enumerate((near, far)):
            made = make_instances(stage.folder / f"made{number}", SMALL, 4)
            elapsed_s = node.send([Errand.of(made)], receiver.address)
            assert receiver.count() == 4
            # A round trip for the association, and one at least for the C-STOREs.
            assert elapsed_s > (0.4 if receiver is far else 0)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_what_is_compared_at_rest_differs_in_that_alone(stage: Stage) -> None:
    """One node seals its files and records what it did, the other does neither; the processor time
    of each is what it worked, not the time that passed.
    """
    pytest.importorskip("sqlcipher3")
    made = make_instances(stage.folder / "made", SMALL, 4)
    sender = stage.parts.enter_context(WorkerSender("wire", stage.folder))
    for made_by, sealed, recorded in (
        (EncryptedReceiver, True, True),
        (UnrecordedReceiver, False, False),
    ):
        with made_by() as receiver:
            contender = Working(
                Storing(
                    instances=made,
                    sender=sender,
                    receiver=receiver,
                    associations=1,
                    unit=INSTANCES_PER_SECOND,
                ),
                receiver,
                4,
            )
            assert 0 < contender(warm_up=False) < 1000
            assert {is_sealed(path) for path in receiver.node.stored_files()} == {sealed}
            found = receiver.node.command("audit", "search", "--json", "--kind", "begin-transfer")
            assert bool(found.stdout.strip()) is recorded, found.stderr


class LosingReceiver(WireReceiver):
    """A receiver whose disk has one instance fewer than it answered for."""

    def count(self) -> int | None:
        arrived = super().count()
        return max(0, arrived - 1) if arrived else arrived


def test_an_instance_that_was_acknowledged_and_lost_fails_the_contender(stage: Stage) -> None:
    """A figure is refused when the receiver has fewer instances than were sent."""
    receiver: Receiver = stage.parts.enter_context(LosingReceiver(keep=True))
    contender = Storing(
        instances=make_instances(stage.folder / "made", SMALL, 4),
        sender=stage.parts.enter_context(WorkerSender("wire", stage.folder)),
        receiver=receiver,
        associations=1,
        unit=INSTANCES_PER_SECOND,
    )
    with pytest.raises(Failed, match="sent 4, of which 3 arrived"):
        contender(warm_up=False)


def test_a_sender_that_breaks_off_says_why(stage: Stage) -> None:
    """Nothing listens at the address: the contender fails with the reason."""
    errand = Errand.of(make_instances(stage.folder / "made", SMALL, 1))
    nobody = Address(host="127.0.0.1", port=1, called="NOBODY")
    with (
        WorkerSender("wire", stage.folder) as sender,
        pytest.raises(Failed, match="ConnectionRefusedError"),
    ):
        sender.send([errand], nobody)


def test_shares_are_disjoint_and_whole(stage: Stage) -> None:
    """Eight senders at once send every instance exactly once between them."""
    errand = Errand.of(make_instances(stage.folder / "made", SMALL, 11))
    shares = [errand.part(number, 8) for number in range(8)]
    assert sorted(file for share in shares for file in share.files) == sorted(errand.files)
    assert all(len(share.files) == len(share.sop_instance_uids) for share in shares)
    assert QUICK.rounds == 1  # --quick is for the harness; no figure of it is a median
