"""What goes in another syntax than it is stored in, and what that proves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta

import pytest

from echonode.delivery.policy import DeliveryPolicy
from echonode.delivery.ports import Reencode
from echonode.delivery.retry import NEVER
from echonode.dimse.contexts import EXPLICIT_LE, IMPLICIT_LE
from echonode.dimse.services import Part10File
from echonode.errors import InvalidObject
from echonode.model.delivery import DeliveryState
from echonode.model.identity import CommitmentPolicy
from echonode.model.instance import StoredInstance
from tests.unit.delivery.conftest import Scene
from tests.unit.delivery.doubles import Recorder

S = DeliveryState
JPEG, JPEG_LS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.80"


def reencoder(*, fits: Callable[[str], bool] = lambda syntax: True) -> Reencode:
    """Makes what fits; JPEG baseline gets a UID of its own."""

    def reencode(instance: StoredInstance, syntax: str) -> nullcontext[Part10File]:
        if not fits(syntax):
            raise InvalidObject("its pixels do not fit")
        uid = instance.sop_instance_uid
        return nullcontext(
            Part10File(
                path=instance.path,
                sop_class_uid=instance.sop_class_uid,
                sop_instance_uid=f"{uid}.99" if syntax == JPEG else uid,
                transfer_syntax_uid=syntax,
                dataset_offset=0,
                size=1,
            )
        )

    return reencode


def test_what_does_not_fit_one_syntax_goes_in_the_next(scene: Scene) -> None:
    """An instance that JPEG-LS cannot hold goes in Implicit VR: nothing of it was sent before."""
    scene.queue()
    scene.archive.accepts = lambda sop_class, syntax: syntax in (JPEG_LS, IMPLICIT_LE)
    scene.run(scene.worker(reencode=reencoder(fits=lambda syntax: syntax != JPEG_LS)), 1)
    assert scene.archive.received == [("1.2.3.1", IMPLICIT_LE)]
    assert scene.store.state() is S.SENT


def test_what_fits_nothing_is_held_and_the_rest_goes(scene: Scene) -> None:
    """One instance holds with its reason; the exam goes on."""
    scene.queue(3)
    scene.archive.accepts = lambda sop_class, syntax: syntax == JPEG_LS
    made = reencoder()

    def all_but_the_second(instance: StoredInstance, syntax: str) -> nullcontext[Part10File]:
        if instance.sop_instance_uid == "1.2.3.2":
            raise InvalidObject("its pixels do not fit")
        return made(instance, syntax)  # type: ignore[return-value]

    scene.run(scene.worker(reencode=all_but_the_second), 1)
    assert [scene.store.state(n) for n in (1, 2, 3)] == [S.SENT, S.HELD, S.SENT]
    assert "do not fit" in scene.store.jobs[2].last_error


def test_nothing_is_lost_without_the_profile(scene: Scene) -> None:
    """An archive that takes only JPEG baseline gets nothing unless the operator said so."""
    scene.queue()
    scene.archive.accepts = lambda sop_class, syntax: syntax == JPEG
    scene.run(scene.worker(reencode=reencoder()), 3600)
    assert scene.archive.received == []
    assert scene.store.state() is S.HELD


@pytest.mark.parametrize("policy", list(CommitmentPolicy))
def test_a_derived_instance_proves_nothing_of_its_master(
    scene: Scene, lines: Recorder, policy: CommitmentPolicy
) -> None:
    """It stays `sent`, names what was sent, and no promise is ever asked for in its place."""
    scene.queue()
    scene.archive.accepts = lambda sop_class, syntax: syntax == JPEG or sop_class != US_IMAGE
    worker = scene.worker(policy, reencode=reencoder(), lossy_quality=90)
    scene.run(worker, timedelta(days=3).total_seconds())
    assert scene.archive.received == [("1.2.3.1.99", JPEG)]
    job = scene.store.jobs[1]
    assert (job.state, job.next_attempt_at) == (S.SENT, NEVER)
    assert "1.2.3.1.99" in job.last_error
    assert scene.commitment.requests == []
    assert scene.archive.queries == []


US_IMAGE = "1.2.840.10008.5.1.4.1.1.6.1"


def test_loss_comes_last(scene: Scene) -> None:
    """Where anything lossless is taken, the profile's leave is not used."""
    scene.queue()
    scene.archive.accepts = lambda sop_class, syntax: syntax in (JPEG, IMPLICIT_LE)
    scene.run(scene.worker(reencode=reencoder(), lossy_quality=90), 1)
    assert scene.archive.received == [("1.2.3.1", IMPLICIT_LE)]


def test_an_encoder_that_dies_is_tried_again_later(scene: Scene, lines: Recorder) -> None:
    """Our own failure: not held, the archive not blamed, sent when it works again."""
    scene.queue()
    scene.archive.accepts = lambda sop_class, syntax: syntax == JPEG_LS
    made, failures = reencoder(), [OSError(10, "a worker process died")]

    def dies_once(instance: StoredInstance, syntax: str) -> nullcontext[Part10File]:
        if failures:
            raise failures.pop()
        return made(instance, syntax)  # type: ignore[return-value]

    scene.run(scene.worker(reencode=dies_once), 120)
    assert scene.archive.received == [("1.2.3.1", JPEG_LS)]
    assert scene.store.state() is S.SENT
    assert "this node failed" in str(lines.named("job_retried")[0]["reason"])


def test_the_defaults_lose_nothing() -> None:
    """Without a word from the operator nothing lossy is sent."""
    assert DeliveryPolicy().lossy_quality is None
    assert EXPLICIT_LE != JPEG
