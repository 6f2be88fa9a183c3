"""Where an IMAGE message says that its picture lies: its matrix as a transform of the picture.

Rules
- The transform leads from the picture as it is shown, column, row and slice counted from 0 at the
  centre of the first pixel, to the sender's space in mm: PixelToRAS or PixelToLPS, as the message
  names its coordinates. So where the picture is turned (planes.py), the transform is turned with
  it: the same anatomy stays at the same point.
- The matrix is the sender's word, its spacing with it; it calibrates nothing (planes.py).
- The unit matrix at the origin is what senders write that know of no position: it says nothing.
- Scan lines that are made into a picture here have no such matrix.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from echonode.frames.picture_settings import Orientation
from echonode.probe.openigtlink.image import Image
from echonode.probe.openigtlink.tracked_fields import Matrix

_SAYS_NOTHING = np.eye(3, 2)  # one mm along x, one along y


def pose_of(image: Image, orientation: Orientation) -> dict[str, Matrix]:
    """One transform by its name, or none. orientation: in which the image's plane came."""
    if orientation.rows_are_lines:
        return {}
    matrix = image.matrix.astype(np.float64)
    axes, centre = matrix[:, :3], matrix[:, 3]
    last = np.array(image.size) - 1
    first_pixel = centre - axes @ (last / 2)
    if np.array_equal(axes[:, :2], _SAYS_NOTHING) and not (centre.any() and first_pixel.any()):
        return {}
    turned = np.eye(4)
    turned[:3, :3], turned[:3, 3] = axes, first_pixel
    turned = turned @ _turn(orientation, int(last[0]), int(last[1]))
    return {f"PixelTo{'RAS' if image.ras else 'LPS'}": tuple(turned.ravel().tolist())}


def _turn(orientation: Orientation, last_column: int, last_row: int) -> NDArray[np.float64]:
    """From pixels of the picture in MF to pixels of the plane in `orientation`."""
    turn = np.eye(4)
    if orientation.value[0] == "U":
        turn[0, 0], turn[0, 3] = -1, last_column
    if orientation.value[1] == "N":
        turn[1, 1], turn[1, 3] = -1, last_row
    return turn
