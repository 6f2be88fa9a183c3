"""The line to a probe is kept, lost and found again, and every change is logged."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from echonode.errors import ProtocolError
from echonode.probe.link.connection import (
    Callbacks,
    ConnectionSettings,
    LossReason,
    OpenConnection,
    TcpClient,
)
from echonode.probe.link.reconnecting import Link, LinkSettings
from tests.integration.probe.sockets import free_port, scripted_probe
from tests.support.waiting import wait_until

LINE = ConnectionSettings(connect_timeout_s=1)
QUICK = LinkSettings(first_pause_s=0.01, longest_pause_s=0.05, connection=LINE)


class Witness:
    """What a link told, in order."""

    def __init__(self, on_bytes: Callable[[bytes], None] | None = None) -> None:
        self.told: list[str] = []
        self.connections: list[OpenConnection] = []
        self.data = b""
        self._on_bytes = on_bytes
        self.callbacks = Callbacks(
            on_connected=self._connected, on_bytes=self._bytes, on_lost=self._lost
        )

    def _connected(self, connection: OpenConnection) -> None:
        self.told.append("connected")
        self.connections.append(connection)

    def _bytes(self, data: bytes) -> None:
        self.data += data
        if self._on_bytes is not None:
            self._on_bytes(data)

    def _lost(self, reason: LossReason, detail: str) -> None:
        self.told.append(f"{reason.value} {detail}".strip())


def link_to(address: tuple[str, int], witness: Witness, settings: LinkSettings = QUICK) -> Link:
    return Link(
        name="probe",
        endpoint=TcpClient(*address, settings.connection),
        callbacks=witness.callbacks,
        settings=settings,
    )


def test_a_probe_that_closes_is_connected_again() -> None:
    """Each connection is logged once, with its bytes, and its loss once, with the reason."""
    witness = Witness()
    with scripted_probe(b"one", b"two", b"three", hold_last=True) as address:
        link = link_to(address, witness)
        link.start()
        wait_until(lambda: witness.data == b"onetwothree")
        assert link.stop(30)
    closed = ["connected", "closed_by_probe"]
    assert witness.told == [*closed, *closed, "connected", "stopped"]


def test_a_probe_that_is_not_there_yet_is_found_when_it_comes() -> None:
    """The node may be started first."""
    witness, port = Witness(), free_port()
    link = link_to(("127.0.0.1", port), witness)
    link.start()
    time.sleep(0.1)
    with socket.create_server(("127.0.0.1", port)) as listener:
        client, _ = listener.accept()
        client.sendall(b"here")
        wait_until(lambda: witness.data == b"here")
        client.close()
        assert link.stop(30)


def test_bytes_that_are_not_the_protocol_end_the_connection() -> None:
    """The reason is logged, and the probe gets another chance."""

    def refuse(data: bytes) -> None:
        raise ProtocolError("sector 0 degrees")

    witness = Witness(refuse)
    with scripted_probe(b"nonsense", hold_last=True) as address:
        link = link_to(address, witness)
        link.start()
        wait_until(lambda: len(witness.told) >= 4)
        assert link.stop(30)
    assert witness.told[:3] == ["connected", "protocol_error sector 0 degrees", "connected"]


def test_a_fault_in_a_callback_does_not_end_the_link() -> None:
    """The defect is ours, and the probe is not given up for it; the loss is still logged."""

    def fail(data: bytes) -> None:
        raise RuntimeError("ours")

    witness = Witness(fail)
    with scripted_probe(b"x", hold_last=True) as address:
        link = link_to(address, witness)
        link.start()
        wait_until(lambda: witness.told.count("connected") >= 2)
        assert link.stop(30)
    assert witness.told[1] == "connection_broken fault"


def test_a_silent_probe_is_given_up_when_told_to() -> None:
    """With silence_s; without it a paused probe is waited for."""
    witness = Witness()
    settings = replace(QUICK, connection=ConnectionSettings(silence_s=0.05))
    with scripted_probe(b"x", hold_last=True) as address:
        link = link_to(address, witness, settings)
        link.start()
        wait_until(lambda: "silent nothing for 0.05 s" in witness.told)
        assert link.stop(30)


def test_stop_is_prompt_while_reading_and_while_waiting() -> None:
    """A silent probe or a long pause does not hold the node up."""
    patient = LinkSettings(first_pause_s=60, longest_pause_s=60, connection=LINE)
    for address in (None, ("127.0.0.1", free_port())):
        witness = Witness()
        with scripted_probe(b"x", hold_last=True) as silent:
            link = link_to(address or silent, witness, patient)
            link.start()
            if address is None:
                wait_until(lambda w=witness: w.data == b"x")  # type: ignore[misc]
            began = time.monotonic()
            assert link.stop(30)
            assert time.monotonic() - began < patient.first_pause_s / 2
    assert not [t for t in threading.enumerate() if t.name == "probe-probe-link"]


def test_a_connection_knows_when_it_opened_by_both_clocks() -> None:
    """The injected clocks are read once, at the opening."""
    witness = Witness()
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    with scripted_probe(b"x", hold_last=True) as (host, port):
        link = Link(
            name="probe",
            endpoint=TcpClient(host, port),
            callbacks=witness.callbacks,
            settings=QUICK,
            now=lambda: moment,
            monotonic=lambda: 42.0,
        )
        link.start()
        wait_until(lambda: bool(witness.connections))
        assert link.stop(30)
    (connection,) = witness.connections
    assert (connection.opened_at, connection.opened_monotonic) == (moment, 42.0)


@pytest.mark.parametrize("host", ["host.invalid", "no good host..", "x" * 300])
def test_an_address_that_is_none_is_only_unreachable(host: str) -> None:
    """A name that does not resolve is tried again; it does not end the thread."""
    witness = Witness()
    link = link_to((host, 1), witness)
    link.start()
    time.sleep(0.05)
    assert link.stop(30)
    assert witness.told == []
