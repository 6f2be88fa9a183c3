"""What processes are killed in: a patient is erased, and the audit trail is written (see steps.py).

Both open what they find, so that they are begun and gone on with by the same call.
"""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

from echonode.audit.event import Patient
from echonode.audit.trail import inbox
from echonode.audit.trail.erasure import names_of
from echonode.audit.trail.trail import Trail, TrailLimits
from echonode.errors import UsageError
from echonode.store.database.file_size import remove_residue
from echonode.store.store import Store
from tests.faults.judging.books import Book
from tests.unit.audit.events import AT, US, instance
from tests.unit.store.patients.test_erasure import ID, NAME, POLICIES
from tests.unit.store.samples import Clock

LIMITS = TrailLimits(keep=timedelta(days=30), bytes=64 * 1024 * 1024)
BATCHES, TOGETHER = 6, 3
SENT = 4  # records that the receiver has: those may go for their age
ERASED = Patient(id=ID, name=NAME)
STAYS = Patient(id="P-2", name="Roe^R")


def erase_patient(data_dir: str, book: str) -> None:
    """Begin it, or go on with it; "begun" and "done" are what a caller was answered."""
    told, path, clock = Book(Path(book)), Path(data_dir), Clock()
    with closing(Trail.open(path, now=AT)) as trail, Store.open(path, now=clock) as store:

        def forget(patient_id: str, names: tuple[str, ...]) -> int:
            count = trail.erase(names_of(patient_id, names))
            remove_residue(trail.writer)
            return count

        if store.erasure.under_way() is None:
            try:
                store.erasure.begin(ID, POLICIES, by="ada")
            except UsageError:  # it was done
                return
        told.write("begun")
        erased = store.erasure.go_on(forget, now=clock)
        assert erased is not None
        store.erasure.finish(erased)
        told.write("done")


def write_trail(data_dir: str, book: str) -> None:
    """Records by this process and by another, checkpoints, an erasure and a deletion by age.

    "recorded" has the last record's number and hash, "put" how many came by the inbox.
    """
    told, path = Book(Path(book)), Path(data_dir)
    with closing(Trail.open(path, now=AT)) as trail:
        for batch in range(BATCHES):
            patient = ERASED if batch % 2 else STAYS
            events = [instance(batch * TOGETHER + n, patient=patient) for n in range(TOGETHER)]
            trail.append(events, LIMITS)
            told.write("recorded", seq=trail.head.seq, hash=trail.head.hash.hex())
            trail.write_checkpoint()
        inbox.put(path, instance(100, patient=STAYS))
        told.write("put")
        found = inbox.waiting(trail.paths.inbox)
        trail.append([event for _, event in found], LIMITS)
        inbox.taken([file for file, _ in found])
        trail.erase(names_of(ID, (NAME,)))
        remove_residue(trail.writer)
        told.write("erased")
        trail.prune(LIMITS, now=AT + 2 * LIMITS.keep, sent=SENT, us=US)
        trail.write_checkpoint()
