"""Results of reports: what they say, and that each reaches its receiver once it is there."""

from __future__ import annotations

import base64
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from echonode.exam.hl7.result_answer import MOST_REFUSALS, Judgement, judged
from echonode.exam.hl7.result_message import ResultHead, result_message
from echonode.exam.hl7.result_sender import Receiver, ResultSender
from echonode.model.exam import CaptureKind
from echonode.store.exams.documents import NewDocument
from echonode.store.exams.hl7_results import ResultState
from echonode.store.store import Store
from tests.peers.ports import LOOPBACK
from tests.peers.result_receiver import ResultReceiver, parsed
from tests.support.waiting import wait_until
from tests.unit.exam.clinic_room import Room
from tests.unit.exam.test_desk import JANE
from tests.unit.objects.exam_reports import ARABIC, OFFSET, facts, measurements, report

HEAD = ResultHead(
    sending_application="ECHONODE",
    sending_facility="Clinic & Co",
    receiving_application="RIS",
    receiving_facility="",
    control_id="0123456789abcdef",
)
PDF = b"%PDF-1.4 \x00\xff"


def message() -> bytes:
    return result_message(HEAD, report(), measurements(), facts(), offset=OFFSET, pdf=PDF)


def test_a_result_says_what_the_report_says() -> None:
    """python-hl7 reads patient, order, findings, values with their units, and the pages."""
    read = parsed(message())
    assert str(read.segment("MSH")[9]) == "ORU^R01^ORU_R01"
    assert read.unescape(str(read.segment("MSH")[4])) == "Clinic & Co"
    patient = read.segment("PID")
    assert str(patient[3]).startswith("P-77^^^CLINIC")
    names = [str(each) for each in patient[5]]
    assert names[0] == "Yamada^Tarou^^^^^L^A"
    assert names[1] == "山田^太郎^^^^^L^I"
    order = read.segment("OBR")
    item = facts().worklist_item
    assert item is not None
    assert str(order[2]).split("^")[0] == item.placer_order_number.value
    assert str(order[18]) == "A-1"
    assert str(order[25]) == "F"
    observations = read.segments("OBX")
    texts = [
        read.unescape(str(o[5])).replace("\r", "\n") for o in observations if str(o[2]) == "TX"
    ]
    assert f"Spleen: {ARABIC}" in texts
    assert texts[-1] == "No free fluid.\nNächste Kontrolle in 6 Monaten."
    numbers = {(str(o[3]).split("^")[0], str(o[6])): o for o in observations if str(o[2]) == "NM"}
    kept = [(r.value, r.unit) for m in measurements() for r in m.results]
    assert len([o for o in observations if str(o[2]) == "NM"]) == len(kept)
    length = numbers["410668003", "mm^millimeter^UCUM"]
    assert float(str(length[5])) == pytest.approx(kept[0][0], rel=1e-9)
    study = next(o for o in observations if str(o[2]) == "HD")
    assert str(study[5]) == f"^{facts().study_instance_uid}^ISO"
    pages = next(o for o in observations if str(o[2]) == "ED")
    assert base64.b64decode(str(pages[5]).split("^")[-1]) == PDF
    assert [str(note[3]) for note in read.segments("NTE")][:1] == ["Ductus"]


def test_nothing_of_a_text_becomes_a_field() -> None:
    """Separators in what people typed are escaped."""
    wild = replace(report(), content=replace(report().content, conclusion="a|b^c~d&e\\f\rMSH|"))
    raw = result_message(HEAD, wild, [], facts(), offset=OFFSET)
    [said] = [o for o in parsed(raw).segments("OBX") if str(o[3]).startswith("19005-8")]
    assert str(said[5]) == "a\\F\\b\\S\\c\\R\\d\\T\\e\\E\\fMSH\\F\\"
    assert raw.count(b"\rMSH") == 0


