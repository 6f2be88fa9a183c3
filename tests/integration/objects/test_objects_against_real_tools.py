"""What EchoNode writes is valid to dicom3tools and reads alike in GDCM, DCMTK and pydicom."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from echonode.exam.unattended import unattended_exam
from echonode.frames.frame import Acquisition, Calibration
from echonode.model.exam import ExamFacts
from echonode.objects.ultrasound import UltrasoundObject
from tests.peers import DcmtkResult, Validation
from tests.peers.validators import DecodedPixels
from tests.unit.objects.acquisitions import (
    CONNECTED_AT,
    PROBE,
    acquisition,
    built,
    exam,
    frames,
    sector,
    write,
)

ROWS, COLUMNS = 63, 65  # odd on purpose: the still's Pixel Data needs its padding byte
TIMES = {
    "still": [1.0],
    "even": [1.0 + 0.05 * n for n in range(6)],
    "uneven": [1.0, 1.05, 1.2, 1.21, 1.5, 1.52],
}
CALIBRATIONS: dict[str, Calibration | None] = {
    "uncalibrated": None,
    "whole": sector(ROWS, COLUMNS),
    "part": replace(sector(ROWS, COLUMNS), region=(3, 2, 60, 59)),
}
UNIDENTIFIED = unattended_exam(node_id="n", connection_id="c", started_at=CONNECTED_AT, counter=1)
NAMED = exam(
    accession_number="A-1",
    referring_physician_name="Ärztin^Eva",
    study_description="Abdomen",
    operators_name="Op^One",
    series_description="Sweep",
)
BARE = replace(PROBE, manufacturer="", model="", serial="", transducer="", transducer_type="")

# Nothing else may be warned of, and each of these is meant.
MEANT = (
    "<Laterality>",  # unknown is what empty says: nobody told which body part it is
    "Pixel Spacing",  # for viewers that know only that; the object is Standard Extended
    "Standard Extended SOP Class",
    "<UNIDENTIFIED> - Retired Person Name form",  # the promised name is one word
)

VARIANTS = [
    pytest.param(kind, rgb, calibration, facts, id=f"{kind}-{colour}-{calibration}-{who}")
    for kind, (colour, rgb), calibration, (who, facts) in itertools.product(
        TIMES,
        (("mono", False), ("rgb", True)),
        CALIBRATIONS,
        (("named", NAMED), ("unidentified", UNIDENTIFIED)),
    )
]


def variant(
    kind: str, rgb: bool, calibration: str, facts: ExamFacts, *, bare: bool = False
) -> UltrasoundObject:
    taken: Acquisition = acquisition(
        frames(
            TIMES[kind],
            rows=ROWS,
            columns=COLUMNS,
            rgb=rgb,
            calibration=CALIBRATIONS[calibration],
        ),
        probe=BARE if bare else PROBE,
        dropped=2,
        partial=1,
    )
    return built(taken, facts)


@pytest.mark.parametrize(("kind", "rgb", "calibration", "facts"), VARIANTS)
def test_dciodvfy_finds_no_error_in_any_variant(
    kind: str,
    rgb: bool,
    calibration: str,
    facts: ExamFacts,
    tmp_path: Path,
    validate: Callable[[Path], Validation],
) -> None:
    """Still and cine, grey and colour, calibrated or not, named or not, even or not."""
    for bare in (False, True):
        path = write(variant(kind, rgb, calibration, facts, bare=bare), tmp_path, f"bare-{bare}")
        said = validate(path)
        assert said.iod == ("USImage" if kind == "still" else "USMultiFrameImage")
        assert said.errors == ()
        assert [w for w in said.warnings if not any(meant in w for meant in MEANT)] == []


@pytest.mark.parametrize("kind", ["still", "uneven"])
@pytest.mark.parametrize("rgb", [False, True])
def test_every_toolkit_decodes_the_pixels_that_the_probe_sent(
    kind: str,
    rgb: bool,
    tmp_path: Path,
    pixels_by_gdcm: Callable[[Path], DecodedPixels],
    pixels_by_dcmtk: Callable[[Path], DecodedPixels],
) -> None:
    """GDCM, DCMTK and pydicom agree with the frames, bit for bit."""
    made = variant(kind, rgb, "whole", NAMED)
    path = write(made, tmp_path, "pixels")
    expected = np.stack([frame.pixels for frame in made.frames])
    shape = (len(made.frames), ROWS, COLUMNS, 3 if rgb else 1)
    assert np.array_equal(dcmread(path).pixel_array.reshape(shape), expected.reshape(shape))
    for decode in (pixels_by_gdcm, pixels_by_dcmtk):
        assert np.array_equal(decode(path).pixels, expected.reshape(shape))


@pytest.mark.parametrize("kind", TIMES)
def test_dcmtk_parses_every_element_without_a_word(
    kind: str, tmp_path: Path, run_dcmtk: Callable[..., DcmtkResult]
) -> None:
    """dcmdump, told to stop at the first fault, finds none; nor does dcmftest."""
    path = write(variant(kind, True, "part", NAMED), tmp_path, "parsed")
    dumped = run_dcmtk("dcmdump", "+E", "-Un", path)
    assert dumped.ok
    assert not [line for line in dumped.output.splitlines() if line.startswith(("W:", "E:"))]
    assert run_dcmtk("dcmftest", path).output.startswith("yes")


def test_dcmtk_renders_a_grey_still_as_it_is(
    tmp_path: Path, run_dcmtk: Callable[..., DcmtkResult]
) -> None:
    """With its own window (128/256) the rendered picture is the stored one, value for value."""
    made = variant("still", False, "uncalibrated", NAMED)
    picture = tmp_path / "picture.pgm"
    path = write(made, tmp_path, "grey")
    assert run_dcmtk("dcm2pnm", "+Wi", "1", "+op", path, picture).ok
    header, pixels = picture.read_bytes().split(b"255\n", 1)
    assert header.startswith(b"P5")
    assert pixels == made.frames[0].pixels.tobytes()
