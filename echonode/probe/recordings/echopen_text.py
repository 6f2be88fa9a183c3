"""Recordings in echOpen's text form: scan lines as rows of numbers.

Shapes, recognised by their content:
- one text file that begins with `#key:value` lines (echopen_frame_text.py), then a row of numbers a
  line: raw RF, as the kit's own client writes it;
- a folder, or a tarball of one, with frameNNN.txt (or intNNN.txt, as the client calls them) and
  settings.txt: six values, a line each, in the order of the wire's header (r0, rf, decimation,
  lines, sector, mode). settings.txt overrides the `#` lines that frames may have;
- the same with eight values, as a `lounger` has them: a name and an echo delay as well;
- the same without settings.txt, where every frame has the same `#` lines.

Nothing of a tarball is unpacked to disk, and no name in it is used as a path.

`#angle` is known to be wrong where it is 80 and r0 is 80: the plate of such a recording is a
straight line at 57 degrees, the sector that the same kit gives in settings.txt, and 4 pixels out of
straight at 80. That one combination is put right here, and logged.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echonode.errors import ProtocolError
from echonode.log import get_logger
from echonode.probe.echopen.kit import ADC_RATE_HZ, KitHeader, KitMode, parse_header
from echonode.probe.echopen.lounger import LoungerHeader
from echonode.probe.recordings.echopen_frame_text import FrameText, frame_text

log = get_logger(__name__)

# The largest real frame is under 400 kB of text; 254 lines of 16,384 samples would be 29 MB.
MAX_TEXT_BYTES = 32 * 1024 * 1024
MAX_FRAMES = 10_000
LOUNGER_VALUES = 8
# (r0 mm, rf mm, angle) as the client wrote them -> the sector that was scanned.
_KNOWN_WRONG_ANGLES = {(80, 160, 80): 57}
_FRAME_NAME = re.compile(r"(?:.*/)?(?:frame|int)(\d{1,6})\.txt")
# What must be the same in all frames of a recording that has no settings.txt.
_GEOMETRY_KEYS = ("r0", "rf", "angle", "lines", "frequency")
_SETTINGS_NAME = re.compile(r"(?:.*/)?settings\.txt")


@dataclass(frozen=True, kw_only=True, eq=False)
class KitRecording:
    """Frames as the `kit` would send them. frames: int16, each (lines, samples), line 1 first.

    recorded_at: of each frame, by the recorder's clock; shorter where that is not known.
    transducer_frequency_khz: as recorded.
    """

    header: KitHeader
    frames: tuple[NDArray[np.int16], ...]
    recorded_at: tuple[datetime | None, ...] = ()
    transducer_frequency_khz: float | None = None

    def __post_init__(self) -> None:
        _check_shapes(self.frames, (self.header.lines, self.header.samples))


def _check_shapes(frames: tuple[NDArray[np.int16], ...], shape: tuple[int, int]) -> None:
    if not frames:
        raise ProtocolError("a recording has at least one frame")
    for index, frame in enumerate(frames):
        if frame.shape != shape:
            raise ProtocolError(f"frame {index} is {frame.shape}, its header says {shape}")


@dataclass(frozen=True, kw_only=True, eq=False)
class LoungerRecording:
    """Frames as a `lounger` would send them; the rest as in KitRecording."""

    header: LoungerHeader
    frames: tuple[NDArray[np.int16], ...]
    recorded_at: tuple[datetime | None, ...] = ()
    transducer_frequency_khz: float | None = None

    def __post_init__(self) -> None:
        _check_shapes(self.frames, (self.header.lines, self.header.samples))


LineRecording = KitRecording | LoungerRecording


def read_recording(path: Path) -> KitRecording:
    """The kit's recording at `path`; as read_lines, but a lounger's is a ProtocolError."""
    recording = read_lines(path)
    if not isinstance(recording, KitRecording):
        raise ProtocolError("the recording is a lounger's, not the kit's")
    return recording


def read_lines(path: Path) -> LineRecording:
    """The recording at `path`: a text file, a folder or a tarball.

    Raises ProtocolError where it is not one of these, OSError where it cannot be read.
    """
    if path.is_dir():
        return _from_texts((file.name, file.read_bytes()) for file in sorted(path.iterdir()))
    if path.suffix == ".txt":
        return _from_annotated_text(path.read_bytes())
    try:
        with tarfile.open(path, "r:*") as archive:
            return _from_texts(_members(archive))
    except tarfile.TarError as error:
        raise ProtocolError(f"neither text nor a tarball: {error}") from None


def _members(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each regular file of a bearable size."""
    for member in archive:
        if not member.isfile() or member.size > MAX_TEXT_BYTES:
            continue
        content = archive.extractfile(member)
        if content is not None:
            yield member.name, content.read()


