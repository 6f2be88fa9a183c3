"""Each frame of an instance as a PNG or JPEG file.

Rules
- The picture is the one that the console and DICOMweb show (transcoding/picture.py).
- Nothing of the data set is in the file but the picture: no name in its metadata.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from echonode.copies.pictures.banner import with_banner
from echonode.copies.source import CopyFile, CopyOptions, CopySource
from echonode.errors import InvalidObject
from echonode.transcoding.grayscale_display import srgb_table
from echonode.transcoding.picture import Picture, picture_of
from echonode.transcoding.picture_file import jpeg_of, png_of
from echonode.transcoding.scaled_picture import scaled, squared


def png_files(source: CopySource, options: CopyOptions) -> Iterator[CopyFile]:
    """A PNG of each frame, with every value of the picture. Raises InvalidObject, Damaged."""
    return _files(source, options, ".png", png_of)


def jpeg_files(source: CopySource, options: CopyOptions) -> Iterator[CopyFile]:
    """A JPEG of each frame, of options.quality. Raises InvalidObject, Damaged."""

    def encoded(picture: Picture) -> bytes:
        try:
            return jpeg_of(picture, options.quality)
        except (ValueError, RuntimeError) as error:  # 65,500 is the longest side of a JPEG
            raise InvalidObject(f"it cannot be a JPEG ({type(error).__name__})") from None

    return _files(source, options, ".jpg", encoded)


def shown(
    source: CopySource, number: int, options: CopyOptions, *, pixel_ratio: float = 1.0
) -> Picture:
    """Frame `number`, from 0 on, as it is seen. Raises InvalidObject, Damaged.

    pixel_ratio: height of a pixel over its width, where the picture is to have square ones.
    """
    frame = source.frame(number)
    presentation = frame.presentation
    if options.window is not None:
        presentation = replace(presentation, window=options.window)
    picture = picture_of(frame.native, frame.pixels, presentation)
    picture = squared(picture, pixel_ratio)
    if options.display is not None and picture.shape[2] == 1:
        picture = srgb_table(options.display)[picture]
    if options.size is not None:
        picture = _fitted(picture, options.size)
    return with_banner(picture, source.header) if options.banner else picture


def _fitted(picture: Picture, size: int) -> Picture:
    rows, columns = picture.shape[:2]
    scale = size / max(rows, columns)
    if scale >= 1:
        return picture
    return scaled(picture, max(1, round(rows * scale)), max(1, round(columns * scale)))


def numbers(source: CopySource, options: CopyOptions) -> range:
    """The frames that are wanted, from 0 on. Raises InvalidObject where there is none."""
    if source.frames == 0:
        raise InvalidObject("it has no picture")
    if options.frame is None:
        return range(source.frames)
    if options.frame > source.frames:
        raise InvalidObject(f"it has no frame {options.frame}, only {source.frames}")
    return range(options.frame - 1, options.frame)


def _files(
    source: CopySource, options: CopyOptions, extension: str, encode: Callable[[Picture], bytes]
) -> Iterator[CopyFile]:
    for number in numbers(source, options):
        ending = extension if source.frames == 1 else f"-{number + 1:04d}{extension}"
        yield CopyFile(ending=ending, chunks=(encode(shown(source, number, options)),))
