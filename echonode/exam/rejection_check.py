"""Whether an archive acts on a rejection note (IHE RAD TF-3 4.66): asked by a query.

Rules
- An archive that acts on notes does not show a rejected instance to a C-FIND (4.66.4.1.3). One that
  still does after the last of LOOKS_S does not act on it, and a person must delete it there.
- What is answered of one rejected instance counts for the note: archives act on a note as a whole.
- It is a look and no proof: an archive that answers no query stays unknown. Notes older than
  OLDEST are not asked about any more.
- What is known is durable, so a restart begins no look again; an error is tried at the next look.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from pydicom.dataset import Dataset

from echonode.dimse.contexts import ProposedContext, find_context
from echonode.errors import ContextNotAccepted, NetworkError
from echonode.log import get_logger
from echonode.model.criteria import Root
from echonode.model.identity import Peer
from echonode.model.instance import StoredInstance
from echonode.model.status import SUCCESS, StatusKind, kind_of
from echonode.store.exams.rejections import Rejections, SentNote

log = get_logger(__name__)

LOOK_EVERY_S = 20.0
# After the archive answered the note: many act at once, some in a job of the night's.
LOOKS_S = (60.0, 900.0, 86_400.0)
OLDEST = timedelta(days=7)


class Verdict(StrEnum):
    """What is known of a note at an archive."""

    WAITING = "waiting"  # it is looked again
    ACTED = "acted"
    IGNORED = "ignored"
    UNKNOWN = "unknown"  # it answers no query, or has nothing of what is rejected


class Queried(Protocol):
    """What is asked of an archive, by DIMSE or by DICOMweb."""

    def c_find(self, root: Root, identifier: Dataset) -> Iterator[tuple[int, Dataset | None]]:
        """Status and identifier of each answer, the final one last. Raises NetworkError."""


# Opens an association, which its end releases. Raises NetworkError.
Associate = Callable[[Peer, Sequence[ProposedContext]], AbstractContextManager[Queried]]


class Notes(Protocol):
    """Small durable texts (store.key_value)."""

    def read(self, key: str) -> str: ...
    def write(self, key: str, text: str) -> None: ...


class RejectionCheck:
    """`look` is what it does; one thread. destinations: name -> peer, of those that get notes."""

    def __init__(
        self,
        *,
        rejections: Rejections,
        instance: Callable[[str], StoredInstance | None],
        notes: Notes,
        destinations: Mapping[str, Peer],
        associate: Associate,
        now: Callable[[], datetime],
    ) -> None:
        self._rejections, self._instance, self._notes = rejections, instance, notes
        self._destinations, self._associate, self._now = destinations, associate, now

    def look(self) -> None:
        """Ask about each note that is due. Raises StoreError."""
        for note in self._rejections.sent_notes(since=self._now() - OLDEST):
            peer = self._destinations.get(note.destination)
            verdict, looks = self._known(note.sop_instance_uid, note.destination)
            if peer is None or verdict is not Verdict.WAITING:
                continue
            if self._now() < note.sent_at + timedelta(seconds=LOOKS_S[looks]):
                continue
            try:
                found = self._shows(peer, note)
            except ContextNotAccepted:
                self._write(note, Verdict.UNKNOWN, looks)
            except NetworkError as error:
                log.warning("rejection_unchecked", destination=note.destination, reason=str(error))
            else:
                self._settle(note, found, looks + 1)

    def _settle(self, note: SentNote, found: bool | None, looks: int) -> None:
        if found is None:
            self._write(note, Verdict.UNKNOWN, looks)
        elif not found:
            self._write(note, Verdict.ACTED, looks)
            log.info("rejection_acted_on", exam=note.exam_id, destination=note.destination)
        elif looks < len(LOOKS_S):
            self._write(note, Verdict.WAITING, looks)
        else:
            self._rejections.ignored(note, at=self._now())
            self._write(note, Verdict.IGNORED, looks)
            log.warning(
                "rejection_ignored",
                exam=note.exam_id,
                destination=note.destination,
                remedy="delete the rejected instances at the archive",
            )

    def _shows(self, peer: Peer, note: SentNote) -> bool | None:
        """Whether the archive shows something that the note rejects; None: nothing to ask for.

        Raises NetworkError.
        """
        rejected = [
            instance
            for uid in self._rejections.rejected_there(note)
            if (instance := self._instance(uid)) is not None
        ]
        if not rejected:
            return None
        with self._associate(peer, (find_context(Root.STUDY),)) as association:
            return _is_shown(association, rejected[0])

    def verdict(self, note_uid: str, destination: str) -> Verdict:
        """What is known of a note at a destination. Raises StoreError."""
        return self._known(note_uid, destination)[0]

    def _known(self, note_uid: str, destination: str) -> tuple[Verdict, int]:
        """And how often it was asked."""
        try:
            known = json.loads(self._notes.read(_key(note_uid, destination)))
            return Verdict(known["verdict"]), int(known["looks"])
        except (ValueError, KeyError, TypeError):
            return Verdict.WAITING, 0

    def _write(self, note: SentNote, verdict: Verdict, looks: int) -> None:
        text = json.dumps({"verdict": verdict.value, "looks": looks})
        self._notes.write(_key(note.sop_instance_uid, note.destination), text)


def _key(note_uid: str, destination: str) -> str:
    return f"rejection {note_uid} {destination}"


def _is_shown(association: Queried, instance: StoredInstance) -> bool | None:
    """None where the archive's query failed. Raises NetworkError."""
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "IMAGE"
    identifier.StudyInstanceUID = instance.study_instance_uid
    identifier.SeriesInstanceUID = instance.series_instance_uid
    identifier.SOPInstanceUID = instance.sop_instance_uid
    found, status = False, None
    for status, answer in association.c_find(Root.STUDY, identifier):
        if kind_of(status) is StatusKind.PENDING and answer is not None:
            found |= answer.get("SOPInstanceUID") == instance.sop_instance_uid
    return found if found or status == SUCCESS else None
