"""A whole exam in the browser: real probe on the wire, real node, Orthanc and a worklist server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.acceptance.clinic import read
from tests.acceptance.console.conftest import OpenPage
from tests.acceptance.console.screens import shoot
from tests.acceptance.console.site import FPS, ORDERS, Site
from tests.peers.accessibility import accessibility_faults
from tests.peers.fixtures import require_program
from tests.support.stand_in_recordings import write_wires
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.peers, pytest.mark.timeout(240)]

FILM = "probe/echopen_film_envelope_101frames.tar.xz"
COMMITTED_MS = 60_000  # the archive reports when it likes
STALE_MS = 2_000  # what the page promises
LATE_MS = 3_000  # what a busy machine may add to it


@pytest.fixture(scope="module")
def site(shared_data: Path) -> Iterator[Site]:
    """The film of a hand, again and again."""
    for program in ("Orthanc", "wlmscpfs"):
        require_program(program)
    with ExitStack() as parts:
        yield Site(parts, recording=shared_data / FILM)


@pytest.fixture
def page(site: Site, visit: OpenPage) -> Page:
    """The start, with the worklist; no exam is open."""
    for exam in site.client.get("/api/exams?open=true"):
        site.client.post(f"/api/exams/{exam['id']}/end")
    opened = visit(site.url).page
    opened.goto(site.url)
    expect(scheduled(opened, "DOE, Jane")).to_be_visible()
    return opened


def scheduled(page: Page, name: str) -> Locator:
    """The patient in the worklist; an exam that is over names the patient as well."""
    return page.locator(".order").filter(has_text=name)


def shown(page: Page) -> int:
    """The number of the frame on the screen."""
    return int(page.locator("canvas[aria-label]").get_attribute("data-sequence") or 0)


def wait_live(page: Page) -> None:
    """Once the picture moves."""
    page.wait_for_selector("canvas[data-sequence]")
    first = shown(page)
    wait_until(lambda: shown(page) > first, timeout_s=30, what="a newer frame on the canvas")


def captures(page: Page) -> int:
    return page.locator(".capture[data-uid]").count()


def wait_captures(page: Page, count: int) -> None:
    expect(page.locator(".capture[data-uid]")).to_have_count(count)


def exam_of(page: Page) -> str:
    return page.url.rpartition("/")[2]


def stored_frames(site: Site, page: Page) -> list[int]:
    """The number of frames of each capture, in the order of taking."""
    exam = site.client.get(f"/api/exams/{exam_of(page)}")
    return [each["frames"] for each in exam["instances"]]


def stored_times_ms(site: Site, page: Page) -> list[float]:
    """When each frame of the last capture is shown."""
    exam = site.client.get(f"/api/exams/{exam_of(page)}")
    uid = exam["instances"][-1]["sop_instance_uid"]
    times: list[float] = site.client.get(f"/api/instances/{uid}")["frame_times_ms"]
    return times


def test_an_exam_from_the_worklist_to_the_commitment(site: Site, page: Page) -> None:
    """Three taps to the first still; freeze, scrub, still, three seconds; proved at the end."""
    shoot(page, "real-exams", documented="exams")
    scheduled(page, "DOE, Jane").click()
    page.get_by_role("button", name="Start the exam").click()
    wait_live(page)
    page.get_by_role("button", name="Still", exact=True).click()
    wait_captures(page, 1)
    expect(page.get_by_role("heading", name="DOE, Jane")).to_be_visible()

    page.get_by_role("button", name="Length of a clip").click()
    page.get_by_role("radio", name="3 s").check()
    page.get_by_role("button", name="Close").last.click()
    seen = shown(page)
    wait_until(lambda: shown(page) > seen + 3 * FPS, timeout_s=30, what="three seconds of frames")
    shoot(page, "real-live", documented="live")

    page.get_by_role("button", name="Freeze").click()
    expect(page.get_by_label("Frame of the last seconds")).to_be_visible()
    at_freeze = shown(page)
    page.get_by_label("Frame of the last seconds").focus()
    for _ in range(10):
        page.keyboard.press("ArrowLeft")
    wait_until(lambda: shown(page) == at_freeze - 10, timeout_s=20, what="the frame ten before")
    shoot(page, "real-frozen", documented="frozen")
    page.get_by_role("button", name="Measure", exact=True).click()
    for share in ((0.35, 0.55), (0.62, 0.5)):
        press_at(page, share)
    assert accessibility_faults(page) == []
    shoot(page, "real-measure", documented="measure")
    page.get_by_role("button", name="Discard").click()
    page.get_by_role("button", name="Still", exact=True).click()
    wait_captures(page, 2)
    page.get_by_role("button", name="Clip 3 s").click()
    wait_captures(page, 3)
    page.get_by_role("button", name="Live", exact=True).click()
    wait_live(page)
    still, frozen, clip = stored_frames(site, page)
    assert (still, frozen) == (1, 1)
    times = stored_times_ms(site, page)
    assert len(times) == clip
    # By the frames' own times: a busy machine gives them late, and then many at once.
    assert 2_700 <= times[-1] - times[0] <= 3_000
    page.get_by_role("button", name="End exam").click()
    done = page.get_by_text("All 3 images are committed by pacs")
    expect(done).to_be_visible(timeout=COMMITTED_MS)
    expect(page.get_by_text("The tablet may be put away.")).to_be_visible()
    expect(page.get_by_text("Committed", exact=True)).to_have_count(3)
    assert accessibility_faults(page) == []
    shoot(page, "real-end", documented="end")
    held = [read(raw) for raw in site.clinic.held_by_pacs().values()]
    assert {(image.PatientID, image.AccessionNumber) for image in held} == {("0815", "4711")}


# The middle of the brightest spot in the left and in the right half of the picture, in its pixels.
SPOTS = """
canvas => [0, 1].map(half => {
  const {width, height} = canvas;
  const pixels = canvas.getContext("2d").getImageData(0, 0, width, height).data;
  let [sum, across, down, most] = [0, 0, 0, 0];
  for (let at = 0; at < pixels.length; at += 4) most = Math.max(most, pixels[at]);
  for (let row = 0; row < height; row += 1) {
    for (let column = half * width / 2 | 0; column < (half + 1) * width / 2; column += 1) {
      const grey = pixels[4 * (row * width + column)];
      if (grey < 0.8 * most) continue;
      sum += grey; across += grey * (column + 0.5); down += grey * (row + 0.5);
    }
  }
  return [across / sum / width, down / sum / height];
})
"""


def press_at(page: Page, share: Sequence[float]) -> None:
    """A press on the picture, at that share of its width and height."""
    box = page.locator("canvas[aria-label]").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + share[0] * box["width"], box["y"] + share[1] * box["height"])


def test_a_length_is_measured_by_the_geometry(site: Site, page: Page, tmp_path: Path) -> None:
    """Two wires, whose distance the sector alone gives: within half a millimetre, and kept."""
    recording = tmp_path / "wires.tar.xz"
    apart_mm = write_wires(recording)
    page.get_by_role("button", name="Scan now, identify later").click()
    wait_live(page)
    before = shown(page)
    site.replay(recording)
    wait_until(lambda: shown(page) > before + 4 * FPS, timeout_s=60, what="the other probe")
    wait_live(page)
    page.keyboard.press("m")
    expect(page.get_by_text("Set both ends.")).to_be_visible()
    shoot(page, "real-wires")
    for spot in page.locator("canvas[aria-label]").evaluate(SPOTS):
        press_at(page, spot)
    page.get_by_role("button", name="Keep").click()
    expect(page.get_by_text("is kept with the image.").first).to_be_visible()
    [still] = site.client.get(f"/api/exams/{exam_of(page)}")["instances"]
    uid = still["sop_instance_uid"]
    [kept] = site.client.get(f"/api/instances/{uid}/measurements")
    assert kept["results"][0]["value"] == pytest.approx(apart_mm, abs=0.5)


def test_an_exam_by_the_keyboard_alone(page: Page) -> None:
    """A number typed as a barcode reader types it, and no key but those of the keyboard."""
    press = page.keyboard.press
    press("/")
    page.keyboard.type("0816\n")
    expect(page.get_by_role("dialog")).to_contain_text("OKAFOR, Chidi")
    press("Enter")
    wait_live(page)
    press("s")
    wait_captures(page, 1)
    press("Space")
    expect(page.get_by_label("Frame of the last seconds")).to_be_visible()
    frozen = shown(page)
    press("ArrowLeft")
    wait_until(lambda: shown(page) == frozen - 1, timeout_s=20, what="the frame before")
    press("s")
    wait_captures(page, 2)
    press("c")
    wait_captures(page, 3)
    press("Space")
    wait_live(page)
    press("?")
    expect(page.get_by_role("dialog")).to_contain_text("One frame back")
    press("Escape")
    for _ in range(20):
        if page.evaluate("document.activeElement.textContent") == "End exam":
            break
        press("Tab")
    press("Enter")
    expect(page.get_by_role("region", name="The exam has ended")).to_be_visible()


def test_an_exam_by_touch_alone_is_identified_later(site: Site, visit: OpenPage) -> None:
    """Two taps to the first still; nothing is sent before its patient is chosen."""
    page = visit(site.url, size="tablet", touch=True).page
    for exam in site.client.get("/api/exams?open=true"):
        site.client.post(f"/api/exams/{exam['id']}/end")
    page.goto(site.url)
    page.get_by_role("button", name="Scan now, identify later").tap()
    wait_live(page)
    page.get_by_role("button", name="Still", exact=True).tap()
    wait_captures(page, 1)
    expect(page.get_by_role("heading", name="Unidentified")).to_be_visible()
    page.get_by_role("button", name="Freeze").tap()
    expect(page.get_by_label("Frame of the last seconds")).to_be_visible()
    frozen = shown(page)
    box = page.get_by_label("Frame of the last seconds").bounding_box()
    assert box is not None
    page.touchscreen.tap(box["x"] + 30, box["y"] + box["height"] / 2)
    wait_until(lambda: 0 < shown(page) < frozen, timeout_s=20, what="an earlier frame")
    page.get_by_role("button", name="Clip").first.tap()
    wait_captures(page, 2)
    page.get_by_role("button", name="End exam").tap()
    expect(page.get_by_text("2 images are stored here and wait for their patient")).to_be_visible()
    page.get_by_role("button", name="Identify").first.tap()
    page.get_by_role("dialog").get_by_role("button", name="This one").nth(2).tap()
    expect(page.get_by_role("heading", name="LINDQVIST, Astrid Maria", level=1)).to_be_visible()
    done = page.get_by_text("All 2 images are committed by pacs")
    expect(done).to_be_visible(timeout=COMMITTED_MS)


def test_a_wrong_patient_is_corrected_to_one_of_the_worklist(site: Site, visit: OpenPage) -> None:
    """The one of the list is chosen, and the images go out again in the study of their order.

    The rejected image says so, and what each archive made of the rejection.
    """
    wrong = {"id": "7001", "name": "Wrong^Person", "birth_date": "19700131"}
    exam = site.client.open(patient=wrong)
    taken = site.client.first_still(exam)
    site.client.post(f"/api/exams/{exam}/end")
    page = visit(site.url).page
    page.goto(f"{site.url}/#/review/{taken}")
    page.get_by_role("button", name="Correct").click()
    asked = page.get_by_role("dialog")
    asked.get_by_role("button", name="Reject and replace").click()
    expect(asked).to_contain_text("Choose whose the images are.")
    asked.get_by_label("Find a patient or an order").fill("Lindqvist")
    asked.get_by_role("button", name="This one").click()
    assert accessibility_faults(page) == []
    shoot(page, "real-correct")
    asked.get_by_role("button", name="Reject and replace").click()
    expect(page.get_by_text("Corrected. The note is on its way to the archives.")).to_be_visible()
    found = site.client.get(f"/api/exams/{exam}")
    assert found["patient"]["name"].startswith("Lindqvist")
    assert found["accession_number"] == "4713"
    expect(page.get_by_text("This image was rejected and replaced.")).to_be_visible()
    expect(page.get_by_text("pacs: not known yet whether it acts")).to_be_visible()
    assert accessibility_faults(page) == []
    shoot(page, "real-corrected")


def test_a_patient_who_was_here_before_is_offered_while_one_types(site: Site, page: Page) -> None:
    """Three letters of the name; the choice fills the form."""
    known = {"id": "7002", "name": "Known^Person", "birth_date": "19700131", "sex": "F"}
    site.client.post(f"/api/exams/{site.client.open(patient=known)}/end")
    page.get_by_role("button", name="Type a patient").click()
    asked = page.get_by_role("dialog")
    asked.get_by_label("Family name").press_sequentially("Kno")
    offered = asked.get_by_role("region", name="Seen here before")
    expect(offered).to_contain_text("KNOWN, Person")
    assert accessibility_faults(page) == []
    shoot(page, "real-known-patient")
    offered.get_by_role("button", name="Use").click()
    expect(asked.get_by_label("Patient ID")).to_have_value("7002")
    expect(asked.get_by_label("Birth date")).to_have_value("1970-01-31")


def test_a_doubtful_patient_is_asked_about(site: Site, page: Page) -> None:
    """A number of the worklist with another name: its candidates are shown, one is chosen."""
    page.get_by_role("button", name="Scan now, identify later").click()
    wait_live(page)
    page.get_by_role("button", name="Identify").click()
    page.get_by_role("radio", name="Typed by hand").check()
    page.get_by_label("Patient ID").fill("1077")
    page.get_by_label("Family name").fill("Hadad")
    page.get_by_label("Birth date").fill("2999-01-01")
    save = page.get_by_role("dialog").get_by_role("button", name="Identify")
    save.click()
    expect(page.get_by_role("dialog")).to_contain_text("Is in the future. Correct the year.")
    page.get_by_label("Birth date").fill("2001-04-05")
    save.click()
    expect(page.get_by_role("dialog")).to_contain_text("Is it one of these?")
    assert accessibility_faults(page) == []
    shoot(page, "real-doubt", documented="doubt")
    page.get_by_role("button", name="This one").click()
    expect(page.get_by_role("heading", name="HADDAD, Leïla", level=1)).to_be_visible()
    [exam] = site.client.get("/api/exams?open=true")
    assert exam["accession_number"] == "4715"


def test_a_second_person_watches_and_points(site: Site, page: Page, visit: OpenPage) -> None:
    """By a link that names no patient; the operator sees where, and ends the link."""
    scheduled(page, "DOE, Jane").click()
    page.get_by_role("button", name="Start the exam").click()
    wait_live(page)
    page.get_by_role("button", name="Share the live picture").click()
    page.get_by_role("button", name="Make a link").click()
    link = page.get_by_label("Link, until").input_value()
    expect(page.get_by_role("img", name="QR code of the link")).to_be_visible()
    expect(page.get_by_text("The link works on this machine alone")).to_be_visible()
    assert accessibility_faults(page) == []
    shoot(page, "real-share")
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    other = visit(site.url, size="phone").page
    other.goto(link)
    other.wait_for_selector("canvas[data-sequence]")
    expect(other.get_by_text("DOE, Jane")).to_have_count(0)
    picture = other.locator("canvas[data-sequence]").bounding_box()
    assert picture is not None
    x, y = picture["x"] + picture["width"] / 4, picture["y"] + picture["height"] / 2
    other.mouse.move(x, y)
    other.mouse.down()
    expect(page.get_by_label("A viewer points here")).to_be_visible()
    other.mouse.up()
    page.get_by_role("button", name="Share the live picture").click()
    expect(page.get_by_text("1 person watches")).to_be_visible()
    page.get_by_role("button", name="End link").click()
    expect(other.get_by_text("The link is over", exact=True)).to_be_visible()


def test_a_search_narrows_the_list_as_it_is_typed(page: Page) -> None:
    """By any part of name, number or procedure; what is not there is said."""
    field = page.get_by_role("searchbox")
    field.fill("thyr")
    expect(page.locator(".order")).to_have_count(1)
    field.fill("")
    expect(page.locator(".order")).to_have_count(len(ORDERS))
    field.fill("nobody 99")
    expect(page.get_by_text("list matches “nobody 99”")).to_be_visible()
    field.press("Enter")
    expect(page.get_by_text("The RIS knows nothing of “nobody 99”")).to_be_visible()


def test_a_node_that_is_gone_is_seen_within_two_seconds(site: Site, page: Page) -> None:
    """Old values are never shown as new; the page goes on by itself. The last test of the file."""
    page.get_by_role("button", name="Scan now, identify later").click()
    wait_live(page)
    site.node.kill()
    gone = page.get_by_role("heading", name="The node is not reachable")
    expect(gone).to_be_visible(timeout=STALE_MS + LATE_MS)
    assert accessibility_faults(page) == []
    shoot(page, "real-node-gone")
    site.node.start()
    expect(gone).to_be_hidden(timeout=COMMITTED_MS)
    wait_live(page)
