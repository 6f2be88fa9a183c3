"""The parts of the node that know whose an image is, built from the configuration."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from echonode.config import Config
from echonode.exam.correction import Correction
from echonode.exam.desk import ExamDesk
from echonode.exam.entering import Entering
from echonode.exam.identification import Identification
from echonode.exam.naming import ExamNaming
from echonode.exam.rejection_check import LOOK_EVERY_S, Associate, RejectionCheck
from echonode.exam.reporting.reporting import Reporting
from echonode.exam.unfinished import UnfinishedWorker
from echonode.node.local_timezone import local_zone
from echonode.node.settings.parts import planned_entries, unattended_exams
from echonode.node.settings.reports import reporting_settings, result_sender, results
from echonode.store.store import Store
from echonode.transcoding.rendered_frames import RenderedFrames
from echonode.transcoding.single_frame import FrameReader


class ExamParts:
    """desk: exams at the probes. identification: their patients. entering: what a person orders.
    correction: after they were sent. reporting: reports and kept views. results: sends reports to a
    RIS; None where none gets them.

    unfinished, rejection_looks: to be started and stopped. archives: names of the destinations.
    """

    def __init__(
        self,
        config: Config,
        store: Store,
        *,
        refusal: Callable[[], str],
        associate: Associate,
        frames: FrameReader,
        now: Callable[[], datetime],
    ) -> None:
        """refusal: why no exam may begin just now; ''. frames: for the pictures of reports."""
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
        self.entering = Entering(
            store.worklist,
            planned=planned_entries(config),
            node_id=store.node_id,
            next_number=lambda: store.counter("entered_item"),
            now=now,
            local=local_zone(),
        )
        self.correction = Correction(
            store,
            destinations=[destination.name for destination in config.destination_values()],
            now=now,
        )
        self.reporting = Reporting(
            store,
            reporting_settings(config, RenderedFrames(frames, cache_bytes=0)),
            destinations=[destination.name for destination in config.destination_values()],
            now=now,
            results=results(config, store, now=now),
        )
        self.results = result_sender(config, store, now=now)
        self.unfinished = UnfinishedWorker(
            [naming.name_all, self.correction.make_all, self.reporting.make_all]
        )
        destinations = config.destination_values()
        self.archives = [destination.name for destination in destinations]
        self.rejection_check = RejectionCheck(
            rejections=store.rejections,
            instance=store.index.instance,
            notes=store.key_value,
            # A query would name the originals to who gets anonymised copies: these are not asked.
            destinations={
                each.name: each.peer
                for each, section in zip(destinations, config.destinations, strict=True)
                if section.anonymise is None
            },
            associate=associate,
            now=now,
        )
        # On a thread of its own: an archive that does not answer holds up no naming.
        self.rejection_looks = UnfinishedWorker(
            [self.rejection_check.look], look_every_s=LOOK_EVERY_S, name="rejection-check"
        )
