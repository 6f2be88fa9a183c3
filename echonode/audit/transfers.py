"""Single instances that travel, as the two records of a transfer (PS3.15 A.5.3.3, A.5.3.7). Pure.

Rules
- The first instance of a patient's study between two parties is a record that the transfer begins;
  it is written at once. One that it ended names the instances: when none came for IDLE, after
  LONGEST, or with MOST of them, which is what fits into a message of 32 KiB (A.6).
- What failed is in a record of its own (A.5.2: no mixed results).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from echonode.audit.codes import Action, Kind, Outcome
from echonode.audit.event import AuditEvent, Study

IDLE = timedelta(seconds=5)
LONGEST = timedelta(seconds=60)
MOST = 150
# Between so many parties and studies at once; beyond it the oldest is ended early.
MOST_OPEN = 1000

_Key = tuple[object, ...]


class _Open:
    """A transfer under way."""

    def __init__(self, first: AuditEvent) -> None:
        self.first = self.last = first
        self.instances: dict[str, list[str]] = {}
        self.count = 0

    def add(self, event: AuditEvent) -> None:
        self.last = event
        for study in event.studies:
            for sop_class, uids in study.instances.items():
                known = self.instances.setdefault(sop_class, [])
                for uid in uids:
                    if uid not in known:
                        known.append(uid)
                        self.count += 1

    def ended(self) -> AuditEvent:
        studies = tuple(
            Study(
                uid=study.uid,
                accession=study.accession,
                instances={key: tuple(uids) for key, uids in self.instances.items()},
            )
            for study in self.first.studies[:1]
        )
        return replace(self.last, studies=studies, collect=False)


class Transfers:
    """The transfers under way. One thread uses it."""

    def __init__(self) -> None:
        self._open: dict[_Key, _Open] = {}

    def add(self, event: AuditEvent) -> Iterator[AuditEvent]:
        """One instance, or some; the records that are due for it."""
        key = _key(event)
        known = self._open.get(key)
        if known is None:
            if event.outcome is Outcome.SUCCESS:
                yield _begun(event)
            if len(self._open) >= MOST_OPEN:
                yield self._open.pop(next(iter(self._open))).ended()
            known = self._open[key] = _Open(event)
        known.add(event)
        if known.count >= MOST:
            yield self._open.pop(key).ended()

    def due(self, now: datetime) -> Iterator[AuditEvent]:
        """The records of those that are over. A clock that was set back ends them as well."""
        for key, known in list(self._open.items()):
            idle, age = now - known.last.at, now - known.first.at
            if idle >= IDLE or age >= LONGEST or age < timedelta(0):
                yield self._open.pop(key).ended()

    def end(self) -> Iterator[AuditEvent]:
        """The records of all of them."""
        while self._open:
            yield self._open.pop(next(iter(self._open))).ended()

    def __bool__(self) -> bool:
        return bool(self._open)


def _key(event: AuditEvent) -> _Key:
    studies = tuple(study.uid for study in event.studies)
    return event.participants, event.patient, studies, event.outcome, event.action, event.kind


def _begun(event: AuditEvent) -> AuditEvent:
    studies = tuple(Study(uid=each.uid, accession=each.accession) for each in event.studies)
    return replace(
        event, kind=Kind.BEGIN_TRANSFER, action=Action.EXECUTE, studies=studies, collect=False
    )
