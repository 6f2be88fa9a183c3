"""The exam of a capture for which no operator opened an exam.

Rules
- One study for each connection of a probe: switching the probe off and on begins another.
- The patient is the configured one, or a generated one that no other exam ever has: its Patient ID
  holds the connection's time to the microsecond and a counter that never repeats on this node, so
  that even two nodes that start together do not put two people under one ID in the archive.
- `unattended_exam` is pure. `UnattendedExams` only remembers what it answered.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime

from echonode.model.exam import ExamFacts
from echonode.model.identity import derive_uid
from echonode.model.patient import UNIDENTIFIED, Patient

_REMEMBERED = 256  # connections; far more than probes, and the one in use is always among the last


def unattended_exam(
    *,
    node_id: str,
    connection_id: str,
    started_at: datetime,
    counter: int,
    configured: Patient | None = None,
) -> ExamFacts:
    """The exam of one probe connection.

    started_at: aware. counter: never the same twice on this node.
    """
    return ExamFacts(
        study_instance_uid=derive_uid("study", node_id, connection_id),
        patient=configured or unidentified_patient(started_at, counter),
        started_at=started_at,
        study_id=f"E{counter:08d}",  # SH, 16 at most
    )


def unidentified_patient(started_at: datetime, counter: int) -> Patient:
    """A patient that is no other; the time in its ID is UTC."""
    time = started_at.astimezone(UTC).strftime("%Y%m%d%H%M%S%f")
    return Patient(id=f"{UNIDENTIFIED}-{time}-{counter}", name=UNIDENTIFIED)


class UnattendedExams:
    """Answers `exam_for` of the intake while no operator opens exams; safe for several threads.

    next_counter: a durable counter, such as one of the store's; may raise StoreError.
    """

    def __init__(
        self, *, node_id: str, next_counter: Callable[[], int], configured: Patient | None = None
    ) -> None:
        self._node_id = node_id
        self._next_counter = next_counter
        self._configured = configured
        self._exams: OrderedDict[str, ExamFacts] = OrderedDict()
        self._lock = threading.Lock()

    def exam_for(self, connection_id: str, probe_name: str, started_at: datetime) -> ExamFacts:
        """The exam of a connection: made at the first call, the same ever after.

        probe_name is not looked at: without exams, every probe has its own study.
        """
        with self._lock:
            exam = self._exams.get(connection_id)
            if exam is None:
                exam = unattended_exam(
                    node_id=self._node_id,
                    connection_id=connection_id,
                    started_at=started_at,
                    counter=self._next_counter(),
                    configured=self._configured,
                )
                self._exams[connection_id] = exam
                if len(self._exams) > _REMEMBERED:
                    self._exams.popitem(last=False)
            self._exams.move_to_end(connection_id)
            return exam
