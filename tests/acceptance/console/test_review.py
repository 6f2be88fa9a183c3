"""Archive and review with a real node: found, played, measured, downloaded; each screen looked at.

The images are the echOpen film's, or a phantom's where the film is not there: both say in their
geometry how deep the picture is, and that depth is what is measured.
"""

from __future__ import annotations

import base64
import math
import struct
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.clinic import Clinic
from tests.acceptance.console.conftest import OpenPage
from tests.acceptance.console.screens import SIZES, THEMES, is_wider_than_screen, shoot
from tests.acceptance.exam_client import ExamClient
from tests.peers.accessibility import accessibility_faults
from tests.peers.node_process import ProbeSimProcess
from tests.peers.ports import LOOPBACK, free_port
from tests.support.data_folder import data_folder
from tests.support.stand_in_recordings import FILM
from tests.support.waiting import wait_until
from tests.unit.transcoding.test_picture_file import read_png

PATIENCE_MS = 20_000  # of a machine that is very busy
expect.set_options(timeout=PATIENCE_MS)
pytestmark = [pytest.mark.peers, pytest.mark.timeout(180)]

FPS = 12
DEPTH_MM = 80.0  # of the film's settings: r0 80 mm, rf 160 mm
JANE = {"id": "0815", "name": "Doe^Jane", "birth_date": "19700102", "sex": "F"}
WITHIN_MM = 0.5
# How a page's frames go by: [milliseconds, frame] for each that was drawn.
WATCH = """() => {
  window.seen = [];
  const shown = () => document.querySelector(".viewer")?.dataset.frame;
  let last = shown();
  const look = (now) => {
    if (shown() !== last) { last = shown(); seen.push([now, Number(last)]); }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


@dataclass(frozen=True)
class Kept:
    """A node with an identified exam of a still and a clip, and an unidentified one."""

    url: str
    client: ExamClient
    exam: str
    study: str
    still: str
    clip: str
    nameless: str
    folder: Path

    def view(self, uid: str) -> Any:
        return self.client.get(f"/api/instances/{uid}")


@pytest.fixture(scope="module")
def kept() -> Iterator[Kept]:
    with ExitStack() as parts:
        film = data_folder() / "probe" / FILM
        simulation = ("--protocol", "echopen", "--dialect", "kit", "--fps", str(FPS))
        probe = parts.enter_context(
            ProbeSimProcess(*simulation, "--recording", str(film), "--loop")
        )
        client = ExamClient(free_port())
        clinic = Clinic(
            parts,
            probe_port=probe.port,
            capture={"mode": "manual"},
            extra={
                "web": {"port": client.port},
                "exam": {"deliver_unidentified": False},
            },
        )
        node = clinic.start_node()
        exam = client.open(patient=JANE)
        still = client.first_still(exam)
        fields = {"seconds": 2, "from": "now"}
        clip = client.post(f"/api/exams/{exam}/clips", **fields)["sop_instance_uid"]
        client.post(f"/api/exams/{exam}/end")
        other = client.open()
        nameless = client.first_still(other)
        client.post(f"/api/exams/{other}/end")
        wait_until(lambda: len(client.get("/api/ledger")) == 3, timeout_s=30, what="three images")
        study = client.get(f"/api/exams/{exam}")["study_instance_uid"]
        url = f"http://{LOOPBACK}:{client.port}"
        yield Kept(url, client, exam, study, still, clip, nameless, Path(node.data_dir))


def reviewed(visit: OpenPage, kept: Kept, uid: str, **more: Any) -> Page:
    """The review of an image, with its picture drawn and all its frames there."""
    page: Page = visit(kept.url, **more).open(f"/review/{uid}")
    page.wait_for_selector(".viewer[data-frame]")
    expect(page.get_by_text("frames loaded")).to_have_count(0)
    return page


def test_a_study_is_found_by_a_part_of_its_name_and_leads_to_its_images(
    visit: OpenPage, kept: Kept
) -> None:
    """Typed text stays out of the address; dates are in it; a study leads to its images."""
    page: Page = visit(kept.url).open("/archive")
    expect(page.locator(".studies tbody tr")).to_have_count(2)
    page.get_by_label("Name, Patient ID").fill("jan")
    expect(page.locator(".studies tbody tr")).to_have_count(1)
    assert "jan" not in page.url
    assert "Doe" not in page.title()
    page.get_by_label("From").fill("2020-01-31")
    page.wait_for_url("**#/archive/dates/20200131-")
    page.get_by_role("link", name="DOE, Jane").click()
    page.wait_for_url(f"**#/archive/{kept.study}/*")
    expect(page.locator(".image-card")).to_have_count(2)
    page.get_by_role("link", name="Clip").click()
    page.wait_for_selector(".viewer[data-frame]")
    page.get_by_role("link", name="Back").click()
    page.wait_for_selector(".image-card")


def test_a_cine_is_played_at_its_true_rate(visit: OpenPage, kept: Kept) -> None:
    """The clock decides: within 5% over three rounds, however slowly this machine draws."""
    page = reviewed(visit, kept, kept.clip)
    view = kept.view(kept.clip)
    durations = view["frame_durations_ms"]
    assert len(durations) == view["frames"] > 15
    page.evaluate(WATCH)
    page.get_by_role("button", name="Play").click()
    seen = page.evaluate(
        """async wanted => {
          const begun = performance.now();
          while (seen.length < 3 || seen.at(-1)[0] - seen[0][0] < wanted) {
            if (performance.now() - begun > 90_000) break;
            await new Promise(requestAnimationFrame);
          }
          return seen;
        }""",
        3 * sum(durations),
    )
    assert len(seen) >= 3, f"it does not play: {seen}, {page.locator('body').inner_text()}"
    starts = np.concatenate([[0], np.cumsum(durations)])
    total, played = float(starts[-1]), [0.0]
    for (begun, before), (ended, after) in pairwise(seen):
        step = starts[after - 1] - starts[before - 1]
        # A machine that draws nothing for a while may leave out whole rounds.
        played.append(played[-1] + step + total * round((ended - begun - step) / total))
    # The slope, since a single drawing may be late.
    rate = np.polyfit([moment for moment, _ in seen], played, 1)[0]
    assert rate == pytest.approx(1, abs=0.05)
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    frame = int(page.locator(".viewer").get_attribute("data-frame") or 0)
    page.keyboard.press("ArrowRight")
    expect(page.locator(".viewer")).to_have_attribute("data-frame", str(frame % len(durations) + 1))


def depth_line(kept: Kept, uid: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """From the picture's top to its bottom on the beam's middle line, in image coordinates.

    The field's edge: the topmost and the lowest row with anything in it, near the middle column,
    over all frames of speckle that there are.
    """
    view = kept.view(uid)
    middle = view["columns"] // 2
    lit = np.zeros(view["rows"], bool)
    for frame in range(1, min(view["frames"], 8) + 1):
        page = _bytes(kept, f"/api/instances/{uid}/frames/{frame}.png")
        lit |= read_png(page)[:, middle - 2 : middle + 3, 0].max(axis=1) > 0
    rows = np.flatnonzero(lit)
    return (middle + 0.5, float(rows[0])), (middle + 0.5, float(rows[-1] + 1))


def _bytes(kept: Kept, path: str) -> bytes:
    import http.client

    connection = http.client.HTTPConnection(LOOPBACK, kept.client.port, timeout=30)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200, path
        return answer.read()
    finally:
        connection.close()


def on_screen(page: Page, view: Any, point: tuple[float, float]) -> tuple[float, float]:
    """Where an image's point is on the page while the whole image is shown."""
    box = page.locator(".viewer").bounding_box()
    assert box is not None
    ratio = view["pixel_ratio"]
    scale = min(box["width"] / view["columns"], box["height"] / (view["rows"] * ratio))
    left = box["x"] + (box["width"] - view["columns"] * scale) / 2
    top = box["y"] + (box["height"] - view["rows"] * ratio * scale) / 2
    return left + point[0] * scale, top + point[1] * scale * ratio


