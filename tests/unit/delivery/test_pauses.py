"""How long a destination is left alone, as its worker lives it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from echonode.delivery.association_holder import AssociationHolder
from echonode.delivery.encoding_options import EncodingOptions
from echonode.delivery.peer_capabilities import PeerCapabilities
from echonode.dimse.contexts import ProposedContext
from echonode.errors import AssociationLost, PeerUnreachable
from echonode.model.delivery import DeliveryEvent
from echonode.model.identity import CommitmentPolicy, Peer
from tests.support.clock import Clock
from tests.support.log_recorder import Recorder
from tests.unit.delivery.conftest import Scene
from tests.unit.delivery.doubles import (
    Archive,
    FakeAssociation,
    context_of,
    destination,
)

DOWN = PeerUnreachable("refused")
LOST = AssociationLost("reset")


def store_times(scene: Scene) -> list[float]:
    """Where the times of the C-STOREs are collected."""
    times: list[float] = []
    scene.archive.on_store = lambda file: times.append(scene.clock.seconds)
    return times


def associate_times(scene: Scene) -> list[float]:
    """Where the times of the association requests are collected."""
    times: list[float] = []
    scene.archive.on_associate = lambda: times.append(scene.clock.seconds)
    return times


def test_a_full_archive_is_left_alone_longer_each_time(scene: Scene, lines: Recorder) -> None:
    """A7xx again and again: 30, 60, 120, 240 s."""
    scene.queue()
    scene.archive.answers = [0xA700] * 4
    times = store_times(scene)
    scene.run(scene.worker(), 3600)
    assert times == [0, 30, 90, 210, 450]


def test_one_stored_instance_ends_the_long_pauses(scene: Scene, lines: Recorder) -> None:
    """Once the archive has stored something, its next trouble begins at 30 s again."""
    scene.queue(2)
    scene.archive.answers = [0xA700, 0xA700, 0x0000, 0xA700]
    times = store_times(scene)
    scene.run(scene.worker(), 3600)
    assert times == [0, 30, 90, 90, 120]


def test_lost_associations_are_spaced_like_refused_ones(scene: Scene, lines: Recorder) -> None:
    """Each of four instances loses its first association: 1, 2, 5, 5 s apart."""
    scene.queue(4)
    scene.archive.answers = [LOST] * 4
    times = store_times(scene)
    scene.run(scene.worker(), 25)
    assert times[:5] == [0, 1, 3, 8, 13]


def test_any_answer_ends_the_row_of_losses(scene: Scene, lines: Recorder) -> None:
    """An archive that answers, be it with a refusal, is there: the next loss pauses 1 s."""
    scene.queue(4)
    scene.archive.answers = [LOST, LOST, 0xA900, LOST]
    times = store_times(scene)
    scene.run(scene.worker(), 25)
    assert times[:5] == [0, 1, 3, 3, 4]


@pytest.mark.parametrize("policy", [CommitmentPolicy.NONE, CommitmentPolicy.REQUIRED])
def test_an_association_ends_the_row_of_refusals(
    scene: Scene, lines: Recorder, policy: CommitmentPolicy
) -> None:
    """Down, back, down again: probed from 1 s on both times, also where only proof is sought."""
    scene.queue()
    if policy is CommitmentPolicy.REQUIRED:
        scene.store.move(1, DeliveryEvent.SEND)
        scene.store.move(1, DeliveryEvent.STORED)
    scene.archive.refusals = [DOWN] * 3
    worker = scene.worker(policy)
    scene.run(worker, 60)
    scene.store.jobs.clear()
    scene.queue()
    scene.archive.refusals = [DOWN] * 2
    times = associate_times(scene)
    scene.run(worker, 60)
    assert times == [60, 61, 63]


def test_an_association_that_opens_during_the_stop_is_ended() -> None:
    """Broken off while the handshake is under way: no association outlives the worker."""
    opened: list[FakeAssociation] = []

    def associate(peer: Peer, contexts: Sequence[ProposedContext]) -> FakeAssociation:
        line.abort()
        opened.append(Archive().associate(peer, contexts))
        return opened[-1]

    clock = Clock()
    line = AssociationHolder(
        context_of(clock, associate=associate),
        capabilities=PeerCapabilities(destination(), None, now=clock.now),
        encoding_options=EncodingOptions(),
        linger_s=1.0,
    )
    with pytest.raises(AssociationLost):
        line.get()
    assert opened[0].aborted


def test_a_person_ends_the_pause(scene: Scene, lines: Recorder) -> None:
    """Retry: the archive is called at once, however long it was to be left alone."""
    scene.queue()
    scene.archive.answers = [0xA700]
    times = store_times(scene)
    worker = scene.worker()
    scene.run(worker, 10)
    assert worker.status.paused_s == pytest.approx(20)
    scene.store.jobs[1] = replace(scene.store.jobs[1], next_attempt_at=scene.clock.now())
    worker.call_now()
    assert worker.status.paused_s == 0
    scene.run(worker, 1)
    assert times == [0, 10]
