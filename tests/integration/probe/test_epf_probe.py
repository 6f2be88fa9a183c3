"""An `epf` probe on real sockets: commands over TCP, lines over UDP, and the air between."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from echonode.frames.frame import Frame, ProbeIdentity
from echonode.frames.settings import CaptureMode, CaptureSettings, ImageSettings, StreamSettings
from echonode.frames.source.source import ProbeSource, SourceSettings
from echonode.frames.source.source_counts import DropReason
from echonode.frames.source.transport import CommandAndBind
from echonode.probe.echopen.epf import Command, Reply, encode_reply, encode_request
from echonode.probe.link.connection import ConnectionSettings
from echonode.probe.link.reconnecting import LinkSettings
from echonode.probe.profile import ProbeProfile
from echonode.probe.simulation.epf_probe import EpfSimulator, pattern
from tests.integration.probe.sockets import scripted_probe
from tests.support.waiting import wait_until

LINES = 20
FRAMES = tuple(np.full((LINES, 100), 100 + 10 * k, dtype=np.int16) for k in range(30))
QUICK = LinkSettings(
    first_pause_s=0.02,
    longest_pause_s=0.1,
    connection=ConnectionSettings(connect_timeout_s=1, tick_s=0.05),
)


def free_udp_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def dropped_by_the_system(port: int) -> int:
    """Datagrams to that port that the system had no room for, on a busy machine (proc(5))."""
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if int(fields[1].partition(":")[2], 16) == port:
            return int(fields[-1])
    return 0


class NotTooFast:
    """Asked before each frame: few datagrams are under way, so that the system has room for all.

    A busy machine lets the simulator catch up in a burst, which a probe on the air does not.
    """

    source: ProbeSource | None = None

    def __call__(self, sent: int) -> bool:
        if self.source is None:
            return True
        counts = self.source.counts
        return counts.frames_received + counts.dropped[DropReason.INCOMPLETE] >= sent - 4


def source_at(
    address: tuple[str, int],
    line_port: int,
    seen: list[Frame],
    *,
    local_host: str | None = "127.0.0.1",
) -> ProbeSource:
    settings = SourceSettings(
        identity=ProbeIdentity(name="pocket"),
        protocol="echopen",
        dialect="epf",
        way=CommandAndBind(
            host=address[0], port=address[1], local_host=local_host, local_port=line_port
        ),
        stream=StreamSettings(
            profile=ProbeProfile(lines=LINES),
            image=ImageSettings(columns=64, rows=64, largest_gap=0.5),
        ),
        capture=CaptureSettings(mode=CaptureMode.MANUAL),
        link=QUICK,
    )
    return ProbeSource(settings, on_acquisition=lambda _: None, on_frame=seen.append)


@pytest.mark.parametrize("local_host", ["127.0.0.1", None])
def test_every_frame_arrives_and_the_probe_is_told_to_stop(local_host: str | None) -> None:
    """STATUS, SCANNING, frames in order with the probe's time, its battery, and STOP at the end."""
    seen: list[Frame] = []
    port, pace = free_udp_port(), NotTooFast()
    with EpfSimulator(FRAMES, line_port=port, fps=50, first_frame=240, may_send=pace) as probe:
        source = pace.source = source_at(probe.address, port, seen, local_host=local_host)
        source.start()
        wait_until(lambda: len(seen) == 30)
        counts = source.counts
        assert source.stop(30)
        wait_until(lambda: probe.commands[-1] == Command.STOP_SCANNING)
    assert probe.commands[:2] == [Command.STATUS, Command.SCANNING]
    assert [frame.sequence for frame in seen] == list(range(30))
    stamps = [frame.source_timestamp_s or 0.0 for frame in seen]
    assert np.diff(stamps) == pytest.approx([0.02] * 29, abs=1e-5)
    assert counts.device is not None
    assert (counts.device.battery_percent, counts.device.temperature_c) == (87, 36.5)
    assert (counts.frames_received, counts.frames_dropped, counts.frames_partial) == (30, 0, 0)


def bad_air(seed: int) -> tuple[Callable[[list[bytes]], list[bytes]], list[int]]:
    """Loses one line in ten, doubles one in ten, swaps neighbours; and how many it has lost."""
    chance, lost = random.Random(seed), [0]

    def mangle(datagrams: list[bytes]) -> list[bytes]:
        kept = [each for each in datagrams if chance.random() >= 0.1]
        lost[0] += len(datagrams) - len(kept)
        kept += [each for each in kept if chance.random() < 0.1]
        order = {id(each): place for place, each in enumerate(datagrams)}
        return sorted(kept, key=lambda each: order[id(each)] + chance.uniform(0, 4))

    return mangle, lost


def test_bad_air_costs_lines_that_are_counted() -> None:
    """Loss, doubles and disorder: frames in order, lines shown and missing add up to those sent."""
    seen: list[Frame] = []
    port, pace = free_udp_port(), NotTooFast()
    mangle, lost = bad_air(3)
    with EpfSimulator(
        FRAMES, line_port=port, fps=100, count=100, mangle=mangle, may_send=pace
    ) as probe:
        source = pace.source = source_at(probe.address, port, seen)
        source.start()
        assert probe.finished.wait(60)
        wait_until(lambda: source.counts.frames_received == 100)
        counts = source.counts
        assert source.stop(30)
    assert [frame.sequence for frame in seen] == list(range(100))
    assert counts.lines_missing == sum(frame.missing_lines for frame in seen) == lost[0]
    assert counts.frames_partial == sum(1 for frame in seen if frame.missing_lines)


