"""How frames are made of what a probe sends, as values; the configuration fills them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise

from echonode.frames.picture_settings import NOTHING_SAID, PictureSettings
from echonode.probe.profile import NO_PROFILE, ProbeProfile


class CompressionLaw(StrEnum):
    """How an echo's magnitude becomes a grey level."""

    LOG = "log"  # dynamic_range_db below full scale is black
    LINEAR = "linear"  # 0 to full scale, as the echOpen app shows it


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """From samples to pixels.

    columns, rows: of the image; None leaves it to the sector's shape and square pixels
    (image_grid.py). compression, dynamic_range_db, gain_db: see compression.py.
    full_scale: the magnitude that becomes white, in the samples' own counts (of RF, from peak to
    peak); None takes 1000 for 16 bit samples and 255 for 8 bit ones.
    band_hz: what the RF band-pass lets through.
    largest_gap: the share of a sweep's lines that may be missing for the frame to be used at all.
    tgc: gain over depth, (depth mm, dB) points of rising depth; see depth_gain.py. persistence: the
    share of the frames before in what is shown; see persistence.py.
    """

    columns: int | None = None
    rows: int | None = None
    compression: CompressionLaw = CompressionLaw.LOG
    dynamic_range_db: float = 50.0
    gain_db: float = 0.0
    full_scale: float | None = None
    band_hz: tuple[float, float] = (1.5e6, 5.5e6)
    largest_gap: float = 0.25
    tgc: tuple[tuple[float, float], ...] = ()
    persistence: float = 0.0

    def __post_init__(self) -> None:
        if any(side is not None and not 16 <= side <= 4096 for side in (self.columns, self.rows)):
            raise ValueError(f"an image of {self.columns} x {self.rows} is not in 16..4096")
        if not 1 <= self.dynamic_range_db <= 120:
            raise ValueError(f"dynamic_range_db {self.dynamic_range_db} is not in 1..120")
        if not -60 <= self.gain_db <= 60:
            raise ValueError(f"gain_db {self.gain_db} is not in -60..60")
        if self.full_scale is not None and not self.full_scale > 0:
            raise ValueError("full_scale must be above 0")
        if not 0 <= self.band_hz[0] < self.band_hz[1]:
            raise ValueError(f"band_hz {self.band_hz} does not rise")
        if not 0 <= self.largest_gap < 1:
            raise ValueError(f"largest_gap {self.largest_gap} is not in 0..1")
        if not 0 <= self.persistence < 1:
            raise ValueError(f"persistence {self.persistence} is not in 0..1")
        if any(deeper[0] <= point[0] for point, deeper in pairwise(self.tgc)):
            raise ValueError("tgc's points go from near to far")
        if not all(depth >= 0 and -60 <= db <= 60 for depth, db in self.tgc):
            raise ValueError("tgc's depths are not negative, its gains in -60..60 dB")


class CaptureMode(StrEnum):
    """Who decides when a still or a clip is taken."""

    AUTO = "auto"  # every frame belongs to a clip
    MANUAL = "manual"  # an operator; frames only go to the live picture


@dataclass(frozen=True, kw_only=True)
class CaptureSettings:
    """When a clip ends: after gap_s without a frame, at max_clip_s, at max_clip_bytes of pixels."""

    mode: CaptureMode = CaptureMode.AUTO
    gap_s: float = 1.0
    max_clip_s: float = 30.0
    max_clip_bytes: int = 256 * 1024 * 1024

    def __post_init__(self) -> None:
        if not (self.gap_s > 0 and self.max_clip_s > 0 and self.max_clip_bytes > 0):
            raise ValueError("gap_s, max_clip_s and max_clip_bytes are above 0")


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """All that a protocol's stream may need to know. keep_lines: frames keep what they were made
    of (frame.ScanLines).
    """

    profile: ProbeProfile = NO_PROFILE
    image: ImageSettings = ImageSettings()
    picture: PictureSettings = NOTHING_SAID
    keep_lines: bool = False
