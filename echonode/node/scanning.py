"""What comes from the probes: a source each, its live picture, and the intake that stores captures.

A capture goes source ─► intake ─► store; a frame goes source ─► picture ─► viewers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from echonode.config import Config
from echonode.errors import StoreError
from echonode.frames.frame import Acquisition
from echonode.frames.live.picture_maker import PictureMaker
from echonode.frames.source.source import ProbeSource
from echonode.intake.captures import Intake
from echonode.log import get_logger
from echonode.node.exams import ExamParts
from echonode.node.live_api import LiveProbe, NodeLive
from echonode.node.local_timezone import local_zone
from echonode.node.settings.parts import node_equipment
from echonode.node.settings.probes import source_settings
from echonode.store.files.kept_lines import KeptLines
from echonode.store.retention.deletion import Deleted
from echonode.store.store import Store
from echonode.web.live.viewing import Viewing
from echonode.web.live.watch_links import WatchLinks

log = get_logger(__name__)


class ScanningParts:
    """The parts between a probe and the store; the node starts and stops them."""

    def __init__(
        self,
        config: Config,
        store: Store,
        *,
        destinations: Sequence[str],
        exams: ExamParts,
        no_capture: Callable[[], str],
        on_stored: Callable[[str, str], None],
        now: Callable[[], datetime],
    ) -> None:
        """no_capture: why none may begin just now; '' when one may. destinations: their names.
        on_stored: called with the SOP Instance UID and the probe of each capture.
        """
        self.lines = KeptLines(config.data_dir, config.encryption.cipher)
        self.intake = Intake(
            store.files,
            node_id=store.node_id,
            destinations=destinations,
            exam_for=exams.desk.facts_for,
            equipment=node_equipment(config),
            local=local_zone(),
            now=now,
            on_stored=on_stored,
            keep_lines=self.lines.write,
        )
        settings = [source_settings(probe) for probe in config.probes]
        self.pictures = [
            PictureMaker(each.identity.name, gain_curve=each.stream.image.tgc) for each in settings
        ]
        self.sources = [
            ProbeSource(
                each,
                on_acquisition=self._take,
                on_frame=pictures.show,
                on_lost=pictures.clear,
                store=self._store_now,
                admit=no_capture,
                asked_elsewhere=config.web is not None,
            )
            for each, pictures in zip(settings, self.pictures, strict=True)
        ]
        for source in self.sources:
            exams.desk.attach(source)
        self.live = NodeLive(
            [
                LiveProbe(source=source, pictures=pictures)
                for source, pictures in zip(self.sources, self.pictures, strict=True)
            ],
            refusing=lambda: store.durability.problem,
        )
        self.viewing = Viewing(self.live, WatchLinks(store.watch_links))

    def deleting(
        self, then: Callable[[Sequence[Deleted]], None]
    ) -> Callable[[Sequence[Deleted]], None]:
        """What is called with images that retention deleted: their lines go, too."""

        def deleted(images: Sequence[Deleted]) -> None:
            then(images)
            try:
                self.lines.forget(each.sop_instance_uid for each in images)
            except OSError as error:
                log.warning("lines_not_removed", reason=error.strerror)

        return deleted

    def recovered(self, store: Store, then: Callable[[], None]) -> Callable[[], None]:
        """What is called once the index is whole: lines without an image go."""

        def done() -> None:
            try:
                self._remove_orphans(store)
            finally:
                then()

        return done

    def _remove_orphans(self, store: Store) -> None:
        try:
            removed = self.lines.remove_orphans(lambda uid: store.index.instance(uid) is not None)
        except (OSError, StoreError) as error:
            log.warning("lines_not_removed", reason=type(error).__name__)
            return
        if removed:
            log.info("lines_removed", files=removed)

    def _take(self, acquisition: Acquisition) -> None:
        self.intake.take(acquisition)

    def _store_now(self, acquisition: Acquisition) -> str:
        return self.intake.store(acquisition).sop_instance_uid
