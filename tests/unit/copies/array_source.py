"""A CopySource of arrays, for formats that look at no file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from echonode.model.instance import StoredInstance
from echonode.store.files.kept_lines import OpenLines
from echonode.transcoding.picture import Presentation
from echonode.transcoding.pixel_layout import Pixels
from echonode.transcoding.single_frame import DecodedFrame


@dataclass
class Source:
    """A CopySource of arrays."""

    array: NDArray[np.generic]
    header: Dataset

    @property
    def instance(self) -> StoredInstance:
        raise AssertionError("no format looks at the file")

    @property
    def frames(self) -> int:
        return len(self.array)

    def frame(self, number: int) -> DecodedFrame:
        values = self.array[number]
        pixels = Pixels(
            rows=values.shape[0],
            columns=values.shape[1],
            samples=1 if values.ndim == 2 else 3,
            bits_allocated=8 * values.itemsize,
            bits_stored=8 * values.itemsize,
            frames=len(self.array),
            photometric="MONOCHROME2" if values.ndim == 2 else "RGB",
            signed=values.dtype.kind == "i",
        )
        return DecodedFrame(native=values.tobytes(), pixels=pixels, presentation=Presentation())

    @property
    def lines(self) -> OpenLines | None:
        return None
