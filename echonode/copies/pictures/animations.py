"""A cine as an animated picture, for messengers that play no films: GIF, APNG, WebP.

Rules
- The clock of a GIF has ticks of 10 ms, and browsers play frames under 20 ms at 100: then frames
  are left out, and the film lasts as long. APNG and WebP have ticks of a millisecond.
- An animation is held in memory while it is encoded: it has a limit; beyond it, `--size` or MP4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from types import MappingProxyType
from typing import TYPE_CHECKING

from echonode.copies.pictures.frame_times import durations_ms, pixel_ratio, ticks
from echonode.copies.pictures.stills import shown
from echonode.copies.source import CopyFile, CopyOptions, CopySource, Make
from echonode.errors import InvalidObject, UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

# A clip of 300 frames of 640 x 480, grey: encoders hold several copies.
MOST_SAMPLES = 128 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class _Kind:
    """name: Pillow's. tick_ms: of its clock. least: ticks that browsers honour."""

    name: str
    ending: str
    tick_ms: int
    least: int
    options: Callable[[CopyOptions], Mapping[str, object]]


_KINDS = MappingProxyType(
    {
        "gif": _Kind(
            name="GIF",
            ending=".gif",
            tick_ms=10,
            least=2,
            options=lambda options: {"disposal": 1, "optimize": False},
        ),
        "apng": _Kind(name="PNG", ending=".png", tick_ms=1, least=1, options=lambda options: {}),
        "webp": _Kind(
            name="WEBP",
            ending=".webp",
            tick_ms=1,
            least=1,
            options=lambda options: {"quality": options.quality, "method": 3},
        ),
    }
)


def animation(kind: str) -> Make:
    """Makes files of that kind: gif, apng or webp. Raises UsageError without Pillow."""
    try:
        import PIL  # noqa: F401  # highdicom brings it; not for Python 3.14 yet
    except ImportError:
        raise UsageError(f"{kind} needs the package Pillow, which is not installed here") from None
    made = _KINDS[kind]

    def make(source: CopySource, options: CopyOptions) -> Iterator[CopyFile]:
        yield CopyFile(ending=made.ending, chunks=(_encoded(source, options, made),))

    return make


def _encoded(source: CopySource, options: CopyOptions, kind: _Kind) -> bytes:
    """Raises InvalidObject, Damaged."""
    shown_ms = durations_ms(source, options)
    kept, lasting = _thinned(ticks(shown_ms, 1 / kind.tick_ms, least=0), kind.least)
    frames = _frames(source, options, kept)
    first = next(frames)
    target = BytesIO()
    first.save(
        target,
        kind.name,
        save_all=True,
        append_images=list(frames),
        duration=[ticks_each * kind.tick_ms for ticks_each in lasting],
        loop=0,
        **kind.options(options),
    )
    return target.getvalue()


def _thinned(lasting: list[int], least: int) -> tuple[list[int], list[int]]:
    """The frames that stay, and how long: those that are too short are part of the one before."""
    kept: list[int] = []
    total: list[int] = []
    for number, each in enumerate(lasting):
        if kept and (total[-1] < least or (each < least and number == len(lasting) - 1)):
            total[-1] += each
        else:
            kept.append(number)
            total.append(each)
    return kept, [max(least, each) for each in total]


def _frames(source: CopySource, options: CopyOptions, kept: list[int]) -> Iterator[Image]:
    from PIL import Image

    ratio = pixel_ratio(source)
    for number in kept:
        picture = shown(source, number, options, pixel_ratio=ratio)
        if picture.size * len(kept) > MOST_SAMPLES:
            raise InvalidObject("it is too long for an animation: give --size, or --format mp4")
        yield Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
