"""Probe recordings made by the simulator's phantom, in the file forms of the real ones.

Noise, speckle and geometry are the phantom's: no margin may be measured on them.
"""

from __future__ import annotations

import io
import math
import tarfile
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echonode.probe.echopen.kit import KitHeader, KitMode
from echonode.probe.simulation.lounger_phantom import lounger_phantom
from echonode.probe.simulation.phantom import phantom

FILM = "echopen_film_envelope_101frames.tar.xz"
FILM_FRAMES, DISTINCT_FRAMES = 101, 8  # the phantom's motion closes on itself
HEADER = KitHeader(
    r0_mm=80, rf_mm=160, decimation=8, lines=64, sector_deg=57, mode=KitMode.RF_INT16
)
STILLS = {"hand_hand.txt": 3, "plate_frame.txt": 4}  # name -> seed
# Folder -> the probe's name in its header.
LOUNGERS = {
    "lounger/probe_v1_3_5MHz": "PROBE_V1__3_5MHZ",
    "lounger/probe_v1_5MHz": "PROBE_V1__5MHZ",
}
LOUNGER_DECIMATION, LOUNGER_SAMPLES = 100, 217
BONE = "plus/BoneUltrasound_L14.igs.mha"
BONE_FRAMES, BONE_ROWS, BONE_COLUMNS = 21, 154, 205
BONE_TRANSFORMS = ("ProbeToTracker", "ReferenceToTracker", "StylusToTracker")


def write_film(path: Path) -> None:
    """Envelopes in mode 0, as the film's: a tarball of frameNNN.txt and settings.txt."""
    header = replace(HEADER, mode=KitMode.ENVELOPE_U8)
    made = phantom(header=header, frames=DISTINCT_FRAMES)
    texts = [_rows(2 * frame) for frame in made.frames]  # mode 1 halves what mode 0 sends
    with tarfile.open(path, "w:xz", preset=0) as archive:
        _add(archive, "settings.txt", b"80\n160\n8\n64\n57\n0\n")
        for number in range(FILM_FRAMES):
            _add(archive, f"frame{number:03d}.txt", texts[number % DISTINCT_FRAMES])


def write_wires(path: Path) -> float:
    """A film of two thin wires in water; the millimetres between them, by the sector alone."""
    header, rng = HEADER, np.random.default_rng(3)
    (first, last), range_mm = (12, 51), 130.0
    depth = (range_mm - header.r0_mm) / (header.rf_mm - header.r0_mm) * (header.samples - 1)
    lines, samples = np.mgrid[0 : header.lines, 0 : header.samples]
    pulse = np.exp(-(((samples - depth) / 8) ** 2)) * np.cos(2 * np.pi * 3.5 / 15.625 * samples)
    frame = rng.normal(49, 1, lines.shape)  # the converter's offset
    for line in (first, last):
        frame += 400 * np.exp(-((lines - line) ** 2)) * pulse
    with tarfile.open(path, "w:xz", preset=0) as archive:
        _add(archive, "settings.txt", b"80\n160\n8\n64\n57\n0\n")
        for number in range(4):
            _add(archive, f"frame{number:03d}.txt", _rows(np.rint(frame).astype(np.int16)))
    apart_deg = (last - first) * header.sector_deg / (header.lines - 1)
    return 2 * range_mm * math.sin(math.radians(apart_deg) / 2)


def write_still(path: Path, seed: int) -> None:
    """One frame of raw RF below `#key:value` lines, as the kit's own client writes it."""
    [frame] = phantom(header=HEADER, frames=1, seed=seed).frames
    keys = (
        *("#timestamp:1496939567", "#lines:64", "#length:1689", "#frequency:15.625000"),
        *("#piezofrequency:3.5", "#angle:80.000000", "#r0:80.000000", "#rf:160.000000"),
    )
    path.write_bytes("\n".join(keys).encode("ascii") + b"\n" + _rows(frame))


def write_lounger(folder: Path, name: str) -> None:
    """A folder of one frame, as a lounger's recordings are: eight settings, the name among them."""
    folder.mkdir(parents=True)
    settings = ("10", "180", LOUNGER_DECIMATION, "100", "57", "0", name, "0")
    (folder / "settings.txt").write_text("".join(f"{value}\n" for value in settings))
    [frame] = lounger_phantom(frames=1).frames
    kept = np.linspace(0, frame.shape[1] - 1, LOUNGER_SAMPLES).astype(int)
    (folder / "frame0.txt").write_bytes(_rows(frame[:, kept]))


def write_bone(path: Path) -> None:
    """A MetaImage sequence of PLUS: 21 compressed pictures, three tracked devices."""
    across, down = np.meshgrid(np.arange(BONE_COLUMNS), np.arange(BONE_ROWS))
    random = np.random.default_rng(5)
    speckle = random.rayleigh(24, (BONE_ROWS, BONE_COLUMNS))
    fields, pictures = [], []
    for number in range(BONE_FRAMES):
        surface = BONE_ROWS * 0.45 + 10 * np.sin(across / 40 + number / 7)
        lit = np.where(down < surface, 1.0, 0.2) + 4.0 * (abs(down - surface) < 2)
        pictures.append(np.clip(speckle * lit, 0, 255).astype(np.uint8).tobytes())
        fields += _tracked(number)
    packed = zlib.compress(b"".join(pictures))
    lines = [
        *("ObjectType = Image", "NDims = 3", "AnatomicalOrientation = RAI", "BinaryData = True"),
        *("BinaryDataByteOrderMSB = False", "CompressedData = True"),
        f"CompressedDataSize = {len(packed)}",
        f"DimSize = {BONE_COLUMNS} {BONE_ROWS} {BONE_FRAMES}",
        *("Kinds = domain domain list", "ElementNumberOfChannels = 1", "ElementSpacing = 1 1 1"),
        *("ElementType = MET_UCHAR", "Offset = 0 0 0", "TransformMatrix = 1 0 0 0 1 0 0 0 1"),
        *("UltrasoundImageOrientation = MF", "UltrasoundImageType = BRIGHTNESS"),
        *fields,
        "ElementDataFile = LOCAL",
    ]
    path.write_bytes("\n".join(lines).encode("ascii") + b"\n" + packed)


def _tracked(number: int) -> list[str]:
    """A frame's own fields: rigid transforms that turn slowly, and its time."""
    fields = []
    for place, name in enumerate(BONE_TRANSFORMS):
        cosine, sine = np.cos(0.3 * place + 0.01 * number), np.sin(0.3 * place + 0.01 * number)
        matrix = f"{cosine:g} {-sine:g} 0 {257.956 + number:g} {sine:g} {cosine:g} 0 -52.5"
        fields += [
            f"Seq_Frame{number:04d}_{name}Transform = {matrix} 0 0 1 25.5 0 0 0 1",
            f"Seq_Frame{number:04d}_{name}TransformStatus = OK",
        ]
    stamp = 232.542071 + 0.086 * number + (0.0006 if number % 3 == 1 else 0.0)
    return [
        *fields,
        f"Seq_Frame{number:04d}_Timestamp = {stamp:.6f}",
        f"Seq_Frame{number:04d}_ImageStatus = OK",
    ]


def _rows(frame: NDArray[np.int16]) -> bytes:
    return "\n".join(" ".join(map(str, line)) for line in frame.tolist()).encode("ascii") + b"\n"


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(f"echopen_film_envelope/{name}")
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))