def test_the_depth_of_the_picture_is_measured_within_half_a_millimetre(
    visit: OpenPage, kept: Kept
) -> None:
    """By mouse; what is shown while measuring is what the node keeps."""
    page = reviewed(visit, kept, kept.clip)
    view = kept.view(kept.clip)
    ends = depth_line(kept, kept.clip)
    page.get_by_role("button", name="Distance", exact=True).click()
    for x, y in (on_screen(page, view, end) for end in ends):
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.up()
    live = page.locator(".viewer-hint.values").inner_text()
    page.get_by_placeholder("Label").fill("Depth")
    page.get_by_role("button", name="Keep").click()
    expect(page.locator(".measured")).to_have_count(1)
    [made] = kept.client.get(f"/api/exams/{kept.exam}/measurements")
    [length] = made["results"]
    assert made["label"] == "Depth"
    assert length["value"] == pytest.approx(DEPTH_MM, abs=WITHIN_MM)
    assert live == f"{length['value']:.1f} mm"
    page.get_by_role("button", name="Delete").click()
    expect(page.locator(".measured")).to_have_count(0)
    [deleted] = kept.client.get(f"/api/exams/{kept.exam}/measurements")
    assert deleted["deleted_at"]


def test_a_length_is_measured_by_the_keyboard_alone(visit: OpenPage, kept: Kept) -> None:
    """Arrows move the point, Enter sets it and then keeps the length: 40 columns of the scale."""
    page = reviewed(visit, kept, kept.still)
    page.keyboard.press("m")
    page.wait_for_selector(".viewer-layer:focus")
    for _ in range(2):
        page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("Enter")
    for _ in range(4):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(page.locator(".measured")).to_have_count(1)
    [made] = kept.client.get(f"/api/instances/{kept.still}/measurements")
    [region] = kept.view(kept.still)["regions"]
    assert made["results"][0]["value"] == pytest.approx(40 * region["physical_delta_x_mm"])


