"""A phantom's volume out of freehand sweeps, its files, and slices of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread

from echonode.copies.formats import format_named
from echonode.copies.research.frame_stack import frame_stack
from echonode.copies.source import CopyOptions
from echonode.copies.volume.reconstruction import Volume, reconstruct
from echonode.copies.volume.sweep import sweep_of
from echonode.errors import InvalidObject
from tests.unit.copies.array_source import Source
from tests.unit.copies.volume.phantom import (
    BRIGHT,
    CENTRE,
    DARK,
    SPACING,
    VOLUME_MM3,
    poses,
    sweep,
    turn,
)

PLAIN = CopyOptions()


def made(source: Source, voxel: float | None = None, **how: object) -> Volume:
    return reconstruct(sweep_of(frame_stack(source, PLAIN), **how), voxel)  # type: ignore[arg-type]  # a test's own


def measured_mm3(volume: Volume) -> float:
    return float((volume.values > (BRIGHT + DARK) / 2).sum()) * volume.voxel_mm**3


@pytest.mark.slow
@pytest.mark.parametrize("tilt", [(0, 0, 0), (25, -40, 70)])
@pytest.mark.parametrize("frames", [40, 110])
def test_the_phantoms_volume_is_right_within_two_percent(
    frames: int, tilt: tuple[float, float, float]
) -> None:
    """Held by hand, in any direction, and with planes up to 0.8 mm apart."""
    volume = made(sweep(poses(frames, tilt=tilt)))
    assert measured_mm3(volume) == pytest.approx(VOLUME_MM3, rel=0.02)
    assert volume.measured > 0.3


@pytest.mark.slow
def test_the_phantom_lies_where_it_is() -> None:
    """Its middle in the space of the transforms, within half a voxel."""
    volume = made(sweep(poses(60, tilt=(10, 20, 30))))
    where = np.argwhere(volume.values > 100).mean(axis=0)[::-1]
    found = (volume.voxel_to_mm @ [*where, 1])[:3]
    assert np.abs(found - CENTRE).max() < volume.voxel_mm / 2


def test_nothing_grows_over_the_ends_of_the_sweep() -> None:
    """Planes at two ends only: what lies between is a gap, and stays black."""
    ends = poses(40, jitter=0)[[0, 1, 2, 37, 38, 39]]
    volume = made(sweep(ends), 0.4)
    middle = volume.values[volume.values.shape[0] // 2]
    assert (middle == 0).all()


def test_frames_are_put_in_the_order_of_their_places() -> None:
    """Whatever the order they were taken in; those without a pose are left out."""
    planes = poses(30, jitter=0.2)
    mixed = np.random.default_rng(4).permutation(30)
    found = sweep_of(frame_stack(sweep(planes[mixed], invalid=(3, 9)), PLAIN))
    places = [int(mixed[index]) for index in found.indexes]
    assert found.left_out == 2
    assert len(places) == 28
    assert places in (sorted(places), sorted(places, reverse=True))


def test_a_fan_is_in_the_order_of_its_angles() -> None:
    """The probe turned about its face, and hardly moved."""
    fan = []
    for angle in np.linspace(-30, 30, 25):
        pose = np.eye(4)
        pose[:3, :3] = turn(np.array([angle, 0.0, 0.0])) @ np.diag([SPACING, SPACING, 1.0])
        fan.append(pose)
    mixed = np.random.default_rng(4).permutation(25)
    found = sweep_of(frame_stack(sweep(np.array(fan)[mixed]), PLAIN))
    places = [int(mixed[index]) for index in found.indexes]
    assert places in (sorted(places), sorted(places, reverse=True))


@pytest.mark.slow
def test_a_calibration_leads_from_pixels_to_the_probe() -> None:
    """ProbeToTracker seen from a reference on the patient: the same volume though both moved."""
    planes = poses(60)
    image_to_probe = np.diag([SPACING, SPACING, 1.0, 1.0])
    image_to_probe[:3, 3] = 3, -2, 7
    reference = []
    for number in range(60):
        moved = np.eye(4)
        moved[:3, :3], moved[:3, 3] = turn(np.array([0.5, 0.2, 0.1]) * number), (number, 2, 5)
        reference.append(moved)
    probe = np.array(reference) @ planes @ np.linalg.inv(image_to_probe)
    # The frames show what they showed; the transforms are the tracker's.
    source = sweep(planes)
    told = sweep(probe, name="ProbeToTracker", more={"ReferenceToTracker": np.array(reference)})
    source.header = told.header
    volume = made(source, image_to_probe=image_to_probe.ravel())
    assert measured_mm3(volume) == pytest.approx(VOLUME_MM3, rel=0.02)
    where = np.argwhere(volume.values > 100).mean(axis=0)[::-1]
    assert np.abs((volume.voxel_to_mm @ [*where, 1])[:3] - CENTRE).max() < 0.5


def read_itk(path: Path) -> tuple[NDArray[np.uint8], tuple[float, ...], NDArray[np.float64]]:
    itk = pytest.importorskip("SimpleITK")
    found = itk.ReadImage(str(path))
    matrix = np.eye(4)
    matrix[:3, :3] = np.reshape(found.GetDirection(), (3, 3)) * found.GetSpacing()[0]
    matrix[:3, 3] = found.GetOrigin()
    return itk.GetArrayFromImage(found), found.GetSpacing(), matrix


@pytest.mark.slow
def test_itk_and_nibabel_read_the_same_volume(tmp_path: Path) -> None:
    """Values, voxels, and where it lies."""
    nibabel = pytest.importorskip("nibabel")
    source = sweep(poses(40, tilt=(10, 20, 30)))
    volume = made(source)
    for name, ending in (("volume-mha", ".mha"), ("volume-nifti", ".nii.gz")):
        [file] = list(format_named(name)(source, PLAIN))
        assert file.ending == ending
        (tmp_path / f"volume{ending}").write_bytes(b"".join(file.chunks))
        values, spacing, matrix = read_itk(tmp_path / f"volume{ending}")
        assert (values == volume.values).all()
        assert spacing == pytest.approx([volume.voxel_mm] * 3, rel=1e-5)
        assert np.allclose(matrix, volume.voxel_to_mm, atol=1e-3)
    image_ = nibabel.load(tmp_path / "volume.nii.gz")
    assert (volume.values == np.asanyarray(image_.dataobj).T).all()
    assert np.allclose(image_.affine, np.diag([-1, -1, 1, 1]) @ volume.voxel_to_mm, atol=1e-3)


@pytest.mark.slow
def test_the_enhanced_volume_says_where_each_plane_lies(tmp_path: Path) -> None:
    """Pixels, spacing and the planes' places; of the patient of the cine."""
    source = sweep(poses(40, tilt=(10, 20, 30)))
    volume = made(source)
    [file] = list(format_named("volume-dicom")(source, PLAIN))
    path = tmp_path / "volume.dcm"
    path.write_bytes(b"".join(file.chunks))
    ds = dcmread(path)
    assert (ds.pixel_array == volume.values).all()
    shared = ds.SharedFunctionalGroupsSequence[0]
    assert float(shared.PixelMeasuresSequence[0].SpacingBetweenSlices) == pytest.approx(
        volume.voxel_mm
    )
    last = ds.PerFrameFunctionalGroupsSequence[-1].PlanePositionVolumeSequence[0]
    expected = volume.voxel_to_mm @ [0, 0, volume.values.shape[0] - 1, 1]
    assert list(last.ImagePositionVolume) == pytest.approx(expected[:3])
    assert ds.PatientID == "P1"


