"""A presentation state as others read it: dciodvfy, DCMTK's renderer, highdicom."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from echonode.errors import InvalidObject, OperatorRefused
from echonode.exam.reporting.views import View, view_state
from echonode.model.softcopy_state import SoftcopyState
from echonode.objects.presentation.softcopy import softcopy_state
from echonode.transcoding.picture import Window, picture_of
from echonode.transcoding.pixel_layout import pixels_of
from echonode.transcoding.presentation import presentation_of
from tests.peers import DcmtkResult, Validation
from tests.unit.objects.acquisitions import NOW, acquisition, built, frames, sector, write
from tests.unit.objects.exam_reports import EQUIPMENT, OFFSET, PLACE, facts, images, measurements

ROWS, COLUMNS = 80, 120
WINDOW = (100.0, 120.0)


def image_file(folder: Path, moments: list[float]) -> Path:
    some = frames(moments, rows=ROWS, columns=COLUMNS, calibration=sector(ROWS, COLUMNS))
    return write(built(acquisition(some), facts()), folder, "image")


def state_file(folder: Path, state: SoftcopyState, image: Dataset) -> Path:
    made = softcopy_state(
        state,
        image,
        facts=facts(),
        place=PLACE,
        equipment=EQUIPMENT,
        at=NOW,
        by="eva",
        offset=OFFSET,
    )
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    path = folder / "state.dcm"
    made.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize("number", [0, 1])
def test_dciodvfy_finds_no_error(
    number: int, tmp_path: Path, validate: Callable[[Path], Validation]
) -> None:
    """Of a still and of a frame of a cine, with window, visible part, notes and measurements."""
    image = images()[number]
    uid = str(image.SOPInstanceUID)
    made = [each for each in measurements() if each.sop_instance_uid == uid]
    view = View(
        frame=made[0].frame,
        description="Gallenblase",
        window=WINDOW,
        area=(10.0, 12.0, 200.5, 150.0),
        notes=[("Stein? 胆石", (60.0, 70.0))],
    )
    state = view_state(uid, view, image, made)
    assert len(state.drawn) == 3
    path = state_file(tmp_path, state, image)
    said = validate(path)
    assert said.errors == ()
    assert said.iod == "GrayscaleSoftcopyPresentationState"
    read = dcmread(path)
    [reference] = read.GraphicAnnotationSequence[0].ReferencedImageSequence
    assert reference.get("ReferencedFrameNumber") == (None, 3)[number]


def test_dcmtk_renders_what_the_state_says(
    tmp_path: Path, run_dcmtk: Callable[..., DcmtkResult]
) -> None:
    """The grey values are those of the window, PS3.3 C.11.2.1.2.1, on the second frame."""
    path = image_file(tmp_path, [1.0, 1.05, 1.1])
    image = dcmread(path)
    state = view_state(str(image.SOPInstanceUID), View(frame=2, window=WINDOW), image, [])
    shown = tmp_path / "shown.pgm"
    done = run_dcmtk("dcmp2pgm", "-p", state_file(tmp_path, state, image), "-f", "2", path, shown)
    assert done.ok, done.output
    raw = shown.read_bytes()
    assert raw.startswith(b"P5")
    pixels = np.frombuffer(raw[-ROWS * COLUMNS :], np.uint8).reshape(ROWS, COLUMNS)
    stored = image.pixel_array[1].astype(float)
    center, width = WINDOW
    wanted = np.clip(((stored - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255)
    assert np.abs(pixels - wanted).max() < 1.01


def own_window(image: Dataset) -> None:
    image.WindowCenter, image.WindowWidth = ["90", "40"], ["60", "20"]


def own_lut(image: Dataset) -> None:
    """A table, which goes before the window that is there as well; after a rescale."""
    own_window(image)
    image.RescaleSlope, image.RescaleIntercept = "2", "-20"
    table = Dataset()
    table.add_new("LUTDescriptor", "SS", [400, -10, 8])
    table.add_new("LUTData", "OW", (np.arange(400) * 7 % 256).astype("<u2").tobytes())
    image.VOILUTSequence = [table]


def turned_over(image: Dataset) -> None:
    image.PresentationLUTShape = "INVERSE"


@pytest.mark.parametrize("own", [own_window, own_lut, turned_over])
@pytest.mark.parametrize("window", [None, WINDOW], ids=["of the image", "chosen"])
def test_what_was_shown_is_kept(
    own: Callable[[Dataset], None],
    window: tuple[float, float] | None,
    tmp_path: Path,
    run_dcmtk: Callable[..., DcmtkResult],
    validate: Callable[[Path], Validation],
) -> None:
    """The image's own window or VOI LUT where no one chose another: a state without one would mean
    none (PS3.4 N.2.1.2). DCMTK renders the pixels that the console shows.
    """
    path = image_file(tmp_path, [1.0])
    image = dcmread(path)
    own(image)
    image.save_as(path)
    state = view_state(str(image.SOPInstanceUID), View(frame=1, window=window), image, [])
    made = state_file(tmp_path, state, image)
    assert validate(made).errors == ()
    shown = tmp_path / "shown.pgm"
    done = run_dcmtk("dcmp2pgm", "-p", made, path, shown)
    assert done.ok, done.output
    rendered = np.frombuffer(shown.read_bytes()[-ROWS * COLUMNS :], np.uint8)
    presentation = presentation_of(image)
    if window is not None:
        presentation = presentation.windowed(Window(center=window[0], width=window[1]))
    ours = picture_of(image.pixel_array.tobytes(), pixels_of(image), presentation)
    difference = np.abs(rendered.astype(int) - ours.ravel().astype(int))
    assert difference.max() <= 1
    assert len(np.unique(ours)) > 2


def test_a_state_without_anything_is_the_image_as_it_is(
    tmp_path: Path, validate: Callable[[Path], Validation]
) -> None:
    """All of it, its own window, nothing drawn."""
    image = images()[0]
    state = SoftcopyState(sop_instance_uid=str(image.SOPInstanceUID), frame=1)
    path = state_file(tmp_path, state, image)
    assert validate(path).errors == ()
    read = dcmread(path)
    [area] = read.DisplayedAreaSelectionSequence
    assert list(area.DisplayedAreaTopLeftHandCorner) == [1, 1]
    assert list(area.DisplayedAreaBottomRightHandCorner) == [image.Columns, image.Rows]
    [voi] = read.SoftcopyVOILUTSequence
    assert (voi.WindowCenter, voi.WindowWidth) == (image.WindowCenter, image.WindowWidth)
    assert "GraphicLayerSequence" not in read


def test_a_colour_image_and_an_area_without_size_are_refused(tmp_path: Path) -> None:
    """A grayscale state says nothing of colours."""
    image = Dataset(dict(images()[0].items()))
    state = SoftcopyState(sop_instance_uid=str(image.SOPInstanceUID), frame=1)
    with pytest.raises(InvalidObject):
        state_file(tmp_path, replace(state, area=(5.0, 5.0, 5.0, 9.0)), image)
    image.PhotometricInterpretation = "RGB"
    with pytest.raises(OperatorRefused, match="colour"):
        state_file(tmp_path, state, image)
