"""The formats of `echonode export --format`: one line for each.

Rules
- A format's module is imported when it is asked for: some bring large libraries.
- A format that this EchoNode does not make is refused in words; one whose library is an optional
  extra raises UsageError with the extra's name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from echonode.copies.source import Make
from echonode.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Format:
    """says: for the help, what an instance becomes. load: imports what makes it."""

    says: str
    load: Callable[[], Make]


def _png() -> Make:
    from echonode.copies.pictures.stills import png_files

    return png_files


def _jpeg() -> Make:
    from echonode.copies.pictures.stills import jpeg_files

    return jpeg_files


def _mp4() -> Make:
    from echonode.copies.pictures.films import films

    return films()


def _animation(kind: str) -> Callable[[], Make]:
    def load() -> Make:
        from echonode.copies.pictures.animations import animation

        return animation(kind)

    return load


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "png": Format(says="each frame as a PNG", load=_png),
        "jpeg": Format(says="each frame as a JPEG", load=_jpeg),
        "mp4": Format(says="a cine as a film, by the program ffmpeg", load=_mp4),
        "gif": Format(says="a cine as an animated GIF", load=_animation("gif")),
        "apng": Format(says="a cine as an animated PNG", load=_animation("apng")),
        "webp": Format(says="a cine as an animated WebP", load=_animation("webp")),
    }
)


def format_named(name: str) -> Make:
    """Raises UsageError for another name."""
    found = FORMATS.get(name)
    if found is None:
        raise UsageError(f"there is no format `{name}` here: give one of {', '.join(FORMATS)}")
    return found.load()
