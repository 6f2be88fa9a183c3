"""Real recordings through the whole chain: the right count, and physical truth."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from echonode.errors import ProtocolError
from echonode.frames.settings import CompressionLaw, ImageSettings, StreamSettings
from echonode.frames.streams.protocols import PROTOCOLS
from echonode.frames.streams.sector_stream import SectorStream
from echonode.frames.streams.stream import PendingFrame, StreamCounts
from echonode.probe.echopen.kit import KitDecoder
from echonode.probe.profile import ProbeProfile, SampleMode
from echonode.probe.recordings.echopen_text import KitRecording, read_recording
from tests.unit.frames.pictures import pictures, wire

LINEAR = ImageSettings(compression=CompressionLaw.LINEAR, full_scale=400)


@pytest.fixture(scope="module")
def plate(shared_data: Path) -> KitRecording:
    return read_recording(shared_data / "probe" / "plate_frame.txt")


def received(data: bytes, size: int) -> tuple[list[PendingFrame], StreamCounts]:
    """Frames of a connection that brought `data` in pieces, and what was counted."""
    stream = SectorStream(KitDecoder(), StreamSettings())
    frames: list[PendingFrame] = []
    try:
        for start in range(0, len(data), size):
            frames += stream.receive(data[start : start + size])
    except ProtocolError:
        pass
    return [*frames, *stream.finish()], stream.counts


@pytest.mark.slow
def test_the_film_is_101_whole_frames(film: KitRecording) -> None:
    """None dropped, none partial, numbered 0 to 100."""
    frames, counts = received(wire(film), 65536)
    assert counts == StreamCounts(frames=101)
    assert [frame.sequence for frame in frames] == list(range(101))


@pytest.mark.slow
def test_a_frame_shows_the_same_whichever_way_it_was_swept(film: KitRecording) -> None:
    """The same frame sent forth and back gives the same picture."""
    forth, back = pictures(replace(film, frames=(film.frames[10],) * 2))
    assert np.array_equal(forth.pixels, back.pixels)
    assert forth.calibration == back.calibration


@pytest.mark.slow
def test_envelopes_sent_as_rf_are_shown_as_envelopes(film: KitRecording) -> None:
    """The film's header says RF; left to itself the node shows what it would show if told."""
    some = replace(film, frames=film.frames[:8])
    told = StreamSettings(profile=ProbeProfile(mode=SampleMode.ENVELOPE))
    wrong = StreamSettings(profile=ProbeProfile(mode=SampleMode.RF))
    for found, right, misread in zip(
        pictures(some), pictures(some, told), pictures(some, wrong), strict=True
    ):
        assert np.array_equal(found.pixels, right.pixels)
        assert not np.array_equal(found.pixels, misread.pixels)


@pytest.mark.slow
def test_rf_and_its_own_envelope_look_alike(shared_data: Path) -> None:
    """The hand as RF, and the envelope of it sent in its place: correlation above 0.97."""
    hand = read_recording(shared_data / "probe" / "hand_hand.txt")
    lines = hand.frames[0].astype(float) - hand.frames[0].mean(axis=1, keepdims=True)
    spectrum = np.fft.fft(lines, 2048)
    frequency = np.fft.fftfreq(2048, 1 / 15.625e6)
    spectrum *= 2 * ((frequency >= 1.5e6) & (frequency <= 5.5e6))
    envelope = np.rint(np.abs(np.fft.ifft(spectrum)))[:, :1689].astype(np.int16)
    (as_rf,) = pictures(hand)
    (as_envelope,) = pictures(replace(hand, frames=(envelope,)))
    images = (as_rf.pixels.ravel(), as_envelope.pixels.ravel())
    assert np.corrcoef(*images)[0, 1] > 0.97


