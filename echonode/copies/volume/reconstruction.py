"""A volume out of a sweep: each pixel into its voxel, the mean of those, and holes filled.

Rules
- The grid lies as the sweep's planes do in the mean: columns, rows, and the direction of the sweep.
- A voxel is a cube. Without a given size: the larger side of a pixel, or a sixth of the gap between
  planes where that is more; and larger where the grid would have over MOST_VOXELS.
- A voxel that no pixel fell into is filled from its neighbours, HOLE_VOXELS deep, within the sweep
  only (a morphological closing): nothing grows over its ends.
- Colour is grey here: the mean of red, green and blue.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from echonode.copies.volume.sweep import Matrices, Sweep
from echonode.errors import InvalidObject

MOST_VOXELS = 2**25  # 12 bytes each while it is made, about half a gigabyte
HOLE_VOXELS = 4
_SMALLEST_MM, _LARGEST_EXTENT_MM = 0.01, 2000.0
_GAP_VOXELS = 6  # 2 * HOLE_VOXELS would just be closed

Voxels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True, eq=False)
class Volume:
    """values: (slices, rows, columns). axes: (3, 3), the directions of columns, rows and slices as
    columns of a matrix, of length 1. origin_mm: the centre of the first voxel. measured: the share
    of voxels within the sweep that a pixel fell into; the others were filled.
    """

    values: Voxels
    voxel_mm: float
    axes: Matrices
    origin_mm: Matrices
    measured: float

    @property
    def voxel_to_mm(self) -> Matrices:
        """(4, 4), from (column, row, slice)."""
        matrix = np.eye(4)
        matrix[:3, :3] = self.axes * self.voxel_mm
        matrix[:3, 3] = self.origin_mm
        return matrix


def reconstruct(sweep: Sweep, voxel_mm: float | None = None) -> Volume:
    """The volume of a sweep. Raises InvalidObject, and what reading its frames raises."""
    axes = _mean_axes(sweep.poses)
    corners = _corners(sweep)
    flat = corners.reshape(-1, 3) @ axes
    low, high = flat.min(axis=0), flat.max(axis=0)
    if not float((high - low).max()) < _LARGEST_EXTENT_MM:
        raise InvalidObject(f"its planes lie over {_LARGEST_EXTENT_MM:g} mm apart")
    voxel = _voxel(sweep, corners, high - low, voxel_mm)
    margin = HOLE_VOXELS + 1
    size = np.ceil((high - low) / voxel).astype(int) + 1 + 2 * margin
    origin = low - margin * voxel
    total, count = _binned(sweep, axes, origin, voxel, size)
    values, measured = _filled(total, count)
    inner = (slice(margin, -margin),) * 3
    return Volume(
        values=np.ascontiguousarray(values[inner]),
        voxel_mm=voxel,
        axes=axes,
        origin_mm=axes @ low,
        measured=measured,
    )


def _mean_axes(poses: Matrices) -> Matrices:
    """The rotation nearest to all planes' directions."""
    columns = poses[:, :3, 0] / np.linalg.norm(poses[:, :3, 0], axis=1, keepdims=True)
    rows = poses[:, :3, 1] / np.linalg.norm(poses[:, :3, 1], axis=1, keepdims=True)
    sums = np.stack([columns.sum(0), rows.sum(0), np.cross(columns, rows).sum(0)], axis=1)
    left, _, right = np.linalg.svd(sums)
    turn = np.diag([1.0, 1.0, np.sign(np.linalg.det(left @ right))])
    nearest: Matrices = left @ turn @ right
    return nearest


def _corners(sweep: Sweep) -> Matrices:
    """(n, 4, 3): the corners of each plane in mm."""
    right, down = sweep.stack.columns - 1, sweep.stack.rows - 1
    pixels = np.array([[0, 0, 0, 1], [right, 0, 0, 1], [0, down, 0, 1], [right, down, 0, 1]])
    found: Matrices = (sweep.poses @ pixels.T).transpose(0, 2, 1)[..., :3]
    return found


