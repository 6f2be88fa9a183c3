"""Recordings in echOpen's text form: scan lines as rows of numbers.

Shapes, told apart by what they are:
- one text file that begins with `#key:value` lines (lines, frequency in MHz, angle, r0, rf), then a
  row of numbers a line: raw RF, as the kit's own client writes it;
- a folder, or a tarball of one, with frameNNN.txt and settings.txt: six values, a line each, in the
  order of the wire's header (r0, rf, decimation, lines, sector, mode);
- the same with eight values, as a `lounger` has them: a name and an echo delay besides.

Nothing of a tarball is unpacked to disk, and no name in it is used as a path.

`#angle` is known to be wrong where it is 80 beside an r0 of 80: the plate of such a recording is a
straight line at 57 degrees, the sector that the same kit gives in settings.txt, and 4 pixels out of
straight at 80. That one combination is put right here, and logged.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echonode.errors import ProtocolError
from echonode.log import get_logger
from echonode.probe.echopen import ADC_RATE_HZ, KitHeader, KitMode, parse_header
from echonode.probe.lounger import LoungerHeader

log = get_logger(__name__)

# The largest real frame is under 400 kB of text; 254 lines of 16,384 samples would be 29 MB.
MAX_TEXT_BYTES = 32 * 1024 * 1024
MAX_FRAMES = 10_000
LOUNGER_VALUES = 8
# (r0 mm, rf mm, angle) as the client wrote them -> the sector that was scanned.
_KNOWN_WRONG_ANGLES = {(80, 160, 80): 57}
_FRAME_NAME = re.compile(r"(?:.*/)?frame(\d{1,6})\.txt")
_SETTINGS_NAME = re.compile(r"(?:.*/)?settings\.txt")


@dataclass(frozen=True, kw_only=True, eq=False)
class KitRecording:
    """Frames as the `kit` would send them. frames: int16, each (lines, samples), line 1 first."""

    header: KitHeader
    frames: tuple[NDArray[np.int16], ...]

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
    """Frames as a `lounger` would send them. frames: int16, each (lines, samples), line 1 first."""

    header: LoungerHeader
    frames: tuple[NDArray[np.int16], ...]

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

    Raises ProtocolError where it is none of these, OSError where it cannot be read.
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
    if settings is None:
        raise ProtocolError("no settings.txt among the files")
    frames = tuple(_samples(texts[number], f"frame {number}") for number in sorted(texts))
    values = settings.split()
    if len(values) >= LOUNGER_VALUES:
        return LoungerRecording(header=_lounger_header(values), frames=frames)
    return KitRecording(header=_header_from_settings(settings), frames=frames)


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
    keys: dict[str, float] = {}
    rows = content.splitlines(keepends=True)
    while rows and rows[0].startswith(b"#"):
        key, _, value = rows.pop(0)[1:].decode("ascii", "replace").partition(":")
        try:
            keys[key.strip()] = float(value)
        except ValueError:
            raise ProtocolError(f"header line {key!r} is not a number") from None
    try:
        header = _header_from_keys(keys)
    except KeyError as missing:
        raise ProtocolError(f"the text has no header line {missing}") from None
    except (ZeroDivisionError, OverflowError, ValueError):
        raise ProtocolError("the text's header lines are not numbers of a probe") from None
    return KitRecording(header=header, frames=(_samples(b"".join(rows), "the frame"),))


def _header_from_keys(keys: Mapping[str, float]) -> KitHeader:
    r0, rf, angle = int(keys["r0"]), int(keys["rf"]), int(keys["angle"])
    sector = _KNOWN_WRONG_ANGLES.get((r0, rf, angle), angle)
    if sector != angle:
        log.info("recording_angle_corrected", written=angle, sector_deg=sector)
    return KitHeader(
        r0_mm=r0,
        rf_mm=rf,
        decimation=round(ADC_RATE_HZ / 1e6 / keys["frequency"]),
        lines=int(keys["lines"]),
        sector_deg=sector,
        mode=KitMode.RF_INT16,
    )


def _samples(content: bytes, what: str) -> NDArray[np.int16]:
    """A table of whole numbers, a row a line."""
    rows = [row.split() for row in content.splitlines() if row.strip()]
    try:
        table = np.array(rows, dtype=np.float64)
    except ValueError:
        raise ProtocolError(f"{what} is not a table of numbers") from None
    if table.ndim != 2 or not np.isfinite(table).all():
        raise ProtocolError(f"{what} is not a table of numbers")
    limits = np.iinfo(np.int16)
    return np.clip(table, limits.min, limits.max).astype(np.int16)
