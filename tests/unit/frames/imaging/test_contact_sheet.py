"""A sheet of decoded frames for a person to look at: sectors and hands, not noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from echonode.frames.settings import StreamSettings
from echonode.frames.source.recordings import LineRecordingReader
from echonode.frames.streams.sector_stream import SectorStream
from echonode.frames.streams.stream import PendingFrame
from echonode.frames.streams.unordered_sweep import UnorderedSweepAssembler
from echonode.probe.echopen.sweeping import SweepingDecoder
from echonode.probe.profile import ProbeProfile
from echonode.probe.recordings.echopen_text import KitRecording, read_lines, read_recording
from echonode.probe.simulation.lounger_phantom import lounger_phantom
from echonode.probe.simulation.phantom import phantom
from echonode.probe.simulation.simulated_lines import line_wire
from tests.unit.frames.pictures import contact_sheet, pictures, write_png


@pytest.mark.slow
def test_decoded_frames_can_be_looked_at(
    shared_data: Path, film: KitRecording, tmp_path: Path
) -> None:
    """Film, hand, plate and phantom on one sheet; each sector is lit, each corner black."""
    probe = shared_data / "probe"
    chosen = replace(film, frames=tuple(film.frames[k] for k in (0, 5, 10, 25, 50, 75)))
    shown = [
        *pictures(chosen),
        *pictures(read_recording(probe / "hand_hand.txt")),
        *pictures(read_recording(probe / "plate_frame.txt")),
        *pictures(phantom(frames=4)),
    ]
    images = [picture.pixels for picture in shown]
    assert len(images) == 12
    for image in images:
        assert not image[[0, -1, -1], [0, 0, -1]].any()
        assert np.count_nonzero(image) > 1000
    sheet = tmp_path / "frames.png"
    write_png(sheet, contact_sheet(images, 4))
    assert sheet.read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_the_other_dialects_can_be_looked_at(
    shared_data: Path, film: KitRecording, tmp_path: Path
) -> None:
    """The film as a sweeping probe sends it, and what loungers see: fans, and two rectangles."""
    probe = shared_data / "probe"
    chosen = replace(film, frames=tuple(film.frames[k] for k in (5, 25)))
    wire, profile = line_wire(chosen, "sweeping"), ProbeProfile(r0_mm=80, rf_mm=160, sector_deg=57)
    sweeping = SectorStream(SweepingDecoder(profile), StreamSettings(), UnorderedSweepAssembler)
    pending = [
        frame
        for turn in range(2)
        for burst, _ in wire.bursts(wire.samples(turn), turn, 64)
        for frame in sweeping.receive(burst)
    ]
    loungers = [
        lounger_phantom(frames=2),
        *(read_lines(probe / "lounger" / f"probe_v1_{name}MHz") for name in ("3_5", "5")),
    ]
    for recording in loungers:
        for _, frames in LineRecordingReader(recording, StreamSettings()).frames():
            pending += [frame for frame in frames if isinstance(frame, PendingFrame)]
    images = [frame.develop().pixels for frame in pending]
    assert len(images) == 6
    for image in images:
        assert not image[[0, -1, -1], [0, 0, -1]].any()
        assert np.count_nonzero(image) > 1000
    write_png(tmp_path / "dialects.png", contact_sheet(images, 3))