def test_an_ellipse_and_an_outline_by_touch(visit: OpenPage, kept: Kept) -> None:
    """Three taps; one stroke around; the areas are those of the figures."""
    page = reviewed(visit, kept, kept.still, touch=True)
    view = kept.view(kept.still)
    [region] = view["regions"]
    dx = region["physical_delta_x_mm"]
    assert dx == pytest.approx(region["physical_delta_y_mm"])
    x, y = view["columns"] / 2, view["rows"] / 2
    page.get_by_role("button", name="Ellipse").tap()
    for point in ((x - 60, y), (x + 60, y), (x, y + 30)):
        page.touchscreen.tap(*on_screen(page, view, point))
    page.get_by_role("button", name="Keep").tap()
    expect(page.locator(".measured").filter(has_text="Ellipse")).to_have_count(1)
    page.get_by_role("button", name="Trace").tap()
    around = [
        on_screen(page, view, (x + 50 * math.cos(n / 8), y + 50 * math.sin(n / 8)))
        for n in range(49)
    ]
    page.mouse.move(*around[0])
    page.mouse.down()
    for point in around[1:]:
        page.mouse.move(*point)
    page.mouse.up()
    page.get_by_role("button", name="Keep").tap()
    expect(page.locator(".measured").filter(has_text="Trace")).to_have_count(1)
    made = kept.client.get(f"/api/instances/{kept.still}/measurements")
    areas = {each["kind"]: each["results"][0]["value"] for each in made}
    assert areas["ellipse"] == pytest.approx(math.pi * 60 * 30 * dx * dx, rel=0.03)
    assert areas["area"] == pytest.approx(math.pi * 50 * 50 * dx * dx, rel=0.03)


