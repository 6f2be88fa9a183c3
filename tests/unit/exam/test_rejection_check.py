"""Whether an archive acts on a rejection note is asked, and said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset

from echonode.errors import ContextNotAccepted, NetworkError, PeerUnreachable
from echonode.exam.rejection_check import LOOKS_S, RejectionCheck, Verdict
from echonode.model.correction import Reason
from echonode.model.identity import Peer
from tests.unit.exam.clinic_room import Room
from tests.unit.exam.test_correction import note_of, sent
from tests.unit.store.samples import send_all

PACS = Peer(name="pacs", ae_title="PACS", host="10.0.0.1", port=104, may=frozenset())


@dataclass
class Archive:
    """Answers C-FIND with what it shows; fails as the test says."""

    shows: set[str] = field(default_factory=set)
    fails: NetworkError | None = None
    status: int = 0x0000
    asked: list[str] = field(default_factory=list)

    def associate(self, peer: Peer, contexts: Sequence[object]) -> Archive:
        assert peer is PACS
        if self.fails:
            raise self.fails
        return self

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def c_find(self, root: object, identifier: Dataset) -> Iterator[tuple[int, Dataset | None]]:
        uid = str(identifier.SOPInstanceUID)
        self.asked.append(uid)
        if uid in self.shows:
            yield 0xFF00, identifier
        yield self.status, None


@dataclass
class Scene:
    """An exam that was withdrawn after it was sent, and the note's way to the archive."""

    room: Room
    archive: Archive
    exam_id: str
    uids: list[str]
    note: str

    def check(self) -> RejectionCheck:
        """A new one each time: as after a restart."""
        return RejectionCheck(
            rejections=self.room.store.rejections,
            instance=self.room.store.index.instance,
            notes=self.room.store.key_value,
            destinations={"pacs": PACS},
            associate=self.archive.associate,
            now=self.room.now,
        )

    def look_after(self, seconds: float) -> Verdict:
        self.room.time += timedelta(seconds=seconds)
        self.check().look()
        return self.check().verdict(self.note, "pacs")

    def events(self) -> list[Any]:
        return [each.event for each in self.room.store.exams.events(self.exam_id)]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with Room(tmp_path / "var") as room:
        exam, uids = sent(room)
        room.correction.correct(exam, Reason.WITHDRAWN)
        send_all(room.store, "pacs", room.now())
        note, _ = note_of(room)
        yield Scene(room, Archive(shows=set(uids)), exam.id, uids, note)


@pytest.mark.slow
def test_an_archive_that_hides_what_is_rejected_acted(scene: Scene) -> None:
    """At the second look, in this case; after that it is asked no more."""
    assert scene.look_after(LOOKS_S[0] - 1) is Verdict.WAITING
    assert scene.archive.asked == []
    assert scene.look_after(1) is Verdict.WAITING
    scene.archive.shows.clear()
    assert scene.look_after(LOOKS_S[1]) is Verdict.ACTED
    assert scene.look_after(LOOKS_S[2]) is Verdict.ACTED
    assert scene.archive.asked == [scene.uids[0]] * 2
    assert "rejection_ignored" not in scene.events()


@pytest.mark.slow
def test_an_archive_that_goes_on_showing_it_is_named(scene: Scene) -> None:
    """In the exam's history, once; a look that was missed is made up for."""
    verdicts = [scene.look_after(LOOKS_S[2]) for _ in range(5)]
    assert verdicts == [Verdict.WAITING, Verdict.WAITING, *[Verdict.IGNORED] * 3]
    assert scene.events().count("rejection_ignored") == 1


@pytest.mark.slow
def test_an_archive_that_is_away_is_asked_again(scene: Scene) -> None:
    """Nothing is concluded from its silence."""
    scene.archive.fails = PeerUnreachable("away")
    assert scene.look_after(LOOKS_S[0]) is Verdict.WAITING
    scene.archive.fails = None
    scene.archive.shows.clear()
    assert scene.look_after(1) is Verdict.ACTED


@pytest.mark.slow
@pytest.mark.parametrize(("fails", "status"), [(ContextNotAccepted("no"), 0), (None, 0xC000)])
def test_an_archive_that_answers_no_query_stays_unknown(
    scene: Scene, fails: NetworkError | None, status: int
) -> None:
    """It is not said to have ignored the note."""
    scene.archive.shows.clear()
    scene.archive.fails, scene.archive.status = fails, status
    assert scene.look_after(LOOKS_S[0]) is Verdict.UNKNOWN


def test_what_never_reached_the_archive_is_not_asked_for(tmp_path: Path) -> None:
    """A note of images that were held in time says nothing about the archive."""
    with Room(tmp_path / "var") as room:
        exam = room.desk.open("hand")
        room.desk.end(exam.id)
        assert room.store.rejections.sent_notes(since=room.now() - timedelta(days=1)) == []
