"""What our subclasses lean on in pynetdicom: a new release that moves it fails here, by name.

When a test of this module fails, read the changes of the release in the functions it names, repair
echonode/dimse, and only then widen the range in pyproject.toml.
"""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Callable
from importlib.metadata import requires, version

import pynetdicom.fsm
import pytest
from pynetdicom.acse import ACSE
from pynetdicom.association import Association, ServiceUser
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dul import DULServiceProvider
from pynetdicom.fsm import TRANSITION_TABLE, StateMachine
from pynetdicom.timer import Timer
from pynetdicom.transport import AssociationServer, AssociationSocket, RequestHandler

from echonode.dimse.association.association import EventAssociation
from echonode.dimse.association.listener import ConnectionHandler, Listener
from echonode.dimse.association.reactor import Reactor
from echonode.dimse.messages.provider import DimseProvider
from echonode.dimse.upper_layer.threads import MonotonicTimer
from echonode.dimse.upper_layer.transport import Transport

READ = "3.0"  # the releases whose source was read for this

OVERRIDDEN: list[tuple[type, type, str, list[str]]] = [
    # ours, theirs, method, parameters of theirs that we rely on
    (Transport, AssociationSocket, "_create_socket", ["self", "address"]),
    (Transport, AssociationSocket, "connect", ["self", "primitive"]),
    (Transport, AssociationSocket, "send", ["self", "bytestream"]),
    (Transport, AssociationSocket, "_shutdown_socket", ["self"]),
    (Reactor, DULServiceProvider, "send_pdu", ["self", "primitive"]),
    (Reactor, DULServiceProvider, "receive_pdu", ["self", "wait", "timeout"]),
    (Reactor, DULServiceProvider, "peek_next_pdu", ["self"]),
    (Reactor, DULServiceProvider, "stop_dul", ["self"]),
    (Reactor, DULServiceProvider, "_send", ["self", "pdu"]),
    (DimseProvider, DIMSEServiceProvider, "receive_primitive", ["self", "primitive"]),
    (EventAssociation, Association, "_bind_defaults", ["self"]),
    (EventAssociation, Association, "request", ["self"]),
    (EventAssociation, Association, "kill", ["self"]),
    (EventAssociation, Association, "_abort_blocking", ["self", "block"]),
    (EventAssociation, Association, "run_reactor", ["self"]),
    (ConnectionHandler, RequestHandler, "_create_association", ["self"]),
    (ConnectionHandler, RequestHandler, "handle", ["self"]),
    (Listener, AssociationServer, "server_bind", ["self"]),
    (Listener, AssociationServer, "get_request", ["self"]),
    (MonotonicTimer, Timer, "start", ["self"]),
    (MonotonicTimer, Timer, "stop", ["self"]),
]

# (function of theirs, what its source must still say, why we need it to)
SAYS: list[tuple[Callable[..., object], str, str]] = [
    (AssociationSocket.__init__, 'event_queue.put("Evt5")', "an accepted connection begins AE-5"),
    (AssociationSocket.close, "_shutdown_socket", "closing is ours to override"),
    (DULServiceProvider._process_recv_primitive, "event_queue.put", "primitives become events"),
    (DULServiceProvider._decode_pdu, "pdu.decode", "control PDUs are decoded by pynetdicom"),
    (Association.abort, "_abort_blocking", "abort() comes to our version"),
    (Association._abort_nonblocking, "_abort_blocking", "abort() in a handler too"),
    (ACSE._negotiate_as_acceptor, "maximum_associations", "its own count must be switched off"),
    (ACSE._negotiate_as_acceptor, "supported_contexts", "our contexts are what is negotiated"),
    (ACSE._negotiate_as_requestor, "receive_pdu(wait=True", "negotiation waits through our DUL"),
    (ACSE.negotiate_release, "receive_pdu(wait=True", "release waits through our DUL"),
    (pynetdicom.fsm.AE_1, "sock.connect(T_CONNECT(", "connecting comes to our socket"),
    (pynetdicom.fsm.DT_2, "dimse.receive_primitive", "what we pass by on the fast path"),
    (pynetdicom.fsm.AR_6, "dimse.receive_primitive", "what we pass by on the fast path"),
    (pynetdicom.fsm.AA_3, "to_user_queue.put", "an abort is indicated to the user"),
    (pynetdicom.fsm.AA_4, "to_user_queue.put", "a lost connection is indicated to the user"),
    (pynetdicom.fsm.AR_4, "artim_timer.start()", "ARTIM bounds the wait for the close"),
    (RequestHandler.handle, "_create_association", "our association is what is made"),
]


