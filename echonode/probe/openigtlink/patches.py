"""Sub-volumes of IMAGE messages put together: a frame is whole once every pixel of it has come.

Rules
- A message that holds the whole volume is passed on as it is, and ends a frame under way.
- Patches are of one frame until all of the volume is covered. A patch over pixels that have come
  already, or of another volume, begins the next frame: the one under way is given up, and counted.
- The volume is allocated only where it is within the limit.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from echonode.errors import ProtocolError
from echonode.probe.openigtlink.image import Image
from echonode.probe.openigtlink.messages import BODY_LIMIT


class PatchAssembler:
    """The patches of one device. given_up: frames of which something never came."""

    def __init__(self, *, volume_limit: int = BODY_LIMIT) -> None:
        self._limit = volume_limit
        self._volume: NDArray[np.generic] | None = None
        self._covered = np.zeros((0, 0, 0), dtype=np.bool_)
        self.given_up = 0

    @property
    def under_way(self) -> bool:
        """Whether a frame has begun and is not whole."""
        return self._volume is not None

    def take(self, image: Image) -> NDArray[np.generic] | None:
        """The volume (k, j, i[, components]) that `image` completes; None while some is missing.

        Raises ProtocolError where the volume is too large.
        """
        if image.is_whole:
            self.give_up()
            return image.pixels
        (i, j, k), (nk, nj, ni) = image.offset, image.pixels.shape[:3]
        where = (slice(k, k + nk), slice(j, j + nj), slice(i, i + ni))
        if not self._continues(image) or self._covered[where].any():
            self.give_up()
            self._begin(image)
        assert self._volume is not None
        self._volume[where] = image.pixels
        self._covered[where] = True
        if not self._covered.all():
            return None
        whole, self._volume = self._volume, None
        return whole

    def give_up(self) -> None:
        """What is under way will not become whole."""
        self.given_up += self.under_way
        self._volume = None

    def _continues(self, image: Image) -> bool:
        """Whether the patch is of the volume under way."""
        volume = self._volume
        return (
            volume is not None
            and volume.shape[:3] == image.size[::-1]
            and volume.shape[3:] == image.pixels.shape[3:]
            and volume.dtype == image.pixels.dtype
        )

    def _begin(self, image: Image) -> None:
        size = math.prod(image.size)
        components = math.prod(image.pixels.shape[3:])
        if size * components * image.pixels.dtype.itemsize > self._limit:
            raise ProtocolError(f"IMAGE: a volume of {image.size} is too large to be put together")
        shape = image.size[::-1]
        self._volume = np.zeros((*shape, *image.pixels.shape[3:]), dtype=image.pixels.dtype)
        self._covered = np.zeros(shape, dtype=np.bool_)