def _voxel(sweep: Sweep, corners: Matrices, extent: Matrices, wanted: float | None) -> float:
    if wanted is not None:
        if not wanted >= _SMALLEST_MM:
            raise InvalidObject(f"a voxel is {_SMALLEST_MM:g} mm or more")
        voxel = wanted
    else:
        pixel = float(np.linalg.norm(sweep.poses[:, :3, :2], axis=1).mean(axis=0).max())
        steps = [float(np.linalg.norm(b - a, axis=1).max()) for a, b in pairwise(corners)]
        voxel = max(pixel, float(np.median(steps)) / _GAP_VOXELS, _SMALLEST_MM)
    cells = float(np.prod(extent / voxel + 2 * HOLE_VOXELS + 4))
    if cells <= MOST_VOXELS:
        return voxel
    if wanted is not None:
        raise InvalidObject(f"voxels of {wanted:g} mm make over {MOST_VOXELS:,}: give larger ones")
    while float(np.prod(extent / voxel + 2 * HOLE_VOXELS + 4)) > MOST_VOXELS:
        voxel *= 1.05
    return voxel


def _binned(
    sweep: Sweep, axes: Matrices, origin: Matrices, voxel: float, size: NDArray[np.int_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Sum and number of the pixels in each voxel, (slices, rows, columns)."""
    shape = (int(size[2]), int(size[1]), int(size[0]))
    total, count = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    row, column = np.mgrid[: sweep.stack.rows, : sweep.stack.columns]
    place = {index: number for number, index in enumerate(sweep.indexes)}
    for index, frame in enumerate(sweep.stack.frames()):
        if index not in place:
            continue
        pose = sweep.poses[place[index]]
        to_grid = axes.T @ pose[:3] / voxel
        to_grid[:, 3] -= origin / voxel
        at = [
            np.rint(to[0] * column + to[1] * row + to[3]).astype(np.intp).ravel() for to in to_grid
        ]
        cells = (at[2] * shape[1] + at[1]) * shape[2] + at[0]
        np.add.at(total.reshape(-1), cells, _grey(frame).ravel())
        np.add.at(count.reshape(-1), cells, np.float32(1))
    return total, count


def _grey(frame: NDArray[np.generic]) -> NDArray[np.float32]:
    values = frame.astype(np.float32)
    if frame.ndim == 3:
        values = values.mean(axis=2, dtype=np.float32)
    if frame.dtype.itemsize > 1:
        raise InvalidObject("volumes are made of frames of 8 bits")
    return values


def _filled(total: NDArray[np.float32], count: NDArray[np.float32]) -> tuple[Voxels, float]:
    """The means with holes filled, and the share that was measured."""
    known = count > 0
    values = np.divide(total, count, out=total, where=known)
    measured = int(known.sum())
    inside = _closed(known)
    weight = known.astype(np.float32)
    for _ in range(2 * HOLE_VOXELS):
        hole = inside & (weight == 0)
        if not hole.any():
            break
        around, neighbours = _box(values * weight), _box(weight)
        near = hole & (neighbours > 0)
        values[near] = around[near] / neighbours[near]
        weight[near] = 1
    whole = max(1, int(inside.sum()))
    shown = np.where(weight > 0, np.rint(values), 0).clip(0, 255).astype(np.uint8)
    return shown, measured / whole


def _closed(known: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Holes and gaps of up to 2 * HOLE_VOXELS closed, and nothing grown outwards."""
    grown = known
    for _ in range(HOLE_VOXELS):
        grown = _spread(grown)
    outside = ~grown
    for _ in range(HOLE_VOXELS):
        outside = _spread(outside)
    return ~outside | known


def _spread(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Each of it and its neighbours, diagonals included."""
    for axis in range(3):
        wider = mask.copy()
        low, high = _ends(axis)
        wider[high] |= mask[low]
        wider[low] |= mask[high]
        mask = wider
    return mask


def _box(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The sum over each voxel and its neighbours."""
    for axis in range(3):
        wider = values.copy()
        low, high = _ends(axis)
        wider[high] += values[low]
        wider[low] += values[high]
        values = wider
    return values


def _ends(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    whole = [slice(None)] * 3
    low, high = whole.copy(), whole.copy()
    low[axis], high[axis] = slice(None, -1), slice(1, None)
    return tuple(low), tuple(high)
