"""Whether an archive is there is known before an image waits for it, and that it came back."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from echonode.delivery.delivery_status import Contact
from echonode.delivery.echo import ECHO_EVERY_S
from echonode.dimse.contexts import VERIFICATION
from echonode.errors import (
    AssociationLost,
    AssociationRejected,
    ContextNotAccepted,
    PeerUnreachable,
)
from echonode.model.delivery import DeliveryState
from echonode.model.identity import CommitmentPolicy
from tests.support.clock import START
from tests.support.log_recorder import Recorder
from tests.unit.delivery.conftest import Scene
from tests.unit.delivery.doubles import delivery_job, stored_instance

S = DeliveryState
REQUIRED = CommitmentPolicy.REQUIRED
DOWN = PeerUnreachable("refused")


def test_an_archive_that_was_never_called_is_not_tried(scene: Scene) -> None:
    """Before the first call nothing is known: neither reached nor not."""
    assert scene.worker().status.contact is Contact.NOT_TRIED


def test_it_is_called_at_the_start_and_every_few_minutes(scene: Scene, lines: Recorder) -> None:
    """Without anything to send: a C-ECHO on an association of its own, at once and then again."""
    worker = scene.worker(echo_every_s=ECHO_EVERY_S)
    worker.run_once()
    assert scene.archive.echoes == 1
    assert scene.archive.proposals == [(VERIFICATION,)]
    assert scene.archive.associations[0].released
    status = worker.status
    assert (status.contact, status.heard_at, status.problem) == (Contact.REACHED, START, "")
    scene.run(worker, 3600)
    assert 11 <= scene.archive.echoes <= 13


def test_deliveries_are_calls_as_well(scene: Scene, lines: Recorder) -> None:
    """An archive that answers C-STOREs gets no C-ECHO in addition."""
    worker = scene.worker(echo_every_s=ECHO_EVERY_S)
    for number in range(1, 20):
        scene.store.put(delivery_job(number, stored_instance(number)))
        scene.run(worker, ECHO_EVERY_S - 10)
    assert scene.archive.echoes == 0
    assert worker.status.contact is Contact.REACHED


def test_one_that_is_away_is_known_before_anything_waits_for_it(
    scene: Scene, lines: Recorder
) -> None:
    """Not reached, with the reason; called once a minute, and logged once an hour, not each time;
    when it is back, that is logged once."""
    scene.archive.refusals = [DOWN] * 1000
    worker = scene.worker(echo_every_s=ECHO_EVERY_S)
    scene.run(worker, 3 * 3600)
    assert worker.status.contact is Contact.NOT_REACHED
    assert "refused" in worker.status.problem
    assert len(lines.named("destination_unreachable")) > 100
    told = [level for level, _ in lines.levels("destination_unreachable") if level >= 30]
    assert 3 <= len(told) <= 4
    scene.archive.refusals = []
    scene.run(worker, 61)
    assert worker.status.contact is Contact.REACHED
    assert worker.status.problem == ""
    assert len(lines.named("destination_reached")) == 1


def test_one_that_offers_no_echo_is_there_all_the_same(scene: Scene, lines: Recorder) -> None:
    """It has answered the association request: that is all that is asked."""
    scene.archive.refusals = [ContextNotAccepted("none accepted")]
    worker = scene.worker(echo_every_s=ECHO_EVERY_S)
    worker.run_once()
    assert worker.status.contact is Contact.REACHED


def test_a_rejection_that_was_corrected_is_noticed_within_about_a_minute(
    scene: Scene, lines: Recorder
) -> None:
    """Our AE title was entered at the archive after an hour: what waits goes within 75 s."""
    scene.queue()
    scene.archive.refusals = [AssociationRejected("unknown", result=1, source=1, reason=3)] * 1000
    worker = scene.worker()
    scene.run(worker, 3600)
    scene.archive.refusals = []
    scene.run(worker, 75)
    assert scene.store.state() is S.SENT


def test_the_words_of_an_outage_end_with_it(scene: Scene, lines: Recorder) -> None:
    """Back, but full: it is reached, and the reason for which it was not is no longer shown."""
    scene.queue()
    scene.archive.refusals = [DOWN]
    scene.archive.answers = [0xA700]
    worker = scene.worker()
    scene.run(worker, 5)
    assert worker.status.contact is Contact.REACHED
    assert worker.status.unreachable == ""


@pytest.mark.parametrize("trouble", ["refused", "lost", "broken while idle"])
def test_a_request_that_an_outage_came_after_is_looked_at_when_the_archive_is_back(
    scene: Scene, lines: Recorder, trouble: str
) -> None:
    """An archive restarts between our request and its report: the commitment service learns when
    it was back, and only then; without an outage it learns nothing."""
    scene.queue()
    worker = scene.worker(REQUIRED)
    worker.run_once()
    worker.run_once()
    assert scene.commitment.back_at is None
    if trouble == "broken while idle":
        scene.archive.associations[0].broken_by_archive()
    scene.run(worker, 60)
    scene.archive.refusals = [DOWN] if trouble == "refused" else []
    scene.archive.answers = [AssociationLost("reset")] if trouble == "lost" else []
    scene.store.put(delivery_job(2, stored_instance(2)))
    scene.run(worker, 30)
    assert scene.store.state(2) is S.COMMIT_REQUESTED
    back_at = scene.commitment.back_at
    assert back_at is not None
    assert START + timedelta(seconds=60) <= back_at <= START + timedelta(seconds=65)


def test_a_slow_archive_is_asked_for_promises_while_it_is_sent_to(scene: Scene) -> None:
    """At a second and a half an image nothing waits for the end of the backlog: what was sent is
    asked for every few seconds."""
    scene.queue(60)
    scene.archive.on_store = lambda file: scene.clock.forward(1.5)
    sent_at_request: list[int] = []
    request = scene.commitment.request

    def note(*arguments: Any) -> Any:
        sent_at_request.append(len(scene.archive.received))
        return request(*arguments)

    scene.commitment.request = note  # type: ignore[method-assign,assignment]  # counts first
    scene.run(scene.worker(REQUIRED), 120)
    assert sent_at_request[0] <= 5
    gaps = [later - earlier for earlier, later in itertools.pairwise(sent_at_request)]
    assert max(gaps) <= 5
    assert {job.state for job in scene.store.jobs.values()} == {S.COMMIT_REQUESTED}
