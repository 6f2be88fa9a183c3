"""The simulator is the probe, byte for byte, as a plain socket sees it."""

from __future__ import annotations

import hashlib
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from echonode.probe.echopen.kit import KitHeader, KitMode
from echonode.probe.recordings.echopen_text import KitRecording, read_recording
from echonode.probe.simulation.tcp_probe import MAX_CLIENTS, ProbeSimulator
from tests.support.waiting import wait_until

HEADER = KitHeader(r0_mm=10, rf_mm=20, decimation=64, lines=6, sector_deg=60, mode=KitMode.RF_INT16)
SMALL = KitRecording(
    header=HEADER,
    frames=tuple(np.full((6, 26), 100 * k, dtype=np.int16) for k in range(3)),
)


def read_all(address: tuple[str, int]) -> bytes:
    """Everything the probe sends until it closes."""
    parts = []
    with socket.create_connection(address, 10) as sock:
        while data := sock.recv(65536):
            parts.append(data)
    return b"".join(parts)


def expected(recording: KitRecording) -> Iterator[bytes]:
    header = recording.header
    yield bytes(
        (
            header.r0_mm,
            header.rf_mm,
            header.decimation,
            header.lines,
            header.sector_deg,
            header.mode,
        )
    )
    for turn, frame in enumerate(recording.frames):
        order = range(header.lines) if turn % 2 == 0 else reversed(range(header.lines))
        for line in order:
            yield struct.pack("<h", line + 1) + frame[line].astype("<i2").tobytes()


@pytest.mark.parametrize("chunk_bytes", [None, 1, 7, 1000])
def test_a_recording_goes_out_byte_for_byte(chunk_bytes: int | None) -> None:
    """Six bytes of header, then int16 lines in zig-zag, once, whatever the size of a write."""
    with ProbeSimulator(SMALL, fps=0, chunk_bytes=chunk_bytes) as probe:
        assert read_all(probe.address) == b"".join(expected(SMALL))
        assert probe.finished.wait(30)
        assert len(probe.sent) == 3
        frame = SMALL.frames[1].astype("<i2").tobytes()
        assert probe.sent[1].sha256 == hashlib.sha256(frame).hexdigest()
        assert probe.sent[1].clients == 1


def test_the_film_goes_out_as_the_kit_sent_it(shared_data: Path) -> None:
    """216,320 bytes a frame (wire-formats page), 101 of them, and the header."""
    film = read_recording(shared_data / "probe" / "echopen_film_envelope_101frames.tar.xz")
    with ProbeSimulator(film, fps=0) as probe:
        data = read_all(probe.address)
    assert len(data) == 6 + 101 * 216_320
    assert data[:6] == bytes((80, 160, 8, 64, 57, 0))


def test_a_count_of_frames_goes_round_the_recording() -> None:
    """Seven frames of a recording of three: it begins again, and then closes."""
    with ProbeSimulator(SMALL, fps=0, frames=7) as probe:
        data = read_all(probe.address)
        assert probe.finished.wait(30)
        assert [sent.recording_frame for sent in probe.sent] == [0, 1, 2, 0, 1, 2, 0]
    assert len(data) == 6 + 7 * 6 * 54


def test_five_clients_and_no_more() -> None:
    """The sixth is turned away, as by the kit."""
    with ProbeSimulator(SMALL, fps=50, loop=True) as probe:
        clients = [socket.create_connection(probe.address, 5) for _ in range(MAX_CLIENTS)]
        for client in clients:
            assert client.recv(6) == bytes((10, 20, 64, 6, 60, 0))
        with socket.create_connection(probe.address, 5) as sixth:
            assert sixth.recv(6) == b""
        for client in clients:
            client.close()


def test_a_client_that_leaves_does_not_stop_the_others() -> None:
    """One goes in the middle of a line; the next line still reaches the other."""
    with ProbeSimulator(SMALL, fps=100, loop=True) as probe:
        stays = socket.create_connection(probe.address, 5)
        leaves = socket.create_connection(probe.address, 5)
        leaves.recv(6)
        leaves.close()
        got = 0
        while got < 10_000:
            got += len(stays.recv(65536))
        stays.close()


def test_it_keeps_its_pace() -> None:
    """50 sweeps take a second: never less, and more on a busy machine only."""
    with (
        ProbeSimulator(SMALL, fps=50, loop=True) as probe,
        socket.create_connection(probe.address, 5) as client,
    ):
        client.recv(6)
        got, began = 0, time.monotonic()
        while got < 50 * 6 * 54:
            got += len(client.recv(65536))
        assert 0.9 < time.monotonic() - began < 10


def test_it_can_be_stopped_while_it_waits() -> None:
    """A node that never keeps up does not hold it."""
    with (
        ProbeSimulator(SMALL, fps=0, frames=5, may_send=lambda sent: sent < 2) as probe,
        socket.create_connection(probe.address, 5),
    ):
        wait_until(lambda: len(probe.sent) == 2)
        probe.stop()
        assert probe.finished.wait(30)
    assert len(probe.sent) == 2


def test_stop_ends_it_at_once() -> None:
    """A client sees the end; a new one is refused."""
    probe = ProbeSimulator(SMALL, fps=10, loop=True)
    probe.start()
    address = probe.address
    with socket.create_connection(address, 5) as client:
        client.recv(6)
        probe.stop()
        wait_until(lambda: client.recv(65536) == b"")
    with pytest.raises(OSError):
        socket.create_connection(address, 1)
