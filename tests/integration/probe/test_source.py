"""From the probe's socket to acquisitions: all of it, in time, and every loss counted."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from echonode.errors import OutOfSpace
from echonode.frames.frame import Acquisition, Frame, ProbeIdentity
from echonode.frames.settings import CaptureMode, CaptureSettings
from echonode.frames.source.source import ProbeSource, SourceSettings
from echonode.frames.source.source_counts import DropReason
from echonode.frames.source.transport import ConnectTo
from echonode.probe.echopen.kit import encode_header, encode_line
from echonode.probe.link.reconnecting import LinkSettings
from echonode.probe.recordings.echopen_text import KitRecording, read_recording
from echonode.probe.simulation.phantom import DEFAULT_HEADER, phantom
from echonode.probe.simulation.tcp_probe import ProbeSimulator
from tests.integration.probe.sockets import scripted_probe
from tests.support.waiting import wait_until

SMALL_HEADER = replace(DEFAULT_HEADER, lines=16, decimation=64)
# A busy machine pauses for longer than a gap is otherwise.
UNBROKEN = CaptureSettings(gap_s=60)
QUICK = LinkSettings(first_pause_s=0.02, longest_pause_s=0.1)


@pytest.fixture(scope="module")
def small() -> KitRecording:
    return phantom(header=SMALL_HEADER, frames=6)


def settings_for(
    address: tuple[str, int], *, capture: CaptureSettings = UNBROKEN, **more: object
) -> SourceSettings:
    return SourceSettings(
        identity=ProbeIdentity(name="handheld"),
        protocol="echopen",
        dialect="kit",
        way=ConnectTo(host=address[0], port=address[1]),
        link=QUICK,
        capture=capture,
        **more,  # type: ignore[arg-type]
    )


class Archive:
    """Keeps acquisitions, and when each came."""

    def __init__(self) -> None:
        self.taken: list[Acquisition] = []
        self.times: list[float] = []

    def take(self, acquisition: Acquisition) -> None:
        self.taken.append(acquisition)
        self.times.append(time.monotonic())


def test_the_film_arrives_whole(shared_data: Path) -> None:
    """101 frames at 60 frames/s: one clip of 101 frames, none dropped, none partial."""
    film = read_recording(shared_data / "probe" / "echopen_film_envelope_101frames.tar.xz")
    archive = Archive()
    with ProbeSimulator(film, fps=60) as probe:
        source = ProbeSource(settings_for(probe.address), on_acquisition=archive.take)
        source.start()
        wait_until(lambda: bool(archive.taken), timeout_s=30)
        assert source.stop(30)
    (clip,) = archive.taken
    assert len(clip.frames) == 101
    assert (clip.number, clip.dropped, clip.partial) == (1, 0, 0)
    assert [frame.sequence for frame in clip.frames] == list(range(101))
    times = [frame.elapsed_s for frame in clip.frames]
    assert times == sorted(times)
    assert times[-1] - times[0] > 1, "100 / 60 s, less what a busy machine let the first one wait"
    counts = source.counts
    assert (counts.frames_received, counts.frames_dropped, counts.acquisitions) == (101, 0, 1)


def test_a_clip_is_handed_over_the_moment_the_probe_goes(small: KitRecording) -> None:
    """A disconnect does not wait for the gap, let alone for the next frame."""
    archive = Archive()
    with ProbeSimulator(small, fps=50, frames=5) as probe:
        source = ProbeSource(settings_for(probe.address), on_acquisition=archive.take)
        source.start()
        assert probe.finished.wait(30)
        gone = time.monotonic()
        wait_until(lambda: bool(archive.taken))
        assert archive.times[0] - gone < UNBROKEN.gap_s / 2
        assert source.stop(30)
    assert [len(clip.frames) for clip in archive.taken] == [5]


def test_a_clip_ends_by_the_clock_while_the_probe_is_silent(small: KitRecording) -> None:
    """The probe stays connected and stops sending: the clip comes after the gap, and is whole."""
    header = small.header
    data = encode_header(header) + b"".join(
        encode_line(header, k + 1, small.frames[0][k]) for k in range(header.lines)
    )
    archive = Archive()
    capture = CaptureSettings(gap_s=0.2)
    with scripted_probe(data, hold_last=True) as address:
        source = ProbeSource(settings_for(address, capture=capture), on_acquisition=archive.take)
        source.start()
        wait_until(lambda: bool(archive.taken), timeout_s=30)
        assert source.counts.connected
        assert source.stop(30)
    (still,) = archive.taken
    assert len(still.frames) == 1


def test_each_connection_is_its_own(small: KitRecording) -> None:
    """Another connection: another id, numbers from 1 again, no clip across the two."""
    header = small.header
    data = encode_header(header) + b"".join(
        encode_line(header, k + 1, small.frames[0][k]) for k in range(header.lines)
    )
    archive = Archive()
    with scripted_probe(data, data, b"") as address:
        source = ProbeSource(settings_for(address), on_acquisition=archive.take)
        source.start()
        wait_until(lambda: len(archive.taken) == 2)
        assert source.stop(30)
    first, second = archive.taken
    assert first.connection_id != second.connection_id
    assert first.connection_id.startswith("handheld-")
    assert (first.number, second.number) == (1, 1)
    assert source.counts.connections >= 2


def test_a_slow_consumer_costs_counted_frames_and_no_memory(small: KitRecording) -> None:
    """The acquisitions are not taken: frames are dropped, and sent = used + dropped."""
    gate = threading.Event()
    archive = Archive()

    def slow(acquisition: Acquisition) -> None:
        gate.wait(20)
        archive.take(acquisition)

    capture = CaptureSettings(max_clip_bytes=1)  # every frame is an acquisition of its own
    with ProbeSimulator(small, fps=0, frames=200) as probe:
        source = ProbeSource(
            settings_for(probe.address, capture=capture, backlog_frames=4), on_acquisition=slow
        )
        source.start()
        assert probe.finished.wait(20)
        wait_until(lambda: source.counts.frames_received == 200)
        gate.set()
        assert source.stop(30)
    counts = source.counts
    assert counts.frames_dropped > 150
    assert counts.dropped[DropReason.TOO_SLOW] == counts.frames_dropped
    assert len(archive.taken) == counts.frames_received - counts.frames_dropped
    last = archive.taken[-1].frames[0].sequence
    assert sum(clip.dropped for clip in archive.taken) == last + 1 - len(archive.taken)


def test_a_probe_that_waits_for_a_slow_node_loses_no_frame(small: KitRecording) -> None:
    """The demonstration's probe asks before each sweep; then each frame is used."""
    archive = Archive()
    sources: list[ProbeSource] = []

    def keeps_up(sent: int) -> bool:
        return all(
            source.frames_waiting <= 1 and source.counts.frames_received >= sent - 2
            for source in sources
        )

    with ProbeSimulator(small, fps=0, frames=100, may_send=keeps_up) as probe:
        sources.append(
            ProbeSource(
                settings_for(probe.address, backlog_frames=4),
                on_acquisition=archive.take,
                on_frame=lambda frame: time.sleep(0.005),
            )
        )
        sources[0].start()
        assert probe.finished.wait(60)
        wait_until(lambda: sources[0].counts.frames_received == 100)
        assert sources[0].stop(30)
    assert sources[0].counts.frames_dropped == 0
    assert sum(len(clip.frames) for clip in archive.taken) == 100


