"""Printing on a node: a worker for each printer, and what the HTTP API asks of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echonode.config import Config
from echonode.config.printing import PrinterSection
from echonode.copies.stored_source import read_header
from echonode.delivery.printing.film import (
    MOST_COPIES,
    Densities,
    FilmSettings,
    films,
    layout_of,
)
from echonode.delivery.printing.worker import Associate, OnFilm, PrintWorker
from echonode.errors import InvalidObject, OperatorRefused, UsageError
from echonode.model.criteria import Level, Root, Selection
from echonode.model.instance import StoredInstance
from echonode.model.print_job import NewPrintJob, PrintJob, PrintState
from echonode.review.image_view import image_view
from echonode.store.store import Store
from echonode.system_faults import said_of
from echonode.transcoding.picture import picture_of
from echonode.transcoding.scaled_picture import squared
from echonode.transcoding.single_frame import FrameReader

Json = Mapping[str, Any]

# Of one job: a hundred films of twelve. More is a mistake, and paper.
MOST_PICTURES = 1_200


class PrintParts:
    """workers: of each printer, by the name of its peer. Implements web.prints.PrintApi."""

    def __init__(
        self,
        config: Config,
        store: Store,
        frames: FrameReader,
        *,
        associate: Associate,
        now: Callable[[], datetime],
        on_film: OnFilm,
    ) -> None:
        self._store, self._frames, self._now = store, frames, now
        peers = {peer.name: peer for peer in config.peer_values()}
        self.workers = {
            section.peer: PrintWorker(
                peers[section.peer],
                film_settings(section),
                jobs=store.prints,
                associate=associate,
                picture=self._picture,
                now=now,
                on_film=on_film,
            )
            for section in config.prints
        }

    def printers(self) -> Sequence[str]:
        """Their names, in the order of the configuration."""
        return list(self.workers)

    def prints(self) -> Json:
        """The printers, and the newest jobs."""
        return {
            "printers": [
                {"name": name, "ae_title": worker.peer.ae_title}
                for name, worker in self.workers.items()
            ],
            "jobs": [_json(job) for job in self._store.prints.jobs()],
        }

    def print_study(self, study: str, *, printer: str, layout: str, copies: int, by: str) -> Json:
        """Queue all images of a study: stills, and of each clip its middle frame.

        Raises UsageError, OperatorRefused, StoreError.
        """
        if not self.workers:
            raise UsageError("no printer is configured: give `prints` with its peer")
        if printer not in self.workers:
            raise UsageError(f"there is no printer {printer}: there is {', '.join(self.workers)}")
        if not 0 < copies <= MOST_COPIES:
            raise UsageError(f"1 to {MOST_COPIES} copies can be printed")
        places = layout_of(layout)
        pictures = self._pictures_of(study)
        job = self._store.prints.add(
            NewPrintJob(
                printer=printer,
                study_instance_uid=study,
                pictures=pictures,
                layout=str(places),
                copies=copies,
                films=films(pictures, places),
                made_at=self._now(),
                made_by=by,
            )
        )
        self.workers[printer].wake()
        return _json(job)

    def act(self, job_id: int, action: str) -> Json:
        """retry, came-out or cancel. Raises UsageError, OperatorRefused, StoreError."""
        if action == "cancel":
            return _json(self._store.prints.cancel(job_id, now=self._now()))
        change = self._store.prints.came_out if action == "came-out" else self._store.prints.retry
        job = change(job_id, now=self._now())
        if worker := self.workers.get(job.job.printer):
            worker.wake()
        return _json(job)

    def _pictures_of(self, study: str) -> list[tuple[str, int]]:
        selection = Selection(
            root=Root.STUDY, level=Level.STUDY, keys={"StudyInstanceUID": (study,)}
        )
        every = list(self._store.index.select(selection))
        if not every:
            raise UsageError(f"the store has no StudyInstanceUID {study}")
        pictures = [
            (each.sop_instance_uid, middle)
            for each in self._store.index.select_to_send(selection)
            if (middle := self._middle(each))
        ]
        if not pictures:
            raise OperatorRefused(
                "nothing of it can be printed: it has no picture, or its exam has no patient yet"
            )
        if len(pictures) > MOST_PICTURES:
            raise OperatorRefused(f"it has {len(pictures)} pictures: {MOST_PICTURES} are the most")
        return pictures

    def _middle(self, instance: StoredInstance) -> int:
        """The frame that stands for it, from 1 on; 0 where it has no picture."""
        try:
            count = self._frames.count(instance)
        except (InvalidObject, OSError):
            return 0
        return (count + 1) // 2

    def _picture(self, sop_instance_uid: str, frame: int) -> NDArray[np.uint8]:
        """As the console shows it. Raises UsageError, InvalidObject."""
        instance = self._store.index.instance(sop_instance_uid)
        if instance is None:
            raise UsageError(f"the image {sop_instance_uid} is not here any more")
        try:
            decoded = self._frames.frame(instance, frame - 1)
        except OSError as error:
            raise InvalidObject(
                f"the file of {sop_instance_uid} cannot be read: {said_of(error)}"
            ) from None
        picture = picture_of(decoded.native, decoded.pixels, decoded.presentation)
        # A film says that its pixels are square (film.image_box).
        return squared(picture, image_view(read_header(instance)).pixel_ratio)


def film_settings(section: PrinterSection) -> FilmSettings:
    """What of a printer's choices is asked for."""
    return FilmSettings(
        film_size=section.film_size or "",
        medium=section.medium or "",
        destination=section.destination or "",
        orientation=section.orientation or "",
        magnification=section.magnification or "",
        densities=Densities(least=section.densities.least, most=section.densities.most)
        if section.densities
        else None,
    )


def _json(job: PrintJob) -> Json:
    return {
        "id": job.id,
        "printer": job.job.printer,
        "study_instance_uid": job.job.study_instance_uid,
        "state": job.state.value,
        "layout": job.job.layout,
        "copies": job.job.copies,
        "pictures": len(job.job.pictures),
        "films": job.job.films,
        "films_done": job.films_done,
        "film_in_doubt": job.film_in_doubt if job.state is PrintState.UNKNOWN else None,
        "problem": job.last_error,
        "next_attempt_at": job.next_attempt_at.isoformat() if job.next_attempt_at else None,
        "made_at": job.job.made_at.isoformat(),
        "ended_at": job.ended_at.isoformat() if job.ended_at else None,
        "by": job.job.made_by,
    }