@pytest.mark.parametrize(
    ("answer", "judgement"),
    [
        (b"MSH|^~\\&|R||E||20261129||ACK|1|P|2.5.1\rMSA|AA|ID-1\r", Judgement.ACCEPTED),
        (b"MSH|^~\\&|R||E||20261129||ACK|1|P|2.5.1\rMSA|CA|ID-1\r", Judgement.ACCEPTED),
        (b"MSH|^~\\&|||E||||ACK||P|2.5.1\r\nMSA|AA|ID-1", Judgement.ACCEPTED),
        (b"MSH|^~\\&|R||E||20261129||ACK|1|P|2.5.1\rMSA|AE|ID-1\r", Judgement.REFUSED),
        (b"MSH|^~\\&|R||E||20261129||ACK|1|P|2.5.1\rMSA|AR|ID-1\r", Judgement.REFUSED),
        (b"MSH|^~\\&|R||E||20261129||ACK|1|P|2.5.1\rMSA|AA|ID-2\r", Judgement.OTHER),
        (b"MSH|^~\\&|R||E||20261129||ACK|1|P|2.5.1\r", Judgement.OTHER),
        (b"HTTP/1.1 400 Bad Request\r\n", Judgement.OTHER),
    ],
)
def test_an_answer_is_of_its_message(answer: bytes, judgement: Judgement) -> None:
    """AA and CA accept; another control ID, or nothing, is no answer."""
    assert judged(answer, "ID-1").judgement is judgement


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """With an exam whose report has a result that waits."""
    with Room(tmp_path / "var") as room:
        exam = room.desk.open("hand", patient=JANE)
        new = NewDocument(
            kind=CaptureKind.REPORT, content=report().content, refers_to=[], result_for="ris"
        )
        document = room.store.documents.begin(exam.id, new, at=room.now())
        room.store.hl7_results.add(
            document.id, control_id=HEAD.control_id, message=message(), at=room.now()
        )
        yield room.store


class Ticking:
    def __init__(self) -> None:
        self.at = datetime(2026, 11, 30, tzinfo=UTC)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def later(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


def sender(store: Store, port: int, clock: Ticking, **more: float) -> ResultSender:
    return ResultSender(
        Receiver(host=LOOPBACK, port=port),
        store.hl7_results,
        now=clock.now,
        monotonic=clock.monotonic,
        random=lambda: 0.0,
        **more,
    )


def row(store: Store) -> tuple[ResultState, int, str]:
    kept = store.hl7_results.of("D00000001")
    assert kept is not None
    return kept.state, kept.attempts, kept.answer


def test_a_result_is_sent_once_and_accepted(store: Store) -> None:
    """What python-hl7's server got is the message, to the last byte; it is not sent again."""
    clock = Ticking()
    with ResultReceiver() as ris:
        here = sender(store, ris.port, clock)
        here.look()
        clock.later(3600)
        here.look()
        assert [str(each) for each in ris.messages] == [str(parsed(message()))]
    assert row(store) == (ResultState.ACCEPTED, 1, "AA")


def test_a_receiver_that_is_away_gets_it_when_it_is_back(store: Store) -> None:
    """Nothing is lost, and the reason is known meanwhile."""
    clock = Ticking()
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        port = taken.getsockname()[1]
    here = sender(store, port, clock)
    here.look()
    assert here.problem
    assert row(store)[0] is ResultState.WAITING
    with ResultReceiver(port=port) as ris:
        here.look()
        assert ris.messages == []  # it is paused
        clock.later(10)
        here.look()
        assert len(ris.messages) == 1
    assert (row(store)[0], here.problem) == (ResultState.ACCEPTED, "")


def test_a_message_whose_answer_was_not_seen_is_sent_again_as_it_was(store: Store) -> None:
    """Under the same control ID, so that the receiver knows that it has it."""
    clock = Ticking()
    codes: list[str | None] = [None, "AA"]
    with ResultReceiver(answer=lambda _: codes.pop(0)) as ris:
        here = sender(store, ris.port, clock)
        here.look()
        assert row(store)[0] is ResultState.WAITING
        clock.later(10)
        here.look()
        ids = [str(each.segment("MSH")[10]) for each in ris.messages]
    assert ids == [HEAD.control_id] * 2
    assert row(store)[0] is ResultState.ACCEPTED


def test_a_refused_result_is_given_up_and_tried_again_by_the_next_start(store: Store) -> None:
    """Five times, with pauses; then an operator has to act."""
    clock = Ticking()
    with ResultReceiver(answer=lambda _: "AE") as ris:
        here = sender(store, ris.port, clock)
        for _ in range(MOST_REFUSALS + 3):
            here.look()
            clock.later(4000)
        assert len(ris.messages) == MOST_REFUSALS
    assert row(store) == (ResultState.REFUSED, MOST_REFUSALS, "AE")
    with ResultReceiver() as ris:
        sender(store, ris.port, clock).look()
    assert row(store) == (ResultState.ACCEPTED, 1, "AA")


def test_a_receiver_that_says_nothing_holds_up_no_stop(store: Store) -> None:
    """The node stops while an answer is awaited."""
    with socket.socket() as silent:
        silent.bind((LOOPBACK, 0))
        silent.listen()
        here = ResultSender(
            Receiver(host=LOOPBACK, port=silent.getsockname()[1]),
            store.hl7_results,
            now=lambda: datetime(2026, 11, 30, tzinfo=UTC),
        )
        here.start()
        line, _ = silent.accept()
        with line:
            wait_until(lambda: bool(line.recv(65_536)), timeout_s=20, what="the message")
            assert here.stop(2.0)
    assert row(store)[0] is ResultState.WAITING