def _from_texts(files: Iterator[tuple[str, bytes]]) -> LineRecording:
    """settings.txt and frameNNN.txt, in any order."""
    settings: bytes | None = None
    texts: dict[int, bytes] = {}
    for name, content in files:
        if frame_name := _FRAME_NAME.fullmatch(name):
            texts[int(frame_name[1])] = content
        elif _SETTINGS_NAME.fullmatch(name):
            settings = content
        if len(texts) > MAX_FRAMES:
            raise ProtocolError(f"more than {MAX_FRAMES} frames")
    if settings is None and not texts:
        raise ProtocolError("no settings.txt among the files")
    frames = [frame_text(texts[number], f"frame {number}") for number in sorted(texts)]
    if settings is None:
        _check_alike(frames)
        return _kit_recording(_header_from_keys(frames[0].keys), frames)
    values = settings.split()
    if len(values) < LOUNGER_VALUES:
        return _kit_recording(_header_from_settings(settings), frames)
    return LoungerRecording(
        header=_lounger_header(values),
        frames=tuple(frame.samples for frame in frames),
        recorded_at=tuple(frame.recorded_at for frame in frames),
        transducer_frequency_khz=frames[0].transducer_frequency_khz if frames else None,
    )


def _kit_recording(header: KitHeader, frames: Sequence[FrameText]) -> KitRecording:
    return KitRecording(
        header=header,
        frames=tuple(frame.samples for frame in frames),
        recorded_at=tuple(frame.recorded_at for frame in frames),
        transducer_frequency_khz=frames[0].transducer_frequency_khz if frames else None,
    )


def _check_alike(frames: Sequence[FrameText]) -> None:
    """Frames that bring their own geometry must bring one and the same."""
    for key in _GEOMETRY_KEYS:
        if any(frame.keys.get(key) != frames[0].keys.get(key) for frame in frames):
            raise ProtocolError(f"no settings.txt, and the frames differ in their #{key}")


def _lounger_header(values: list[bytes]) -> LoungerHeader:
    r0, rf, decimation, lines, sector, mode, name, delay = values[:LOUNGER_VALUES]
    try:
        return LoungerHeader(
            r0_mm=float(r0),
            rf_mm=float(rf),
            decimation=float(decimation),
            lines=int(lines),
            sector_deg=float(sector),
            mode=int(mode),
            name=name.decode("ascii"),
            delay_us=float(delay),
        )
    except ValueError:
        raise ProtocolError(
            "settings.txt is not a lounger's: six numbers, a name, a delay"
        ) from None


def _header_from_settings(content: bytes) -> KitHeader:
    values = content.split()[:6]
    try:
        return parse_header(bytes(int(value) for value in values) + b"\xff" * (6 - len(values)))
    except ValueError:
        raise ProtocolError("settings.txt must begin with six whole numbers of 0..255") from None


def _from_annotated_text(content: bytes) -> KitRecording:
    """`#key:value` lines, then the frame."""
    frame = frame_text(content, "the text")
    return _kit_recording(_header_from_keys(frame.keys), [frame])


def _header_from_keys(keys: Mapping[str, float]) -> KitHeader:
    """The header that the `#` lines of a frame make. Raises ProtocolError."""
    try:
        r0, rf, angle = int(keys["r0"]), int(keys["rf"]), int(keys["angle"])
        sector = _KNOWN_WRONG_ANGLES.get((r0, rf, angle), angle)
        header = KitHeader(
            r0_mm=r0,
            rf_mm=rf,
            decimation=round(ADC_RATE_HZ / 1e6 / keys["frequency"]),
            lines=int(keys["lines"]),
            sector_deg=sector,
            mode=KitMode.RF_INT16,
        )
    except KeyError as missing:
        raise ProtocolError(f"no settings.txt, and no header line {missing}") from None
    except (ZeroDivisionError, OverflowError, ValueError):
        raise ProtocolError("the header lines are not numbers of a probe") from None
    if sector != angle:
        log.info("recording_angle_corrected", written=angle, sector_deg=sector)
    return header
