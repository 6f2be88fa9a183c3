"""What a copy is made of: one stored instance, as every format reads it.

Rules
- A format is a pure function: `CopySource` and `CopyOptions` in, named byte streams out. It opens
  no file and knows no path; who writes the streams gives them their names (exporting.py).
- The header and frames are of the instance as it leaves: where a copy is de-identified, the source
  is the de-identified instance, and a format never sees the other one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from pydicom.dataset import Dataset

from echonode.errors import UsageError
from echonode.model.instance import StoredInstance
from echonode.store.files.kept_lines import OpenLines
from echonode.transcoding.grayscale_display import Display
from echonode.transcoding.picture import Window
from echonode.transcoding.picture_file import HIGHEST_QUALITY, LOWEST_QUALITY, QUALITY
from echonode.transcoding.single_frame import DecodedFrame

_SMALLEST, _LARGEST = 16, 8192  # pixels of a picture's longer side
_LONGEST_FRAME_MS = 60_000.0


class CopySource(Protocol):
    """One instance. Each method raises InvalidObject for what cannot be read, and Damaged."""

    @property
    def instance(self) -> StoredInstance:
        """Where it is and which."""

    @property
    def header(self) -> Dataset:
        """Its data set, without pixel data and what follows it; read once."""

    @property
    def frames(self) -> int:
        """How many there are; 0 for an instance without pixels."""

    def frame(self, number: int) -> DecodedFrame:
        """One frame, uncompressed, from 0 on."""

    @property
    def lines(self) -> OpenLines | None:
        """The scan lines that it was made of (store/files/kept_lines.py); None where none are kept.

        They name no patient, and are the same for a de-identified instance.
        """


@dataclass(frozen=True, kw_only=True)
class CopyOptions:
    """How copies are made; each format uses what concerns it.

    frame: only this one, from 1 on; None for all. quality: of a JPEG or a film, 1 to 100. window:
    instead of the image's own; None for that. banner: patient and date are burned into the picture.
    size: the longer side of a picture, in pixels, where it is larger; None for all of it.
    display: the screen that grey pictures are made for, by PS3.14; None leaves them P-values.
    frame_time_ms: of each frame of a film, instead of what it records; None for that.
    transform, image_to_probe, voxel_mm: of a volume (volume/sweep.py); None and '' choose.
    """

    frame: int | None = None
    quality: int = QUALITY
    window: Window | None = None
    banner: bool = False
    size: int | None = None
    display: Display | None = None
    frame_time_ms: float | None = None
    transform: str = ""
    image_to_probe: tuple[float, ...] | None = None
    voxel_mm: float | None = None

    def __post_init__(self) -> None:
        """Raises UsageError."""
        if self.frame is not None and self.frame < 1:
            raise UsageError("--frame counts from 1")
        if not LOWEST_QUALITY <= self.quality <= HIGHEST_QUALITY:
            raise UsageError("--quality is 1 to 100")
        if self.image_to_probe is not None and len(self.image_to_probe) != 16:
            raise UsageError("--image-to-probe needs sixteen numbers, row by row")
        if self.voxel_mm is not None and not 0 < self.voxel_mm < 100:
            raise UsageError("--voxel is in mm, above 0 and below 100")
        if self.window is not None and not self.window.is_valid:
            raise UsageError("--window needs a width of 1 or more")
        if self.size is not None and not _SMALLEST <= self.size <= _LARGEST:
            raise UsageError(f"--size is {_SMALLEST} to {_LARGEST}")
        if self.frame_time_ms is not None and not 1 <= self.frame_time_ms <= _LONGEST_FRAME_MS:
            raise UsageError(f"--frame-time is 1 to {_LONGEST_FRAME_MS:.0f}")


@dataclass(frozen=True, kw_only=True)
class CopyFile:
    """One file of a copy. ending: what follows the instance's number in its name, such as `.png` or
    `-0001.png`: of a format's own making, never a value of the data set. chunks: its bytes.
    """

    ending: str
    chunks: Iterable[bytes]


Make = Callable[[CopySource, CopyOptions], Iterator[CopyFile]]
