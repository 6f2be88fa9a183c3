"""Exams that have their patient: their instances are written again, then released.

Rules
- It is done at once when an exam is identified, and again in the background for what was not.
- All instances of an exam change together (store/exams/naming.py); one that cannot be written keeps
  those of its exam held, and the log says so. Other exams go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from typing import Protocol

from pydicom import Dataset

from echonode.errors import EchoNodeError, described
from echonode.exam.facts import facts_of
from echonode.exam.rewriting import rewritten
from echonode.log import get_logger
from echonode.model.exam import Exam
from echonode.objects.date_times import offset_of
from echonode.objects.exam_attributes import replace_exam
from echonode.store.exams.exams import Exams
from echonode.store.exams.naming import Naming, Rewritten, Unnamed
from echonode.store.ingest.ingest import InstanceFiles

log = get_logger(__name__)


class NamedStore(Protocol):
    """What naming needs of the store."""

    @property
    def exams(self) -> Exams: ...

    @property
    def naming(self) -> Naming: ...

    @property
    def files(self) -> InstanceFiles: ...


class ExamNaming:
    """Thread-safe: one exam at a time."""

    def __init__(
        self, store: NamedStore, *, now: Callable[[], datetime], reports_steps: bool = False
    ) -> None:
        self._store, self._now, self._reports_steps = store, now, reports_steps
        self._one_at_a_time = threading.Lock()

    def name(self, exam_id: str) -> int:
        """Write what is left of an exam; how many instances were written.

        Raises StoreError, InvalidObject.
        """
        with self._one_at_a_time:
            left = self._store.naming.unnamed(exam_id)
            exam = self._store.exams.exam(exam_id)
            if left and exam is not None:
                self._name(left, exam)
            return len(left)

    def name_all(self) -> None:
        """What is left of any exam; an error of one is logged. Raises StoreError."""
        for exam_id in dict.fromkeys(each.capture.exam_id for each in self._store.naming.unnamed()):
            try:
                self.name(exam_id)
            except EchoNodeError as error:
                log.error("exam_unnamed", exam=exam_id, reason=str(error))
            except Exception as error:  # noqa: BLE001  # the border of one exam
                log.error("exam_unnamed", exam=exam_id, reason=described(error))

    def _name(self, unnamed: list[Unnamed], exam: Exam) -> None:
        done = [self._rewrite(each, exam) for each in unnamed]
        self._store.naming.swap(done, now=self._now())
        log.info("exam_named", exam=exam.id, instances=len(done))

    def _rewrite(self, unnamed: Unnamed, exam: Exam) -> Rewritten:
        instance = unnamed.instance
        facts = facts_of(exam, unnamed.capture, reports_step=self._reports_steps)

        def change(dataset: Dataset) -> None:
            replace_exam(dataset, facts, offset_of(facts.started_at))

        incoming = self._store.files.open_incoming(
            sop_class_uid=instance.sop_class_uid,
            sop_instance_uid=instance.sop_instance_uid,
            transfer_syntax_uid=instance.transfer_syntax_uid,
        )
        with ExitStack() as broken_off:
            broken_off.callback(incoming.discard)
            for piece in rewritten(instance, change):
                incoming.write(piece)
            record = self._store.files.read_record(incoming)
            broken_off.pop_all()
        return self._store.naming.keep(unnamed, incoming, record)
