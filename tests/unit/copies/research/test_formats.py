"""Frames as NumPy, NIfTI, MetaImage and NRRD, read back by those who made the formats' readers."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset

from echonode.copies.formats import format_named
from echonode.copies.source import CopyOptions, CopySource
from echonode.errors import InvalidObject
from echonode.objects.tracking import Tracking, set_tracking
from echonode.probe.recordings.metaimage import read_metaimage
from echonode.probe.recordings.nrrd import read_nrrd
from tests.unit.copies.array_source import Source

ROWS, COLUMNS, FRAMES = 5, 7, 4
TIMES_S = (0.0, 0.04, 0.09, 0.12)
SPACING = (0.21, 0.35)
_F, _R, _C = np.indices((FRAMES, ROWS, COLUMNS))
GREY = (40 * _F + 7 * _R + _C).astype(np.uint8)
SIGNED = (300 * _F - 50 * _R + _C).astype("<i2")
COLOUR = np.stack([GREY, GREY + 1, 255 - GREY], axis=-1)


def header(*, tracked: bool = False, spacing: bool = True) -> Dataset:
    ds = Dataset()
    ds.Rows, ds.Columns, ds.NumberOfFrames, ds.SamplesPerPixel = ROWS, COLUMNS, FRAMES, 1
    ds.FrameIncrementPointer = 0x00181065
    ds.FrameTimeVector = [0, 40, 50, 30]
    if spacing:
        ds.PixelSpacing = [SPACING[1], SPACING[0]]
    if tracked:
        set_tracking(ds, TRACKING, frame_of_reference_uid="1.2")
    return ds


_MATRICES = np.random.default_rng(3).normal(scale=90, size=(FRAMES, 2, 16))
_MATRICES[..., 12:] = 0, 0, 0, 1
TRACKING = Tracking(
    names=("ProbeToTracker", "ReferenceToTracker"),
    matrices=_MATRICES,
    status=np.array([[1, 1], [1, 2], [0, 1], [1, 1]], dtype=np.uint8),
)
TRACKING.matrices[TRACKING.status != 1] = 0


def made(name: str, source: CopySource, frame: int | None = None) -> bytes:
    [file] = list(format_named(name)(source, CopyOptions(frame=frame)))
    return b"".join(file.chunks)


@pytest.mark.parametrize("array", [GREY, SIGNED, COLOUR], ids=["grey", "signed", "colour"])
def test_numpy_reads_what_was_stored(array: NDArray[np.generic]) -> None:
    """Values, spacing, times and transforms; without a pickle, and always the same bytes."""
    source = Source(array, header(tracked=True))
    whole = made("npz", source)
    assert whole == made("npz", source)
    read = np.load(io.BytesIO(whole), allow_pickle=False)
    assert read["frames"].dtype == array.dtype
    assert (read["frames"] == array).all()
    assert read["spacing_mm"].tolist() == list(SPACING)
    assert read["frame_times_s"].tolist() == pytest.approx(TIMES_S, abs=1e-9)
    assert read["transform_names"].tolist() == list(TRACKING.names)
    assert (read["transforms"].reshape(FRAMES, 2, 16) == TRACKING.matrices).all()
    assert (read["transform_status"] == TRACKING.status).all()


@pytest.mark.parametrize("array", [GREY, SIGNED, COLOUR], ids=["grey", "signed", "colour"])
def test_nibabel_reads_what_was_stored(array: NDArray[np.generic], tmp_path: Path) -> None:
    """Values, spacing, the mean frame time, and each frame's own time in the extension."""
    nibabel = pytest.importorskip("nibabel")
    path = tmp_path / "copy.nii.gz"
    path.write_bytes(made("nifti", Source(array, header(tracked=True))))
    image = nibabel.load(path)
    values = np.asanyarray(image.dataobj)
    if array.ndim == 4:
        values = np.stack([values[colour] for colour in "RGB"], axis=-1)
    assert (np.moveaxis(values[:, :, 0], 2, 0).swapaxes(1, 2) == array).all()
    assert image.header.get_zooms() == pytest.approx((*SPACING, 1, 0.04))
    assert image.header.get_xyzt_units() == ("mm", "sec")
    assert np.allclose(image.affine, np.diag([-SPACING[0], -SPACING[1], 1, 1]), atol=1e-6)
    assert np.allclose(image.get_qform(), image.get_sform(), atol=1e-6)
    [extension] = image.header.extensions
    content = extension.get_content()
    said = json.loads(content if isinstance(content, str) else content.rstrip(b"\0").decode())
    assert said["frame_times_s"] == pytest.approx(TIMES_S, abs=1e-9)
    assert said["transforms"]["ProbeToTracker"][2] is None
    assert said["transforms"]["ProbeToTracker"][3] == TRACKING.matrices[3, 0].tolist()


