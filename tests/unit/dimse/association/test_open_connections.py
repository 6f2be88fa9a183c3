"""Who has a connection, and which connection makes room for another."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from echonode.dimse.association import open_connections
from echonode.dimse.association.association import EventAssociation
from echonode.dimse.association.open_connections import OpenConnections


class Line:
    """A connection that is gone when it is hung up, or that takes its time."""

    def __init__(self, connections: OpenConnections, *, lingers: bool = False) -> None:
        self.connections, self.lingers = connections, lingers
        self.hung_up = threading.Event()

    def hang_up(self) -> None:
        self.hung_up.set()
        if not self.lingers:
            threading.Thread(target=self.connections.leave, args=(self.as_assoc,)).start()

    @property
    def as_assoc(self) -> EventAssociation:
        return cast(EventAssociation, self)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine may take longer to run the thread that leaves."""
    monkeypatch.setattr(open_connections, "EVICTION_S", 30.0)


@pytest.fixture
def impatient(patient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """For connections that linger: the wait for them is in vain."""
    monkeypatch.setattr(open_connections, "EVICTION_S", 0.05)


def entered(connections: OpenConnections, *, lingers: bool = False) -> Line:
    line = Line(connections, lingers=lingers)
    assert connections.enter(line.as_assoc)
    return line


def test_the_oldest_silent_one_makes_room() -> None:
    """An admitted association stays, however old it is; a younger silent one too."""
    connections = OpenConnections(3)
    admitted, oldest, younger = (entered(connections) for _ in range(3))
    assert connections.admit(admitted.as_assoc)
    entered(connections)
    assert [line.hung_up.is_set() for line in (admitted, oldest, younger)] == [False, True, False]
    assert len(connections) == 3


@pytest.mark.usefixtures("impatient")
def test_the_limit_counts_who_is_not_gone_yet() -> None:
    """One that was evicted, but whose thread still runs, keeps its place: none enters."""
    connections = OpenConnections(1)
    going = entered(connections, lingers=True)
    newcomer = Line(connections)
    assert not connections.enter(newcomer.as_assoc)
    assert going.hung_up.is_set()
    assert len(connections) == 1
    connections.leave(going.as_assoc)
    assert connections.enter(newcomer.as_assoc)


def test_where_nobody_is_silent_nobody_goes() -> None:
    """With associations alone, the one more is refused at once."""
    connections = OpenConnections(1)
    admitted = entered(connections)
    assert connections.admit(admitted.as_assoc)
    assert not connections.enter(Line(connections).as_assoc)
    assert not connections.evict()
    assert not admitted.hung_up.is_set()


@pytest.mark.usefixtures("impatient")
def test_who_was_told_to_go_is_not_admitted() -> None:
    """Its request came in the moment in which it made room."""
    connections = OpenConnections(1)
    going = entered(connections, lingers=True)
    connections.enter(Line(connections).as_assoc)
    assert not connections.admit(going.as_assoc)


def test_whoever_makes_room_is_told() -> None:
    """For the log."""
    told: list[EventAssociation] = []
    connections = OpenConnections(1, on_evicted=told.append)
    oldest = entered(connections)
    entered(connections)
    assert told == [oldest.as_assoc]


def test_the_oldest_goes_before_the_last_place_is_taken() -> None:
    """So the listener need not wait for its thread to end: a burst of silence costs no time."""
    connections = OpenConnections(32)
    lines = [entered(connections, lingers=True) for _ in range(32)]
    assert [line.hung_up.is_set() for line in lines] == [True] * 2 + [False] * 30
