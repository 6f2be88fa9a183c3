"""A phantom: an ellipsoid in a dark bath, and freehand sweeps over it as a cine."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from echonode.objects.tracking import Tracking, set_tracking
from tests.unit.copies.array_source import Source

ROWS, COLUMNS, SPACING = 90, 100, 0.4
CENTRE, RADII = np.array([21.0, -4.0, 60.0]), np.array([9.0, 8.0, 12.0])
VOLUME_MM3 = 4 / 3 * math.pi * float(np.prod(RADII))
BRIGHT, DARK = 180, 20


def echo(points: NDArray[np.float64]) -> NDArray[np.uint8]:
    """What is seen at points of (..., 3) mm."""
    inside = (((points - CENTRE) / RADII) ** 2).sum(axis=-1) < 1
    return np.where(inside, BRIGHT, DARK).astype(np.uint8)


def turn(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    """A rotation about x, y and z in turn."""
    made = np.eye(3)
    for axis, angle in enumerate(np.radians(degrees)):
        one = np.eye(3)
        first, second = [other for other in range(3) if other != axis]
        one[first, first] = one[second, second] = math.cos(angle)
        one[first, second], one[second, first] = -math.sin(angle), math.sin(angle)
        made = one @ made
    return made


def poses(
    frames: int, *, tilt: tuple[float, float, float] = (0, 0, 0), jitter: float = 1.0
) -> NDArray[np.float64]:
    """Pixels to mm: planes across the phantom, held by a hand, out of order by a step at times."""
    random = np.random.default_rng(11)
    whole = np.eye(4)
    whole[:3, :3] = turn(np.array(tilt))
    made = []
    for number in range(frames):
        along = -16 + 32 * number / (frames - 1)
        wobble = np.eye(4)
        wobble[:3, :3] = turn(random.normal(scale=1.0 * jitter, size=3))
        wobble[:3, 3] = [0, 0, along]
        wobble[:3, 3] += random.normal(scale=0.15 * jitter, size=3)
        plane = np.diag([SPACING, SPACING, 1.0, 1.0])
        plane[:2, 3] = -SPACING * (COLUMNS - 1) / 2, -SPACING * (ROWS - 1) / 2
        middle = np.eye(4)
        middle[:3, 3] = CENTRE
        made.append(middle @ whole @ wobble @ plane)
    return np.array(made)


def image(pose: NDArray[np.float64]) -> NDArray[np.uint8]:
    """What a plane shows."""
    row, column = np.mgrid[:ROWS, :COLUMNS]
    pixels = np.stack([column, row, 0 * row, 0 * row + 1], axis=-1)
    return echo((pixels @ pose.T)[..., :3])


def sweep(
    planes: NDArray[np.float64],
    *,
    name: str = "ImageToReference",
    invalid: tuple[int, ...] = (),
    more: dict[str, NDArray[np.float64]] | None = None,
) -> Source:
    """A tracked cine of planes, whose poses are the transform `name`."""
    frames = len(planes)
    told = {name: planes, **(more or {})}
    status = np.ones((frames, len(told)), np.uint8)
    status[list(invalid), 0] = 2
    matrices = np.stack([matrix.reshape(frames, 16) for matrix in told.values()], axis=1)
    matrices[status == 2] = 0
    header = Dataset()
    header.Rows, header.Columns, header.NumberOfFrames = ROWS, COLUMNS, frames
    header.SamplesPerPixel, header.PixelSpacing = 1, [SPACING, SPACING]
    header.FrameTime = "50"
    header.SOPClassUID, header.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.3.1", "1.2.3.4.1"
    header.StudyInstanceUID, header.SeriesInstanceUID = "1.2.3.1", "1.2.3.1.1"
    header.PatientName, header.PatientID = "Doe^Jane", "P1"
    header.StudyDate, header.StudyTime = "20261120", "115900"
    header.BurnedInAnnotation = "NO"
    tracking = Tracking(names=tuple(told), matrices=matrices, status=status)
    set_tracking(header, tracking, frame_of_reference_uid="1.2.9")
    return Source(np.array([image(pose) for pose in planes]), header)
