"""A recording as a source: at its own times, without loss, and then it is over."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import structlog

from echonode.frames.frame import Acquisition, ProbeIdentity
from echonode.frames.settings import CaptureSettings
from echonode.frames.source.file_player import PlayFile
from echonode.frames.source.recordings import SequenceReader
from echonode.frames.source.source import ProbeSource, SourceSettings
from echonode.frames.streams.stream import Pending
from echonode.probe.link.reconnecting import LinkSettings
from echonode.probe.recordings.echopen_text import read_recording
from echonode.probe.recordings.image_file import open_image_sequence
from tests.support.waiting import wait_until
from tests.unit.objects.acquisitions import built
from tests.unit.probe.sequences import frame_fields, metaimage, ramps


def source_of(way: PlayFile, taken: list[Acquisition], **capture: float) -> ProbeSource:
    return ProbeSource(
        SourceSettings(
            identity=ProbeIdentity(name="film"),
            protocol="file",
            dialect="",
            way=way,
            capture=CaptureSettings(**capture),  # type: ignore[arg-type]
            link=LinkSettings(first_pause_s=0.01),
        ),
        on_acquisition=taken.append,
    )


def recording(folder: Path, *, frames: int = 6, step: float = 0.05) -> Path:
    path = folder / "film.mha"
    header, pixels = metaimage(
        ramps(frames), compressed=True, fields=frame_fields(frames, step=step)
    )
    path.write_bytes(header + pixels)
    return path


def test_a_recording_plays_at_its_own_times_and_ends(tmp_path: Path) -> None:
    """Six frames, 50 ms apart: one clip, closed by the end and not by the gap."""
    taken: list[Acquisition] = []
    source = source_of(PlayFile(path=recording(tmp_path)), taken, gap_s=60)
    source.start()
    wait_until(lambda: bool(taken))
    assert source.stop(30)
    (clip,) = taken
    assert np.array_equal([frame.pixels for frame in clip.frames], ramps(6))
    elapsed = [frame.elapsed_s for frame in clip.frames]
    assert elapsed == pytest.approx([0, 0.05, 0.1, 0.15, 0.2, 0.25])
    assert [frame.source_timestamp_s for frame in clip.frames][:2] == [10.0, 10.05]
    assert not source.counts.connected


@pytest.mark.parametrize("fps", [None, 37.0, 400.0])
def test_a_recording_without_times_gives_the_same_cine_each_time(
    fps: float | None, tmp_path: Path
) -> None:
    """However the machine was busy, and whatever `fps` says: spaced, and told to be."""
    path = tmp_path / "film.mha"
    path.write_bytes(b"".join(metaimage(ramps(12))))
    taken: list[Acquisition] = []
    source = source_of(PlayFile(path=path, fps=fps), taken)
    source.start()
    wait_until(lambda: bool(taken))
    assert source.stop(30)
    (clip,) = taken
    dataset = built(clip).dataset
    assert (dataset.NumberOfFrames, dataset.FrameTime) == (12, 50)
    assert "CineRate" not in dataset
    assert "Frame times are not known: spaced by 50 ms, an assumed rate." in dataset.ImageComments


class SlowReel(SequenceReader):
    """A recording whose frames take longer to read than they are apart."""

    def frames(self) -> Iterator[tuple[float | None, Sequence[Pending]]]:
        for one in super().frames():
            threading.Event().wait(0.05)
            yield one


def test_a_machine_that_stands_still_does_not_divide_a_clip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A recording's own time ends its clips: here each frame is read long after it was due."""
    monkeypatch.setattr(
        "echonode.frames.source.file_player.open_recording_reader",
        lambda path, settings: SlowReel(open_image_sequence(path), settings),
    )
    taken: list[Acquisition] = []
    source = source_of(PlayFile(path=recording(tmp_path, frames=20), fps=400), taken, gap_s=0.01)
    source.start()
    wait_until(lambda: bool(taken) and not source.counts.connected)
    assert source.stop(30)
    assert [len(clip.frames) for clip in taken] == [20]


