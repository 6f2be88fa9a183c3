"""One destination's deliveries, step by step."""

from __future__ import annotations

import errno
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.delivery.status_table import Treatment, Verdict
from echonode.dimse.services import Part10File
from echonode.errors import (
    AssociationLost,
    AssociationRejected,
    ContextNotAccepted,
    Damaged,
    InvalidObject,
    OutOfSpace,
    PeerUnreachable,
)
from echonode.model.delivery import DeliveryEvent, DeliveryState
from echonode.model.identity import CommitmentPolicy
from echonode.model.instance import StoredInstance
from tests.support.clock import START
from tests.support.log_recorder import Recorder
from tests.unit.delivery.conftest import Scene
from tests.unit.delivery.doubles import delivery_job, stored_instance

S, E = DeliveryState, DeliveryEvent


def test_a_batch_goes_over_one_association_in_order(scene: Scene, lines: Recorder) -> None:
    """Many instances share one association and arrive in the order they were taken."""
    scene.queue(250)
    worker = scene.worker()
    assert worker.run_once() == 0, "there is more than one batch"
    scene.run(worker, 1)
    assert [uid for uid, _ in scene.archive.received] == [f"1.2.3.{n}" for n in range(1, 251)]
    assert len(scene.archive.associations) == 1
    assert {job.state for job in scene.store.jobs.values()} == {S.SENT}
    assert len(lines.named("instance_sent")) == 250


@pytest.mark.parametrize(
    ("status", "state", "event"),
    [
        (0x0000, S.SENT, "instance_sent"),
        (0xB000, S.SENT, "instance_sent"),
        (0xB006, S.SENT, "instance_sent"),
        (0xB007, S.SENT, "instance_sent"),
        (0x0111, S.SENT, "instance_sent"),
        (0xA700, S.QUEUED, "job_retried"),
        (0xA702, S.QUEUED, "job_retried"),
        (0x0124, S.QUEUED, "job_retried"),
        (0x0110, S.QUEUED, "job_retried"),
        (0xC000, S.QUEUED, "job_retried"),
        (0xC211, S.QUEUED, "job_retried"),
        (0x0122, S.HELD, "job_held"),
        (0x0112, S.HELD, "job_held"),
        (0xC122, S.HELD, "job_held"),
        (0xA900, S.HELD, "job_held"),
        (0x0117, S.HELD, "job_held"),
        (0x0210, S.QUEUED, "job_retried"),
        (0xFFFF, S.QUEUED, "job_retried"),
    ],
)
def test_each_status_leaves_its_state(
    scene: Scene, lines: Recorder, status: int, state: DeliveryState, event: str
) -> None:
    """`sent` is only what the archive said it stored; anything else is retried or held, said so."""
    scene.queue()
    scene.archive.answers.append(status)
    scene.worker().run_once()
    job = scene.store.jobs[1]
    assert (job.state, job.last_status) == (state, status)
    (line,) = lines.named(event)
    assert line["status"] == f"{status:04X}"
    assert line["sop_instance_uid"] == "1.2.3.1"
    assert bool(job.last_error) is (status != 0)


def test_what_the_archive_writes_into_its_comment_is_kept_nowhere(
    scene: Scene, lines: Recorder
) -> None:
    """An Error Comment may hold a patient's name: it reaches neither log nor ledger."""
    scene.queue()
    scene.archive.answers = [0xA900]
    scene.worker().run_once()
    assert "PATIENT" not in repr(lines.lines) + scene.store.jobs[1].last_error


@pytest.mark.parametrize("status", [0x0000, 0xB000, 0xB006, 0x0111])
def test_an_answer_that_names_another_instance_is_no_success(
    scene: Scene, lines: Recorder, status: int
) -> None:
    """Whatever its status: nothing is known of what was sent, so it is sent again, with an alarm,
    until the archive answers for it."""
    scene.queue()
    scene.archive.answers = [status]
    scene.archive.names_another = True
    worker = scene.worker()
    worker.run_once()
    job = scene.store.jobs[1]
    assert (job.state, job.last_status) == (S.QUEUED, None)
    assert "names another SOP instance" in job.last_error
    assert lines.named("job_retried")[0]["alarm"] is True
    scene.archive.names_another = False
    scene.run(worker, 60)
    assert scene.store.state() is S.SENT