def leading_edges(image: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(column, row) of each strong echo's front: where it first reaches half its height."""
    columns, rows = [], []
    for column in np.flatnonzero(image.max(axis=0) > 60):
        grey = image[:, column].astype(float)
        half = grey.max() / 2
        row = int(np.argmax(grey >= half))
        columns.append(float(column))
        rows.append(row - 1 + (half - grey[row - 1]) / (grey[row] - grey[row - 1]))
    return np.array(columns), np.array(rows)


def residual_of_line(columns: NDArray[np.float64], rows: NDArray[np.float64]) -> float:
    """Root mean square distance from the straight line through the points, in rows.

    Fitted robustly: the median of the slopes between points a third apart, then of the offsets.
    """
    third = len(columns) // 3
    slope = np.median((rows[third:] - rows[:-third]) / (columns[third:] - columns[:-third]))
    rest = rows - slope * columns
    return float(np.sqrt(np.mean((rest - np.median(rest)) ** 2)))


@pytest.mark.usefixtures("real_data")
def test_the_straight_plate_is_straight(plate: KitRecording) -> None:
    """Over all its columns the plate's front lies on a line: residual under one pixel."""
    (picture,) = pictures(plate, StreamSettings(image=LINEAR))
    columns, rows = leading_edges(picture.pixels)
    assert len(columns) > 150
    assert residual_of_line(columns, rows) < 1.0


def test_the_plate_would_show_a_wrong_sector(plate: KitRecording) -> None:
    """At the 80 degrees that are written with it, it is bent: the check above can fail."""
    wrong = StreamSettings(image=LINEAR, profile=ProbeProfile(sector_deg=80))
    (picture,) = pictures(plate, wrong)
    assert residual_of_line(*leading_edges(picture.pixels)) > 3.0


def test_an_empty_connection_is_no_frame() -> None:
    """Not a byte, or half a header: nothing, and nothing counted."""
    assert received(b"", 1) == ([], StreamCounts())
    assert received(b"\x50\xa0\x08", 1) == ([], StreamCounts())


@pytest.mark.slow
def test_200_cuts_leave_no_half_frame(film: KitRecording) -> None:
    """Wherever the connection ends: the whole sweeps before, each complete, and one loss."""
    data = wire(replace(film, frames=film.frames[:4]))
    sweep = 64 * 3380
    for end in random.Random(7).sample(range(7, len(data)), 200):
        frames, counts = received(data[:end], 65536)
        assert len(frames) == (end - 6) // sweep
        assert all(frame.missing_lines == 0 for frame in frames)
        assert counts.partial == 0
        assert counts.incomplete <= 1


@pytest.mark.slow
def test_garbage_never_gives_a_frame_with_false_lines(film: KitRecording) -> None:
    """Bytes lost, added and changed at random: no crash; what is missing is counted."""
    data = wire(replace(film, frames=film.frames[:4]))
    chance = random.Random(11)
    for _ in range(40):
        damaged = bytearray(data)
        for _ in range(3):
            place = chance.randrange(6, len(damaged))
            damaged[place : place + chance.randrange(300)] = chance.randbytes(chance.randrange(300))
        frames, counts = received(bytes(damaged), 9999)
        assert len(frames) == counts.frames
        assert counts.partial == sum(1 for frame in frames if frame.missing_lines)
        assert all(frame.missing_lines <= 16 for frame in frames)
        for frame in frames:
            assert frame.develop().pixels.shape == (392, 666)


def test_the_protocol_table_names_the_kit() -> None:
    """What the configuration calls echopen and kit is in the table, and talks unasked."""
    stream = PROTOCOLS["echopen", "kit"].new_stream(StreamSettings())
    assert stream.greeting() == b""
    assert stream.counts == StreamCounts()


@pytest.mark.slow
def test_an_echo_is_as_bright_by_rf_as_by_its_envelope(film: KitRecording) -> None:
    """Frame 52 of the film, sent as itself and as RF that swings so far: the same picture.

    Compared linearly, where it is the shape that counts, and as it is shown by default, where a
    factor between the two would be a difference of grey.
    """
    header = film.header
    time_s = np.arange(header.samples) * header.decimation / 125e6
    rf = 49 + film.frames[52] / 2 * np.cos(2 * np.pi * 3.5e6 * time_s)
    sent = {
        SampleMode.ENVELOPE: film.frames[52],
        SampleMode.RF: np.rint(rf).astype(np.int16),
    }
    for law, least in ((CompressionLaw.LINEAR, 0.98), (CompressionLaw.LOG, 0.9)):
        shown = []
        for mode, frame in sent.items():
            settings = StreamSettings(
                profile=ProbeProfile(mode=mode), image=ImageSettings(compression=law)
            )
            (picture,) = pictures(replace(film, frames=(frame,)), settings)
            shown.append(picture.pixels.astype(float))
        envelope, by_rf = shown
        assert np.corrcoef(envelope.ravel(), by_rf.ravel())[0, 1] > least
        bright = envelope > 40  # above the noise of rounding
        assert by_rf[bright].mean() == pytest.approx(envelope[bright].mean(), rel=0.05)