def test_a_full_disk_loses_nothing_that_fits_in_time(small: KitRecording) -> None:
    """OutOfSpace: the acquisition is offered again until it is taken, in its order."""
    archive, refusals = Archive(), [OutOfSpace("full")]

    def full_once(acquisition: Acquisition) -> None:
        if refusals:
            raise refusals.pop()
        archive.take(acquisition)

    with ProbeSimulator(small, fps=50, frames=4) as probe:
        source = ProbeSource(settings_for(probe.address), on_acquisition=full_once)
        source.start()
        wait_until(lambda: len(archive.taken) == 1)
        assert source.stop(30)
    assert [len(clip.frames) for clip in archive.taken] == [4]


def test_a_fault_behind_us_costs_one_acquisition(small: KitRecording) -> None:
    """An error of ours in one acquisition does not stop the next."""
    archive = Archive()

    def fail_first(acquisition: Acquisition) -> None:
        if acquisition.number == 1:
            raise RuntimeError("ours")
        archive.take(acquisition)

    capture = CaptureSettings(max_clip_bytes=1)
    with ProbeSimulator(small, fps=50, frames=3) as probe:
        source = ProbeSource(
            settings_for(probe.address, capture=capture), on_acquisition=fail_first
        )
        source.start()
        wait_until(lambda: len(archive.taken) == 2)
        assert source.stop(30)
    assert [clip.number for clip in archive.taken] == [2, 3]