def test_one_refused_instance_does_not_stop_the_exam(scene: Scene) -> None:
    """The instance that cannot go is held with its reason; those behind it are sent."""
    scene.queue(3)
    scene.archive.answers = [0x0000, 0xA900, 0x0000]
    scene.run(scene.worker(), 1)
    assert [scene.store.state(n) for n in (1, 2, 3)] == [S.SENT, S.HELD, S.SENT]
    assert scene.store.jobs[2].last_error


def test_processing_failure_is_tried_six_times_then_held(scene: Scene) -> None:
    """0110: five repetitions over a quarter of an hour, then a person decides."""
    scene.queue()
    scene.archive.answers = [0x0110] * 10
    scene.run(scene.worker(), 3600)
    assert len(scene.archive.received) == 6
    assert scene.store.state() is S.HELD


def test_cannot_understand_is_tried_three_times_over_a_day(scene: Scene) -> None:
    """Cxxx: three tries within 24 h, then held."""
    scene.queue()
    scene.archive.answers = [0xC211] * 10
    worker = scene.worker()
    scene.run(worker, 23 * 3600)
    assert (len(scene.archive.received), scene.store.state()) == (2, S.QUEUED)
    scene.run(worker, 3600)
    assert (len(scene.archive.received), scene.store.state()) == (3, S.HELD)


def test_kinds_of_failure_are_counted_apart(scene: Scene) -> None:
    """A full archive does not use up the tries of an archive that fails to process."""
    scene.queue()
    scene.archive.answers.extend([0xA700] * 8 + [0x0110] * 5)
    scene.run(scene.worker(), 24 * 3600)
    assert scene.store.state() is S.SENT


def test_a_full_archive_is_left_alone_and_its_queue_stays_whole(
    scene: Scene, lines: Recorder
) -> None:
    """A7xx pauses the destination: one try per pause, and no instance behind it loses one."""
    scene.queue(5)
    scene.archive.answers = [0xA700, 0xA700]
    worker = scene.worker()
    worker.run_once()
    assert [job.state for job in scene.store.jobs.values()] == [S.QUEUED] * 5
    assert [job.attempts for job in scene.store.jobs.values()] == [1, 0, 0, 0, 0]
    scene.run(worker, 29)
    assert len(scene.archive.received) == 1
    scene.run(worker, 100)
    assert {job.state for job in scene.store.jobs.values()} == {S.SENT}
    assert scene.archive.associations[0].released, "the association was kept during the pause"


def test_an_archive_that_appears_later_gets_everything_without_help(
    scene: Scene, lines: Recorder
) -> None:
    """Absent at the start, there 30 s later: all is delivered within seconds, no try burnt."""
    scene.queue(3)
    worker = scene.worker()
    scene.archive.refusals = [PeerUnreachable("refused")] * 1000
    scene.run(worker, 30)
    assert [job.state for job in scene.store.jobs.values()] == [S.QUEUED] * 3
    scene.archive.refusals = []
    scene.run(worker, 5)
    assert {job.state for job in scene.store.jobs.values()} == {S.SENT}
    assert [job.attempts for job in scene.store.jobs.values()] == [1, 1, 1]
    assert lines.named("destination_unreachable")
    assert not lines.named("job_retried")


def test_while_it_is_down_one_delivery_at_a_time_is_claimed(scene: Scene) -> None:
    """Probing a dead archive costs two rows, not the whole backlog's, each time."""
    scene.queue(50)
    scene.archive.refusals = [PeerUnreachable("refused")] * 1000
    worker = scene.worker()
    worker.run_once()
    scene.store.events.clear()
    scene.clock.forward(2)
    worker.run_once()
    assert [event for _, event in scene.store.events] == [E.SEND, E.INTERRUPTED]


def test_new_captures_do_not_hurry_a_dead_archive(scene: Scene) -> None:
    """Waking the worker during a pause opens no association and claimed_jobs nothing."""
    scene.queue()
    scene.archive.refusals = [PeerUnreachable("refused")] * 5
    worker = scene.worker()
    worker.run_once()
    scene.store.events.clear()
    for _ in range(10):
        worker.run_once()
    assert scene.archive.attempts == 1
    assert scene.store.events == []


