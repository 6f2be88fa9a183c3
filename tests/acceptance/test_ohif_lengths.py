"""Lengths that are measured in OHIF with the mouse, against what lies in the picture."""

from __future__ import annotations

import math

import pytest
from playwright.sync_api import Page
from pydicom import Dataset
from pydicom.sequence import Sequence

from tests.acceptance import test_ohif
from tests.acceptance.test_ohif import PIXEL_MM, Viewer, of_study, scale, write
from tests.integration.web.kept_images import PLATE, PLATE_MM, ROWS, still
from tests.peers.ohif import FIRST_VIEWPORT, poll

pytestmark = [pytest.mark.peers, pytest.mark.slow, pytest.mark.timeout(300)]

viewer = test_ohif.viewer  # its node, and a browser

Ends = tuple[tuple[float, float], tuple[float, float]]
# Of the image's pixels, where on the screen. cornerstone.utilities.imageToWorldCoords takes the
# height of a pixel for its width.
ON_SCREEN = f"""points => {{
  const viewport = {FIRST_VIEWPORT};
  const box = viewport.canvas.getBoundingClientRect();
  return points.map(point => {{
    const place = viewport.getImageData().imageData.indexToWorld([...point, 0]);
    const [x, y] = viewport.worldToCanvas(place);
    return [x + box.left, y + box.top];
  }});
}}"""
LENGTHS = """() => cornerstoneTools.annotation.state.getAllAnnotations()
  .flatMap(each => Object.values(each.data.cachedStats ?? {}))
  .filter(each => each.length).map(each => [each.length, each.unit])"""


def two_regions(number: int) -> Dataset:
    """Two pictures one below the other, of other scales; no Pixel Spacing can be true of both."""
    made = of_study(number, still(number))
    del made.PixelSpacing
    low = scale(ROWS // 2 + 20, ROWS - 1, 0.4)
    low.PhysicalDeltaX = 0.04
    made.SequenceOfUltrasoundRegions = Sequence([scale(0, ROWS // 2 + 19, PIXEL_MM), low])
    return made


def length_mm(viewer: Viewer, page: Page, ends: Ends) -> float:
    """Measured with the mouse from one place of the image to another."""
    page.click('[data-cy="MeasurementTools-split-button-primary"]')
    (x0, y0), (x1, y1) = page.evaluate(ON_SCREEN, [list(end) for end in ends])
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2)
    page.mouse.move(x1, y1)
    page.mouse.up()
    poll(page, f"({LENGTHS})().length")
    [[length, unit]] = page.evaluate(LENGTHS)
    assert viewer.policy_faults == []
    return float(length) * {"mm": 1, "cm": 10}[unit.split()[0]]


def test_a_length_is_that_of_the_plate(viewer: Viewer) -> None:
    """From one end to the other: 40 mm, within half a millimetre."""
    page = viewer.open_study("1.2.3.1", frames=1)
    assert length_mm(viewer, page, PLATE) == pytest.approx(PLATE_MM, abs=0.5)
    page.context.close()


def test_a_length_in_a_frame_of_a_cine_is_that_of_the_plate(viewer: Viewer) -> None:
    """As in a still."""
    page = viewer.open_study("1.2.3.2", frames=4)
    assert length_mm(viewer, page, PLATE) == pytest.approx(PLATE_MM, abs=0.5)
    page.context.close()


@pytest.mark.parametrize(
    ("ends", "wanted_mm"),
    [
        pytest.param(PLATE, PLATE_MM, marks=pytest.mark.long),
        pytest.param(((160.0, 60.0), (160.0, 160.0)), 50.0, marks=pytest.mark.long),
        (((60.0, 60.0), (160.0, 160.0)), math.hypot(20, 50)),
    ],
)
def test_a_length_where_pixels_are_higher_than_wide(
    viewer: Viewer, ends: Ends, wanted_mm: float
) -> None:
    """0.2 mm by 0.5 mm: across, down and aslant."""
    viewer.store(write(of_study(4, still(4), height_mm=0.5), viewer.folder / "high.dcm"))
    page = viewer.open_study("1.2.3.4", frames=1)
    assert length_mm(viewer, page, ends) == pytest.approx(wanted_mm, abs=0.5)
    page.context.close()


@pytest.mark.parametrize(
    ("ends", "wanted_mm"),
    [
        pytest.param(((60.0, 40.0), (160.0, 40.0)), 20.0, marks=pytest.mark.long),
        (((60.0, 200.0), (160.0, 200.0)), 40.0),
    ],
)
def test_a_length_in_each_of_two_regions(viewer: Viewer, ends: Ends, wanted_mm: float) -> None:
    """By the scale of the region that it lies in; the image has no Pixel Spacing (OHIF#5155)."""
    viewer.store(write(two_regions(5), viewer.folder / "two.dcm"))
    page = viewer.open_study("1.2.3.5", frames=1)
    assert length_mm(viewer, page, ends) == pytest.approx(wanted_mm, abs=0.5)
    page.context.close()
