"""Opens a recording of images by its path: its suffix tells which reader it needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from echonode.errors import ProtocolError
from echonode.probe.recordings.clarius import read_clarius
from echonode.probe.recordings.image_sequence import ImageSequence
from echonode.probe.recordings.metaimage import read_metaimage
from echonode.probe.recordings.nrrd import read_nrrd
from echonode.probe.recordings.sequence_header import Opener

READERS: Mapping[str, Callable[[str, Opener], ImageSequence]] = MappingProxyType(
    {
        ".mha": read_metaimage,
        ".mhd": read_metaimage,
        ".nrrd": read_nrrd,
        ".nhdr": read_nrrd,
        ".raw": read_clarius,
    }
)
"""Suffix -> reader: the one table that a new kind of image file adds a line to."""

_PACKED = re.compile(r".*\.raw\.lzo|.*\.lzo", re.IGNORECASE)


def is_image_file(path: Path) -> bool:
    """Whether one of the readers is for `path`, by its name."""
    return path.suffix.lower() in READERS or _PACKED.fullmatch(path.name) is not None


def open_image_sequence(path: Path) -> ImageSequence:
    """The recording at `path`, its header read. Raises ProtocolError, OSError."""
    if _PACKED.fullmatch(path.name):
        raise ProtocolError(f"{path.name}: is packed; unpack it first (lzop -d)")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(READERS)
        raise ProtocolError(f"{path.name}: not a recording of images ({known})")

    def open_file(name: str) -> AbstractContextManager[BinaryIO]:
        return (path.parent / name if name else path).open("rb")

    return reader(path.name, open_file)