@pytest.mark.slow
def test_pixels_that_may_carry_text_make_no_enhanced_volume() -> None:
    """The object has no value for them (Burned In Annotation is NO); the other formats are made."""
    source = sweep(poses(40))
    source.header.BurnedInAnnotation = "YES"
    with pytest.raises(InvalidObject, match="may carry text"):
        list(format_named("volume-dicom")(source, CopyOptions()))
    assert list(format_named("volume-mha")(source, CopyOptions()))


@pytest.mark.slow
def test_slices_become_pictures() -> None:
    """In three directions, each numbered."""
    source = sweep(poses(40))
    volume = made(source, 1.0)
    endings = [
        file.ending for file in format_named("volume-slices")(source, CopyOptions(voxel_mm=1.0))
    ]
    assert len(endings) == sum(volume.values.shape)
    assert endings[0] == "-across-0001.png"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"transform": "StylusToTracker"}, "has no transform StylusToTracker, only"),
        ({"invalid": tuple(range(1, 40))}, "is valid in 1 frames"),
        ({"voxel": 0.01}, "give larger ones"),
    ],
)
def test_what_makes_no_volume_says_why(change: dict[str, object], why: str) -> None:
    """In words."""
    source = sweep(poses(40), invalid=change.pop("invalid", ()))  # type: ignore[arg-type]  # a tuple
    with pytest.raises(InvalidObject, match=why):
        made(source, **change)  # type: ignore[arg-type]  # a test's own