@pytest.mark.parametrize(("result", "alarm"), [(1, True), (2, False)])
def test_a_rejection_blames_no_instance(
    scene: Scene, lines: Recorder, result: int, alarm: bool
) -> None:
    """A-ASSOCIATE-RJ pauses the destination; a permanent one rings, and both are tried again."""
    scene.queue()
    scene.archive.refusals = [AssociationRejected("no", result=result, source=1, reason=7)]
    worker = scene.worker()
    worker.run_once()
    assert (scene.store.state(), scene.store.jobs[1].attempts) == (S.QUEUED, 0)
    (line,) = lines.named("association_rejected")
    assert line["alarm"] is alarm
    scene.run(worker, 60)
    assert scene.store.state() is S.SENT


def test_no_answer_means_sent_again_with_the_same_bytes(scene: Scene) -> None:
    """An association lost in a C-STORE resends that instance; the others lose nothing."""
    scene.queue(3)
    scene.archive.answers = [0x0000, AssociationLost("reset")]
    worker = scene.worker()
    worker.run_once()
    assert [scene.store.state(n) for n in (1, 2, 3)] == [S.SENT, S.QUEUED, S.QUEUED]
    assert [scene.store.jobs[n].attempts for n in (1, 2, 3)] == [1, 1, 0]
    assert scene.archive.associations[0].aborted
    scene.run(worker, 5)
    assert {job.state for job in scene.store.jobs.values()} == {S.SENT}
    assert [uid for uid, _ in scene.archive.received].count("1.2.3.2") == 2
    assert len(scene.archive.associations) == 2


def test_an_instance_that_breaks_the_archive_does_not_stop_the_rest(scene: Scene) -> None:
    """Its repetitions move apart, up to an hour; what is behind it goes meanwhile."""
    scene.queue(3)
    crashes = 0

    def crash_on_first(file: Part10File) -> None:
        nonlocal crashes
        if file.sop_instance_uid == "1.2.3.1":
            crashes += 1
            scene.archive.answers = [AssociationLost("aborted")]

    scene.archive.on_store = crash_on_first
    worker = scene.worker()
    scene.run(worker, 120)
    assert [scene.store.state(n) for n in (1, 2, 3)] == [S.QUEUED, S.SENT, S.SENT]
    scene.run(worker, 24 * 3600)
    assert crashes < 40
    assert scene.store.state(1) is S.QUEUED


def breaking(scene: Scene, *numbers: int, by_peer: bool = True) -> list[str]:
    """An archive that breaks the association off at these instances; where the tries are kept."""
    tries: list[str] = []

    def break_off(file: Part10File) -> None:
        if file.sop_instance_uid in {f"1.2.3.{number}" for number in numbers}:
            tries.append(file.sop_instance_uid)
            scene.archive.answers = [AssociationLost("aborted", by_peer=by_peer)]

    scene.archive.on_store = break_off
    return tries


def test_an_instance_that_the_archive_breaks_off_at_is_held(scene: Scene, lines: Recorder) -> None:
    """It aborts at two instances again and again and stores all others: after some hours both are
    held with that reason, and the archive is called no more for them."""
    scene.queue(6)
    tries = breaking(scene, 2, 4)
    worker = scene.worker()
    scene.run(worker, 60)
    waiting = [scene.store.jobs[n] for n in (2, 4)]
    assert [(job.state, bool(job.last_error)) for job in waiting] == [(S.QUEUED, True)] * 2
    scene.run(worker, 12 * 3600)
    assert [scene.store.state(n) for n in range(1, 7)] == [S.SENT, S.HELD] * 2 + [S.SENT] * 2
    assert "while it stored others" in scene.store.jobs[2].last_error
    assert len(lines.named("job_held")) == 2
    count = len(tries)
    scene.run(worker, 48 * 3600)
    assert len(tries) == count < 24


@pytest.mark.slow
@pytest.mark.parametrize("by_peer", [True, False])
def test_an_archive_that_breaks_off_at_everything_holds_nothing(
    scene: Scene, lines: Recorder, by_peer: bool
) -> None:
    """Ill for a weekend, well on Friday and again on Monday: all is delivered."""
    scene.queue(1)
    worker = scene.worker()
    scene.run(worker, 10)
    for number in range(2, 22):
        scene.store.put(delivery_job(number, stored_instance(number)))
    breaking(scene, *range(2, 22), by_peer=by_peer)
    scene.run(worker, 60 * 3600)
    assert {scene.store.state(n) for n in range(2, 22)} == {S.QUEUED}
    scene.archive.on_store = lambda file: None
    scene.archive.answers = []
    scene.run(worker, 2 * 3600)
    assert {job.state for job in scene.store.jobs.values()} == {S.SENT}