def test_stop_hands_over_the_clip_under_way(small: KitRecording) -> None:
    """SIGTERM in the middle of a clip: what was whole is kept, and the threads are gone."""
    archive, seen = Archive(), list[Frame]()
    with ProbeSimulator(small, fps=50, loop=True) as probe:
        source = ProbeSource(
            settings_for(probe.address), on_acquisition=archive.take, on_frame=seen.append
        )
        source.start()
        wait_until(lambda: len(seen) >= 10)
        assert source.stop(30)
    (clip,) = archive.taken
    assert len(clip.frames) >= 10
    assert all(np.array_equal(a.pixels, b.pixels) for a, b in zip(seen, clip.frames, strict=False))
    assert not [t for t in threading.enumerate() if t.name.startswith("probe-handheld")]


def test_manual_capture_only_shows(small: KitRecording) -> None:
    """Without an operator's word nothing is kept; the live picture runs."""
    archive, seen = Archive(), list[Frame]()
    capture = CaptureSettings(mode=CaptureMode.MANUAL)
    with ProbeSimulator(small, fps=50, frames=5) as probe:
        source = ProbeSource(
            settings_for(probe.address, capture=capture),
            on_acquisition=archive.take,
            on_frame=seen.append,
        )
        source.start()
        wait_until(lambda: len(seen) == 5)
        assert "capture.mode is manual" in source.refusal, "nobody can ask such a probe's captures"
        assert source.stop(30)
    assert archive.taken == []


def test_a_probe_that_talks_nonsense_is_tried_again_and_counts_nothing(
    small: KitRecording,
) -> None:
    """Bad headers first, then the right one: no crash, no frame of garbage."""
    header = small.header
    good = encode_header(header) + b"".join(
        encode_line(header, k + 1, small.frames[0][k]) for k in range(header.lines)
    )
    archive = Archive()
    with scripted_probe(b"\0" * 4000, b"\xff" * 4000, good, hold_last=True) as address:
        capture = CaptureSettings(gap_s=0.1)
        source = ProbeSource(settings_for(address, capture=capture), on_acquisition=archive.take)
        source.start()
        wait_until(lambda: len(archive.taken) == 1)
        assert source.stop(30)
    assert source.counts.connections == 3
    assert source.counts.frames_received == 1


def test_an_unknown_protocol_is_refused_before_anything_starts() -> None:
    """A configuration's mistake is named at once."""
    with pytest.raises(ValueError, match="carrier pigeon"):
        SourceSettings(
            identity=ProbeIdentity(name="handheld"),
            protocol="carrier pigeon",
            dialect="kit",
            way=ConnectTo(host="127.0.0.1", port=1),
        )


def test_below_the_reserve_nothing_is_captured_until_there_is_room(small: KitRecording) -> None:
    """Frames are shown meanwhile; the clip begins when there is room, and counts none as lost."""
    archive = Archive()
    shown: list[Frame] = []
    room = threading.Event()
    with ProbeSimulator(small, fps=20, loop=True) as probe:
        source = ProbeSource(
            settings_for(probe.address, capture=CaptureSettings(gap_s=60, max_clip_s=60)),
            on_acquisition=archive.take,
            on_frame=shown.append,
            admit=lambda: "" if room.is_set() else "the disk is full",
        )
        source.start()
        wait_until(lambda: len(shown) >= 10)
        assert source.refusal == "the disk is full"
        assert archive.taken == []
        room.set()
        wait_until(lambda: source.refusal == "")
        since = len(shown)
        wait_until(lambda: len(shown) >= since + 10)
        assert source.stop(30)
    (clip,) = archive.taken
    assert clip.frames[0].sequence > 0
    assert clip.dropped == 0