def test_the_release_is_one_that_was_read() -> None:
    """pynetdicom is within the range that pyproject.toml allows and this file was written for."""
    installed = version("pynetdicom")
    assert installed.startswith(READ), (
        f"pynetdicom {installed} has not been read: dimse/ subclasses its internals"
    )
    (wanted,) = [r for r in requires("echonode") or [] if re.match(r"pynetdicom\b", r)]
    assert "<3.1" in wanted, "pyproject.toml must not allow a minor release that was not read"


def _name(value: object) -> str:
    """For test ids: the same in every process, so without addresses."""
    return getattr(value, "__qualname__", str(value))[:40]


@pytest.mark.parametrize(("ours", "theirs", "method", "parameters"), OVERRIDDEN, ids=_name)
def test_what_we_override_is_still_there(
    ours: type, theirs: type, method: str, parameters: list[str]
) -> None:
    """A renamed or reshaped method would silently leave the original in force."""
    original = getattr(theirs, method, None)
    assert original is not None, f"pynetdicom's {theirs.__name__}.{method} is gone"
    found = list(inspect.signature(original).parameters)
    assert found == parameters, f"{theirs.__name__}.{method} now takes {found}"
    assert getattr(ours, method) is not original, f"{ours.__name__} no longer overrides {method}"


@pytest.mark.parametrize(("function", "words", "why"), SAYS, ids=_name)
def test_what_we_rely_on_is_still_done(
    function: Callable[..., object], words: str, why: str
) -> None:
    """Behaviour inside pynetdicom that our subclasses build on."""
    source = inspect.getsource(function)
    assert words in source, f"{function.__qualname__} no longer says {words!r}: {why}"


def test_the_attributes_we_touch_are_still_there() -> None:
    """Private names that the subclasses read or set."""
    from pynetdicom.ae import ApplicationEntity

    assoc = Association(ApplicationEntity("A"), "requestor")
    for holder, names in (
        (assoc, ["_accepted_cx", "_sent_abort", "_kill", "is_established", "is_released", "dul"]),
        (
            assoc.dul,
            ["event_queue", "to_provider_queue", "to_user_queue", "_recv_pdu", "_kill_thread"],
        ),
        (assoc.dul, ["_idle_timer", "artim_timer", "state_machine"]),
        (assoc.dimse, ["msg_queue"]),
        (Timer(1), ["_start_time", "timeout", "expired", "remaining"]),
        (assoc.requestor, ["sop_class_extended", "requested_contexts", "maximum_length"]),
    ):
        for name in names:
            assert hasattr(holder, name), f"{type(holder).__name__}.{name} is gone"
    assert isinstance(assoc.requestor, ServiceUser)


def test_the_state_machine_is_the_standards() -> None:
    """The rows that the reactor's short cuts depend on are those of PS3.8 table 9-10."""
    assert isinstance(StateMachine, type)
    for event, state, action in (
        ("Evt10", "Sta6", "DT-2"),
        ("Evt10", "Sta7", "AR-6"),
        ("Evt9", "Sta6", "DT-1"),
        ("Evt9", "Sta8", "AR-7"),
        ("Evt19", "Sta2", "AA-1"),
        ("Evt19", "Sta6", "AA-8"),
        ("Evt17", "Sta6", "AA-4"),
        ("Evt17", "Sta13", "AR-5"),
        ("Evt18", "Sta2", "AA-2"),
        ("Evt18", "Sta13", "AA-2"),
    ):
        assert TRANSITION_TABLE[event, state] == action, f"{event} in {state} is another action"


def test_what_thread_start_waits_for_is_ours_to_replace() -> None:
    """EventAssociation puts an event of its own in `_started`: CPython waits for that one without
    an end (gh-140746), or has none any more.
    """
    start = inspect.getsource(threading.Thread.start)
    assert "self._started.wait()" in start or "._started" not in start
    assert not inspect.signature(threading.Event.wait).parameters.keys() - {"self", "timeout"}
