"""Where the planes of a tracked sweep lie, and in which order they follow each other.

Rules
- A plane's pose leads from pixels (column, row, 0 at the centre of the first one) to mm in a space.
  The transforms' names say between which spaces they lead, as PLUS writes them:
  ImageTo* and PixelTo* begin at pixels; ProbeTo* begin at the probe, and a calibration,
  ImageToProbe, comes before them.
- Without a calibration the image is taken to be centred under the probe's face: its scale is the
  image's own, its middle column is x = 0, its first row y = 0. Volumes are then right in size, and
  their planes may be off by what the sensor is mounted off.
- Without a name the first of PREFERRED is taken. ProbeToTracker is seen from ReferenceToTracker,
  where that is valid: the patient may move.
- Frames without a valid pose are left out; fewer than two are no sweep.
- Order: along the main direction in which the planes' middles moved. Where they turned more than
  they moved (a fan), by the angle about the axis that they turned about.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echonode.copies.research.frame_stack import FrameStack
from echonode.errors import InvalidObject
from echonode.objects.tracking import Tracking, TransformStatus

Matrices = NDArray[np.float64]
PREFERRED = (
    *("ImageToReference", "PixelToRAS", "PixelToLPS", "ImageToTracker"),
    *("ProbeToReference", "ProbeToTracker"),
)
_REFERENCE = "ReferenceToTracker"
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_SMALLEST_AREA = 1e-12  # mm2 a pixel


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep:
    """The frames of a sweep in order. indexes: into the stack. poses: (n, 4, 4), pixels to mm.

    transform: the name of what was used. left_out: frames without a valid pose.
    """

    stack: FrameStack
    indexes: tuple[int, ...]
    poses: Matrices
    transform: str
    left_out: int


def sweep_of(
    stack: FrameStack, *, transform: str = "", image_to_probe: Sequence[float] | None = None
) -> Sweep:
    """The sweep of a cine.

    image_to_probe: sixteen numbers, row by row, pixels to the probe's mm. Raises InvalidObject
    where there is no tracking, no such transform, no scale, or too few valid poses.
    """
    tracking = stack.tracking
    if tracking is None:
        raise InvalidObject("the probe was not tracked")
    name = transform or next((each for each in PREFERRED if each in tracking.names), "")
    if name not in tracking.names:
        known = ", ".join(tracking.names)
        raise InvalidObject(f"it has no transform {name or 'of a known name'}, only {known}")
    poses, valid = _of(tracking, name)
    if name == "ProbeToTracker" and _REFERENCE in tracking.names and not transform:
        reference, seen = _of(tracking, _REFERENCE)
        if (valid & seen).sum() >= 2:
            valid &= seen
            poses[valid] = np.linalg.inv(reference[valid]) @ poses[valid]
    if not name.startswith(("ImageTo", "PixelTo")):
        poses = poses @ _calibration(stack, image_to_probe)
    if name.endswith("ToRAS"):
        poses = _RAS_TO_LPS @ poses
    kept = np.flatnonzero(np.logical_and(valid, _is_plane(poses)))
    if len(kept) < 2:
        raise InvalidObject(f"{name} is valid in {len(kept)} frames, and a sweep needs two")
    order = kept[_order(poses[kept], stack.rows, stack.columns)]
    return Sweep(
        stack=stack,
        indexes=tuple(int(index) for index in order),
        poses=poses[order],
        transform=name,
        left_out=len(valid) - len(kept),
    )


def _of(tracking: Tracking, name: str) -> tuple[Matrices, NDArray[np.bool_]]:
    column = tracking.names.index(name)
    matrices = tracking.matrices[:, column].reshape(-1, 4, 4).copy()
    valid = np.asarray(tracking.status[:, column] == TransformStatus.VALID)
    finite = np.asarray(np.isfinite(matrices).all(axis=(1, 2)))
    turns = np.abs(np.linalg.det(np.where(finite[:, None, None], matrices, np.eye(4)))) > 1e-9
    return matrices, valid & finite & turns


def _calibration(stack: FrameStack, image_to_probe: Sequence[float] | None) -> Matrices:
    if image_to_probe is not None:
        return np.array(image_to_probe, dtype=np.float64).reshape(4, 4)
    if stack.spacing_mm is None:
        raise InvalidObject("nothing says what its pixels measure: give --image-to-probe")
    x, y = stack.spacing_mm
    matrix = np.diag([x, y, 1.0, 1.0])
    matrix[0, 3] = -x * (stack.columns - 1) / 2
    return matrix


def _is_plane(poses: Matrices) -> NDArray[np.bool_]:
    """Whether columns and rows lead in two directions."""
    area = np.linalg.norm(np.cross(poses[:, :3, 0], poses[:, :3, 1]), axis=1)
    plane: NDArray[np.bool_] = np.isfinite(area) & (area > _SMALLEST_AREA)
    return plane


def _order(poses: Matrices, rows: int, columns: int) -> NDArray[np.intp]:
    middle = np.array([(columns - 1) / 2, (rows - 1) / 2, 0.0, 1.0])
    centres = (poses @ middle)[:, :3]
    moved = centres - centres.mean(axis=0)
    along = moved @ _main_direction(moved)
    normals = np.cross(poses[:, :3, 0], poses[:, :3, 1])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    turned = normals - normals.mean(axis=0)
    across = turned @ _main_direction(turned)  # the sine of the angle, nearly
    half_depth = np.linalg.norm(poses[:, :3, 1], axis=1).mean() * rows / 2
    key = across if np.ptp(across) * half_depth > np.ptp(along) else along
    order = np.argsort(key, kind="stable")
    # As it was swept: from the earlier end on.
    return order if order[0] <= order[-1] else order[::-1]


def _main_direction(vectors: Matrices) -> Matrices:
    direction: Matrices = np.linalg.svd(vectors, full_matrices=False)[2][0]
    return direction
