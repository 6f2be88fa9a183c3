"""Commitment to what peers sent to us."""

from __future__ import annotations

import threading

import pytest

from echonode.commitment.commitment_scp import REPORTING, REPORTS_AT_ONCE, CommitmentSCP
from echonode.errors import (
    AssociationLost,
    AssociationRejected,
    ContextNotAccepted,
    OutOfSpace,
    PeerUnreachable,
)
from echonode.model.commitment import (
    STORAGE_COMMITMENT_PUSH_MODEL,
    CommitmentReport,
    CommitmentRequest,
)
from echonode.model.identity import Peer, ReportRoute
from tests.support.clock import Clock
from tests.support.log_recorder import Recorder
from tests.unit.commitment.doubles import (
    FakeInbound,
    Reached,
    ReportAssociation,
    SameAssociation,
    peer,
    referenced,
)

REQUEST = CommitmentRequest(transaction_uid="2.25.7", instances=(referenced(1), referenced(2)))
PATIENCE_S = 10.0  # a test that waits so long has failed
DAY_S = 24 * 3600.0


class Scene:
    """A CommitmentSCP, its store and the peer it reports to."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = FakeInbound()
        self.reached = Reached()
        self.scp = self.new_scp()

    def new_scp(self, *peers: Peer) -> CommitmentSCP:
        return CommitmentSCP(
            store=self.store,
            peers=peers or [peer("modality")],
            associate=self.reached.associate,
            now=self.clock.now,
            random=lambda: 0.0,
            monotonic=self.clock.monotonic,
        )

    def ask(self, request: CommitmentRequest = REQUEST, *, by: str = "modality") -> int:
        return self.scp.commit_request(peer(by), request, SameAssociation(self.reached))

    def owe(self, name: str, count: int) -> None:
        """Requests of a peer that were asked for before a restart."""
        for number in range(count):
            uid = f"2.25.{len(self.store.rows) + 100}"
            request = CommitmentRequest(transaction_uid=uid, instances=(referenced(number),))
            self.store.create(name.upper(), request, self.clock.now())
        self.clock.forward(1)

    def run(self, seconds: float) -> None:
        until = self.clock.seconds + seconds
        for _ in range(10_000):
            wait_s = self.scp.run_once()
            if self.clock.seconds + wait_s > until:
                break
            self.clock.forward(wait_s)
        else:
            raise AssertionError("the thread does not come to rest")
        self.clock.seconds = until

    def ways(self) -> list[str]:
        return [way for way, _ in self.reached.reports]


@pytest.fixture
def scene(lines: Recorder) -> Scene:
    return Scene()


def test_a_request_is_durable_then_answered_then_reported(scene: Scene) -> None:
    """0000 means that the row exists; the report follows within a few hundredths of a second."""
    assert scene.ask() == 0x0000
    assert len(scene.store.rows) == 1
    assert scene.reached.reports == []
    scene.run(0.03)
    ((way, report),) = scene.reached.reports
    assert way == "new"
    assert report.transaction_uid == "2.25.7"
    assert report.committed == (referenced(1),)
    assert report.failed == {referenced(2): 0x0112}
    assert scene.store.ended == {1: "reported"}
    assert scene.reached.released == 1


def test_the_answer_to_the_request_goes_before_the_report(scene: Scene) -> None:
    """Woken at once, the thread leaves the N-ACTION response its head start."""
    scene.ask()
    assert 0 < scene.scp.run_once() <= 0.01
    assert scene.reached.called == []


def test_the_report_is_made_in_the_scp_role(scene: Scene) -> None:
    """On our association we propose to be SCP, and only that, in both plain syntaxes."""
    scene.ask()
    scene.run(0.1)
    assert scene.reached.proposals == [(REPORTING,)]
    assert REPORTING.abstract_syntax == STORAGE_COMMITMENT_PUSH_MODEL
    assert (REPORTING.scu_role, REPORTING.scp_role) == (False, True)
    assert len(REPORTING.transfer_syntaxes) == 2


@pytest.mark.parametrize(
    "error",
    [
        PeerUnreachable("refused"),
        AssociationRejected("no", result=1, source=1, reason=7),
        AssociationLost("aborted"),
        ContextNotAccepted("no SCP role"),
    ],
)
def test_a_peer_that_cannot_be_called_is_told_on_its_own_association(
    scene: Scene, error: Exception
) -> None:
    """Where no new association can be opened, the one that asked is used while it is open."""
    scene.reached.refusals = [error]
    scene.ask()
    scene.run(0.1)
    assert scene.ways() == ["same"]
    assert scene.store.ended == {1: "reported"}


def test_a_report_lost_on_the_new_association_goes_on_the_old_one(scene: Scene) -> None:
    """An association that breaks under the report is aborted, and the other one tried."""
    scene.reached.answers = [AssociationLost("reset")]
    scene.ask()
    scene.run(0.1)
    assert (scene.ways(), scene.reached.aborted) == (["same"], 1)


@pytest.mark.parametrize(
    ("same_answers", "ways"), [([], ["same"]), ([AssociationLost("released")], ["new"])]
)
def test_a_peer_may_be_configured_to_be_told_where_it_asked(
    scene: Scene, same_answers: list[int | Exception], ways: list[str]
) -> None:
    """First on the same association; on a new one where that has ended."""
    scene.scp = scene.new_scp(peer("modality", report_on=ReportRoute.SAME_ASSOCIATION))
    scene.reached.same_answers = same_answers
    scene.ask()
    scene.run(0.1)
    assert scene.ways() == ways


def test_a_report_is_repeated_until_it_is_answered_0000(scene: Scene, lines: Recorder) -> None:
    """Refused or unreachable: again after 30 s, 60 s, 120 s, until the peer has it."""
    scene.reached.answers = [0x0110, AssociationLost("reset"), 0x0213]
    scene.reached.same_answers = [AssociationLost("released")]
    scene.ask()
    scene.run(0.1)
    assert scene.store.ended == {}
    scene.run(29)
    assert len(scene.reached.called) == 1
    scene.run(2)
    assert len(scene.reached.called) == 2
    scene.run(60 + 120 + 5)
    assert scene.store.ended == {1: "reported"}
    assert len(lines.named("commitment_report_retried")) == 3
    assert scene.store.errors[0] == "the peer answered 0110"


def test_what_was_owed_before_a_restart_is_reported_after_it(scene: Scene) -> None:
    """The request survives in the database; the report goes on a new association."""
    scene.ask()
    scene.clock.forward(3600)
    scene.scp = scene.new_scp()
    scene.run(0.1)
    assert scene.ways() == ["new"]


def test_a_peer_that_never_takes_its_report_is_given_up_after_a_week(
    scene: Scene, lines: Recorder
) -> None:
    """Calls end after seven days: by then the requestor has asked again or is gone."""
    scene.reached.answers = [0x0115] * 1000
    scene.ask()
    scene.run(6.9 * DAY_S)
    assert scene.store.ended == {}
    scene.run(1 * DAY_S)
    assert scene.store.ended == {1: "given up"}
    assert len(scene.reached.called) < 50
    assert lines.named("commitment_report_given_up")


def test_a_peer_that_is_no_longer_configured_is_not_called(scene: Scene) -> None:
    """Removed from the configuration: its report is dropped, and said so."""
    scene.scp.commit_request(peer("gone"), REQUEST, SameAssociation(scene.reached))
    scene.run(0.1)
    assert scene.store.ended == {1: "given up"}
    assert scene.reached.called == []


CONNECT_S = 10.0  # what a call to a dead address takes


def call_slowly(scene: Scene, *dead: str) -> None:
    """Every call to these peers ends in a time-out."""

    def call(called: Peer) -> None:
        if called.name in dead:
            scene.clock.forward(CONNECT_S)
            raise PeerUnreachable("timed out")

    scene.reached.on_call = call


def test_a_dead_peer_to_which_much_is_owed_holds_up_no_other(scene: Scene) -> None:
    """200 reports are owed to a peer that is switched off: a live peer that asks after it is
    reported to within one attempt at the dead one, and again in every later round."""
    scene.scp = scene.new_scp(peer("dead"), peer("modality"))
    call_slowly(scene, "dead")
    scene.owe("dead", 200)
    scene.scp.run_once()
    for number in range(5):
        asked_at = scene.clock.seconds
        scene.ask(CommitmentRequest(transaction_uid=f"2.25.{number}", instances=(referenced(3),)))
        while f"2.25.{number}" not in [r.transaction_uid for _, r in scene.reached.reports]:
            scene.clock.forward(scene.scp.run_once())
        assert scene.clock.seconds - asked_at <= CONNECT_S + 1
        scene.run(30)


def test_many_dead_peers_hold_up_no_other(scene: Scene) -> None:
    """With twenty peers switched off a live one still waits for one attempt at most."""
    dead = [f"dead{number}" for number in range(20)]
    scene.scp = scene.new_scp(*map(peer, dead), peer("modality"))
    call_slowly(scene, *dead)
    for name in dead:
        scene.owe(name, 3)
    scene.run(600)
    asked_at = scene.clock.seconds
    scene.ask()
    while not scene.reached.reports:
        scene.clock.forward(scene.scp.run_once())
    assert scene.clock.seconds - asked_at <= CONNECT_S + 1


def test_a_dead_peer_is_called_ever_less_often_and_gets_all_once_it_is_back(
    scene: Scene,
) -> None:
    """One call a pause, up to five minutes, whatever is owed; no request loses a try by it, and
    all of them are reported as soon as a call succeeds."""
    call_slowly(scene, "modality")
    scene.owe("modality", 120)
    scene.run(3600)
    assert 10 <= len(scene.reached.called) <= 22
    assert {row.attempts for row in scene.store.rows.values()} == {0}
    scene.reached.on_call = lambda peer: None
    scene.run(301)
    assert len(scene.store.ended) == 120


@pytest.mark.slow
def test_a_dead_peer_is_given_up_after_a_week(scene: Scene, lines: Recorder) -> None:
    """It is called no more for what it asked for a week ago."""
    call_slowly(scene, "modality")
    scene.owe("modality", 3)
    scene.run(7.1 * DAY_S)
    assert scene.store.ended == {1: "given up", 2: "given up", 3: "given up"}


def test_what_is_owed_is_read_a_page_at_a_time(scene: Scene) -> None:
    """Thousands of requests are never in memory at once, and all are reported."""
    scene.owe("modality", 3 * REPORTS_AT_ONCE + 1)
    scene.run(1)
    assert len(scene.store.ended) == 3 * REPORTS_AT_ONCE + 1
    assert scene.store.largest_limit == REPORTS_AT_ONCE


def test_a_paused_peer_that_asks_is_told_where_it_asked(scene: Scene) -> None:
    """Its port is dead and it waits on its own association: it is not called first, and has its
    report at once."""
    call_slowly(scene, "modality")
    scene.owe("modality", 1)
    scene.scp.run_once()
    calls = len(scene.reached.called)
    scene.ask()
    scene.run(0.1)
    assert scene.ways() == ["same"]
    assert len(scene.reached.called) == calls


def test_whatever_one_request_raises_is_its_own_failure(
    scene: Scene, lines: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that our own code fails on is tried again later; those behind it are reported."""
    answer = scene.store.answer

    def fail_on_the_first(request: CommitmentRequest) -> CommitmentReport:
        if request.transaction_uid == "2.25.7":
            raise NotImplementedError("DOE^JANE")
        return answer(request)

    monkeypatch.setattr(scene.store, "answer", fail_on_the_first)
    scene.ask()
    scene.ask(CommitmentRequest(transaction_uid="2.25.8", instances=(referenced(3),)))
    scene.run(5)
    assert scene.store.ended == {2: "reported"}
    assert scene.store.rows[1].attempts == 1
    assert "DOE" not in repr(lines.lines) + repr(scene.store.errors)


