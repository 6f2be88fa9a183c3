"""A cine as an MP4 film (H.264), encoded by the program ffmpeg where the clinic installed it.

Rules
- ffmpeg is a program of its own, with a licence of its own, and no part of EchoNode: without it the
  message says so, and that the console makes an MP4 in the browser.
- It gets numbers and our own temporary names as arguments, no shell, and frames on its input; of a
  data set nothing, and its output has no metadata.
- Pixels that are not square are made square: players do not agree on any other way to say it.
- It encodes frame by frame; the true times are then written into the file (mp4_times.py).
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from echonode.copies.pictures.frame_times import durations_ms, pixel_ratio, ticks
from echonode.copies.pictures.mp4_times import TICKS_PER_MS, with_frame_times
from echonode.copies.pictures.stills import shown
from echonode.copies.source import CopyFile, CopyOptions, CopySource, Make
from echonode.errors import InvalidObject, OperatorRefused, UsageError

_PIECE = 1024 * 1024
_NOT_INSTALLED = (
    "mp4 needs the program ffmpeg, which is not installed here (Debian: apt install ffmpeg). "
    "Without it, the console makes an MP4 in the browser: open the clip in the archive, then "
    "Download"
)
_LONGEST_MOOV = 64 * 1024 * 1024  # of a film of millions of frames


def films() -> Make:
    """Raises UsageError without ffmpeg."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise UsageError(_NOT_INSTALLED)
    executable = program

    def make(source: CopySource, options: CopyOptions) -> Iterator[CopyFile]:
        lasting = ticks(durations_ms(source, options), TICKS_PER_MS)
        with tempfile.TemporaryDirectory(prefix="echonode-film-") as folder:
            film = Path(folder) / "film.mp4"
            _encode(executable, source, options, film)
            yield CopyFile(ending=".mp4", chunks=_timed(film, lasting))

    return make


def _encode(program: str, source: CopySource, options: CopyOptions, film: Path) -> None:
    """Raises InvalidObject, OperatorRefused, Damaged."""
    ratio = pixel_ratio(source)
    first = shown(source, 0, options, pixel_ratio=ratio)
    rows, columns, samples = first.shape
    words = [
        *(program, "-hide_banner", "-loglevel", "error", "-nostdin"),
        *("-f", "rawvideo", "-pixel_format", "gray" if samples == 1 else "rgb24"),
        *("-video_size", f"{columns}x{rows}", "-framerate", "25", "-i", "pipe:0"),
        *("-an", "-map_metadata", "-1", "-fflags", "+bitexact"),
        # H.264 in 4:2:0, which every player has, needs even sides.
        *("-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-pix_fmt", "yuv420p"),
        *("-c:v", "libx264", "-preset", "medium", "-bf", "0"),
        *("-crf", str(round(45 - 0.3 * options.quality)), "-f", "mp4", str(film)),
    ]
    with film.with_suffix(".log").open("w+b") as said:
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=said
        ) as process:
            try:
                assert process.stdin is not None
                _feed(process.stdin, source, options, first.shape, ratio)
                status = process.wait()
            except BaseException:
                process.kill()
                raise
        if status:
            said.seek(0)
            raise OperatorRefused(f"ffmpeg failed: {_last_line(said)}")


def _feed(
    pipe: IO[bytes],
    source: CopySource,
    options: CopyOptions,
    shape: tuple[int, ...],
    ratio: float,
) -> None:
    try:
        with pipe:
            for number in range(source.frames):
                picture = shown(source, number, options, pixel_ratio=ratio)
                if picture.shape != shape:
                    raise InvalidObject("its frames differ in size")
                pipe.write(np.ascontiguousarray(picture).data)
    except BrokenPipeError:
        return  # its exit status and its words say why


def _last_line(file: IO[bytes]) -> str:
    lines = file.read(64 * 1024).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _timed(film: Path, lasting: list[int]) -> Iterator[bytes]:
    """The film with its true times: the media as it is, then the movie header, made new."""
    with film.open("rb") as file:
        end = film.stat().st_size
        while file.tell() < end:
            size, kind = struct.unpack(">I4s", file.read(8))
            head = 8
            if size == 1:
                (size,) = struct.unpack(">Q", file.read(8))
                head = 16
            file.seek(-head, os.SEEK_CUR)
            if kind == b"moov":
                if size > _LONGEST_MOOV or file.tell() + size != end:
                    raise OperatorRefused("ffmpeg wrote an MP4 of another form than is known here")
                try:
                    yield with_frame_times(file.read(size), lasting)
                except ValueError as fault:
                    raise OperatorRefused(f"the film cannot have its times: {fault}") from None
                return
            while size:
                piece = file.read(min(size, _PIECE))
                if not piece:
                    raise OperatorRefused("ffmpeg wrote an MP4 that is cut short")
                size -= len(piece)
                yield piece