def test_datagrams_of_others_are_not_the_probes() -> None:
    """Another address sends lines to the same port: not one gets in."""
    seen: list[Frame] = []
    port, pace = free_udp_port(), NotTooFast()
    with EpfSimulator(FRAMES, line_port=port, fps=50, may_send=pace) as probe:
        source = pace.source = source_at(probe.address, port, seen)
        source.start()
        wait_until(lambda: len(seen) > 2)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.bind(("127.0.0.2", 0))
            for _ in range(200):
                stranger.sendto(b"garbage", ("127.0.0.1", port))
        wait_until(lambda: len(seen) == 30)
        assert source.counts.bytes_skipped == 0
        assert source.stop(30)


def test_garbage_from_the_probe_itself_is_counted_and_survived() -> None:
    """Noise between the lines: every frame still arrives whole."""
    seen: list[Frame] = []
    port, pace = free_udp_port(), NotTooFast()
    chance = random.Random(8)

    def noisy(datagrams: list[bytes]) -> list[bytes]:
        noise = [chance.randbytes(chance.randrange(200)) for _ in datagrams]
        return [each for pair in zip(datagrams, noise, strict=True) for each in pair]

    with EpfSimulator(FRAMES, line_port=port, fps=20, mangle=noisy, may_send=pace) as probe:
        source = pace.source = source_at(probe.address, port, seen)
        source.start()
        wait_until(lambda: len(seen) == 30)
        counts = source.counts
        dropped = dropped_by_the_system(port)
        assert source.stop(30)
    assert counts.bytes_skipped > 1000
    assert counts.connections == 1
    assert counts.lines_missing <= dropped


def test_a_probe_that_restarts_is_found_again() -> None:
    """Another connection, frames from 0 again, and nothing of the one before among them."""
    seen: list[Frame] = []
    port = free_udp_port()
    with EpfSimulator(FRAMES, line_port=port, fps=50, loop=True) as probe:
        address = probe.address
        source = source_at(address, port, seen)
        source.start()
        wait_until(lambda: len(seen) > 5)

    def later() -> list[int]:
        """Of the second connection: a frame of the first one may still come for a moment."""
        sequences = [frame.sequence for frame in seen]
        return sequences[sequences.index(0, 1) :] if 0 in sequences[1:] else []

    with EpfSimulator(FRAMES, port=address[1], line_port=port, fps=50) as probe:
        wait_until(lambda: len(later()) >= 30)
        assert source.stop(30)
    assert source.counts.connections == 2
    assert later()[:30] == list(range(30))


def test_a_refusal_to_scan_is_asked_again_later() -> None:
    """The probe is busy: the connection ends, and the next one asks once more."""
    refusal = encode_reply(
        Reply(command=Command.STATUS, error=0, duration_us=0, rest=(36_500, 87, 7, -2))
    ) + encode_reply(Reply(command=Command.SCANNING, error=-2, duration_us=0))
    with scripted_probe(refusal, hold_last=True) as address:
        source = source_at(address, free_udp_port(), [])
        source.start()
        wait_until(lambda: source.counts.connections >= 3)
        assert source.stop(30)


def test_an_address_that_is_not_ours_yet_is_waited_for() -> None:
    """We are not in the probe's Wi-Fi: no connection, no crash, and stopping is prompt."""
    with EpfSimulator(FRAMES) as probe:
        source = source_at(probe.address, 51000, [], local_host="192.0.2.1")
        source.start()
        time.sleep(0.1)
        assert source.counts.connections == 0
        assert source.stop(30)


def test_the_simulator_draws_the_test_patterns() -> None:
    """TEST_PATTERN as the app sends it: 100 lines of 800 samples, 1618 bytes each, grey 1023."""
    port = free_udp_port()
    with (
        EpfSimulator(FRAMES, line_port=port) as probe,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as lines,
        socket.create_connection(probe.address, 5) as commands,
    ):
        lines.bind(("127.0.0.1", port))
        lines.settimeout(5)
        asked = encode_request(Command.TEST_PATTERN, 1, 50_000, 100, 300, 800, 16)
        commands.sendall(asked + encode_request(Command.SCANNING))
        assert commands.recv(16) == bytes.fromhex("00000004 00000007 00000000 00000000")
        assert commands.recv(16) == bytes.fromhex("00000004 00000001 ffffffff 00000000")
        datagram = lines.recv(65535)
        assert len(datagram) == 1618
        assert datagram[18:] == b"\x03\xff" * 800
        commands.sendall(encode_request(Command.STOP_TEST_PATTERN))
        assert commands.recv(16)[4:8] == b"\0\0\0\x08"
    assert [int(pattern(kind, lines=4, samples=4).max()) for kind in range(4)] == [
        *(0, 1023, 2047, 2047)
    ]
