"""The lounger's synthetic target: the rectangle that it was made as, where it was made.

The truth, of both recordings: x from -41 to -16 mm, y from 96 to 141 mm, from the apex.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from echonode.frames.imaging.image_grid import ImageGrid, image_grid
from echonode.frames.settings import CompressionLaw, ImageSettings, StreamSettings
from echonode.frames.streams.sector_stream import SectorStream
from echonode.frames.streams.stream import PendingFrame
from echonode.probe.echopen.lounger import LoungerDecoder, geometry_of
from echonode.probe.kinematics import Kinematics
from echonode.probe.profile import NO_PROFILE, ProbeProfile, SampleMode
from echonode.probe.recordings.echopen_text import LoungerRecording, read_lines
from echonode.probe.simulation.simulated_lines import line_wire
from tests.unit.frames.pictures import contact_sheet, write_png

LEFT_MM, RIGHT_MM, TOP_MM, BOTTOM_MM = -41.0, -16.0, 96.0, 141.0
# The target is speckle: shown as what it covers, by a full scale that its weakest sample reaches.
SOLID = ImageSettings(compression=CompressionLaw.LINEAR, full_scale=1)


def recording_of(real_data: Path, name: str) -> LoungerRecording:
    recording = read_lines(real_data / "probe" / "lounger" / f"probe_v1_{name}MHz")
    assert isinstance(recording, LoungerRecording)
    return recording


def picture_of(
    recording: LoungerRecording, profile: ProbeProfile, image: ImageSettings = SOLID
) -> NDArray[np.uint8]:
    """The recording's one frame, as it comes over the wire."""
    wire = line_wire(recording, "lounger")
    data = wire.preamble + b"".join(burst for burst, _ in wire.bursts(wire.samples(0), 0, 100))
    stream = SectorStream(LoungerDecoder(profile), StreamSettings(profile=profile, image=image))
    (frame,) = [*stream.receive(data), *stream.finish()]
    assert isinstance(frame, PendingFrame)
    return frame.develop().pixels


def edges_of(image: NDArray[np.uint8]) -> tuple[float, float, float, float]:
    """Left, right, top and bottom edge at half height, in pixels: the median along each side."""
    lit = image >= 128
    rows, columns = np.flatnonzero(lit.any(axis=1)), np.flatnonzero(lit.any(axis=0))
    inner_rows, inner_columns = rows[20:-20], columns[10:-10]  # away from the corners
    first_column = np.argmax(lit[inner_rows], axis=1)
    last_column = lit.shape[1] - 1 - np.argmax(lit[inner_rows, ::-1], axis=1)
    first_row = np.argmax(lit[:, inner_columns], axis=0)
    last_row = lit.shape[0] - 1 - np.argmax(lit[::-1, inner_columns], axis=0)
    return (
        float(np.median(first_column)) - 0.5,
        float(np.median(last_column)) + 0.5,
        float(np.median(first_row)) - 0.5,
        float(np.median(last_row)) + 0.5,
    )


def errors(image: NDArray[np.uint8], grid: ImageGrid) -> NDArray[np.float64]:
    """How far each edge lies from its truth, in pixels."""
    left, top = grid.pixel_of(LEFT_MM, TOP_MM)
    right, bottom = grid.pixel_of(RIGHT_MM, BOTTOM_MM)
    return np.abs(np.array(edges_of(image)) - (left, right, top, bottom))


def grid_of(recording: LoungerRecording) -> ImageGrid:
    geometry = geometry_of(recording.header, NO_PROFILE)
    return image_grid(geometry, columns=SOLID.columns, rows=SOLID.rows)


ENVELOPE = ProbeProfile(mode=SampleMode.ENVELOPE)


@pytest.mark.parametrize("name", ["3_5", "5"])
def test_the_target_is_the_right_rectangle_at_the_right_place(real_data: Path, name: str) -> None:
    """Both loungers show one and the same rectangle, each edge within a pixel of the truth."""
    recording = recording_of(real_data, name)
    assert errors(picture_of(recording, ENVELOPE), grid_of(recording)).max() < 1.0


@pytest.mark.parametrize(
    ("profile", "why"),
    [
        (ProbeProfile(mode=SampleMode.ENVELOPE, sampling_rate_hz=94.6e6), "the other clock"),
        (
            ProbeProfile(mode=SampleMode.ENVELOPE, kinematics=Kinematics.PROBE_V1_5MHZ),
            "the other side of the arm",
        ),
        (
            ProbeProfile(mode=SampleMode.ENVELOPE, kinematics=Kinematics.ROTATION),
            "a plain rotation",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_target_would_show_what_is_wrong(
    real_data: Path, profile: ProbeProfile, why: str
) -> None:
    """Another clock or another movement puts it several pixels out: the check above can fail."""
    recording = recording_of(real_data, "3_5")
    assert errors(picture_of(recording, profile), grid_of(recording)).max() > 5, why


def test_left_to_itself_the_node_shows_the_target_too(real_data: Path) -> None:
    """No profile: what the samples are is found out, and the rectangle is not empty."""
    image = picture_of(recording_of(real_data, "3_5"), NO_PROFILE, ImageSettings())
    left, top = grid_of(recording_of(real_data, "3_5")).pixel_of(-30, 110)
    assert image[round(top) - 5 : round(top) + 5, round(left) - 5 : round(left) + 5].mean() > 60


def test_the_targets_can_be_looked_at(real_data: Path, tmp_path: Path) -> None:
    """Both on one sheet; the corners of the fan are black."""
    images = [picture_of(recording_of(real_data, name), ENVELOPE) for name in ("3_5", "5")]
    write_png(tmp_path / "lounger.png", contact_sheet(images, 2))
    for image in images:
        assert not image[[0, -1, -1], [0, 0, -1]].any()
