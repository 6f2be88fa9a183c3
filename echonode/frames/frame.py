"""A frame: an image plane with what is known of its geometry and its time. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from echonode.probe.messages import UNKNOWN_SCANNER, Samples, Scanner, SectorGeometry

LARGEST_REGION_CM = 100.0  # the deepest diagnostic field is 40 cm


class NoScale(StrEnum):
    """Why nothing can be measured in a picture."""

    NOT_GIVEN = "not_given"  # the sender gives no size of a pixel, or the 1 x 1 mm of none
    NOT_BELIEVED = "not_believed"  # it gives one, and the operator has not said that it is measured
    SKEWED = "skewed"  # its matrix has rows and columns that are not at right angles
    TOO_LARGE = "too_large"  # by it the picture would be larger than any body part


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What a pixel measures (PS3.3 C.8.5.5), for one rectangular region of the image.

    region: (x0, y0, x1, y1), zero-based pixels, both corners inside the region.
    physical_delta_*_cm: centimetres a pixel, along columns (x) and along rows (y); they differ
        wherever pixels are not square. Never a default: an uncalibrated stream has no Calibration.
    reference_pixel: (x, y) from the region's top left corner, for a sector its virtual apex; may
        lie outside the image. None where the sender gives none.
    reference_physical_cm: (x, y) of that pixel's centre, counted from what it stands for: an apex
        between two pixels is half a pixel away from it.
    transducer_frequency_khz, sound_speed_m_s: None where unknown.
    """

    region: tuple[int, int, int, int]
    physical_delta_x_cm: float
    physical_delta_y_cm: float
    reference_pixel: tuple[int, int] | None = None
    reference_physical_cm: tuple[float, float] = (0.0, 0.0)
    transducer_frequency_khz: float | None = None
    sound_speed_m_s: float | None = None

    def __post_init__(self) -> None:
        x0, y0, x1, y1 = self.region
        if not (0 <= x0 <= x1 and 0 <= y0 <= y1):
            raise ValueError(f"not a region: {self.region}")
        if not (self.physical_delta_x_cm > 0 and self.physical_delta_y_cm > 0):
            raise ValueError("physical deltas are positive centimetres")

    @property
    def is_of_a_body(self) -> bool:
        """Whether the region is not larger than any body part."""
        x0, y0, x1, y1 = self.region
        width_cm = (x1 - x0 + 1) * self.physical_delta_x_cm
        height_cm = (y1 - y0 + 1) * self.physical_delta_y_cm
        return max(width_cm, height_cm) <= LARGEST_REGION_CM


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """What is known of an image apart from its pixels and what they measure; None and '': unknown.

    burned_in: whether text is part of the pixels (PS3.3 C.7.6.1, Burned In Annotation).
    depth_mm: from the transducer's face to the deepest point that is shown.
    scanner: what made the image, as the source tells.
    window: (black, white) in the source's values, where it was not given and was chosen here.
    no_scale: why there is no calibration; None where there is one.
    """

    burned_in: bool | None = None
    depth_mm: float | None = None
    scanner: Scanner = UNKNOWN_SCANNER
    window: tuple[float, float] | None = None
    no_scale: NoScale | None = None


NO_FACTS = ImageFacts()

Transforms = Mapping[str, tuple[float, ...] | None]
"""Name, such as ProbeToTracker, -> the sixteen numbers of its 4 x 4 matrix, row by row, in mm; None
where the sender has it and calls it invalid."""

NO_TRANSFORMS: Transforms = MappingProxyType({})


@dataclass(frozen=True, kw_only=True)
class Played:
    """Frames of a recording: they are shown when they are due, and never arrive.

    interval_s: from one frame to the next where they have no times of their own. assumed: neither
    does the recording say how far apart they are.
    """

    interval_s: float
    assumed: bool

    def __post_init__(self) -> None:
        if not self.interval_s > 0:
            raise ValueError("interval_s is above 0")


