"""The parts of the node that know whose an image is, built from the configuration."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from echonode.config import Config
from echonode.exam.correction import Correction
from echonode.exam.desk import ExamDesk
from echonode.exam.identification import Identification
from echonode.exam.naming import ExamNaming
from echonode.exam.unfinished import UnfinishedWorker
from echonode.node.local_timezone import local_zone
from echonode.node.settings.parts import unattended_exams
from echonode.store.store import Store


class ExamParts:
    """desk: exams at the probes. identification: their patients. correction: after they were sent.

    unfinished: to be started and stopped.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        *,
        refusal: Callable[[], str],
        now: Callable[[], datetime],
    ) -> None:
        """refusal: why no exam may begin just now; ''."""
        self.desk = ExamDesk(
            exams=store.exams,
            captures=store.captures,
            node_id=store.node_id,
            held=not config.exam.deliver_unidentified,
            unattended=unattended_exams(config, store),
            refusal=refusal,
            now=now,
            local=local_zone(),
            reports_steps=config.mpps is not None,
        )
        naming = ExamNaming(store, now=now, reports_steps=config.mpps is not None)
        self.identification = Identification(
            desk=self.desk,
            exams=store.exams,
            worklist=store.worklist,
            name=naming.name,
            now=now,
        )
        self.correction = Correction(
            store,
            destinations=[destination.name for destination in config.destination_values()],
            now=now,
        )
        self.unfinished = UnfinishedWorker([naming.name_all, self.correction.make_all])
