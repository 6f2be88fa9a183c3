"""OHIF decodes what the node gives it: the pixels in its memory are those of the file."""

from __future__ import annotations

import numpy as np
import pytest
import simplejpeg
from pydicom import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit

from tests.acceptance import test_ohif
from tests.acceptance.test_ohif import Viewer, of_study, write
from tests.integration.web.kept_images import COLUMNS, ROWS, picture, still
from tests.peers.ohif import FIRST_VIEWPORT, poll, wait_complete

pytestmark = [pytest.mark.peers, pytest.mark.slow, pytest.mark.timeout(300)]

viewer = test_ohif.viewer  # its node, and a browser

# The row in the middle of the first frame, as it was decoded.
PIXELS = f"""() => {{
  const image = cornerstone.cache.getImage({FIRST_VIEWPORT}.getImageIds()[0]);
  const start = {ROWS // 2} * {COLUMNS};
  return Array.from(image.getPixelData().slice(start, start + {COLUMNS}));
}}"""


# What is black and what is white in the first viewport.
RANGE = f"(range => [range.lower, range.upper])({FIRST_VIEWPORT}.getProperties().voiRange)"


def in_jpeg(number: int) -> Dataset:
    """A still in JPEG baseline."""
    made = of_study(number, still(number))
    grey = np.ascontiguousarray(picture()[..., np.newaxis])
    made.PixelData = encapsulate([bytes(simplejpeg.encode_jpeg(grey, 95, colorspace="GRAY"))])
    made["PixelData"].VR, made["PixelData"].is_undefined_length = "OB", True
    return made


def test_native_pixels_are_those_of_the_file(viewer: Viewer) -> None:
    """Each frame comes in one part."""
    shown, kinds = decoded(viewer, "1.2.3.2", frames=4)
    assert kinds == {f"application/octet-stream; transfer-syntax={ExplicitVRLittleEndian}"}
    assert shown == picture()[ROWS // 2].tolist()


def test_jpeg_is_decoded_in_the_viewer(viewer: Viewer) -> None:
    """It comes as it is stored; the page's policy lets the codec work."""
    viewer.store(write(in_jpeg(6), viewer.folder / "jpeg.dcm", JPEGBaseline8Bit))
    shown, kinds = decoded(viewer, "1.2.3.6", frames=1)
    assert kinds == {f"application/octet-stream; transfer-syntax={JPEGBaseline8Bit}"}
    assert np.abs(np.array(shown) - picture()[ROWS // 2].astype(int)).max() <= 8
    assert viewer.policy_faults == []


@pytest.mark.long
def test_the_images_window_is_shown_and_the_mouse_changes_it(viewer: Viewer) -> None:
    """Center 100 and width 50 at first (PS3.3 C.11.2.1.2.1); to the right is wider."""
    made = of_study(7, still(7))
    made.WindowCenter, made.WindowWidth = 100, 50
    viewer.store(write(made, viewer.folder / "window.dcm"))
    page = viewer.open_study("1.2.3.7", frames=1)
    poll(page, f"{FIRST_VIEWPORT}.getProperties().voiRange")
    low, high = page.evaluate(RANGE)
    assert (low, high) == pytest.approx((75, 124), abs=1)
    box = page.locator("canvas").first.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(x + 20 * step, y)
    page.mouse.up()
    poll(page, f"{RANGE}[1] - {RANGE}[0] > {high - low + 5}")
    assert viewer.policy_faults == []
    page.context.close()


def decoded(viewer: Viewer, study: str, *, frames: int) -> tuple[list[int], set[str]]:
    """That row as the viewer has it, and the media types that frames came in."""
    kinds: set[str] = set()
    page = viewer.new_page()
    page.on(
        "response",
        lambda answer: (
            kinds.add(answer.headers["content-type"]) if "/frames/" in answer.url else None
        ),
    )
    viewer.show_study(page, study, frames=frames)
    wait_complete(page, frames)
    shown: list[int] = page.evaluate(PIXELS)
    page.context.close()
    return shown, kinds
