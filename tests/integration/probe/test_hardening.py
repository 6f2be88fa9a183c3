"""Probes at their worst: two at once, storms of connections, clocks that go backwards."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from echonode.frames.frame import Acquisition, Frame, ProbeIdentity
from echonode.frames.settings import CaptureSettings, ImageSettings, StreamSettings
from echonode.frames.source.source import ProbeSource, SourceSettings
from echonode.frames.source.transport import ConnectTo, ListenAt, TransportConfig
from echonode.probe.echopen.kit import KitHeader, KitMode, encode_header, encode_line
from echonode.probe.link.reconnecting import LinkSettings
from echonode.probe.profile import NO_PROFILE, ProbeProfile
from echonode.probe.recordings.echopen_text import KitRecording
from echonode.probe.simulation.simulated_lines import line_wire
from echonode.probe.simulation.tcp_probe import ProbeSimulator
from tests.integration.probe.sockets import free_port, scripted_probe
from tests.support.waiting import wait_until

HEADER = KitHeader(
    r0_mm=10, rf_mm=20, decimation=64, lines=16, sector_deg=60, mode=KitMode.ENVELOPE_U8
)
QUICK = LinkSettings(first_pause_s=0.005, longest_pause_s=0.01)


def recording(level: int, frames: int = 10) -> KitRecording:
    """Frames of one level, which no other recording has."""
    plane = np.full((HEADER.lines, HEADER.samples), level, dtype=np.int16)
    return KitRecording(header=HEADER, frames=(plane,) * frames)


SWEEPING = ProbeProfile(r0_mm=10, rf_mm=20, sector_deg=60)


def settings_for(way: TransportConfig, name: str = "probe", dialect: str = "kit") -> SourceSettings:
    return SourceSettings(
        identity=ProbeIdentity(name=name),
        protocol="echopen",
        dialect=dialect,
        way=way,
        stream=StreamSettings(
            image=ImageSettings(columns=32, rows=32),
            profile=SWEEPING if dialect == "sweeping" else NO_PROFILE,
        ),
        capture=CaptureSettings(gap_s=0.2),
        link=QUICK,
    )


def one_sweep(level: int) -> bytes:
    samples = np.full(HEADER.samples, level, dtype=np.int16)
    return encode_header(HEADER) + b"".join(
        encode_line(HEADER, number, samples) for number in range(1, HEADER.lines + 1)
    )


def greys(frames: Sequence[Frame]) -> set[int]:
    """The brightest pixel of each frame: which recording it is of."""
    return {int(frame.pixels.max()) for frame in frames}


def test_two_probes_at_once_do_not_mix() -> None:
    """Two sources at the same time: each gets its own frames, all of them, and no other's."""
    seen: dict[str, list[Frame]] = {"left": [], "right": []}
    with (
        ProbeSimulator(recording(20), fps=100, frames=60) as left,
        ProbeSimulator(recording(240), fps=100, frames=60) as right,
    ):
        sources = [
            ProbeSource(
                settings_for(ConnectTo(host=host, port=port), name),
                on_acquisition=lambda _: None,
                on_frame=seen[name].append,
            )
            for name, (host, port) in (("left", left.address), ("right", right.address))
        ]
        for source in sources:
            source.start()
        wait_until(lambda: all(len(frames) == 60 for frames in seen.values()))
        assert all(source.stop(30) for source in sources)
    dark, bright = greys(seen["left"]), greys(seen["right"])
    assert (len(dark), len(bright)) == (1, 1)
    assert dark != bright


def test_a_storm_of_connections_leaves_nothing_behind() -> None:
    """200 connections, each cut after a frame: each its own, none crossed, no thread more."""
    taken: list[Acquisition] = []
    with scripted_probe(*(one_sweep(1 + turn) for turn in range(200))) as (host, port):
        source = ProbeSource(
            settings_for(ConnectTo(host=host, port=port)), on_acquisition=taken.append
        )
        source.start()
        threads = threading.active_count()
        wait_until(lambda: len(taken) >= 200, timeout_s=30)
        assert threading.active_count() <= threads
        assert source.stop(30)
    assert all(len(each.frames) == 1 for each in taken)
    assert len({each.connection_id for each in taken}) == len(taken)
    assert source.counts.frames_dropped == 0


