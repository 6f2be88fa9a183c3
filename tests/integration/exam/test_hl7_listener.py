"""The HL7 port on loopback: who is let in, who makes room, and how it ends."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import structlog

from echonode.exam.hl7 import connection, listener
from echonode.exam.hl7.listener import Hl7Listener
from echonode.exam.hl7.mllp import block
from tests.peers.hl7_sender import Hl7Sender

LOOPBACK = "127.0.0.1"


def echo(message: bytes, host: str) -> bytes:
    """An answer that says what came."""
    return block(b"MSH|" + message + host.encode())


@pytest.fixture
def listening() -> Iterator[Callable[..., Hl7Listener]]:
    """Start listeners on free ports; stopped at the end."""
    with ExitStack() as stack:

        def start(answer: Callable[[bytes, str], bytes] = echo, **options: object) -> Hl7Listener:
            made = Hl7Listener(LOOPBACK, 0, answer=answer, **options)  # type: ignore[arg-type]  # of the tests below
            made.start()
            stack.callback(made.stop, 2.0)
            return made

        yield start


def test_messages_are_answered_in_their_order(listening: Callable[..., Hl7Listener]) -> None:
    """A sender that does not wait gets its answers one after another."""
    at = listening()
    with Hl7Sender(at.address[1]) as sender:
        sender.put(block(b"one") + block(b"two") + b"\x0bthr")
        assert sender.answer() == b"MSH|one127.0.0.1"
        assert sender.answer() == b"MSH|two127.0.0.1"
        sender.put(b"ee\x1c\r")
        assert sender.answer() == b"MSH|three127.0.0.1"


def test_a_stranger_is_closed_at_once_and_told_of(listening: Callable[..., Hl7Listener]) -> None:
    """`hl7.addresses` are the only ones that may send."""
    with structlog.testing.capture_logs() as logged:
        at = listening(addresses=(ipaddress.ip_network("10.0.0.0/8"),))
        with pytest.raises((OSError, EOFError)), Hl7Sender(at.address[1]) as sender:
            sender.send(b"MSH")
        at.stop(2.0)
    (refusal,) = [each for each in logged if each["event"] == "hl7_sender_refused"]
    assert refusal["address"] == LOOPBACK


def test_the_longest_silent_sender_makes_room(
    listening: Callable[..., Hl7Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dead connections cannot keep their own owner out; busy ones are not ended."""
    at = listening(connections=2)
    with ExitStack() as stack:
        first = stack.enter_context(Hl7Sender(at.address[1]))
        first.send(b"1")
        second = stack.enter_context(Hl7Sender(at.address[1]))
        second.send(b"2")
        with pytest.raises((OSError, EOFError)), Hl7Sender(at.address[1]) as third:
            third.send(b"3")
        monkeypatch.setattr(listener, "CROWDED_IDLE_S", 0.0)
        assert stack.enter_context(Hl7Sender(at.address[1])).send(b"4").startswith(b"MSH|4")
        with pytest.raises((OSError, EOFError)):
            first.send(b"5")
        assert second.send(b"6").startswith(b"MSH|6")


def test_a_message_that_is_not_finished_is_not_waited_for(
    listening: Callable[..., Hl7Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a message holds its thread for a time, not without an end."""
    monkeypatch.setattr(connection, "MESSAGE_S", 0.05)
    at = listening()
    with Hl7Sender(at.address[1]) as sender:
        sender.put(b"\x0bMSH|half")
        with pytest.raises((OSError, EOFError)):
            sender.answer()


def test_another_protocol_is_closed_and_the_log_says_what_to_do(
    listening: Callable[..., Hl7Listener],
) -> None:
    """A browser on this port gets nothing."""
    with structlog.testing.capture_logs() as logged:
        at = listening()
        with Hl7Sender(at.address[1]) as sender:
            sender.put(b"GET / HTTP/1.1\r\n" * 1_000)
            with pytest.raises((OSError, EOFError)):
                sender.answer()
        at.stop(2.0)
    assert any("MLLP" in each.get("remedy", "") for each in logged)


def test_stopping_answers_what_is_under_way(listening: Callable[..., Hl7Listener]) -> None:
    """The message that is being made durable is acknowledged before the port closes."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(message: bytes, host: str) -> bytes:
        begun.set()
        assert go_on.wait(10)
        return echo(message, host)

    at = listening(answer=slow)
    with Hl7Sender(at.address[1]) as sender:
        sender.put(block(b"1"))
        assert begun.wait(10)
        stopping = threading.Thread(target=at.stop, args=(10.0,))
        stopping.start()
        go_on.set()
        assert sender.answer().startswith(b"MSH|1")
        stopping.join()
        with pytest.raises((OSError, EOFError)):
            sender.send(b"2")
    with pytest.raises(OSError):
        socket.create_connection(at.address, timeout=1)


def test_an_address_that_is_taken_is_named(listening: Callable[..., Hl7Listener]) -> None:
    """The error says which address could not be bound."""
    taken = listening().address
    with pytest.raises(OSError, match=f"{LOOPBACK}:{taken[1]}"):
        Hl7Listener(*taken, answer=echo).start()
