"""A volume as MetaImage and NIfTI, and its slices as PNG.

Rules
- MetaImage has the volume's place in the space of the transforms as it is, NIfTI with x and y
  turned round (its axes are right and front, ITK's left and back). A tracker's space has no such
  directions; the same turn lets both show the same.
- PNG slices lie across the sweep (as the planes did), along it, and level (parallel to the probe's
  face), each numbered from 1 on.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from echonode.copies.research.frame_stack import frame_stack
from echonode.copies.research.nifti import HEADER_BYTES, compressed, nifti_header
from echonode.copies.source import CopyFile, CopyOptions, CopySource
from echonode.copies.volume.reconstruction import Volume, reconstruct
from echonode.copies.volume.sweep import sweep_of
from echonode.errors import InvalidObject
from echonode.transcoding.picture_file import png_of

_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def volume_of(source: CopySource, options: CopyOptions) -> Volume:
    """The volume of an instance's frames. Raises InvalidObject and Damaged."""
    if options.frame is not None:
        raise InvalidObject("one frame is no volume")
    sweep = sweep_of(
        frame_stack(source, options),
        transform=options.transform,
        image_to_probe=options.image_to_probe,
    )
    return reconstruct(sweep, options.voxel_mm)


def metaimage_volume(source: CopySource, options: CopyOptions) -> Iterator[CopyFile]:
    """One .mha. Raises InvalidObject."""
    volume = volume_of(source, options)
    yield CopyFile(ending=".mha", chunks=(metaimage_head(volume), volume.values.tobytes()))


def metaimage_head(volume: Volume) -> bytes:
    """The header, which the values follow."""
    slices, rows, columns = volume.values.shape
    origin = " ".join(f"{value:.17g}" for value in volume.origin_mm)
    # MetaImage has the direction of each axis in turn, as ITK writes it.
    axes = " ".join(f"{value:.17g}" for value in volume.axes.T.ravel())
    spacing = " ".join([f"{volume.voxel_mm:.17g}"] * 3)
    return (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\n"
        f"CompressedData = False\nTransformMatrix = {axes}\nOffset = {origin}\n"
        f"CenterOfRotation = 0 0 0\nElementSpacing = {spacing}\n"
        f"DimSize = {columns} {rows} {slices}\n"
        "ElementType = MET_UCHAR\nElementDataFile = LOCAL\n"
    ).encode()


def nifti_volume(source: CopySource, options: CopyOptions) -> Iterator[CopyFile]:
    """One .nii.gz. Raises InvalidObject."""
    volume = volume_of(source, options)
    slices, rows, columns = volume.values.shape
    header = nifti_header(
        (columns, rows, slices, 1),
        (volume.voxel_mm, volume.voxel_mm, volume.voxel_mm, 0.0),
        _LPS_TO_RAS @ volume.voxel_to_mm,
        offset=HEADER_BYTES + 4,
    )
    plain = iter((bytes(header), bytes(4), volume.values.tobytes()))
    yield CopyFile(ending=".nii.gz", chunks=compressed(plain))


def volume_slices(source: CopySource, options: CopyOptions) -> Iterator[CopyFile]:
    """A PNG of every slice, in three directions. Raises InvalidObject."""
    volume = volume_of(source, options)
    for name, axis in (("across", 0), ("level", 1), ("along", 2)):
        for number, plane in enumerate(np.moveaxis(volume.values, axis, 0), start=1):
            picture = np.ascontiguousarray(plane)[..., np.newaxis]
            yield CopyFile(ending=f"-{name}-{number:04d}.png", chunks=(png_of(picture),))