def test_the_wall_clock_may_stand_still_or_go_back() -> None:
    """Connections are distinguished all the same, and no frame's time depends on it."""
    moments = [datetime(2026, 3, 1, tzinfo=UTC) - timedelta(hours=k // 3) for k in range(500)]
    taken: list[Acquisition] = []
    with scripted_probe(*[one_sweep(9)] * 8, b"") as (host, port):
        source = ProbeSource(
            settings_for(ConnectTo(host=host, port=port)),
            on_acquisition=taken.append,
            now=lambda: moments.pop(0),
        )
        source.start()
        wait_until(lambda: len(taken) == 8)
        assert source.stop(30)
    assert len({each.connection_id for each in taken}) == 8
    assert all(frame.elapsed_s >= 0 for each in taken for frame in each.frames)


def test_another_depth_begins_another_instance() -> None:
    """The probe comes back with another sector: calibration and instance are new."""
    wide = replace(HEADER, sector_deg=80)
    other = encode_header(wide) + one_sweep(9)[6:]
    taken: list[Acquisition] = []
    with scripted_probe(one_sweep(9), other, hold_last=True) as (host, port):
        source = ProbeSource(
            settings_for(ConnectTo(host=host, port=port)), on_acquisition=taken.append
        )
        source.start()
        wait_until(lambda: len(taken) == 2)
        assert source.stop(30)
    narrow_one, wide_one = (each.frames[0].calibration for each in taken)
    assert narrow_one is not None
    assert wide_one is not None
    assert narrow_one.physical_delta_x_cm < wide_one.physical_delta_x_cm


@pytest.mark.parametrize("dialect", ["sweeping", "kit", "lounger"])
def test_every_stream_dialect_arrives_whole(dialect: str) -> None:
    """The simulator of each, byte by byte into the source of each: all frames, none dropped."""
    wire = line_wire(recording(200, frames=6), dialect)
    seen: list[Frame] = []
    with ProbeSimulator(wire, fps=50, frames=12, chunk_bytes=997) as probe:
        host, port = probe.address
        source = ProbeSource(
            settings_for(ConnectTo(host=host, port=port), dialect=dialect),
            on_acquisition=lambda _: None,
            on_frame=seen.append,
        )
        source.start()
        wait_until(lambda: len(seen) == 12)
        assert source.stop(30)
    assert [frame.sequence for frame in seen] == list(range(12))
    assert (source.counts.frames_dropped, source.counts.frames_partial) == (0, 0)
    assert min(greys(seen)) > 0


def test_a_sender_that_connects_to_us_is_let_in_again() -> None:
    """We listen: three senders one after the other, each a connection, each with its frame."""
    taken: list[Acquisition] = []
    port = free_port()
    source = ProbeSource(
        settings_for(ListenAt(host="127.0.0.1", port=port)), on_acquisition=taken.append
    )
    source.start()
    for turn in range(3):
        with socket.create_connection(("127.0.0.1", port), 5) as sender:
            sender.sendall(one_sweep(50 * (turn + 1)))
        wait_until(lambda turn=turn: len(taken) == turn + 1)  # type: ignore[misc]
    assert source.stop(30)
    assert len({each.connection_id for each in taken}) == 3


def test_an_address_that_is_taken_is_named_before_anything_starts() -> None:
    """Another program listens there: OSError with the address, and no thread is left."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        way = ListenAt(host="127.0.0.1", port=port)
        source = ProbeSource(settings_for(way, "late"), on_acquisition=lambda _: None)
        with pytest.raises(OSError, match=f"127.0.0.1:{port}"):
            source.start()
        assert source.stop(1)
    assert not [t for t in threading.enumerate() if t.name.startswith("probe-late")]
