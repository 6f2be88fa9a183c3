"""When the system gives no memory or no thread: one connection is lost, and nothing else."""

from __future__ import annotations

import errno
import threading
from functools import partial
from typing import Any

import pytest
from structlog.testing import capture_logs

from echonode.dimse.association import listener as server_module
from echonode.dimse.association.association import EventAssociation
from echonode.dimse.contexts import VERIFICATION
from echonode.dimse.requestor import Requestor
from echonode.dimse.upper_layer.threads import EventFd, ThreadStart
from echonode.errors import AssociationLost, AssociationRejected
from tests.integration.dimse.parts import Node, connect, descriptors, read_all, until

pytestmark = pytest.mark.timeout(60)  # what is not cured hangs


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_connection_without_memory_for_its_thread_does_not_stop_the_listener(
    node: Node, requestor: Requestor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection's thread dies at birth: that connection is closed, the next caller is served,
    and the node ends in order.
    """
    before, is_seen = descriptors(), ThreadStart.wait_started

    def no_memory(assoc: EventAssociation) -> None:
        raise MemoryError

    with monkeypatch.context() as shortage:
        shortage.setattr(EventAssociation, "_bootstrap", no_memory)
        shortage.setattr(ThreadStart, "wait_started", lambda birth, patience_s: is_seen(birth, 0.1))
        with connect(node.port) as raw:
            assert read_all(raw) == b""
    forget_the_stillborn()
    with requestor.associate(node.as_peer, [VERIFICATION]) as assoc:
        assert assoc.c_echo() == 0x0000
    assert until(lambda: descriptors() <= before)


def forget_the_stillborn() -> None:
    """CPython lists them as threads for good."""
    limbo = threading._limbo  # type: ignore[attr-defined]
    for thread in [one for one in limbo if isinstance(one, EventAssociation)]:
        del limbo[thread]


def test_a_listener_without_memory_accepts_again_when_there_is_some(
    node: Node, requestor: Requestor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory fails the listener itself, wherever it is: callers wait a moment, and are served."""
    (server,) = node.acceptor._servers
    shortages = [
        failing_once(monkeypatch, server, "get_request"),
        failing_once(monkeypatch, server, "process_request"),
        failing_once(monkeypatch, server_module.log, "error"),  # which is to tell of it
    ]
    with connect(node.port) as raw:
        assert read_all(raw) == b""
    for _ in range(3):
        with requestor.associate(node.as_peer, [VERIFICATION]) as assoc:
            assert assoc.c_echo() == 0x0000
    assert all(shortages)


def failing_once(
    monkeypatch: pytest.MonkeyPatch,
    holder: object,
    name: str,
    shortage: type[Exception] | Exception = MemoryError,
) -> list[str]:
    """Have a method find no memory the first time; afterwards the list is not empty."""
    failed: list[str] = []
    original = getattr(holder, name)

    def once(*values: Any, **keys: Any) -> Any:
        if failed:
            return original(*values, **keys)
        failed.append(name)
        raise shortage

    monkeypatch.setattr(holder, name, once)
    return failed


@pytest.mark.parametrize("where", ["get_request", "process_request"])
def test_want_of_descriptors_is_met_by_the_oldest_silent_caller(
    node: Node, requestor: Requestor, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Wherever the listener notices it: a silent caller makes room, one that speaks is served,
    and the log has one line however often it happens.
    """
    (server,) = node.acceptor._servers
    silent = [connect(node.port) for _ in range(3)]
    assert until(lambda: len(node.acceptor._connections) == 3)
    with monkeypatch.context() as shortage, capture_logs() as lines:
        for _ in range(2):
            failed = failing_once(shortage, server, where, OSError(errno.EMFILE, "too many"))
            caller = connect(node.port)
            assert until(partial(bool, failed))
            caller.close()
            shortage.undo()
        assert read_all(silent[0]) == b""
        with requestor.associate(node.as_peer, [VERIFICATION]) as assoc:
            assert assoc.c_echo() == 0x0000
        told = [line for line in lines if line["event"] == "accept_failed"]
    assert [(line["error"], line["count"]) for line in told] == [("EMFILE", 1)]
    for raw in silent:
        raw.close()


def test_without_a_descriptor_for_its_wake_up_a_caller_is_asked_to_come_later(
    node: Node, requestor: Requestor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is the second one that an association takes. A silent caller gives its own; where there
    is none, the association is rejected as transient: 2, 3, 1.
    """
    own_open = EventFd.open

    def none_left(wake: EventFd) -> None:
        if threading.current_thread().name.startswith("dimse acceptor"):
            raise OSError(errno.EMFILE, "too many")
        own_open(wake)

    with monkeypatch.context() as shortage:
        shortage.setattr(EventFd, "open", none_left)
        with connect(node.port) as silent:
            assert until(lambda: len(node.acceptor._connections) == 1)
            with pytest.raises(AssociationRejected) as caught:
                requestor.associate(node.as_peer, [VERIFICATION])
            assert read_all(silent) == b""
    assert (caught.value.result, caught.value.source, caught.value.reason) == (2, 3, 1)
    assert until(lambda: node.acceptor.active_associations == 0)
    with requestor.associate(node.as_peer, [VERIFICATION]) as assoc:
        assert assoc.c_echo() == 0x0000


@pytest.mark.parametrize("shortage", [RuntimeError("can't start new thread"), MemoryError()])
def test_an_association_of_ours_without_a_thread_is_closed_and_said(
    node: Node, requestor: Requestor, monkeypatch: pytest.MonkeyPatch, shortage: Exception
) -> None:
    """An error of the network, to be tried again, in plain words; nothing stays open, and the
    peer does not hold its association either.
    """
    before = descriptors()
    start = EventAssociation.start

    def fail(assoc: EventAssociation) -> None:
        if assoc.is_requestor:
            raise shortage
        start(assoc)

    monkeypatch.setattr(EventAssociation, "start", fail)
    with pytest.raises(AssociationLost, match=r"ECHONODE at .* no more threads or memory"):
        requestor.associate(node.as_peer, [VERIFICATION])
    assert until(lambda: node.acceptor.active_associations == 0)
    assert until(lambda: descriptors() <= before)
