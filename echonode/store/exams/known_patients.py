"""The patients that the node has seen: of messages (HL7), and of its own exams.

Rules
- What a message said of a patient is taken before what an exam has: it is kept up to date (ADT).
- Searched from the newest on, MOST_READ of each source: a clinic of years stays quick, and recent
  patients are found.
- A patient matches whose name or Patient ID has, for each word searched for, a word that begins so;
  case and accents do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing

import sqlalchemy as sa

from echonode.model.patient import Patient
from echonode.store.database import schema
from echonode.store.database.connections import streaming
from echonode.store.exams.json_values import from_json
from echonode.store.index.folding import fold

# Texts of rows are compared, and only those that may match are made values: 20,000 take about a
# tenth of a second.
MOST_READ = 20_000
_known, _exam = schema.known_patient.c, schema.exam.c
_BETWEEN_WORDS = re.compile(r"[\s^=,]+")
_SOURCES = (
    sa.select(_known.patient).order_by(_known.changed_at.desc(), _known.id.desc()),
    sa.select(_exam.patient).where(_exam.patient != "").order_by(_exam.opened_at.desc()),
)


class KnownPatients:
    """Thread-safe. Raises StoreError."""

    def __init__(self, readers: sa.Engine) -> None:
        self._readers = readers

    def search(self, text: str, *, limit: int) -> list[Patient]:
        """Those that match, each once by Patient ID and issuer; none where `text` has no word."""
        words = _words(text)
        found: dict[tuple[str, str], Patient] = {}
        for row in self._rows() if words else ():
            folded = fold(row)
            if not all(word in folded for word in words):
                continue
            patient = from_json(Patient, row)
            if patient is not None and _matches(patient, words):
                found.setdefault((patient.id, patient.issuer), patient)
                if len(found) >= limit:
                    break
        return list(found.values())

    def _rows(self) -> Iterator[str]:
        with streaming(self._readers) as connection:
            for source in _SOURCES:
                connection.execution_options(yield_per=1_000)
                with closing(connection.execute(source.limit(MOST_READ))) as rows:
                    yield from rows.scalars()


def _words(text: str) -> list[str]:
    return [fold(word) for word in _BETWEEN_WORDS.split(text) if word]


def _matches(patient: Patient, words: list[str]) -> bool:
    has = [*_words(patient.name), fold(patient.id)]
    return all(any(each.startswith(word) for each in has) for word in words)
