"""A printer's queue goes on by itself, and no film is given to a printer twice by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from echonode.delivery.printing import film
from echonode.delivery.printing.film import FilmSettings
from echonode.delivery.printing.worker import PrintWorker
from echonode.dimse.contexts import ProposedContext
from echonode.dimse.services import NormalizedResponse
from echonode.errors import AssociationLost, OutOfSpace
from echonode.model.identity import Peer
from echonode.model.print_job import PrintState
from echonode.store.store import Store
from tests.unit.store.printing.test_print_jobs import queued
from tests.unit.store.samples import NOON, Clock

PRINTER = Peer(name="films", ae_title="FILMS", host="127.0.0.1", port=104, may=frozenset())


class Printer:
    """What a printer answers. films: those that came out. state, off: set by a test.

    at_print: called when a film came out, before the answer.
    """

    def __init__(self) -> None:
        self.films = 0
        self.state = ("NORMAL", "NORMAL")
        self.off = False
        self.at_print: Callable[[], None] = lambda: None

    @contextmanager
    def associate(self, peer: Peer, contexts: Sequence[ProposedContext]) -> Iterator[Any]:
        if self.off:
            raise AssociationLost("it is off", by_peer=False)
        yield self

    def n_get_in(self, context: str, instance: tuple[str, str]) -> NormalizedResponse:
        found = Dataset()
        found.PrinterStatus, found.PrinterStatusInfo = self.state
        return NormalizedResponse(status=0, attributes=found)

    def n_create_in(
        self, context: str, sop_class_uid: str, attributes: Dataset | None = None
    ) -> NormalizedResponse:
        made = Dataset()
        place = Dataset()
        place.ReferencedSOPClassUID = "1.2.840.10008.5.1.1.4"
        place.ReferencedSOPInstanceUID = "1.2.9"
        made.ReferencedImageBoxSequence = [place]
        return NormalizedResponse(status=0, attributes=made, sop_instance_uid=str(generate_uid()))

    def n_set_in(
        self, context: str, instance: tuple[str, str], modifications: Dataset
    ) -> NormalizedResponse:
        return NormalizedResponse(status=0)

    def n_action_in(
        self, context: str, instance: tuple[str, str], action: int
    ) -> NormalizedResponse:
        assert instance[0] == film.FILM_BOX_CLASS
        self.films += 1
        self.at_print()
        return NormalizedResponse(status=0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "var", now=Clock()) as opened:
        yield opened


def worker_of(store: Store, printer: Printer, now: Callable[[], datetime]) -> PrintWorker:
    return PrintWorker(
        PRINTER,
        FilmSettings(),
        jobs=store.prints,
        associate=printer.associate,  # type: ignore[arg-type]  # as far as it is needed
        picture=lambda *_: np.zeros((2, 2), np.uint8),
        now=now,
    )


def test_a_job_goes_on_by_itself_when_the_printer_can(store: Store) -> None:
    """Off, then without film: asked again after a minute, then after two; then all films are
    printed. No person does anything.
    """
    printer, at = Printer(), [NOON]
    worker = worker_of(store, printer, lambda: at[0])
    queued(store)
    printer.off = True
    for pause_s in (60, 120):
        assert worker.look()
        [job] = store.prints.jobs()
        assert (job.state, job.next_attempt_at) == (
            PrintState.WAITING,
            at[0] + timedelta(seconds=pause_s),
        )
        assert not worker.look()
        at[0] += timedelta(seconds=pause_s)
        printer.off, printer.state = False, ("FAILURE", "SUPPLY EMPTY")
    assert job.last_error == "the printer says FAILURE, SUPPLY EMPTY"
    printer.state = ("NORMAL", "NORMAL")
    assert worker.look()
    [job] = store.prints.jobs()
    assert (job.state, job.films_done, printer.films) == (PrintState.PRINTED, 2, 2)


def test_another_node_takes_over_while_a_film_is_at_the_printer(store: Store) -> None:
    """It does not print that film again. When the first node gets the answer, the second one goes
    on with the next film: two films, each once.
    """
    printer = Printer()
    first, second = (worker_of(store, printer, lambda: NOON) for _ in range(2))
    queued(store)
    seen = []

    def taken_over() -> None:
        printer.at_print = lambda: None
        assert not second.look()
        seen.extend(store.prints.jobs())

    printer.at_print = taken_over
    first.look()
    assert [(job.state, job.film_in_doubt) for job in seen] == [(PrintState.UNKNOWN, 1)]
    [job] = store.prints.jobs()
    assert (job.state, job.films_done, printer.films) == (PrintState.WAITING, 1, 1)
    assert second.look()
    [job] = store.prints.jobs()
    assert (job.state, job.films_done, printer.films) == (PrintState.PRINTED, 2, 2)


def test_an_answer_that_cannot_be_written_down_leaves_the_film_in_doubt(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk is full at that moment: the film is not printed again when it is not any more."""
    printer = Printer()
    worker = worker_of(store, printer, lambda: NOON)
    queued(store)

    def full(*_: object, **__: object) -> None:
        raise OutOfSpace("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(store.prints, "film_done", full)
        with pytest.raises(OutOfSpace):
            worker.look()
    assert not worker.look()
    [job] = store.prints.jobs()
    assert (job.state, job.film_in_doubt, printer.films) == (PrintState.UNKNOWN, 1, 1)


def test_a_printer_that_refuses_the_print_is_known_not_to_have_printed(store: Store) -> None:
    """A failure is an answer: nothing is in doubt."""
    printer = Printer()

    class Refusing(Printer):
        def n_action_in(self, *_: object) -> NormalizedResponse:
            return NormalizedResponse(status=0xC602)

    worker = worker_of(store, Refusing(), lambda: NOON)
    queued(store)
    assert worker.look()
    [job] = store.prints.jobs()
    assert (job.state, job.film_in_doubt) == (PrintState.WAITING, None)
    assert printer.films == 0
