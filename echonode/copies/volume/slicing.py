"""Slices of a volume: along its own axes, and in any plane.

Rules
- Between voxels values are interpolated in three directions (trilinear); outside it is black.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from echonode.copies.volume.reconstruction import Volume, Voxels
from echonode.copies.volume.sweep import Matrices


def resliced(volume: Volume, pose: Matrices, *, rows: int, columns: int) -> Voxels:
    """The plane of a pose, (4, 4) from pixels (column, row) to mm in the volume's space."""
    to_voxels = np.linalg.inv(volume.voxel_to_mm) @ pose
    row, column = np.mgrid[:rows, :columns]
    x, y, z = (to[0] * column + to[1] * row + to[3] for to in to_voxels[:3])
    return _sampled(volume.values, z, y, x)


def _sampled(values: Voxels, z: Matrices, y: Matrices, x: Matrices) -> Voxels:
    base = [np.floor(at).astype(np.intp) for at in (z, y, x)]
    part = [at - whole for at, whole in zip((z, y, x), base, strict=True)]
    found = np.zeros(z.shape)
    for corner in np.ndindex(2, 2, 2):
        at = [whole + step for whole, step in zip(base, corner, strict=True)]
        weight = np.ones(z.shape)
        for share, step in zip(part, corner, strict=True):
            weight *= share if step else 1 - share
        found += weight * _at(values, at)
    shown: Voxels = np.rint(found).clip(0, 255).astype(np.uint8)
    return shown


def _at(values: Voxels, at: list[NDArray[np.intp]]) -> NDArray[np.float64]:
    inside = np.ones(at[0].shape, dtype=bool)
    for index, size in zip(at, values.shape, strict=True):
        inside &= (index >= 0) & (index < size)
    safe = [np.where(inside, index, 0) for index in at]
    return np.where(inside, values[tuple(safe)], 0).astype(np.float64)
