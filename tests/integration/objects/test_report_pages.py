"""A report's pages and objects as others read them: poppler, DCMTK, highdicom, dciodvfy."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from echonode.errors import OperatorRefused
from echonode.model.exam_document import ExamReport
from echonode.model.exam_report import Finding
from echonode.model.worklist_item import Code, Reference
from echonode.objects.key_objects import KeyObject, key_object_selection
from echonode.objects.reports.encapsulated import encapsulated_pdf
from echonode.objects.reports.font_files import Fonts
from echonode.objects.reports.pdf import Measured, Shown, report_pdf, texts_of
from echonode.objects.reports.structured import MeasuredOn, structured_report
from echonode.objects.reports.text_runs import pieces_of
from tests.peers import DcmtkResult, Validation
from tests.peers.fixtures import require_fonts, require_program
from tests.unit.objects.acquisitions import NOW
from tests.unit.objects.exam_reports import (
    ARABIC,
    EQUIPMENT,
    GREEK,
    JAPANESE,
    OFFSET,
    PLACE,
    facts,
    images,
    jpeg,
    measurements,
    report,
)

FONTS = Fonts()


@pytest.fixture(autouse=True)
def _fonts() -> None:
    require_fonts()


def pages(made: ExamReport, *, pictures: int = 0) -> bytes:
    measured = [Measured(measurement=each, image="Image 1") for each in measurements()]
    shown = [Shown(jpeg=jpeg(), caption=f"Image {n}") for n in range(pictures)]
    return report_pdf(
        made, measured, shown, facts=facts(), equipment=EQUIPMENT, offset=OFFSET, fonts=FONTS
    )


def text_of(pdf: bytes, folder: Path) -> str:
    """What pdftotext reads, without the marks of direction that it adds."""
    path = folder / "report.pdf"
    path.write_bytes(pdf)
    said = subprocess.run(
        [require_program("pdftotext"), "-layout", str(path), "-"],
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    return re.sub("[\u202a-\u202e\u200e\u200f]", "", said)


def structured() -> Dataset:
    by_uid = {str(image.SOPInstanceUID): image for image in images()}
    return structured_report(
        report(),
        [MeasuredOn(measurement=m, image=by_uid[m.sop_instance_uid]) for m in measurements()],
        images(),
        facts=facts(),
        place=PLACE,
        node_id="node-1",
        equipment=EQUIPMENT,
        offset=OFFSET,
    )


def objects() -> dict[str, Dataset]:
    """Each object that a report becomes."""
    sources = [
        Reference(sop_class_uid=str(i.SOPClassUID), sop_instance_uid=str(i.SOPInstanceUID))
        for i in images()
    ]
    named = [
        KeyObject(
            sop_class_uid=str(image.SOPClassUID),
            sop_instance_uid=str(image.SOPInstanceUID),
            series_instance_uid=str(image.SeriesInstanceUID),
            frames=frames,
        )
        for image, frames in zip(images(), ((), (3,)), strict=True)
    ]
    return {
        "sr": structured(),
        "pdf": encapsulated_pdf(
            report(),
            pages(report()),
            sources,
            facts=facts(),
            place=PLACE,
            equipment=EQUIPMENT,
            offset=OFFSET,
        ),
        "key_objects": key_object_selection(
            named,
            original=images()[0],
            title=Code(value="113000", scheme="DCM", meaning="Of Interest"),
            description="Key images",
            place=PLACE,
            now=NOW,
            offset=OFFSET,
        ),
    }


def write(dataset: Dataset, path: Path) -> Path:
    whole = Dataset(dict(dataset.items()))
    whole.file_meta = FileMetaDataset()
    whole.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    whole.save_as(path, enforce_file_format=True)
    return path


def printed(values: list[str]) -> set[str]:
    """Numbers to ten digits: what a program prints of a double has its own length."""
    return {f"{float(value):.10g}" for value in values}


def kept() -> set[str]:
    return printed([repr(result.value) for m in measurements() for result in m.results])


def test_pdftotext_reads_what_was_written_in_each_script(tmp_path: Path) -> None:
    """Japanese, Arabic and Greek findings, and the patient's name in three groups, are equal."""
    said = text_of(pages(report(), pictures=2), tmp_path)
    for text in (JAPANESE, ARABIC, GREEK, "Yamada, Tarou / 山田 太郎 / やまだ たろう", "45.3 mm"):
        assert text in said, text
    embedded = subprocess.run(
        [require_program("pdffonts"), str(tmp_path / "report.pdf")],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()[2:]
    assert len(embedded) == 3  # Latin and Greek, Arabic, Japanese
    assert all(line.split()[-5] == "yes" for line in embedded), embedded


@pytest.mark.parametrize("name", ["sr", "pdf", "key_objects"])
def test_dciodvfy_finds_no_error(
    name: str, tmp_path: Path, validate: Callable[[Path], Validation]
) -> None:
    """In the structured report, the encapsulated PDF and the key objects."""
    said = validate(write(objects()[name], tmp_path / f"{name}.dcm"))
    assert said.errors == ()
    assert (
        said.iod
        == {
            "sr": "ComprehensiveSR",
            "pdf": "EncapsulatedPDF",
            "key_objects": "KeyObjectSelectionDocument",
        }[name]
    )


def test_highdicom_reads_each_measurement_with_its_region(tmp_path: Path) -> None:
    """A TID 1410 group for each: tracking identifier, values, units, points, image and frame."""
    path = write(structured(), tmp_path / "sr.dcm")
    groups = hd.sr.MeasurementReport.from_sequence(
        [dcmread(path)]
    ).get_planar_roi_measurement_groups()
    assert [group.tracking_identifier for group in groups] == [
        made.label or made.id for made in measurements()
    ]
    values = [m for group in groups for m in group.get_measurements()]
    assert printed([repr(m.value) for m in values]) == kept()
    assert {m.unit.scheme_designator for m in values} == {"UCUM"}
    for group, made in zip(groups, measurements(), strict=True):
        assert group.roi is not None
        assert group.roi.value.shape[0] == len(made.points) + (made.kind == "area")


def test_dcmtk_reads_the_same_values(tmp_path: Path, run_dcmtk: Callable[..., DcmtkResult]) -> None:
    """dsrdump and dsr2html accept the document and show what was measured."""
    path = write(structured(), tmp_path / "sr.dcm")
    dumped = run_dcmtk("dsrdump", "+Pl", path)
    assert dumped.returncode == 0, dumped.output
    found = re.findall(r'contains NUM:.*?="([^"]*)" \((?:mm|mm2|deg),', dumped.output)
    assert printed(found) == kept()
    html = tmp_path / "sr.html"
    made = run_dcmtk("dsr2html", path, html)
    assert made.returncode == 0, made.output
    shown = re.findall(r"([0-9.]+) (?:mm2?|deg)\b", html.read_text())
    assert kept() <= printed(shown)


def test_the_pdf_of_the_object_is_the_pdf(tmp_path: Path) -> None:
    """Byte for byte, by the length that the object says."""
    made = dcmread(write(objects()["pdf"], tmp_path / "pdf.dcm"))
    assert made.EncapsulatedDocument[: made.EncapsulatedDocumentLength] == pages(report())


def test_a_script_without_a_font_is_refused_by_name() -> None:
    """Never a box where a word was."""
    with pytest.raises(OperatorRefused, match=r"LINEAR A SIGN.*report\.fonts"):
        pieces_of("\U00010600", Fonts(system=[Path("/usr/share/fonts/truetype/dejavu")]))


def test_a_folder_of_the_configuration_comes_first(tmp_path: Path) -> None:
    """`report.fonts` gives what the system has not, or another face."""
    source = next(Path("/usr/share/fonts").rglob("DejaVuSerif.ttf"))
    (tmp_path / "Own.ttf").write_bytes(source.read_bytes())
    assert pieces_of("abc", Fonts([tmp_path]))[0].font.path.name == "Own.ttf"


def test_a_file_that_is_no_font_is_passed_over(tmp_path: Path) -> None:
    """It costs its own use only."""
    (tmp_path / "A.ttf").write_bytes(b"\x00\x01\x00\x00" + bytes(40))
    (tmp_path / "B.ttf").write_text("not a font")
    assert pieces_of("abc", Fonts([tmp_path]))[0].font.path.name not in ("A.ttf", "B.ttf")


def test_arabic_joins_and_stays_searchable() -> None:
    """Its glyphs are drawn joined; its letters stand in the order they are seen."""
    [piece] = pieces_of(ARABIC, Fonts())
    assert not piece.is_plain
    assert piece.seen == ARABIC[::-1]


def test_a_report_without_anything_to_measure_has_its_text_and_fonts() -> None:
    """A report of findings alone is a report."""
    plain = replace(report(), content=replace(report().content, measurements=(), key_images=()))
    pdf = report_pdf(
        plain, [], [], facts=facts(), equipment=EQUIPMENT, offset=OFFSET, fonts=Fonts()
    )
    assert pdf.startswith(b"%PDF-")
    Fonts().require(texts_of(plain, [], facts(), EQUIPMENT))


def test_the_same_report_gives_the_same_pages() -> None:
    """Made again after a kill, it is byte for byte the same."""
    one, other = (
        report_pdf(
            report(), [], [], facts=facts(), equipment=EQUIPMENT, offset=OFFSET, fonts=Fonts()
        )
        for _ in range(2)
    )
    assert one == other


def test_a_long_report_goes_on_on_further_pages(tmp_path: Path) -> None:
    """Nothing is cut off: the last line is there, and each page says how many there are."""
    text = "\n".join(f"line {number}" for number in range(150))
    long = replace(
        report(),
        content=replace(report().content, findings=(Finding(field="f", label="Liver", text=text),)),
    )
    pdf = report_pdf(long, [], [], facts=facts(), equipment=EQUIPMENT, offset=OFFSET, fonts=Fonts())
    said = text_of(pdf, tmp_path)
    assert "line 149" in said
    assert "Page 1 of 4" in said
