"""OHIF as a person uses it: the list, a cine at its rate, a length in the picture, an upload."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian

from echonode.model.measurement import Measurement, MeasurementKind, measured
from echonode.model.patient import Patient
from echonode.model.us_region import UsRegion
from echonode.model.worklist_item import Reference
from echonode.objects.reports.encapsulated import encapsulated_pdf
from echonode.objects.reports.font_files import Fonts
from echonode.objects.reports.pdf import report_pdf
from echonode.objects.reports.structured import MeasuredOn, structured_report
from tests.benchmarks.usage import cpu_seconds
from tests.faults.programme import FULL
from tests.integration.web.kept_images import COLUMNS, ROWS, cine, still
from tests.peers import EchoNodeProcess
from tests.peers.fixtures import give_up, require_fonts, require_program
from tests.peers.ohif import (
    FIRST_VIEWPORT,
    Ohif,
    drawing_browser,
    poll,
    viewer_dir,
    wait_complete,
)
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.programs import PeerMissing
from tests.unit.objects.acquisitions import NOW, exam
from tests.unit.objects.exam_reports import (
    ARABIC,
    EQUIPMENT,
    GREEK,
    JAPANESE,
    OFFSET,
    PLACE,
    report,
)
from tests.unit.review.test_image_view import region

pytestmark = [pytest.mark.peers, pytest.mark.timeout(300)]

PIXEL_MM = 0.2
RATES = "() => Object.values(services.cineService.getState().cines).map(each => each.frameRate)"
DISPLAY_SETS = "(globalThis.services?.displaySetService?.getActiveDisplaySets() ?? [])"
LONG_CINE, LONG_CINE_SHAPE, LONGEST_CINE_S = 500, (480, 640), 10.0
LONGEST_CINE_WORK_S = 4.0  # of a processor: 8 ms a frame, on a slow and busy machine


def of_study(number: int, made: Dataset, *, height_mm: float = PIXEL_MM) -> Dataset:
    """An instance of a study, and of a patient, of its own. height_mm: of a pixel."""
    made.StudyInstanceUID, made.SeriesInstanceUID = f"1.2.3.{number}", f"1.2.3.{number}.1"
    made.PatientID, made.PatientName = f"P{number}", f"Patient{number}^Test"
    made.PixelSpacing = [str(height_mm), str(PIXEL_MM)]
    made.SequenceOfUltrasoundRegions = Sequence([scale(0, ROWS - 1, height_mm)])
    return made


def scale(first_row: int, last_row: int, height_mm: float) -> Dataset:
    """A calibrated region across the image."""
    return region(
        RegionLocationMinX0=0,
        RegionLocationMinY0=first_row,
        RegionLocationMaxX1=COLUMNS - 1,
        RegionLocationMaxY1=last_row,
        PhysicalDeltaX=PIXEL_MM / 10,
        PhysicalDeltaY=height_mm / 10,
    )


def write(made: Dataset, path: Path, syntax: UID = ExplicitVRLittleEndian) -> Path:
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
    dcmwrite(path, made, enforce_file_format=True)
    return path


class Viewer(Ohif):
    """A node with a still and a cine, and its viewer in a browser."""

    def __init__(self, parts: ExitStack, browser: Browser, folder: Path) -> None:
        port, viewer_port = free_port(), free_port()
        web = {
            "host": LOOPBACK,
            "port": port,
            "viewer_port": viewer_port,
            "viewer_dir": str(viewer_dir()),
        }
        self.node = parts.enter_context(EchoNodeProcess(extra={"web": web}))
        self.console = f"http://{LOOPBACK}:{port}"
        self.address = f"http://{LOOPBACK}:{viewer_port}"
        self.folder = folder
        super().__init__(browser, self.address)
        self.store(write(of_study(1, still(1)), folder / "still.dcm"))
        self.store(write(of_study(2, cine(2)), folder / "cine.dcm"))

    def store(self, path: Path) -> None:
        body = b"--part\r\nContent-Type: application/dicom\r\n\r\n"
        body += path.read_bytes() + b"\r\n--part--\r\n"
        kind = 'multipart/related; type="application/dicom"; boundary=part'
        url = f"{self.console}/dicom-web/studies"
        answer = requests.post(url, body, headers={"Content-Type": kind}, timeout=30)
        assert answer.status_code == 200

    def studies(self) -> list[Any]:
        found: list[Any] = requests.get(f"{self.console}/dicom-web/studies", timeout=30).json()
        return found


@pytest.fixture(scope="module")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    require_program("chromium")
    try:
        viewer_dir()
    except PeerMissing as missing:
        give_up(missing)
    with ExitStack() as parts:
        browser = parts.enter_context(drawing_browser())
        yield Viewer(parts, browser, tmp_path_factory.mktemp("ohif"))


def test_the_list_shows_every_study(viewer: Viewer) -> None:
    """Patients, dates and modalities, without one request to another host or beyond its policy."""
    page = viewer.open("/")
    page.wait_for_selector("text=Patient1, Test")
    page.wait_for_selector("text=Patient2, Test")
    assert viewer.policy_faults == []
    page.context.close()


def test_the_consoles_archive_leads_to_the_study(viewer: Viewer) -> None:
    """In a page of its own, by the same host and the viewer's port."""
    page = viewer.open("/app-config.js")
    page.goto(f"{viewer.console}/#/archive/1.2.3.1")
    with page.context.expect_page() as opened:
        page.click("text=Open in viewer")
    assert opened.value.url == f"{viewer.address}/viewer?StudyInstanceUIDs=1.2.3.1"
    page.context.close()