@pytest.mark.parametrize("array", [GREY, SIGNED, COLOUR], ids=["grey", "signed", "colour"])
@pytest.mark.parametrize(("name", "ending"), [("mha", ".mha"), ("nrrd", ".nrrd")])
def test_itk_reads_what_was_stored(
    array: NDArray[np.generic], name: str, ending: str, tmp_path: Path
) -> None:
    """Values, spacing, orientation and each frame's time."""
    itk = pytest.importorskip("SimpleITK")
    path = tmp_path / f"copy{ending}"
    path.write_bytes(made(name, Source(array, header())))
    image = itk.ReadImage(str(path))
    values = itk.GetArrayFromImage(image)
    if name == "nrrd" and array.ndim == 3:
        values = np.moveaxis(values, -1, 0)  # ITK makes samples of the list of frames
    assert (values == array).all()
    assert image.GetSpacing()[:2] == pytest.approx(SPACING)
    assert np.array_equal(
        np.reshape(image.GetDirection(), (image.GetDimension(),) * 2), np.eye(image.GetDimension())
    )
    times = [float(image.GetMetaData(f"Seq_Frame{index:04d}_Timestamp")) for index in range(FRAMES)]
    assert times == pytest.approx(TIMES_S, abs=1e-9)


@pytest.mark.parametrize("array", [GREY, SIGNED, COLOUR], ids=["grey", "signed", "colour"])
@pytest.mark.parametrize(("name", "read"), [("mha", read_metaimage), ("nrrd", read_nrrd)])
def test_plus_transforms_come_back(
    array: NDArray[np.generic], name: str, read: object, tmp_path: Path
) -> None:
    """Each matrix to the last bit, those that were invalid or absent as such."""
    path = tmp_path / "copy"
    path.write_bytes(made(name, Source(array, header(tracked=True))))

    @contextmanager
    def opened(_name: str) -> Iterator[BinaryIO]:
        with path.open("rb") as file:
            yield file

    assert callable(read)
    sequence = read("copy", opened)
    assert sequence.info.orientation == "MFA"
    frames = list(sequence.frames())
    assert len(frames) == FRAMES
    for index, frame in enumerate(frames):
        assert (frame.pixels == array[index]).all()
        for column, transform in enumerate(TRACKING.names):
            status = TRACKING.status[index, column]
            assert (transform in frame.transforms) == (status != 0)
            if status == 1:
                assert frame.transforms[transform] == tuple(TRACKING.matrices[index, column])
            elif status == 2:
                assert frame.transforms[transform] is None


def test_one_frame_is_an_image(tmp_path: Path) -> None:
    """--frame N: that frame alone, with its transform."""
    source = Source(GREY, header(tracked=True))
    read = np.load(io.BytesIO(made("npz", source, frame=2)))
    assert (read["frames"] == GREY[1:2]).all()
    assert (read["transforms"].reshape(1, 2, 16) == TRACKING.matrices[1:2]).all()
    assert np.isnan(read["frame_times_s"]).all()
    with pytest.raises(InvalidObject, match="it has 4 frames"):
        made("npz", source, frame=5)


def test_what_is_not_known_is_not_made_up() -> None:
    """An image without a scale says so."""
    source = Source(GREY, header(spacing=False))
    assert np.isnan(np.load(io.BytesIO(made("npz", source)))["spacing_mm"]).all()
    assert b"SpacingIsKnown = False" in made("mha", source)


def test_a_name_from_the_wire_makes_no_line_of_its_own() -> None:
    """In a header of text."""
    ds = header()
    evil = Tracking(
        names=("A\nElementDataFile = /etc/passwd",),
        matrices=np.ones((FRAMES, 1, 16)),
        status=np.ones((FRAMES, 1), np.uint8),
    )
    set_tracking(ds, evil, frame_of_reference_uid="1.2")
    head = made("mha", Source(GREY, ds)).split(b"LOCAL\n")[0]
    assert b"passwd\n" not in head
    assert head.count(b"ElementDataFile") == 1 + FRAMES * 2  # as a part of the field's name
