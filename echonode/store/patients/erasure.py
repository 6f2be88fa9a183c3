"""Erases one patient: each step is durable, and a kill between any two is gone on from.

The order
1. Why it cannot be is asked, and that it begins is written, in one transaction. From here on it
   goes on until it is done, whatever happens.
2. Instances: rows with their deliveries and descriptions, a tombstone without identity, then the
   files (retention/deletion.py), some at a time.
3. All other rows (holdings.OF_A_PATIENT), and the files in quarantine.
4. The audit trail forgets who it was.
5. The Patient ID goes from the note of step 1.
6. The databases and the journal are written again, so that no page and no log of them holds what
   was deleted.
7. The note says that it is done, with its number and its counts.

Tombstones keep UIDs and hashes: other bytes under a known UID are refused as before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from echonode.errors import OperatorRefused, StoreError, UsageError
from echonode.model.identity import CommitmentPolicy
from echonode.store.database import schema
from echonode.store.database.connections import Writer
from echonode.store.database.counters import next_value
from echonode.store.database.file_size import remove_residue
from echonode.store.files.disk import remove
from echonode.store.files.layout import Layout
from echonode.store.patients.holdings import OF_A_PATIENT, Holdings, instances_of
from echonode.store.patients.refusals import reasons
from echonode.store.retention.deletion import Deletions

_AT_ONCE = 50
_NOTE = "erasure"
_meta = schema.meta.c


@dataclass(frozen=True, kw_only=True)
class Erasure:
    """One erasure. patient_id, names: '' and () once step 5 is done. counts: what was erased."""

    number: int
    patient_id: str
    names: tuple[str, ...]
    by: str
    counts: Mapping[str, int]
    done: bool = False


# Empties the audit trail of a patient, by number and names; how many records.
Forget = Callable[[str, tuple[str, ...]], int]
Step = Callable[[], None]


class PatientErasure:
    """Used by one thread at a time. between: called between any two steps (tests kill there).

    rewrite_journal: writes it from what the database has now; raises StoreError.
    """

    def __init__(
        self,
        writer: Writer,
        layout: Layout,
        *,
        holdings: Holdings,
        deletions: Deletions,
        rewrite_journal: Callable[[], None] = lambda: None,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self._writer, self._layout = writer, layout
        self._holdings, self._deletions = holdings, deletions
        self._rewrite_journal = rewrite_journal
        self.between = between

    def begin(
        self, patient_id: str, policies: Mapping[str, CommitmentPolicy], *, by: str
    ) -> Erasure:
        """Step 1. Raises OperatorRefused with every reason, UsageError where nothing is held."""
        names = tuple(sorted(self._holdings.names(patient_id)))
        rows = self._holdings.rows(patient_id)
        quarantined, _ = self._holdings.quarantined(patient_id)
        counts = {name: len(found) for name, found in rows.items() if found}
        counts |= {"quarantined": len(quarantined)} if quarantined else {}

        def work(connection: sa.Connection) -> Erasure:
            under_way = _read(connection)
            if under_way is not None and not under_way.done:
                raise OperatorRefused("another patient is being erased: wait until that is done")
            if found := list(reasons(connection, patient_id, policies)):
                raise OperatorRefused("the patient cannot be erased now: " + "; ".join(found))
            instances = connection.scalar(
                sa.select(sa.func.count()).select_from(instances_of(patient_id).subquery())
            )
            held = counts | ({"instances": int(instances)} if instances else {})
            if not held:
                raise UsageError("nothing is held of a patient with this number")
            begun = Erasure(
                number=next_value(connection, _NOTE),
                patient_id=patient_id,
                names=names,
                by=by,
                counts=held,
            )
            _write(connection, begun)
            return begun

        return self._writer.run(work)

    def reasons(self, patient_id: str, policies: Mapping[str, CommitmentPolicy]) -> list[str]:
        """Why `begin` would be refused now; empty where it would not. Raises StoreError."""
        return self._writer.run(lambda connection: list(reasons(connection, patient_id, policies)))

    def under_way(self) -> Erasure | None:
        """The one that was begun and is not done. Raises StoreError."""
        found = self._writer.run(_read)
        return None if found is None or found.done else found

    def go_on(self, forget: Forget, *, now: Callable[[], datetime]) -> Erasure | None:
        """Steps 2 to 6 of what is under way; None where nothing is. Call `finish` then.

        Raises StoreError where the disk refuses: it goes on from there at the next call.
        """
        erasure = self.under_way()
        if erasure is None:
            return None
        if erasure.patient_id:
            self._remove_all(erasure.patient_id, now)
            forgotten = forget(erasure.patient_id, erasure.names)
            self.between()
            counts = {**erasure.counts} | ({"audit_records": forgotten} if forgotten else {})
            erasure = replace(erasure, patient_id="", names=(), counts=counts)
            self._note(erasure)
            self.between()
        remove_residue(self._writer)
        self.between()
        self._rewrite_journal()
        self.between()
        return erasure

    def finish(self, erasure: Erasure) -> Erasure:
        """Step 7."""
        done = replace(erasure, done=True)
        self._note(done)
        return done

    def _remove_all(self, patient_id: str, now: Callable[[], datetime]) -> None:
        while True:
            while self._remove_instances(patient_id, now()):
                self.between()
            if self._remove_rows(patient_id):
                break  # none came meanwhile
        self.between()
        self._deletions.settle()
        for path in self._holdings.quarantined(patient_id)[0]:
            if not remove(path):
                raise StoreError("a file in quarantine cannot be removed")
            file_id = path.stem
            self._writer.execute(
                sa.delete(schema.quarantine).where(schema.quarantine.c.file_id == file_id)
            )
            self.between()
        self._deletions.empty_deleted()
        if refused := self._deletions.finish_pending():
            raise refused

    def _remove_instances(self, patient_id: str, now: datetime) -> bool:
        """Some of them, files included; whether there may be more."""

        def chosen(connection: sa.Connection) -> list[int]:
            some = instances_of(patient_id).limit(_AT_ONCE)
            return list(connection.execute(some).scalars())

        return bool(self._deletions.erase(chosen, now=now, between=self.between))

    def _remove_rows(self, patient_id: str) -> bool:
        """All other rows; False where an instance came meanwhile."""

        def work(connection: sa.Connection) -> bool:
            if connection.execute(instances_of(patient_id).limit(1)).first() is not None:
                return False
            for held in OF_A_PATIENT:
                connection.execute(sa.delete(held.table).where(held.of(connection, patient_id)))
            return True

        return self._writer.run(work)

    def _note(self, erasure: Erasure) -> None:
        self._writer.run(lambda connection: _write(connection, erasure))


def _read(connection: sa.Connection) -> Erasure | None:
    text = connection.scalar(sa.select(_meta.value).where(_meta["key"] == _NOTE))
    if not text:
        return None
    values = json.loads(text)
    return Erasure(**{**values, "names": tuple(values["names"])})


def _write(connection: sa.Connection, erasure: Erasure) -> None:
    connection.execute(sa.delete(schema.meta).where(_meta["key"] == _NOTE))
    text = json.dumps({**vars(erasure), "counts": dict(erasure.counts)})
    connection.execute(sa.insert(schema.meta), {"key": _NOTE, "value": text})
