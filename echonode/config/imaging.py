"""A probe's `image` and `profile`: how samples become pixels, and what is known of the probe."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from echonode.config.fields import Allowed, CodeString, LongString, Section

Side = Annotated[int, Field(ge=64, le=2048)]  # of an image, in pixels
PixelSpacing = Annotated[float, Field(gt=0, le=10)]  # in mm
GainAtDepth = tuple[Annotated[float, Field(ge=0, le=1000)], Annotated[float, Field(ge=-60, le=60)]]


def _yes_or_no(value: object) -> object:
    """YAML reads yes and no without quotes as truth values."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def _band(value: tuple[float, float]) -> tuple[float, float]:
    if not 0 < value[0] < value[1]:
        raise ValueError("band_mhz is [low, high] with 0 < low < high")
    return value


def _from_near_to_far(value: tuple[GainAtDepth, ...]) -> tuple[GainAtDepth, ...]:
    if any(deeper[0] <= point[0] for point, deeper in pairwise(value)):
        raise ValueError("tgc's points go from near to far, each deeper than the one before")
    return value


def _window(value: tuple[float, float]) -> tuple[float, float]:
    if not value[0] < value[1]:
        raise ValueError("window is [black, white], and black is below white")
    return value


Band = Annotated[
    tuple[float, float], AfterValidator(_band), Allowed("[low, high] with 0 < low < high")
]
DepthGain = Annotated[
    tuple[GainAtDepth, ...],
    Field(max_length=64),
    AfterValidator(_from_near_to_far),
    Allowed("up to 64 points [depth in mm, gain in dB], each deeper than the one before"),
]
Window = Annotated[tuple[float, float], AfterValidator(_window), Allowed("[black, white]")]


class Image(Section):
    """How samples become pixels. The keys up to `persistence` are for scan lines; `orientation`,
    `colour_order` and `window` are for images that others send or recorded, where the source does
    not say it or says it wrongly.
    """

    rows: Side | None = None
    """Height in pixels of an image made of scan lines. Without `rows` and `columns` pixels are
    square and the image has about 262,144 of them in the sector's own shape; with one of the two
    they are square and the other side follows; with both, that size is kept and pixels need not be
    square. Example: 480"""
    columns: Side | None = None
    """Width in pixels, see `rows`. Example: 640"""
    compression: Literal["log", "linear"] = "log"
    """How magnitudes become grey: `log`, or `linear` as the echOpen app shows them. Example: log"""
    dynamic_range_db: Annotated[float, Field(ge=20, le=120)] = 50.0
    """With `log`: what lies this far below `full_scale` is black, in dB. Example: 60"""
    gain_db: Annotated[float, Field(ge=-60, le=60)] = 0.0
    """Gain over the whole depth, in dB. Example: 3"""
    full_scale: Annotated[float, Field(gt=0, le=65535)] | None = None
    """The magnitude that becomes white, in counts of the probe; of RF the swing from peak to peak.
    Without it, 255 for samples of 8 bits and 1000 for 16. Example: 4095"""
    band_mhz: Band = (1.5, 5.5)
    """Of RF: the pass band, in MHz. Example: [2, 5]"""
    largest_gap: Annotated[float, Field(ge=0, lt=1)] = 0.25
    """The share of a frame's lines that may be missing; a frame that misses more is dropped.
    Example: 0.1"""
    tgc: DepthGain = ()
    """Gain over depth, between the points by a straight line. Example: [[0, 0], [120, 20]]"""
    persistence: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of earlier frames in each picture. Example: 0.3"""
    orientation: Literal["MF", "MN", "UF", "UN", "FM", "FU", "NM", "NU"] | None = None
    """Where the axes of an image point: M and U are the transducer's marked and unmarked side, F
    and N are far from it and near it. With F or N first each row is a scan line. Without it, what
    the source says, else MF. Example: UF"""
    colour_order: Literal["rgb", "bgr", "rgba", "bgra", "argb"] | None = None
    """The order of a colour pixel's components. Without it, rgb or rgba. Example: bgra"""
    window: Window | None = None
    """The source's values that become black and white. Without it, docs/probes.md says which.
    Example: [0, 1023]"""
    burned_in: Annotated[Literal["yes", "no", "unknown"], BeforeValidator(_yes_or_no)] | None = None
    """Whether the pixels hold text (Burned In Annotation (0028,0301)); `unknown` leaves it out.
    Without it, NO for images made here of scan lines, and left out for others. Example: no"""


class Profile(Section):
    """What is known of the probe better than it says itself; it overrides the stream's header."""

    r0_mm: Annotated[float, Field(ge=0, le=500)] | None = None
    """Distance from the apex to the first sample of a line, in mm. Example: 50"""
    rf_mm: Annotated[float, Field(gt=0, le=1000)] | None = None
    """Distance from the apex to the last sample of a line, in mm; above `r0_mm`. Example: 150"""
    sector_deg: Annotated[float, Field(gt=0, lt=180)] | None = None
    """Angle between the first line and the last, in degrees. Example: 66"""
    decimation: Annotated[float, Field(gt=0, le=65536)] | None = None
    """The factor by which the probe's electronics thins its samples out. Example: 27"""
    sound_speed_m_s: Annotated[float, Field(ge=1000, le=2000)] | None = None
    """Speed of sound that depths are computed with, in m/s. Example: 1540"""
    sampling_mhz: Annotated[float, Field(gt=0, le=1000)] | None = None
    """Sampling rate of the lines, in MHz. Example: 80"""
    mode: Literal["auto", "rf", "envelope"] = "auto"
    """What the samples are, whatever the probe says; `auto` finds it out from them.
    Example: envelope"""
    samples_per_line: Annotated[int, Field(ge=2, le=16384)] | None = None
    """Samples of a line. Example: 1024"""
    lines: Annotated[int, Field(ge=2, le=255)] | None = None
    """Lines of a frame, for a probe that does not say it. Example: 100"""
    kinematics: Literal["auto", "rotation", "probe_v1_3_5mhz", "probe_v1_5mhz", "probe_v1_8mhz"] = (
        "auto"
    )
    """How the transducer moves; `auto` is what the dialect and the probe's name say.
    Example: rotation"""
    calibrated: bool = False
    """The spacing that comes with images is a measured one, and goes into the object.
    Example: true"""
    spacing_mm: tuple[PixelSpacing, PixelSpacing] | None = None
    """[x, y] of a pixel in mm, instead of the spacing that comes with images; of parallel scan
    lines, from line to line and from sample to sample. Without it and without `calibrated`, such
    images have no calibration. Example: [0.2, 0.2]"""
    center_frequency_mhz: Annotated[float, Field(gt=0, le=100)] | None = None
    """The transducer's centre frequency, in MHz; goes into the object. Example: 3.5"""
    manufacturer: LongString = ""
    """Manufacturer (0008,0070). An echOpen probe's is known. Example: echOpen"""
    model: LongString = ""
    """Manufacturer's Model Name (0008,1090). An echOpen probe's is known. Example: kit"""
    serial: LongString = ""
    """Device Serial Number (0018,1000); no echOpen probe tells it. Example: "0042" """
    transducer: LongString = ""
    """Transducer Data (0018,5010). Example: C5-1"""
    transducer_type: CodeString = ""
    """Transducer Type (0018,6031), a term of PS3.3 C.8.5.6. Example: CURVED LINEAR"""

    @model_validator(mode="after")
    def _depths(self) -> Profile:
        if self.r0_mm is not None and self.rf_mm is not None and self.rf_mm <= self.r0_mm:
            raise ValueError("rf_mm must be deeper than r0_mm")
        return self
