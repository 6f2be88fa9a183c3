"""Second opinions on a file: dciodvfy on its attributes, GDCM and DCMTK on its pixels."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.uid import (
    JPEG2000,
    JPEG2000Lossless,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from tests.peers.dcmtk import dcmtk
from tests.peers.programs import find_program

TIMEOUT_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Validation:
    """What dciodvfy says of a file, one line each, in its own words."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    iod: str


def dciodvfy(path: Path) -> Validation:
    """Check a file against its IOD (PS3.3) with dicom3tools. Raises PeerMissing."""
    done = _run(find_program("dciodvfy"), str(path))
    # It writes everything to stderr; a line that is neither an error nor a warning is the IOD. What
    # it says of an element while it reads begins with the element's tag.
    lines = [line.strip() for line in done.splitlines() if line.strip()]
    errors = tuple(line for line in lines if _is(line, "Error"))
    warnings = tuple(line for line in lines if _is(line, "Warning"))
    rest = (line for line in lines if line not in errors and line not in warnings)
    return Validation(errors=errors, warnings=warnings, iod=next(rest, ""))


def _is(line: str, severity: str) -> bool:
    return line.startswith(severity) or (line.startswith("(0x") and f" - {severity} - " in line)


@dataclass(frozen=True, kw_only=True)
class DecodedPixels:
    """Pixels as another toolkit decodes them: (frames, rows, columns, samples), colour by pixel."""

    pixels: NDArray[np.generic]
    photometric_interpretation: str


def pixels_by_gdcm(path: Path) -> DecodedPixels:
    """Decode with GDCM, whatever the transfer syntax. Raises ValueError with GDCM's words."""
    with tempfile.TemporaryDirectory(prefix="gdcm-") as folder:
        raw = Path(folder) / "raw.dcm"
        said = _run(find_program("gdcmconv"), "--raw", "-i", str(path), "-o", str(raw))
        return _read(raw, said)


def pixels_by_dcmtk(path: Path) -> DecodedPixels:
    """Decode with DCMTK: raw, RLE, JPEG and JPEG-LS; lossy colour comes back as RGB.

    Raises ValueError with DCMTK's words, also for JPEG 2000, which it has no decoder for.
    """
    syntax = dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID
    if syntax in (JPEG2000, JPEG2000Lossless):
        raise ValueError("DCMTK has no JPEG 2000 decoder")
    if syntax == RLELossless:
        program = "dcmdrle"
    elif syntax in (JPEGLSLossless, JPEGLSNearLossless):
        program = "dcmdjpls"
    else:
        program = "dcmdjpeg" if syntax.is_encapsulated else "dcmconv"
    with tempfile.TemporaryDirectory(prefix="dcmtk-") as folder:
        raw = Path(folder) / "raw.dcm"
        said = dcmtk(program, "+te", path, raw, timeout_s=TIMEOUT_S).output
        return _read(raw, said)


def _run(*command: str) -> str:
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.stdout.decode(errors="replace")


def _read(raw: Path, said: str) -> DecodedPixels:
    """The pixels of a file that was decoded to an uncompressed syntax."""
    if not raw.exists():
        raise ValueError(said.strip() or "nothing was decoded")
    dataset = dcmread(raw)
    frames = int(dataset.get("NumberOfFrames") or 1)
    samples = int(dataset.SamplesPerPixel)
    depth = np.dtype(f"<u{dataset.BitsAllocated // 8}")
    planar = samples > 1 and int(dataset.get("PlanarConfiguration", 0)) == 1
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    count = frames * rows * columns * samples
    flat = np.frombuffer(dataset.PixelData, dtype=depth, count=count)
    if planar:  # colour by plane: PS3.3 C.7.6.3.1.3
        pixels = flat.reshape(frames, samples, rows, columns).transpose(0, 2, 3, 1)
    else:
        pixels = flat.reshape(frames, rows, columns, samples)
    return DecodedPixels(
        pixels=pixels, photometric_interpretation=str(dataset.PhotometricInterpretation)
    )
