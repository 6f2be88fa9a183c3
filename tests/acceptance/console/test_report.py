"""A report and a kept view made in the console with a real node; each screen looked at."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.acceptance.clinic import Clinic
from tests.acceptance.console.conftest import OpenPage
from tests.acceptance.console.screens import THEMES, document, shoot
from tests.acceptance.exam_client import ExamClient
from tests.peers.accessibility import accessibility_faults
from tests.peers.fixtures import require_fonts, require_program
from tests.peers.node_process import ProbeSimProcess
from tests.peers.ports import LOOPBACK, free_port
from tests.support.data_folder import data_folder
from tests.support.stand_in_recordings import FILM

expect.set_options(timeout=20_000)  # of a machine that is very busy
pytestmark = [pytest.mark.long, pytest.mark.peers, pytest.mark.timeout(240)]

JANE = {"id": "0815", "name": "Doe^Jane", "birth_date": "19700102", "sex": "F"}


@dataclass(frozen=True)
class Reported:
    """A node with Orthanc, and an open exam with a measured still."""

    url: str
    client: ExamClient
    exam: str
    still: str


@pytest.fixture(scope="module")
def node() -> Iterator[Reported]:
    require_fonts()
    with ExitStack() as parts:
        film = data_folder() / "probe" / FILM
        simulation = ("--protocol", "echopen", "--dialect", "kit", "--fps", "12")
        probe = parts.enter_context(
            ProbeSimProcess(*simulation, "--recording", str(film), "--loop")
        )
        client = ExamClient(free_port())
        clinic = Clinic(
            parts,
            probe_port=probe.port,
            capture={"mode": "manual"},
            extra={"web": {"port": client.port}, "institution": {"name": "Example Clinic"}},
        )
        clinic.start_pacs()
        clinic.start_node()
        exam = client.open(patient=JANE)
        still = client.first_still(exam)
        client.still(exam)
        region = client.get(f"/api/instances/{still}")["regions"][0]
        x, y = (region["x0"] + region["x1"]) / 2, (region["y0"] + region["y1"]) / 2
        client.post(
            f"/api/instances/{still}/measurements",
            frame=1,
            kind="distance",
            points=[[x - 40, y], [x + 40, y + 20]],
            label="CBD",
        )
        yield Reported(f"http://{LOOPBACK}:{client.port}", client, exam, still)


def looked_at(page: Page, name: str, *, documented: str = "") -> None:
    for theme in THEMES:
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        assert accessibility_faults(page) == [], theme
        shoot(page, name, theme=theme, documented=documented if theme == "dark" else "")


def test_a_report_is_sent_from_the_open_exam_and_its_proof_fills(
    visit: OpenPage, node: Reported, tmp_path: Path
) -> None:
    """Words are picked and typed; what was measured is chosen already; three proofs at the end."""
    page: Page = visit(node.url).open(f"/scan/{node.exam}")
    page.get_by_role("button", name="Report").click()
    dialog = page.get_by_role("dialog", name="Report the exam")
    send = dialog.get_by_role("button", name="Send report")
    dialog.get_by_role("group", name="Right upper quadrant").get_by_text("no free fluid").click()
    expect(dialog.get_by_label("Right upper quadrant: In your own words")).to_have_value(
        "no free fluid"
    )
    dialog.get_by_label("Pelvis: In your own words").fill("2 cm behind the uterus")
    dialog.get_by_role("group", name="Conclusion").get_by_text("Free fluid.", exact=True).click()
    expect(dialog.get_by_role("checkbox", checked=True)).to_have_count(2)  # measurement, its image
    dialog.locator(".dialog-content").evaluate("each => each.scrollTo(0, 0)")
    looked_at(page, "report", documented="report")
    send.click()
    expect(dialog).to_have_count(0)
    page.get_by_role("button", name="End exam").click()
    documents = page.get_by_role("region", name="Reports and views")
    expect(documents.get_by_text("Committed")).to_have_count(3, timeout=60_000)
    looked_at(page, "report-end", documented="report-end")
    [report] = node.client.get(f"/api/exams/{node.exam}/reports")
    said = {each["field"]: each["text"] for each in report["content"]["findings"]}
    assert said == {"right_upper": "no free fluid", "pelvis": "2 cm behind the uterus"}
    assert report["content"]["conclusion"] == "Free fluid."
    link = documents.get_by_role("link", name="Open the PDF").get_attribute("href")
    answer = page.request.get(f"{node.url}/{link}")
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.body().startswith(b"%PDF-")
    (tmp_path / "report.pdf").write_bytes(answer.body())
    drawn = [require_program("pdftoppm"), "-png", "-r", "72", "-singlefile", "report.pdf", "page"]
    subprocess.run(drawn, cwd=tmp_path, check=True)
    document(tmp_path / "page.png", "report-page")


def test_a_view_is_kept_as_it_is_seen(visit: OpenPage, node: Reported) -> None:
    """Zoomed, with a window of a person's own and a note; in French."""
    page: Page = visit(node.url).open(f"/review/{node.still}")
    page.wait_for_selector(".viewer[data-frame]")
    page.keyboard.press("+")
    page.keyboard.press("b")
    page.keyboard.press("ArrowUp")
    page.get_by_role("button", name="Keep this view").click()
    dialog = page.get_by_role("dialog", name="Keep this view")
    dialog.get_by_label("Name of the view").fill("Gallbladder")
    dialog.get_by_label("Note on the image").fill("stone?")
    looked_at(page, "keep-view")
    dialog.get_by_role("button", name="Keep", exact=True).click()
    expect(dialog).to_have_count(0)
    expect(page.get_by_text("Gallbladder")).to_be_visible()
    kept = node.client.get(f"/api/exams/{node.exam}/reports")[-1]
    assert kept["kind"] == "presentation"
    content = kept["content"]
    assert content["window"]["center"] < 128
    left, top, right, bottom = content["area"]
    assert left >= 0 < top < bottom
    assert right - left > 0
    assert [each["text"] for each in content["drawn"]][1:] == ["stone?"]
    assert content["drawn"][0]["text"].startswith("CBD ")


def test_what_the_node_refuses_is_said_in_the_dialog(visit: OpenPage, node: Reported) -> None:
    """A character without a font: what was typed stays, and the remedy is there."""
    page: Page = visit(node.url).open(f"/review/{node.still}")
    page.wait_for_selector(".viewer[data-frame]")
    page.get_by_role("button", name="Report").click()
    dialog = page.get_by_role("dialog", name="Report the exam")
    conclusion = dialog.get_by_role("textbox", name="Conclusion")
    conclusion.fill("\U00020000")
    dialog.get_by_role("button", name="Send report").click()
    expect(dialog.get_by_role("alert")).to_contain_text("No font of this machine has U+20000")
    expect(conclusion).to_have_value("\U00020000")