def test_nothing_is_dropped_however_slow_the_disk_is(tmp_path: Path) -> None:
    """A file can wait: a thousand frames a second into a slow archive, every one kept."""
    taken: list[Acquisition] = []
    way = PlayFile(path=recording(tmp_path, frames=200), fps=1000)

    def slow(acquisition: Acquisition) -> None:
        time.sleep(0.002)
        taken.append(acquisition)

    settings = source_of(way, taken, max_clip_bytes=1)._settings
    source = ProbeSource(settings, on_acquisition=slow)
    source.start()
    wait_until(lambda: len(taken) == 200)
    assert source.stop(30)
    assert source.counts.frames_dropped == 0


def test_a_loop_is_one_connection_a_turn(tmp_path: Path) -> None:
    """Each turn is a clip, and a study, of its own."""
    taken: list[Acquisition] = []
    source = source_of(PlayFile(path=recording(tmp_path), loop=True, fps=200), taken)
    source.start()
    wait_until(lambda: len(taken) >= 3)
    assert source.stop(30)
    assert len({clip.connection_id for clip in taken}) == len(taken)
    assert {len(clip.frames) for clip in taken[:3]} == {6}


def test_a_recording_that_breaks_off_keeps_what_was_whole(tmp_path: Path) -> None:
    """The clip has the frames before the damage; the log names file, frame and fault."""
    path = recording(tmp_path)
    path.write_bytes(path.read_bytes()[:-30])
    taken: list[Acquisition] = []
    with structlog.testing.capture_logs() as logged:
        source = source_of(PlayFile(path=path, loop=True, fps=200), taken)
        source.start()
        wait_until(lambda: any(e["event"] == "probe_lost" for e in logged))
        assert source.stop(30)
    (lost,) = (e for e in logged if e["event"] == "probe_lost")
    assert lost["reason"] == "protocol_error"
    assert lost["detail"].startswith("film.mha, frame ")
    assert sum(len(clip.frames) for clip in taken) < 6


def test_a_file_that_is_no_recording_is_said_once(tmp_path: Path) -> None:
    """An error in the log, no connection, and no second try."""
    path = tmp_path / "film.mha"
    path.write_bytes(b"this is no key\n")
    with structlog.testing.capture_logs() as logged:
        source = source_of(PlayFile(path=path, loop=True), [])
        source.start()
        wait_until(lambda: any(e["event"] == "recording_refused" for e in logged))
        assert source.stop(30)
    (refused,) = (e for e in logged if e["event"] == "recording_refused")
    assert refused["reason"] == "film.mha, line 1: not a `Key = Value`"
    assert source.counts.connections == 0


def test_a_kit_recording_plays_as_the_kit_would(shared_data: Path) -> None:
    """The echOpen film: 101 frames, none partial, as over the wire."""
    path = shared_data / "probe" / "echopen_film_envelope_101frames.tar.xz"
    assert len(read_recording(path).frames) == 101
    taken: list[Acquisition] = []
    source = source_of(PlayFile(path=path, fps=500), taken)
    source.start()
    wait_until(lambda: bool(taken), timeout_s=40)
    assert source.stop(30)
    assert [(len(clip.frames), clip.dropped, clip.partial) for clip in taken] == [(101, 0, 0)]


def test_stop_in_a_long_pause_is_at_once(tmp_path: Path) -> None:
    """A stop does not wait for the next frame of the recording."""
    taken: list[Acquisition] = []
    source = source_of(PlayFile(path=recording(tmp_path, step=60.0)), taken, gap_s=300)
    source.start()
    wait_until(lambda: source.counts.frames_received == 1)
    began = time.monotonic()
    assert source.stop(30)
    assert time.monotonic() - began < 30
    assert [len(clip.frames) for clip in taken] == [1]
    assert not [t for t in threading.enumerate() if t.name.startswith("probe-film")]