def boxes(data: bytes) -> dict[str, bytes]:
    """The boxes of an MP4 by name, those inside others too (ISO/IEC 14496-12)."""
    found, position = {}, 0
    while position < len(data):
        (size,) = struct.unpack_from(">I", data, position)
        name = data[position + 4 : position + 8].decode("ascii")
        assert size >= 8
        assert position + size <= len(data), name
        content = data[position + 8 : position + size]
        found[name] = content
        if name in ("moov", "trak", "mdia", "minf", "stbl"):
            found |= boxes(content)
        position += size
    return found


def sample_durations_ms(mp4: bytes) -> list[float]:
    found = boxes(mp4)
    (timescale,) = struct.unpack_from(">I", found["mdhd"], 12)
    (runs,) = struct.unpack_from(">I", found["stts"], 4)
    durations: list[float] = []
    for index in range(runs):
        count, duration = struct.unpack_from(">II", found["stts"], 8 + 8 * index)
        durations += [1000 * duration / timescale] * count
    return durations


def test_a_study_is_taken_along_as_a_disc(kept: Kept, visit: OpenPage) -> None:
    """One button of the study: a ZIP file with a DICOMDIR, named by the UID and not the patient."""
    page: Page = visit(kept.url).open(f"/archive/{kept.study}")
    button = page.get_by_role("button", name="Export disc (ZIP)")
    with page.expect_download(timeout=60_000) as coming:
        button.click()
    assert coming.value.suggested_filename == f"{kept.study}.zip"
    with zipfile.ZipFile(coming.value.path()) as archive:
        names = set(archive.namelist())
        assert {"DICOMDIR", "README.TXT", "INDEX.HTM"} < names
        page_of_medium = archive.read("INDEX.HTM").decode()
    assert sum(name.startswith("DICOM/") for name in names) == 2
    assert "Doe Jane" in page_of_medium
    expect(button).to_be_enabled()


def test_a_cine_that_was_not_tracked_makes_no_volume(visit: OpenPage, kept: Kept) -> None:
    """The button is there for each cine; the reason is said, and nothing else happens."""
    page = reviewed(visit, kept, kept.clip)
    page.get_by_role("button", name="Download").click()
    page.get_by_role("button", name="Keep it: Volume of a tracked sweep").click()
    expect(page.get_by_text("no volume can be made of it")).to_be_visible()


def test_a_video_has_the_true_time_of_each_frame(
    visit: OpenPage, kept: Kept, tmp_path: Path
) -> None:
    """Made in the browser: durations as the image's, in all within a millisecond; it plays."""
    page = reviewed(visit, kept, kept.clip)
    page.get_by_role("button", name="Download").click()
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download: MP4 video").click()
    assert coming.value.suggested_filename == f"US-{kept.clip}.mp4"
    coming.value.save_as(tmp_path / "video.mp4")
    mp4 = (tmp_path / "video.mp4").read_bytes()
    wanted = kept.view(kept.clip)["frame_durations_ms"]
    got = sample_durations_ms(mp4)
    assert got == pytest.approx(wanted, abs=0.002)
    assert sum(got) == pytest.approx(sum(wanted), abs=1)
    # Another page, for the console's own policy allows no video.
    player = page.context.new_page()
    source = "data:video/mp4;base64," + base64.b64encode(mp4).decode()
    duration = player.evaluate(
        """async source => {
          const video = document.createElement("video");
          video.muted = true;
          video.src = source;
          await new Promise((done, failed) => {
            video.onloadedmetadata = done;
            video.onerror = () => failed(new Error(video.error.message));
          });
          await video.play();
          await new Promise(done => { video.onended = done; video.playbackRate = 4; });
          return video.duration * 1000;
        }""",
        source,
    )
    assert duration == pytest.approx(sum(wanted), abs=1)