def test_a_transaction_uid_that_was_used_is_refused(scene: Scene) -> None:
    """0131 for the second request under one UID; the first is reported once."""
    assert [scene.ask(), scene.ask()] == [0x0000, 0x0131]
    scene.run(0.1)
    assert len(scene.reached.reports) == 1


def test_a_request_for_nothing_is_refused(scene: Scene) -> None:
    """An empty Referenced SOP Sequence breaks PS3.4 J.3.2.1.1 and leaves no row."""
    assert scene.ask(CommitmentRequest(transaction_uid="2.25.9", instances=())) == 0x0115
    assert scene.store.rows == {}


def test_a_request_that_cannot_be_written_down_is_not_accepted(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's failure goes to the network room, which answers it; nothing is promised."""

    def fail(*arguments: object) -> None:
        raise OutOfSpace("disk full")

    monkeypatch.setattr(scene.store, "create", fail)
    with pytest.raises(OutOfSpace):
        scene.ask()
    scene.run(0.1)
    assert scene.reached.reports == []


def test_a_clock_set_back_does_not_hold_a_report(scene: Scene) -> None:
    """The head start is a hundredth of a second, not the difference to a wrong clock."""
    scene.clock.forward(DAY_S)
    scene.ask()
    row = scene.store.rows[1]
    scene.clock.forward(-DAY_S)
    scene.store.pending = lambda now, **_: [row]  # type: ignore[method-assign]
    scene.scp.run_once()
    assert scene.ways() == ["new"]


def test_the_thread_reports_as_soon_as_it_is_asked(scene: Scene) -> None:
    """No polling: a request wakes the thread."""
    reported = threading.Event()
    scene.reached.on_report = reported.set
    scene.scp.start()
    scene.ask()
    scene.clock.forward(1)
    assert reported.wait(PATIENCE_S)
    assert scene.scp.stop(PATIENCE_S)


def test_stop_breaks_off_a_peer_that_does_not_answer(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Past the deadline the association is aborted; the report is owed after the restart."""
    under_way, aborted = threading.Event(), threading.Event()

    def hang() -> None:
        under_way.set()
        assert aborted.wait(PATIENCE_S)
        raise AssociationLost("aborted")

    scene.reached.on_report = hang
    monkeypatch.setattr(ReportAssociation, "break_off", lambda association: aborted.set())
    scene.ask()
    scene.clock.forward(1)
    scene.scp.start()
    assert under_way.wait(PATIENCE_S)
    assert scene.scp.stop(0.0) is False
    assert not scene.scp._thread.is_alive
    assert scene.store.ended == {}


def test_a_service_that_never_ran_stops(scene: Scene) -> None:
    """Stopping before the start is allowed: start-up may have failed elsewhere."""
    assert scene.scp.stop(0.0)
