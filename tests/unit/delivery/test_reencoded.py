"""What goes in another syntax than it is stored in, and what that proves."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.delivery.policy import DeliveryPolicy
from echonode.delivery.ports import Reencode
from echonode.dimse.services import Part10File
from echonode.errors import InvalidObject
from echonode.model.delivery import DeliveryState
from echonode.model.identity import CommitmentPolicy
from echonode.model.instance import DerivedCopy, StoredInstance
from tests.support.log_recorder import Recorder
from tests.unit.delivery.conftest import Scene
from tests.unit.delivery.doubles import US_IMAGE, FindAnswers

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
                dataset_sha256="a" * 64 if syntax == JPEG else "",
            )
        )

    return reencode


def test_what_does_not_fit_one_syntax_goes_in_the_next(scene: Scene) -> None:
    """An instance that JPEG-LS cannot hold goes in Implicit VR: nothing of it was sent before."""
    scene.queue()
    scene.archive.accepts = lambda sop_class, syntax: syntax in (JPEG_LS, ImplicitVRLittleEndian)
    scene.run(scene.worker(reencode=reencoder(fits=lambda syntax: syntax != JPEG_LS)), 1)
    assert scene.archive.received == [("1.2.3.1", ImplicitVRLittleEndian)]
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


def takes_only_jpeg(sop_class: str, syntax: str) -> bool:
    return syntax == JPEG or sop_class != US_IMAGE


def found(identifier: Dataset) -> FindAnswers:
    """An archive that has what it is asked for."""
    answer = Dataset()
    answer.SOPInstanceUID = identifier.SOPInstanceUID
    return [(0xFF00, answer), (0x0000, None)]


def test_a_promise_is_asked_for_the_copy_that_the_archive_got(scene: Scene) -> None:
    """Not for the original, which it never saw; what was sent is written down with the job."""
    scene.queue()
    scene.archive.accepts = takes_only_jpeg
    worker = scene.worker(CommitmentPolicy.REQUIRED, reencode=reencoder(), lossy_quality=90)
    scene.run(worker, 60)
    assert scene.archive.received == [("1.2.3.1.99", JPEG)]
    assert scene.commitment.requests == [["1.2.3.1.99"]]
    job = scene.store.jobs[1]
    assert job.derived == DerivedCopy(
        sop_class_uid=US_IMAGE,
        sop_instance_uid="1.2.3.1.99",
        transfer_syntax_uid=JPEG,
        dataset_sha256="a" * 64,
    )
    assert job.instance.sop_instance_uid == "1.2.3.1"


def test_the_copy_is_looked_for_where_there_is_no_commitment(scene: Scene) -> None:
    """By its own UID, in the series of its original; that it is a copy stands in the ledger."""
    scene.queue()
    scene.archive.accepts, scene.archive.on_find = takes_only_jpeg, found
    scene.run(scene.worker(CommitmentPolicy.VERIFY, reencode=reencoder(), lossy_quality=90), 60)
    [query] = scene.archive.queries
    assert (query.SOPInstanceUID, query.SeriesInstanceUID) == ("1.2.3.1.99", "1.2.3.1001")
    job = scene.store.jobs[1]
    assert job.state is S.VERIFIED
    assert "holds a lossy derived copy, 1.2.3.1.99; the original is kept here" in job.last_error


def test_an_archive_that_has_the_original_only_does_not_have_the_copy(scene: Scene) -> None:
    """An answer with the original's UID proves nothing of what was sent."""
    scene.queue()
    scene.archive.accepts = takes_only_jpeg
    original = Dataset()
    original.SOPInstanceUID = "1.2.3.1"
    scene.archive.on_find = lambda identifier: [(0xFF00, original), (0x0000, None)]
    scene.run(scene.worker(CommitmentPolicy.VERIFY, reencode=reencoder(), lossy_quality=90), 10)
    assert scene.store.state() is S.SENT


def test_without_proof_it_stays_sent_and_says_as_what(scene: Scene, lines: Recorder) -> None:
    """Policy none: the ledger names the copy and that the original is kept."""
    scene.queue()
    scene.archive.accepts = takes_only_jpeg
    scene.run(scene.worker(reencode=reencoder(), lossy_quality=90), 60)
    job = scene.store.jobs[1]
    assert (job.state, job.next_attempt_at) == (S.SENT, None)
    assert job.last_error == "sent as a lossy derived copy, 1.2.3.1.99; the original is kept here"
    assert lines.named("instance_sent")[0]["reason"] == job.last_error


def test_a_warning_about_the_copy_is_not_lost(scene: Scene) -> None:
    """The archive's warning and that a copy went are both told."""
    scene.queue()
    scene.archive.accepts = takes_only_jpeg
    scene.archive.answers = [0xB000]
    scene.run(scene.worker(reencode=reencoder(), lossy_quality=90), 60)
    assert scene.store.jobs[1].last_error == (
        "stored, the archive changed attributes of its copy; "
        "sent as a lossy derived copy, 1.2.3.1.99; the original is kept here"
    )


def test_a_copy_that_was_refused_is_not_remembered(scene: Scene) -> None:
    """Only what the archive answered success to is what it has."""
    scene.queue()
    scene.archive.accepts = takes_only_jpeg
    scene.archive.answers = [0xA900]
    scene.run(scene.worker(reencode=reencoder(), lossy_quality=90), 60)
    assert (scene.store.state(), scene.store.jobs[1].derived) == (S.HELD, None)


def test_loss_comes_last(scene: Scene) -> None:
    """Where anything lossless is taken, the profile's leave is not used."""
    scene.queue()
    scene.archive.accepts = lambda sop_class, syntax: syntax in (JPEG, ImplicitVRLittleEndian)
    scene.run(scene.worker(reencode=reencoder(), lossy_quality=90), 1)
    assert scene.archive.received == [("1.2.3.1", ImplicitVRLittleEndian)]


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
    assert ExplicitVRLittleEndian != JPEG