def test_a_line_that_breaks_under_large_instances_holds_none(scene: Scene, lines: Recorder) -> None:
    """A time-out is the line's fault, however often it is the same instance's."""
    scene.queue(4)
    breaking(scene, 2, by_peer=False)
    scene.run(scene.worker(), 48 * 3600)
    assert scene.store.state(2) is S.QUEUED


def test_damaged_bytes_are_not_sent(scene: Scene, lines: Recorder) -> None:
    """Bit rot is found before sending: the delivery is held and rings; the rest goes on, on the
    same association."""

    def find_rot(file: Part10File) -> None:
        if file.sop_instance_uid == "1.2.3.1":
            raise Damaged("its bytes are not those that were stored")

    scene.queue(2)
    scene.archive.on_store = find_rot
    scene.run(scene.worker(), 1)
    assert [scene.store.state(n) for n in (1, 2)] == [S.HELD, S.SENT]
    assert len(scene.archive.associations) == 1
    assert lines.named("job_held")[0]["alarm"] is True


def test_what_is_sent_is_compared_with_the_stored_hash(scene: Scene) -> None:
    """An instance that goes as stored goes with the hash it was stored with, for the network to
    compare with the bytes it sends."""
    hashes: list[str] = []
    scene.queue()
    scene.archive.on_store = lambda file: hashes.append(file.dataset_sha256)
    scene.run(scene.worker(), 1)
    assert hashes == [stored_instance().dataset_sha256]


def test_damaged_bytes_are_not_reencoded(scene: Scene) -> None:
    """Bit rot is found before an instance is made into another syntax: it is held."""

    def check_bytes(instance: StoredInstance) -> None:
        raise Damaged("its bytes are not those that were stored")

    def reencode(instance: StoredInstance, syntax: str) -> nullcontext[Part10File]:
        raise AssertionError("it was re-encoded")

    scene.queue()
    scene.archive.accepts = lambda sop_class, syntax: syntax == ImplicitVRLittleEndian
    scene.run(scene.worker(check_bytes=check_bytes, reencode=reencode), 1)
    assert scene.store.state() is S.HELD
    assert scene.archive.received == []


def test_a_file_that_breaks_off_ends_its_association(scene: Scene) -> None:
    """After a read error in the middle of a message nothing else is sent on that association."""
    scene.queue(2)
    scene.archive.answers = [Damaged("cannot be read whole")]
    scene.run(scene.worker(), 1)
    assert scene.archive.associations[0].aborted
    assert len(scene.archive.associations) == 2
    assert [scene.store.state(n) for n in (1, 2)] == [S.HELD, S.SENT]


def test_a_disk_that_does_not_give_the_bytes_is_waited_for(scene: Scene) -> None:
    """EIO proves nothing of the file: the instance is sent later, and on another association."""
    scene.queue(2)
    scene.archive.answers = [OSError(errno.EIO, "Input/output error")]
    scene.run(scene.worker(), 1)
    assert [scene.store.state(n) for n in (1, 2)] == [S.QUEUED, S.SENT]
    assert "Input/output error" in scene.store.jobs[1].last_error
    assert scene.archive.associations[0].aborted
    scene.run(scene.worker(), 3600)
    assert scene.store.state(1) is S.SENT


def test_no_context_for_an_instance_holds_that_instance(scene: Scene) -> None:
    """A class the archive does not take is held with the reason; others go on."""
    scene.store.put(delivery_job(1, stored_instance(1, sop_class_uid="1.2.9")))
    scene.store.put(delivery_job(2, stored_instance(2)))
    scene.archive.accepts = lambda sop_class, syntax: sop_class != "1.2.9"
    scene.run(scene.worker(), 1)
    assert [scene.store.state(n) for n in (1, 2)] == [S.HELD, S.SENT]
    assert "1.2.9" in scene.store.jobs[1].last_error


