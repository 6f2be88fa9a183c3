"""A sheet of decoded frames for a person to look at: sectors and hands, not noise."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from echonode.probe.phantom import phantom
from echonode.probe.recording import read_recording
from tests.unit.frames.pictures import contact_sheet, pictures, write_png


def test_decoded_frames_can_be_looked_at(shared_data: Path, tmp_path: Path) -> None:
    """Film, hand, plate and phantom on one sheet; each sector is lit, each corner black."""
    probe = shared_data / "probe"
    film = read_recording(probe / "echopen_film_envelope_101frames.tar.xz")
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
