"""An association's thread: how it begins and ends, and how other threads end it."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from echonode.dimse.association.association import (
    NO_HANDLERS,
    AssociationHandlers,
    EventAssociation,
)
from echonode.dimse.limits import Limits
from echonode.dimse.local_ae import local_ae
from echonode.dimse.upper_layer.transport import Transport

IN_VAIN = Limits(thread_s=0.05)
PATIENCE_S = 60.0


@pytest.fixture
def make_assoc() -> Iterator[Callable[..., EventAssociation]]:
    """Makes associations over a line whose other end is silent."""
    limits = Limits(request_s=0.05, thread_s=PATIENCE_S)  # only the tests of it run out of it
    theirs: list[socket.socket] = []
    made: list[EventAssociation] = []

    def make(mode: str, handlers: AssociationHandlers = NO_HANDLERS) -> EventAssociation:
        ours, other = socket.socketpair()
        theirs.append(other)
        assoc = EventAssociation(
            local_ae("ECHONODE", limits), mode, limits=limits, handlers=handlers
        )
        assoc.set_socket(_LocalSocket(assoc, limits=limits, client_socket=ours))
        made.append(assoc)
        return assoc

    yield make
    for assoc in made:
        if assoc.is_alive():
            assoc.hang_up()
            assoc.join(PATIENCE_S)
        assoc.dispose()
    for other in theirs:
        other.close()


class _LocalSocket(Transport):
    """A pair of sockets has no options of TCP."""

    def _prepare(self) -> None:
        self._descriptor_owner.setblocking(False)


def out_of_memory(*values: object) -> None:
    raise MemoryError


def wait_on(assoc: EventAssociation) -> None:
    """As the reading thread does where nothing comes but a wake-up."""
    assoc.dul.run_once(time.monotonic() + PATIENCE_S)


# the beginning -----------------------------------------------------------------------------


@pytest.mark.timeout(60)
def test_a_thread_that_dies_at_birth_is_not_waited_for(
    make_assoc: Callable[..., EventAssociation], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without memory for a new thread its starter hears of it, and goes on."""
    assoc, died = make_assoc("acceptor"), threading.Event()
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: died.set())
    assoc.limits = IN_VAIN
    assoc._bootstrap = out_of_memory  # type: ignore[attr-defined]  # what dies in CPython
    with pytest.raises(RuntimeError, match="died before its first step"):
        assoc.start()
    # A busy machine may run it after its starter went on: not within another test.
    assert died.wait(PATIENCE_S)


def test_a_thread_that_comes_too_late_does_nothing(
    make_assoc: Callable[..., EventAssociation], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that was given up, its connection closed, touches nothing when it runs after all."""
    ended: list[str] = []
    assoc = make_assoc(
        "acceptor", AssociationHandlers(on_closed=lambda assoc: ended.append("closed"))
    )
    assoc.limits = IN_VAIN
    step, arrived, go_on = assoc._thread_start.entered, threading.Event(), threading.Event()

    def late() -> bool:
        arrived.set()
        assert go_on.wait(PATIENCE_S)
        return step()

    monkeypatch.setattr(assoc._thread_start, "entered", late)
    with pytest.raises(RuntimeError):
        assoc.start()
    # A busy machine may not have run the thread at all yet, and it cannot be joined before that.
    assert arrived.wait(PATIENCE_S)
    go_on.set()
    assoc.join(PATIENCE_S)
    assert not assoc.is_alive()
    assert not ended


# the end -----------------------------------------------------------------------------------


def test_an_association_that_ends_without_memory_gives_its_place_back(
    make_assoc: Callable[..., EventAssociation], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever fails at the end: it counts no more, and its descriptors are closed."""
    told: list[str] = []
    assoc = make_assoc(
        "acceptor",
        AssociationHandlers(
            on_over=lambda assoc: told.append("over"),
            on_closed=lambda assoc: told.append("closed"),
        ),
    )
    monkeypatch.setattr(assoc.dimse, "break_off", out_of_memory)
    monkeypatch.setattr(assoc.dul, "lose", out_of_memory)
    monkeypatch.setattr(assoc.dul, "drain_events", out_of_memory)
    monkeypatch.setattr(threading, "excepthook", lambda arguments: None)
    assoc.start()
    assoc.join(PATIENCE_S)
    assert told == ["over", "closed"]
    assert assoc.connection.fileno() == -1


# termination ------------------------------------------------------------------------------------


def test_a_wake_up_is_not_the_borrowers_to_clear(
    make_assoc: Callable[..., EventAssociation],
) -> None:
    """An abort asked for while a caller reads its answer reaches the association's own thread,
    even where the caller hears of it first.
    """
    assoc = make_assoc("requestor")
    assoc.dul.read_lease.offer()
    assert assoc.dul.read_lease.acquire()
    assoc.request_abort()
    for _ in range(2):
        wait_on(assoc)
    assert not assoc.dul.read_lease.is_offered, "the borrower goes on reading"
    assoc.dul.read_lease.release(wanted=lambda: False)
    began = time.monotonic()
    assoc.dul.read_lease.wait_until_reclaimed(assoc.connection.fileno())
    wait_on(assoc)  # its own, which clears it
    assert time.monotonic() - began < PATIENCE_S / 2
    assert assoc._termination is not None


def test_what_was_asked_for_is_not_lent_away(
    make_assoc: Callable[..., EventAssociation],
) -> None:
    """The association's thread was woken for an abort, and an answer was handed out: it aborts,
    rather than mind a loan in which nothing wakes it any more.
    """
    assoc = make_assoc("requestor")
    assoc.dimse.has_answered = True
    assoc.request_abort()
    wait_on(assoc)  # hears of it, and clears the wake-up
    assoc._offer_lease()
    assert not assoc.dul.read_lease.is_offered


def test_what_nobody_asks_for_is_lent(make_assoc: Callable[..., EventAssociation]) -> None:
    """An answer was handed out and there is nothing else to do: callers may read."""
    assoc = make_assoc("requestor")
    assoc.dimse.has_answered = True
    assoc._offer_lease()
    assert assoc.dul.read_lease.is_offered