def test_an_archive_that_takes_no_context_at_all_holds_the_instance(scene: Scene) -> None:
    """An association refused for want of contexts is no outage: the instance is held."""
    scene.queue()
    scene.archive.refusals = [ContextNotAccepted("none accepted")]
    scene.run(scene.worker(), 1)
    assert scene.store.state() is S.HELD


def test_more_classes_than_an_association_holds_all_arrive(scene: Scene) -> None:
    """What does not fit into 128 contexts goes over another association."""
    for number in range(1, 301):
        instance = stored_instance(number, sop_class_uid=f"1.2.9.{number}")
        scene.store.put(delivery_job(number, instance))
    scene.run(scene.worker(), 1)
    assert {job.state for job in scene.store.jobs.values()} == {S.SENT}
    assert 3 <= len(scene.archive.associations) <= 6


def test_a_refused_class_is_tried_once_in_another_syntax(scene: Scene) -> None:
    """0122 on Explicit LE: re-encoded to Implicit LE once, and stored."""
    scene.queue()
    scene.archive.answers = [0x0122, 0x0000]
    scene.archive.accepts = lambda sop_class, syntax: (
        syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
    )
    made: list[str] = []

    def reencode(instance: StoredInstance, syntax: str) -> nullcontext[Part10File]:
        made.append(syntax)
        return nullcontext(
            Part10File(
                path=instance.path,
                sop_class_uid=instance.sop_class_uid,
                sop_instance_uid=instance.sop_instance_uid,
                transfer_syntax_uid=syntax,
                dataset_offset=0,
                size=0,
            )
        )

    scene.run(scene.worker(reencode=reencode), 1)
    assert scene.archive.received == [
        ("1.2.3.1", ExplicitVRLittleEndian),
        ("1.2.3.1", ImplicitVRLittleEndian),
    ]
    assert made == [ImplicitVRLittleEndian]
    assert scene.store.state() is S.SENT


def test_a_class_refused_in_both_syntaxes_is_held(scene: Scene) -> None:
    """The other context is tried once, never in a circle."""
    scene.queue()
    scene.archive.answers = [0x0122] * 9
    file = Part10File(
        path=stored_instance().path,
        sop_class_uid="1.2",
        sop_instance_uid="1.2.3.1",
        transfer_syntax_uid=ImplicitVRLittleEndian,
        dataset_offset=0,
        size=0,
    )
    scene.run(scene.worker(reencode=lambda instance, syntax: nullcontext(file)), 3600)
    assert len(scene.archive.received) == 2
    assert scene.store.state() is S.HELD


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (InvalidObject("cannot be followed"), S.HELD),
        (ContextNotAccepted("not between these"), S.HELD),
        (OSError(28, "No space left on device"), S.QUEUED),
    ],
)
def test_what_cannot_be_reencoded_keeps_nothing_behind_it(
    scene: Scene, error: Exception, state: DeliveryState
) -> None:
    """A dataset that cannot be re-encoded is held, a full disk is waited for; the rest goes on."""
    scene.store.put(delivery_job(1, stored_instance(1)))
    scene.store.put(delivery_job(2, stored_instance(2, transfer_syntax_uid=ImplicitVRLittleEndian)))
    scene.archive.accepts = lambda sop_class, syntax: syntax == ImplicitVRLittleEndian

    def reencode(instance: StoredInstance, syntax: str) -> nullcontext[Part10File]:
        raise error

    scene.run(scene.worker(reencode=reencode), 5)
    assert [scene.store.state(n) for n in (1, 2)] == [state, S.SENT]
    assert not scene.archive.associations[0].aborted


def test_a_destination_may_have_its_own_row(scene: Scene) -> None:
    """What a status means can be ruled otherwise for one archive."""
    scene.queue()
    scene.archive.answers = [0xA700]
    hold = Verdict(treatment=Treatment.HOLD, meaning="this archive never recovers")
    scene.worker(statuses={"A700": hold}).run_once()
    assert scene.store.state() is S.HELD


def test_the_association_lingers_and_is_then_released(scene: Scene) -> None:
    """A capture within the linger uses the open association; after it the archive has its slot."""
    scene.queue()
    worker = scene.worker()
    scene.run(worker, 1.5)
    scene.store.put(delivery_job(2, stored_instance(2)))
    scene.run(worker, 1.5)
    assert len(scene.archive.associations) == 1
    assert not scene.archive.associations[0].released
    scene.run(worker, 1)
    assert scene.archive.associations[0].released


