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
    assert "SoftcopyVOILUTSequence" not in read
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
