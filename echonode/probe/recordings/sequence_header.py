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

import numpy as np
from numpy.typing import NDArray

from echonode.probe.recordings.image_sequence import (
    Content,
    ImageSequence,
    PixelReader,
    SequenceFrame,
    SequenceInfo,
    planes,
)
from echonode.probe.recordings.sequence_fields import SequenceFields

CONTENTS = MappingProxyType(
    {
        "": Content.PICTURE,
        "BRIGHTNESS": Content.PICTURE,
        "RGB_COLOR": Content.PICTURE,
        "RF_REAL": Content.RF,
        "RF_IQ_LINE": Content.IQ,
        "RF_I_LINE_Q_LINE": Content.IQ,
    }
)
"""UltrasoundImageType -> what we make of it."""

_I_AND_Q_IN_TURN = "RF_IQ_LINE"  # I1 Q1 I2 Q2 ... in a row: a row of columns / 2 pairs
_I_ROW_Q_ROW = "RF_I_LINE_Q_LINE"  # I1 I2 ... in a row, Q1 Q2 ... in the next: rows / 2 lines


@dataclass(frozen=True, kw_only=True)
class PlaneShape:
    """How a frame is shown, and how it lies in the file where that differs.

    i_row_q_row: each line is two rows of the file, I and then Q.
    """

    rows: int
    columns: int
    components: int
    i_row_q_row: bool = False

    def arranged(self, pixels: NDArray[np.generic]) -> NDArray[np.generic]:
        """A view of a frame of the file in this shape; the last axis is I and Q."""
        if not self.i_row_q_row:
            return pixels
        return pixels.reshape(self.rows, self.components, self.columns).swapaxes(1, 2)


def plane_shape(image_type: str, *, rows: int, columns: int, components: int) -> PlaneShape:
    """The shape of frames of PLUS's `image_type`. Raises ValueError where they cannot be of it."""
    if image_type not in (_I_AND_Q_IN_TURN, _I_ROW_Q_ROW):
        return PlaneShape(rows=rows, columns=columns, components=components)
    i_row_q_row = image_type == _I_ROW_Q_ROW
    if components != 1 or (rows if i_row_q_row else columns) % 2:
        raise ValueError(f"{image_type} in a frame of {columns} x {rows} x {components}")
    return PlaneShape(
        rows=rows // 2 if i_row_q_row else rows,
        columns=columns if i_row_q_row else columns // 2,
        components=2,
        i_row_q_row=i_row_q_row,
    )


Opener = Callable[[str], AbstractContextManager[BinaryIO]]
"""A file in the header's folder, by its plain name; '' is the header's own file."""


@dataclass(frozen=True, kw_only=True)
class SequenceHeader:
    """A header that was read. data_file: where the pixels begin at `offset`; '' is this file.

    times: seconds of the frames that `fields` say no time of, where the format has them. shape: of
    a frame in the file.
    """

    info: SequenceInfo
    fields: SequenceFields
    data_file: str
    offset: int
    compressed: bool
    shape: PlaneShape
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
                        pixels=self.shape.arranged(pixels),
                        timestamp_s=self.timestamp_s(index),
                        transforms=self.fields.transforms(index),
                    )

        return ImageSequence(info=self.info, frames=frames)


def plain_name(name: str) -> str:
    """`name`, where it is the name of a file in the header's folder. Raises ValueError."""
    if name != name.strip() or not name or name.startswith(".") or set(name) & set('/\\:\0"'):
        raise ValueError("the data file must be the plain name of one file in the header's folder")
    if name.upper().split()[0] == "LIST" or "%" in name:
        raise ValueError("data in several files are not read")
    return name