def test_a_cine_is_played_at_its_own_rate(viewer: Viewer) -> None:
    """Its times differ: the player is set to their mean, 50 ms, and not to its own 24 frames/s.

    What is drawn each second depends on the machine's graphics, and is not measured here.
    """
    page = viewer.open_study("1.2.3.2", frames=4)
    poll(page, f"({RATES})().length")
    assert page.evaluate(RATES) == [pytest.approx(1000 / 50, rel=0.1)]
    first = page.evaluate(f"() => {FIRST_VIEWPORT}.getCurrentImageIdIndex()")
    page.click('[data-cy="cine-player-play-pause"]')
    poll(page, f"{FIRST_VIEWPORT}.getCurrentImageIdIndex() !== {first}")
    assert viewer.policy_faults == []
    page.context.close()


@pytest.mark.long
@pytest.mark.slow
def test_a_cine_of_five_hundred_frames_is_complete_in_the_viewer(viewer: Viewer) -> None:
    """640 by 480: every frame is in the viewer's memory, and the node works a few seconds for all.

    Within ten seconds of the picture's appearance, on a machine of its own: in the full programme.
    """
    made = of_study(9, cine(9))
    made.Rows, made.Columns, made.NumberOfFrames = *LONG_CINE_SHAPE, LONG_CINE
    made.FrameTimeVector = ["0", *["40"] * (LONG_CINE - 1)]
    shade = bytes(range(256)) * (LONG_CINE_SHAPE[0] * LONG_CINE_SHAPE[1] // 256)
    made.PixelData = b"".join(shade[n % 256 :] + shade[: n % 256] for n in range(LONG_CINE))
    viewer.store(write(made, viewer.folder / "long.dcm"))
    began, worked = time.monotonic(), cpu_seconds(viewer.node.pid)
    page = viewer.open_study("1.2.3.9", frames=LONG_CINE)
    shown = time.monotonic()
    wait_complete(page, LONG_CINE)
    seconds, worked = time.monotonic() - shown, cpu_seconds(viewer.node.pid) - worked
    print(
        f"{LONG_CINE} frames: {seconds:.1f} s after the viewer's {shown - began:.1f} s; "
        f"the node worked {worked:.2f} s; load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )
    page.context.close()
    assert worked < LONGEST_CINE_WORK_S
    assert seconds < LONGEST_CINE_S or not FULL


REPORTED = exam(Patient(id="P7", name="Patient7^Test"), study_instance_uid="1.2.3.7")


def report_pages() -> bytes:
    return report_pdf(
        report(), [], [], facts=REPORTED, equipment=EQUIPMENT, offset=OFFSET, fonts=Fonts()
    )


def reported(viewer: Viewer) -> Measurement:
    """A study of a still with its report: a structured report with a length, and a PDF."""
    image = of_study(7, still(7))
    scale = UsRegion(x0=0, y0=0, x1=COLUMNS - 1, y1=ROWS - 1, delta_x_mm=0.2, delta_y_mm=0.2)
    points = ((20.0, 20.0), (60.0, 50.0))
    results, _ = measured(MeasurementKind.DISTANCE, points, [scale])
    made = Measurement(
        id="M00000001",
        exam_id="E00000001",
        sop_instance_uid=str(image.SOPInstanceUID),
        frame=1,
        kind=MeasurementKind.DISTANCE,
        points=points,
        label="CBD",
        results=results,
        delta_x_mm=scale.delta_x_mm,
        delta_y_mm=scale.delta_y_mm,
        made_at=NOW,
    )
    document = structured_report(
        report(),
        [MeasuredOn(measurement=made, image=image)],
        [image],
        facts=REPORTED,
        place=replace(PLACE, series_instance_uid="1.2.3.7.2"),
        node_id="node-1",
        equipment=EQUIPMENT,
        offset=OFFSET,
    )
    source = Reference(
        sop_class_uid=str(image.SOPClassUID), sop_instance_uid=str(image.SOPInstanceUID)
    )
    pdf = encapsulated_pdf(
        report(),
        report_pages(),
        [source],
        facts=REPORTED,
        place=replace(PLACE, sop_instance_uid="2.25.4712", series_instance_uid="1.2.3.7.3"),
        equipment=EQUIPMENT,
        offset=OFFSET,
    )
    for name, each in (("still7", image), ("sr", document), ("pdf", pdf)):
        viewer.store(write(each, viewer.folder / f"{name}.dcm"))
    return made


# The bytes behind the object of the page, as base64.
SHOWN_PDF = """async () => {
  const shown = await fetch(document.querySelector('object').data);
  const bytes = new Uint8Array(await shown.arrayBuffer());
  return btoa(Array.from(bytes, (each) => String.fromCharCode(each)).join(''));
}"""


def test_a_report_is_read_and_opened(viewer: Viewer, tmp_path: Path) -> None:
    """The structured report's length is the one that was measured. The PDF is shown, byte for byte:
    pdftotext reads what was written in Japanese, Arabic and Greek from what the viewer shows.
    """
    require_fonts()
    made = reported(viewer)
    page = viewer.open("/viewer?StudyInstanceUIDs=1.2.3.7")
    page.click("text=Skip all")
    page.click("text=Confirm and hide")
    poll(page, f"{DISPLAY_SETS}.length === 3")
    page.dblclick("text=Ultrasound report >> nth=1")
    poll(page, f"{DISPLAY_SETS}.find(each => each.Modality === 'SR').measurements?.length === 1")
    [read] = page.evaluate(
        f"() => {DISPLAY_SETS}.find(each => each.Modality === 'SR').measurements"
    )
    assert read["TrackingIdentifier"] == "CBD"
    assert read["ReferencedSOPInstanceUID"] == made.sop_instance_uid
    assert read["labels"] == [{"label": "Length", "value": f"{made.results[0].value:.2f} mm"}]
    assert read["coords"][0]["GraphicData"] == [20, 20, 60, 50]
    page.dblclick("text=Ultrasound report >> nth=0")
    page.wait_for_selector("object[type='application/pdf']")
    poll(page, "document.querySelector('object').data.startsWith('blob:')")
    shown = base64.b64decode(page.evaluate(SHOWN_PDF))
    pages = report_pages()
    assert shown == pages + b"\0" * (len(pages) % 2)  # an even length, as the element has it
    (tmp_path / "shown.pdf").write_bytes(shown)
    words = subprocess.run(
        [require_program("pdftotext"), "-layout", tmp_path / "shown.pdf", "-"],
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    ).stdout
    words = re.sub("[\u202a-\u202e]", "", words)  # the marks of right to left
    for text in (JAPANESE, ARABIC, GREEK):
        assert text in words
    assert viewer.policy_faults == []
