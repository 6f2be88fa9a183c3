"""Print jobs of several nodes, and films whose answer is lost: none is printed twice by itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from echonode.delivery.printing.film import FilmSettings
from echonode.delivery.printing.worker import PrintWorker
from echonode.dimse.contexts import ProposedContext
from echonode.dimse.requested_association import RequestedAssociation
from echonode.errors import OperatorRefused
from echonode.model.identity import Peer
from echonode.model.print_job import NewPrintJob, PrintJob, PrintState
from echonode.store.printing.print_jobs import PrintTakenOver
from echonode.store.store import Store
from tests.unit.store.samples import NOON

PRINTER = Peer(name="films", ae_title="FILMS", host="127.0.0.1", port=104, may=frozenset())


def queued(store: Store) -> PrintJob:
    return store.prints.add(
        NewPrintJob(
            printer="films",
            study_instance_uid="1.2.3.1",
            pictures=(("1.2.3.4.1", 1), ("1.2.3.4.2", 1)),
            layout="1x1",
            copies=1,
            films=2,
            made_at=NOON,
            made_by="",
        )
    )


def print_next(store: Store, job: PrintJob) -> None:
    store.prints.film_sent(job)
    store.prints.film_done(job, now=NOON)


def begun(store: Store) -> PrintJob:
    store.prints.interrupt("films", now=NOON)
    job = store.prints.begin("films", now=NOON)
    assert job is not None
    return job


def test_another_nodes_attempt_ends_the_first_one(store: Store) -> None:
    """The film that was reported before stays printed; nothing that the first node says later
    counts, and no film is counted twice.
    """
    queued(store)
    first = begun(store)
    print_next(store, first)
    second = begun(store)  # the first node leads no more
    assert (second.id, second.films_done, second.attempts) == (first.id, 1, 2)
    with pytest.raises(PrintTakenOver):
        store.prints.film_sent(first)
    with pytest.raises(PrintTakenOver):
        store.prints.film_done(first, now=NOON)
    with pytest.raises(PrintTakenOver):
        store.prints.finish(first, now=NOON)
    with pytest.raises(PrintTakenOver):
        store.prints.postpone(first, until=NOON, reason="away")
    with pytest.raises(PrintTakenOver):
        store.prints.hold(first, reason="refused")
    print_next(store, second)
    store.prints.finish(second, now=NOON)
    [over] = store.prints.jobs()
    assert (over.state, over.films_done) == (PrintState.PRINTED, 2)
    assert store.prints.begin("films", now=NOON) is None


def in_doubt(store: Store) -> PrintJob:
    """A job whose first film was at the printer when its node ended."""
    queued(store)
    job = begun(store)
    store.prints.film_sent(job)
    [found] = store.prints.interrupt("films", now=NOON)
    assert (found.state, found.film_in_doubt, found.films_done) == (PrintState.UNKNOWN, 1, 0)
    assert "film 1 was given to the printer" in found.last_error
    return job


def test_a_film_whose_answer_is_lost_waits_for_a_person(store: Store) -> None:
    """It is not printed again by itself; the jobs behind it are printed."""
    lost = in_doubt(store)
    behind = queued(store)
    assert begun(store).id == behind.id
    assert store.prints.begin("films", now=NOON) is None
    assert {job.id: job.state for job in store.prints.jobs()}[lost.id] is PrintState.UNKNOWN


def test_a_person_says_that_the_film_came_out(store: Store) -> None:
    """The next film is printed, and the last one that came out ends the job."""
    lost = in_doubt(store)
    told = store.prints.came_out(lost.id, now=NOON)
    assert (told.state, told.films_done, told.film_in_doubt) == (PrintState.WAITING, 1, None)
    again = begun(store)
    assert (again.films_done, again.attempts) == (1, 2)
    store.prints.film_sent(again)
    store.prints.unanswered(again, reason="it fell silent")
    over = store.prints.came_out(lost.id, now=NOON)
    assert (over.state, over.films_done, over.last_error) == (PrintState.PRINTED, 2, "")
    with pytest.raises(OperatorRefused):
        store.prints.came_out(lost.id, now=NOON)


def test_a_person_has_the_film_printed_again(store: Store) -> None:
    """From that film on, and what was printed before stays printed."""
    lost = in_doubt(store)
    told = store.prints.retry(lost.id, now=NOON)
    assert (told.state, told.films_done, told.film_in_doubt) == (PrintState.WAITING, 0, None)
    assert begun(store).films_done == 0


def test_the_answer_that_the_first_node_still_gets_ends_the_doubt(store: Store) -> None:
    """The node that lost its turn had the film at the printer: it came out, or the printer refused.
    After a person's decision its word does not count any more.
    """
    lost = in_doubt(store)
    with pytest.raises(PrintTakenOver):
        store.prints.film_done(lost, now=NOON)
    [job] = store.prints.jobs()
    assert (job.state, job.films_done, job.film_in_doubt) == (PrintState.WAITING, 1, None)
    second = begun(store)
    store.prints.film_sent(second)
    store.prints.interrupt("films", now=NOON)
    with pytest.raises(PrintTakenOver):
        store.prints.hold(second, reason="the printer refuses it")
    [job] = store.prints.jobs()
    assert (job.state, job.films_done, job.film_in_doubt) == (PrintState.WAITING, 1, None)
    third = begun(store)
    store.prints.film_sent(third)
    store.prints.interrupt("films", now=NOON)
    store.prints.retry(third.id, now=NOON)
    with pytest.raises(PrintTakenOver):
        store.prints.film_done(third, now=NOON)
    [job] = store.prints.jobs()
    assert (job.state, job.films_done) == (PrintState.WAITING, 1)


def test_a_node_that_leads_no_more_begins_no_film(store: Store) -> None:
    """Not even an association; the job is there for the node that leads."""
    queued(store)

    def associate(peer: Peer, contexts: Sequence[ProposedContext]) -> RequestedAssociation:
        raise AssertionError("it called the printer")

    worker = PrintWorker(
        PRINTER,
        FilmSettings(),
        jobs=store.prints,
        associate=associate,
        picture=lambda *_: np.zeros((2, 2), np.uint8),
        now=lambda: NOON,
    )
    worker.only_while(lambda: False)
    assert worker.look()
    [job] = store.prints.jobs()
    assert (job.state, job.films_done) == (PrintState.PRINTING, 0)
    assert begun(store).attempts == 2