def test_an_association_that_the_archive_ended_is_not_used(scene: Scene) -> None:
    """Released from the other side during the linger: the next capture opens another."""
    scene.queue()
    worker = scene.worker()
    scene.run(worker, 0.5)
    scene.archive.associations[0].is_open = False
    scene.store.put(delivery_job(2, stored_instance(2)))
    scene.run(worker, 0.5)
    assert len(scene.archive.associations) == 2
    assert scene.store.jobs[2].attempts == 1


def test_a_disk_that_refuses_the_outcome_gets_it_later(scene: Scene) -> None:
    """What could not be written down is written when the disk can: nothing lost, nothing twice."""
    scene.queue(2)
    worker = scene.worker()
    scene.store.fail_next = OutOfSpace("disk full")
    with pytest.raises(OutOfSpace):
        worker.run_once()
    scene.run(worker, 1)
    assert [uid for uid, _ in scene.archive.received] == ["1.2.3.1", "1.2.3.2"]
    assert {job.state for job in scene.store.jobs.values()} == {S.SENT}


def test_what_could_not_be_put_back_is_put_back_later(scene: Scene) -> None:
    """A disk that refuses even that leaves nothing stuck in `sending`."""
    scene.queue(2)
    worker = scene.worker()
    scene.archive.refusals = [PeerUnreachable("refused")]
    scene.store.fail_next = OutOfSpace("disk full")
    with pytest.raises(OutOfSpace):
        worker.run_once()
    assert scene.store.state(1) is S.SENDING
    scene.run(worker, 5)
    assert {job.state for job in scene.store.jobs.values()} == {S.SENT}


def test_the_operators_hand_goes_before_the_outcome(scene: Scene, lines: Recorder) -> None:
    """A delivery held while its C-STORE was under way stays held; the others go on."""
    scene.queue(3)

    def hold_the_first(file: Part10File) -> None:
        if file.sop_instance_uid == "1.2.3.1":
            scene.store.move(1, E.HOLD)

    scene.archive.on_store = hold_the_first
    scene.run(scene.worker(), 1)
    assert [scene.store.state(n) for n in (1, 2, 3)] == [S.HELD, S.SENT, S.SENT]
    assert lines.named("outcome_ignored")


def test_a_held_instance_does_not_keep_those_behind_it_in_sending(
    scene: Scene, lines: Recorder
) -> None:
    """One that the operator held among those claimed: the others still go back and are sent."""
    scene.queue(3)

    def hold_the_second(file: Part10File) -> None:
        if scene.store.state(2) is S.SENDING:
            scene.store.move(2, E.HOLD)

    scene.archive.on_store = hold_the_second
    scene.archive.answers = [AssociationLost("reset")]
    scene.run(scene.worker(), 5)
    assert [scene.store.state(n) for n in (1, 2, 3)] == [S.SENT, S.HELD, S.SENT]


def test_a_released_instance_has_all_its_tries_again(scene: Scene, lines: Recorder) -> None:
    """Held after six failures and released by the operator: six tries more."""
    scene.queue()
    scene.archive.answers = [0x0110] * 99
    worker = scene.worker()
    scene.run(worker, 3600)
    scene.store.move(1, E.RELEASE)
    scene.run(worker, 3600)
    assert len(scene.archive.received) == 12


def test_a_long_transfer_is_followed_by_the_whole_linger(scene: Scene) -> None:
    """The linger counts from the end of a C-STORE: a long cine does not close its association."""
    scene.queue()
    scene.archive.on_store = lambda file: scene.clock.forward(60)
    worker = scene.worker()
    worker.run_once()
    assert not scene.archive.associations[0].released


def test_idle_costs_nothing(scene: Scene) -> None:
    """With nothing to do there is no association and the wait is long: no polling."""
    assert scene.worker().run_once() >= 600
    assert scene.archive.attempts == 0


def test_what_is_due_later_is_waited_for_exactly(scene: Scene) -> None:
    """The worker sleeps until the due time, not in steps."""
    job = replace(delivery_job(1, stored_instance()), next_attempt_at=START + timedelta(seconds=77))
    scene.store.put(job)
    assert scene.worker().run_once() == 77


