"""What a header says of a sequence, and the frames behind it: the same for all of PLUS's formats.

PLUS writes the same fields into MetaImage and NRRD; only how a header is spelt differs, and that is
in metaimage.py and nrrd.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import BinaryIO

from echonode.probe.image_sequence import (
    Content,
    ImageSequence,
    PixelReader,
    SequenceFrame,
    SequenceInfo,
    planes,
)
from echonode.probe.sequence_fields import SequenceFields

CONTENTS = MappingProxyType(
    {
        "": Content.PICTURE,
        "BRIGHTNESS": Content.PICTURE,
        "RGB_COLOR": Content.PICTURE,
        "RF_REAL": Content.RF,
    }
)
"""UltrasoundImageType -> what we make of it; the IQ types of PLUS are not read."""

Opener = Callable[[str], AbstractContextManager[BinaryIO]]
"""A file beside the header, by its plain name; '' is the header's own file."""


@dataclass(frozen=True, kw_only=True)
class SequenceHeader:
    """A header that was read. data_file: where the pixels begin at `offset`; '' is this file.

    times: seconds of the frames that `fields` say no time of, where the format has them.
    """

    info: SequenceInfo
    fields: SequenceFields
    data_file: str
    offset: int
    compressed: bool
    times: Sequence[float] = ()

    def timestamp_s(self, index: int) -> float | None:
        """Seconds of the recorder's clock."""
        stamp = self.fields.timestamp_s(index)
        return stamp if stamp is not None or index >= len(self.times) else self.times[index]

    def sequence(self, open_file: Opener) -> ImageSequence:
        """Its frames are read as they are asked for; that raises ProtocolError, OSError."""

        def frames() -> Iterator[SequenceFrame]:
            with open_file(self.data_file) as data:
                data.seek(self.offset)
                reader = PixelReader(data, compressed=self.compressed)
                for index, pixels in planes(self.info, reader, usable=self.fields.usable):
                    yield SequenceFrame(
                        index=index,
                        pixels=pixels,
                        timestamp_s=self.timestamp_s(index),
                        transforms=self.fields.transforms(index),
                    )

        return ImageSequence(info=self.info, frames=frames)


def plain_name(name: str) -> str:
    """`name`, where it is the name of a file beside the header. Raises ValueError."""
    if name != name.strip() or not name or name.startswith(".") or set(name) & set('/\\:\0"'):
        raise ValueError("the data file must be the plain name of one file beside the header")
    if name.upper().split()[0] == "LIST" or "%" in name:
        raise ValueError("data in several files are not read")
    return name
