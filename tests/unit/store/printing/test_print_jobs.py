"""Print jobs of several nodes: one prints, and what one that lost its turn reports is void."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from echonode.delivery.printing.film import FilmSettings
from echonode.delivery.printing.worker import PrintWorker
from echonode.dimse.contexts import ProposedContext
from echonode.dimse.requested_association import RequestedAssociation
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


def begun(store: Store) -> PrintJob:
    job = store.prints.begin("films", now=NOON)
    assert job is not None
    return job


def test_another_nodes_attempt_ends_the_first_one(store: Store) -> None:
    """The film that was reported before stays printed; nothing that the first node says later
    counts, and no film is counted twice.
    """
    queued(store)
    first = begun(store)
    store.prints.film_done(first)
    second = begun(store)  # the first node leads no more
    assert (second.id, second.films_done, second.attempts) == (first.id, 1, 2)
    with pytest.raises(PrintTakenOver):
        store.prints.film_done(first)
    with pytest.raises(PrintTakenOver):
        store.prints.finish(first, now=NOON)
    with pytest.raises(PrintTakenOver):
        store.prints.postpone(first, until=NOON, reason="away")
    with pytest.raises(PrintTakenOver):
        store.prints.hold(first, reason="refused")
    store.prints.film_done(second)
    store.prints.finish(second, now=NOON)
    [over] = store.prints.jobs()
    assert (over.state, over.films_done) == (PrintState.PRINTED, 2)
    assert store.prints.begin("films", now=NOON) is None


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