def test_files_are_the_stored_ones_and_pictures_name_no_one_unasked(
    visit: OpenPage, kept: Kept, tmp_path: Path
) -> None:
    """DICOM bit for bit; a PNG of the pixels; the name is burnt in only where it was asked for."""
    page = reviewed(visit, kept, kept.still)
    view = kept.view(kept.still)
    page.get_by_role("button", name="Download").click()
    saved = {}
    for name in ("DICOM file", "PNG of this frame"):
        with page.expect_download() as coming:
            page.get_by_role("link", name=f"Download: {name}").click()
        assert "Doe" not in coming.value.suggested_filename
        saved[name] = tmp_path / coming.value.suggested_filename
        coming.value.save_as(saved[name])
    stored = _bytes(kept, f"/api/instances/{kept.still}/file")
    assert saved["DICOM file"].read_bytes() == stored
    plain = read_png(saved["PNG of this frame"].read_bytes())
    assert plain.shape[:2] == (view["rows"], view["columns"])
    page.get_by_label("Write name, ID and date").check()
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download: PNG").click()
    coming.value.save_as(tmp_path / "named.png")
    (width, height) = struct.unpack_from(">II", (tmp_path / "named.png").read_bytes(), 16)
    assert (width, height) == (view["columns"], view["rows"] + 30)


def test_an_unidentified_image_is_identified_from_its_review(visit: OpenPage, kept: Kept) -> None:
    """Striking until its patient is known; then the patient is at the top."""
    page = reviewed(visit, kept, kept.nameless)
    expect(page.get_by_role("heading", name="Unidentified")).to_be_visible()
    look(page, "review-unidentified")
    page.get_by_role("button", name="Identify").click()
    for label, value in (("ID", "0999"), ("Family name", "Roe")):
        page.get_by_role("dialog").get_by_label(label).first.fill(value)
    page.get_by_role("dialog").get_by_role("button", name="Identify").click()
    expect(page.get_by_role("heading", name="ROE")).to_be_visible()


def look(page: Page, name: str, *, documented: str = "") -> None:
    """No fault of accessibility in either theme, nothing too wide, and screenshots of it."""
    for theme in THEMES:
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        assert accessibility_faults(page) == [], theme
        shoot(page, name, theme=theme, documented=documented if theme == "dark" else "")
    own = page.viewport_size
    for width, height in SIZES.values():
        page.set_viewport_size({"width": width, "height": height})
        assert not is_wider_than_screen(page), (name, width)
    assert own is not None
    page.set_viewport_size(own)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")


@pytest.mark.long
def test_each_screen_is_looked_at(visit: OpenPage, kept: Kept) -> None:
    """Archive, no match, study, still, cine, measuring, downloads, correction, an unknown image."""
    page: Page = visit(kept.url).open("/archive")
    page.wait_for_selector(".studies tbody tr")
    look(page, "archive", documented="archive")
    page.get_by_label("Name, Patient ID").fill("nobody at all")
    page.get_by_role("heading", name="No study matches").wait_for()
    look(page, "archive-no-match")
    page.goto(f"{kept.url}/#/archive/{kept.study}")
    page.wait_for_selector(".image-card img")
    look(page, "study")
    page.goto(f"{kept.url}/#/review/{kept.clip}")
    page.wait_for_selector(".viewer[data-frame]")
    expect(page.get_by_text("frames loaded")).to_have_count(0)
    look(page, "review-cine", documented="review")
    page.get_by_role("button", name="Distance", exact=True).click()
    view = kept.view(kept.clip)
    for point in depth_line(kept, kept.clip):
        x, y = on_screen(page, view, (point[0], min(max(point[1], 4), view["rows"] - 4)))
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.up()
    look(page, "review-measuring", documented="review-measuring")
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("button", name="Download").click()
    page.wait_for_selector("dialog[open]")
    look(page, "review-download")
    page.get_by_role("button", name="Close").last.click()
    page.get_by_role("button", name="Correct").click()
    page.wait_for_selector("dialog[open]")
    look(page, "review-correct")
    page.get_by_role("button", name="Cancel").click()
    page.goto(f"{kept.url}/#/review/1.2.3.4.5")
    page.get_by_role("heading", name="This image is not on this node").wait_for()
    look(page, "review-missing")