@dataclass(frozen=True, kw_only=True, eq=False)
class ScanLines:
    """The lines that a picture was made of, as they came off the wire.

    samples: (lines, samples). present: (lines,) of bool; what is missing is not of this sweep.
    is_rf: the echo's voltage; else its magnitude.
    """

    samples: Samples
    present: NDArray[np.bool_]
    geometry: SectorGeometry
    is_rf: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """What a developed frame shows; fields as in Frame."""

    pixels: NDArray[np.uint8]
    calibration: Calibration | None
    facts: ImageFacts = NO_FACTS
    lines: ScanLines | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """One image plane as it came from one probe.

    pixels: uint8, (rows, columns) for MONOCHROME2 or (rows, columns, 3) for RGB; read-only.
    acquired_at: aware; wall time when the connection opened plus monotonic time since, so that a
        clock step in the middle of a cine bends no timing.
    elapsed_s: seconds since the connection opened: when the frame arrived, by the monotonic clock;
        of a recording, when it was due.
    played: None for a frame of a live source.
    sequence: 0, 1, 2 ... per connection, counting dropped frames too.
    first_number: the number of the connection's first frame (source.py).
    missing_lines: scan lines that never came; 0 for a whole frame.
    source_timestamp_s: the sender's own clock, where it has one.
    recorded_at: aware; the day and time that a recording has of the frame, by the recorder's clock.
    transforms: where a tracker saw the probe and the rest at that time; empty without a tracker.
    facts: what else is known of the image.
    lines: what it was made of, where that is to be kept (capture.keep_rf).
    """

    pixels: NDArray[np.uint8]
    calibration: Calibration | None
    acquired_at: datetime
    elapsed_s: float
    sequence: int
    first_number: int = 0
    missing_lines: int = 0
    source_timestamp_s: float | None = None
    recorded_at: datetime | None = None
    transforms: Transforms = field(default_factory=lambda: NO_TRANSFORMS)
    facts: ImageFacts = NO_FACTS
    played: Played | None = None
    lines: ScanLines | None = None

    def __post_init__(self) -> None:
        if self.pixels.dtype != np.uint8 or self.pixels.ndim not in (2, 3):
            raise ValueError(f"not an image plane: {self.pixels.dtype} {self.pixels.shape}")
        if self.acquired_at.tzinfo is None:
            raise ValueError("acquired_at must be aware")
        if self.recorded_at is not None and self.recorded_at.tzinfo is None:
            raise ValueError("recorded_at must be aware")
        self.pixels.flags.writeable = False

    @property
    def number(self) -> int:
        """Its name among all frames of its probe, those of other connections included."""
        return self.first_number + self.sequence

    @property
    def nbytes(self) -> int:
        """Bytes of memory: its pixels, and the lines that are kept."""
        return self.pixels.nbytes + (0 if self.lines is None else self.lines.samples.nbytes)

    def fits_with(self, other: Frame) -> bool:
        """Whether both may be frames of one instance: same size, calibration and facts."""
        return (
            self.pixels.shape == other.pixels.shape
            and self.calibration == other.calibration
            and self.facts == other.facts
            and _same_lines(self.lines, other.lines)
        )


def _same_lines(one: ScanLines | None, other: ScanLines | None) -> bool:
    """Whether the lines of two frames may be in one array."""
    if one is None or other is None:
        return one is other
    return (
        one.geometry == other.geometry
        and one.is_rf == other.is_rf
        and one.samples.dtype == other.samples.dtype
    )


@dataclass(frozen=True, kw_only=True)
class ProbeIdentity:
    """What is known of the probe itself, for the equipment attributes; '' is unknown."""

    name: str  # as configured
    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    transducer: str = ""  # e.g. "PROBE_V1__3_5MHZ"
    transducer_type: str = ""  # Transducer Type (0018,6031): SECTOR_MECH, LINEAR, ...
    center_frequency_khz: float | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class Acquisition:
    """Frames that belong in one instance: one frame is a still, more are a cine.

    Every frame fits with the first (Frame.fits_with). `connection_id` names the probe's connection;
    `number` counts the acquisitions of that connection from 1. exam_id: the exam that was open at
    the probe when the frames came; '' none was.
    dropped, partial: frames lost before this node could use them, and frames used with lines
        missing.
    """

    probe: ProbeIdentity
    connection_id: str
    number: int
    frames: tuple[Frame, ...]
    dropped: int = 0
    partial: int = 0
    exam_id: str = ""

    def __post_init__(self) -> None:
        if not self.frames:
            raise ValueError("an acquisition has at least one frame")
        if not all(frame.fits_with(self.frames[0]) for frame in self.frames):
            raise ValueError("a change of size, calibration or facts starts a new acquisition")