def test_a_clock_set_forward_does_not_end_a_pause(scene: Scene) -> None:
    """A pause is measured on the monotonic clock."""
    scene.queue()
    scene.archive.answers = [0xA700]
    worker = scene.worker(monotonic=lambda: 5.0)
    worker.run_once()
    scene.clock.forward(365 * 24 * 3600)
    assert worker.run_once() > 0
    assert len(scene.archive.received) == 1


@pytest.mark.parametrize("policy", [CommitmentPolicy.REQUIRED])
def test_commitment_is_asked_for_at_once_on_the_same_association(
    scene: Scene, policy: CommitmentPolicy
) -> None:
    """What was just sent is asked for in one request before the association is let go."""
    scene.queue(3)
    scene.worker(policy).run_once()
    assert scene.commitment.requests == [["1.2.3.1", "1.2.3.2", "1.2.3.3"]]
    assert scene.commitment.associations == scene.archive.associations
    assert {job.state for job in scene.store.jobs.values()} == {S.COMMIT_REQUESTED}


def test_what_a_restart_left_sent_is_asked_for(scene: Scene) -> None:
    """Sent before a crash and not yet asked for: asked for at the start, nothing resent."""
    scene.store.put(replace(delivery_job(1, stored_instance()), state=S.SENT))
    scene.worker(CommitmentPolicy.REQUIRED).run_once()
    assert scene.commitment.requests == [["1.2.3.1"]]
    assert scene.archive.received == []


def test_a_refused_request_is_repeated_when_due_and_stops_no_delivery(scene: Scene) -> None:
    """The archive that takes no request now still receives; it is asked again at the due time."""
    scene.queue()
    scene.commitment.refused_until = START + timedelta(seconds=30)
    worker = scene.worker(CommitmentPolicy.REQUIRED)
    scene.run(worker, 20)
    assert len(scene.commitment.requests) == 1
    scene.commitment.refused_until = None
    scene.store.put(delivery_job(2, stored_instance(2)))
    scene.run(worker, 5)
    assert scene.store.state(2) is S.COMMIT_REQUESTED
    scene.run(worker, 10)
    assert scene.store.state(1) is S.COMMIT_REQUESTED


def test_an_archive_lost_in_the_request_is_probed_like_one_that_is_down(scene: Scene) -> None:
    """No answer to the N-ACTION: the association goes, the request is repeated within seconds."""
    scene.queue()
    scene.commitment.failure = AssociationLost("reset")
    worker = scene.worker(CommitmentPolicy.REQUIRED)
    worker.run_once()
    assert scene.archive.associations[0].aborted
    scene.commitment.failure = None
    scene.run(worker, 2)
    assert scene.store.state() is S.COMMIT_REQUESTED


def test_an_archive_that_breaks_off_at_the_request_is_not_unreachable(
    scene: Scene, lines: Recorder
) -> None:
    """It takes images, and ends the association at the N-ACTION: deliveries go on without a pause,
    and status says why it does not promise instead of calling it out of reach."""
    scene.queue()
    scene.commitment.failure = AssociationLost("aborted", by_peer=True)
    scene.commitment.refused_until = START + timedelta(seconds=30)
    scene.commitment.problem = "PACS does not know us"
    worker = scene.worker(CommitmentPolicy.REQUIRED)
    worker.run_once()
    assert worker.status.unreachable == ""
    assert worker.status.problem == "PACS does not know us"
    scene.store.put(delivery_job(2, stored_instance(2)))
    worker.run_once()
    assert scene.store.state(2) is S.SENT
    assert not lines.named("destination_unreachable")


def test_an_overdue_report_wakes_the_worker_by_itself(scene: Scene) -> None:
    """The next look at the open requests is when the first of them becomes overdue."""
    scene.commitment.overdue_s = 123.0
    assert scene.worker(CommitmentPolicy.REQUIRED).run_once() == 123.0


def test_policy_none_asks_for_nothing(scene: Scene) -> None:
    """Where no proof is wanted, what was sent stays `sent`."""
    scene.queue()
    scene.run(scene.worker(), 3600)
    assert scene.store.state() is S.SENT
    assert scene.commitment.requests == scene.archive.queries == []
