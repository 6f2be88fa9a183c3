"""The worker of one printer: takes its jobs in order and prints them film by film.

Rules
- A film is written down as printed before the next one is begun, each on an association of its own:
  a printer that fails at the fifth film does not get the first four again.
- A film is written down before it is given to the printer. Where its answer is lost, by the
  printer's silence or with the node, the job is `unknown` and a person decides: paper and patients'
  pictures are not printed twice by a guess.
- A printer that is off, without paper or busy pauses its queue, and is asked again
  after a minute, later after ten. What it will not print is held with its reason.
- Of several nodes the one that leads prints. One that leads no more begins no further film, and
  what it reports does not count once another node has the job.
- Pictures are decoded when their film is printed; an image that is gone holds the job.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from echonode.delivery.printing.conversation import NotPrinted, PrintUnanswered, print_film
from echonode.delivery.printing.film import FilmSettings, grey, layout_of
from echonode.dimse.contexts import PRESENTATION_LUT, PRINT, ProposedContext
from echonode.dimse.requested_association import RequestedAssociation
from echonode.errors import (
    ContextNotAccepted,
    EchoNodeError,
    NetworkError,
    StoreError,
    described,
)
from echonode.log import get_logger, place_of
from echonode.model.identity import Peer
from echonode.model.print_job import PrintJob
from echonode.store.printing.print_jobs import PrintJobs, PrintTakenOver
from echonode.threads import RecurringThread

log = get_logger(__name__)

# A person stands at the printer and fills in paper: a minute is soon, ten are not forgotten.
PAUSES_S = (60.0, 120.0, 300.0, 600.0)
LOOK_EVERY_S = 5.0
STOP_S = 3.0

Pictures = Callable[[str, int], NDArray[np.uint8]]


class OnFilm(Protocol):
    """Learns of each film that was printed, at once. Must be quick and must not raise."""

    def __call__(self, peer: Peer, uids: Sequence[str], *, by: str) -> None:
        """uids: SOP Instance UIDs of its pictures. by: the user who ordered it, or ''."""


def _no_one(peer: Peer, uids: Sequence[str], *, by: str) -> None:
    pass


class Associate(Protocol):
    """dimse.requestor.Requestor.associate."""

    def __call__(self, peer: Peer, contexts: Sequence[ProposedContext]) -> RequestedAssociation:
        """Raises NetworkError."""


class PrintWorker:
    """A thread of its own; `look` is what it does.

    picture: (SOP Instance UID, frame from 1 on) -> rows x columns of grey or colours; raises
    EchoNodeError.
    """

    def __init__(
        self,
        peer: Peer,
        settings: FilmSettings,
        *,
        jobs: PrintJobs,
        associate: Associate,
        picture: Pictures,
        now: Callable[[], datetime],
        on_film: OnFilm = _no_one,
        look_every_s: float = LOOK_EVERY_S,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        self.peer = peer
        self._settings = settings
        self._jobs = jobs
        self._associate = associate
        self._picture = picture
        self._now = now
        self._on_film = on_film
        self._look_every_s = look_every_s
        self._pauses_s = pauses_s
        self._may: Callable[[], bool] = lambda: True
        self._thread = RecurringThread(
            f"print-{peer.name}", self._step, on_stalled=self._stalled, stalled_s=look_every_s
        )

    def only_while(self, may: Callable[[], bool]) -> None:
        """Print only while `may` is true: of several nodes one does."""
        self._may = may
        self._thread.only_while(may)

    def start(self) -> None:
        """Begin; what was being printed when the node ended waits again."""
        self._thread.start()

    def wake(self) -> None:
        """A job was added or is to be tried again."""
        self._thread.wake()

    def stop(self, deadline_s: float) -> bool:
        """End after the message under way; False where it did not in time."""
        self._thread.ask_stop()
        return self._thread.join(min(deadline_s, STOP_S))

    def look(self) -> bool:
        """Print the next job, where one is due; whether there was one. Raises StoreError."""
        for lost in self._jobs.interrupt(self.peer.name, now=self._now()):
            self._tell_unknown(lost, lost.last_error)
        job = self._jobs.begin(self.peer.name, now=self._now())
        if job is None:
            return False
        try:
            self._attempt(job)
        except PrintTakenOver as error:
            log.warning("print_taken_over", job=job.id, printer=self.peer.name, reason=str(error))
        return True

    def _attempt(self, job: PrintJob) -> None:
        """Raises PrintTakenOver, StoreError."""
        try:
            self._print(job)
        except NotPrinted as error:
            if error.is_for_good:
                self._hold(job, str(error))
            else:
                self._postpone(job, str(error))
        except PrintUnanswered as error:
            reason = (
                "the printer was given the next film and did not answer: look whether it came out, "
                f"then print it again or say that it came out ({error})"
            )
            self._jobs.unanswered(job, reason=reason)
            self._tell_unknown(job, reason)
        except ContextNotAccepted as error:
            self._hold(job, f"it is no printer by Basic Grayscale Print Management: {error}")
        except NetworkError as error:
            self._postpone(job, str(error))
        except (StoreError, PrintTakenOver):
            raise
        except EchoNodeError as error:
            self._hold(job, str(error))
        except Exception as error:  # noqa: BLE001  # the border of one job
            log.error("print_stalled", error=described(error), where=place_of(error))
            self._hold(job, f"this node failed to print it: {type(error).__name__}")

    def _print(self, job: PrintJob) -> None:
        layout = layout_of(job.job.layout)
        for film in range(job.films_done, job.job.films):
            if self._thread.is_stopping:
                raise NotPrinted("the node stops", is_for_good=False)
            if not self._may():
                raise PrintTakenOver(f"this node leads no more, at film {film + 1}")
            wanted = job.job.pictures[film * layout.places : (film + 1) * layout.places]
            pictures = [grey(self._picture(uid, frame)) for uid, frame in wanted]
            with self._associate(self.peer, (PRINT, PRESENTATION_LUT)) as association:
                has_lut = print_film(
                    association,
                    pictures,
                    layout,
                    self._settings,
                    copies=job.job.copies,
                    before_print=lambda: self._jobs.film_sent(job),
                )
                # Before the association is released, which may take its time.
                self._jobs.film_done(job, now=self._now())
            uids = list(dict.fromkeys(uid for uid, _ in wanted))
            self._on_film(self.peer, uids, by=job.job.made_by)
            log.info(
                "film_printed",
                job=job.id,
                printer=self.peer.name,
                film=film + 1,
                films=job.job.films,
                presentation_lut=has_lut,
            )
        self._jobs.finish(job, now=self._now())
        log.info("print_finished", job=job.id, printer=self.peer.name, films=job.job.films)

    def _postpone(self, job: PrintJob, reason: str) -> None:
        pause_s = self._pauses_s[min(job.attempts, len(self._pauses_s)) - 1]
        self._jobs.postpone(job, until=self._now() + timedelta(seconds=pause_s), reason=reason)
        log.warning(
            "print_waits", job=job.id, printer=self.peer.name, reason=reason, seconds=pause_s
        )

    def _hold(self, job: PrintJob, reason: str) -> None:
        self._jobs.hold(job, reason=reason)
        log.error("print_held", job=job.id, printer=self.peer.name, reason=reason, alarm=True)

    def _tell_unknown(self, job: PrintJob, reason: str) -> None:
        log.error("print_unknown", job=job.id, printer=self.peer.name, reason=reason, alarm=True)

    def _step(self) -> float:
        if not self._thread.is_stopping and self.look():
            return 0.0
        return self._look_every_s

    def _stalled(self, error: Exception) -> None:
        log.error("print_stalled", error=described(error), where=place_of(error))
