"""A report's objects: its values, its references, its words."""

from __future__ import annotations

import sys

import pytest
from pydicom import Dataset

from echonode.errors import FieldRefused, OperatorRefused
from echonode.model.exam_report import LONGEST_FINDING, report_text
from echonode.model.worklist_item import Code, Reference
from echonode.objects.key_objects import KeyObject, key_object_selection
from echonode.objects.reports.encapsulated import encapsulated_pdf
from echonode.objects.reports.pdf import name_text
from echonode.objects.reports.structured import MeasuredOn, require_highdicom, structured_report
from echonode.objects.reports.text_runs import lines_of
from tests.unit.objects.acquisitions import NOW
from tests.unit.objects.exam_reports import (
    EQUIPMENT,
    OFFSET,
    PLACE,
    facts,
    images,
    measurements,
    report,
)


def structured() -> Dataset:
    by_uid = {str(image.SOPInstanceUID): image for image in images()}
    measured = [
        MeasuredOn(measurement=made, image=by_uid[made.sop_instance_uid]) for made in measurements()
    ]
    return structured_report(
        report(),
        measured,
        images(),
        facts=facts(),
        place=PLACE,
        node_id="node-1",
        equipment=EQUIPMENT,
        offset=OFFSET,
    )


@pytest.mark.slow
def test_an_sr_refers_to_the_frame_of_a_cine_and_not_of_a_still() -> None:
    """A viewer opens the frame that was measured."""
    groups = next(
        item
        for item in structured().ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == "126010"
    ).ContentSequence
    frames = []
    for group in groups:
        region = next(item for item in group.ContentSequence if item.ValueType == "SCOORD")
        sop = region.ContentSequence[0].ReferencedSOPSequence[0]
        frames.append(sop.get("ReferencedFrameNumber"))
    assert frames == [None, None, 3, 3]


@pytest.mark.slow
def test_an_ellipse_begins_with_its_long_axis() -> None:
    """SCOORD's ELLIPSE is the major axis and then the minor one (PS3.3 C.18.6.1.2)."""
    groups = next(
        item
        for item in structured().ContentSequence
        if item.ConceptNameCodeSequence[0].CodeValue == "126010"
    ).ContentSequence
    region = next(i for i in groups[1].ContentSequence if i.ValueType == "SCOORD")
    assert [float(each) for each in region.GraphicData] == [50, 100, 150, 100, 100, 80, 100, 120]


@pytest.mark.slow
def test_an_sr_has_the_exams_patient_order_and_moment() -> None:
    """As its images have them, so that an archive files them together."""
    document, image = structured(), images()[0]
    for keyword in ("PatientName", "PatientID", "StudyInstanceUID", "StudyDate", "AccessionNumber"):
        assert document[keyword].value == image[keyword].value, keyword
    request = document.ReferencedRequestSequence[0]
    assert request.RequestedProcedureID == facts().worklist_item.requested_procedure_id  # type: ignore[union-attr]
    assert document.CompletionFlag == "COMPLETE"


@pytest.mark.slow
def test_findings_are_text_items_of_the_report() -> None:
    """With the name of the field, in any script."""
    said = [item.TextValue for item in structured().ContentSequence[-1].ContentSequence]
    assert said[0].startswith("Liver: 肝臓")
    assert said[-1] == "No free fluid.\nNächste Kontrolle in 6 Monaten."


def test_without_highdicom_a_report_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python 3.14 has none: the message says which Python has."""
    monkeypatch.setitem(sys.modules, "highdicom.sr", None)
    with pytest.raises(OperatorRefused, match=r"Python 3\.11 to 3\.13"):
        require_highdicom()


def test_lines_are_broken_between_words_and_between_wide_characters() -> None:
    """And a word that fits no line is broken within."""
    assert lines_of("one two three", 7, len) == ["one two", "three"]
    assert lines_of("肝臓は正常", 2, len) == ["肝臓", "は正", "常"]
    assert lines_of("abcdefgh", 3, len) == ["abc", "def", "gh"]
    assert lines_of("a\n\nb", 3, len) == ["a", "", "b"]


def test_names_read_as_people_write_them() -> None:
    """Alphabetic with a comma, ideographic without, the other groups behind."""
    assert (
        name_text("Yamada^Tarou=山田^太郎=やまだ^たろう")
        == "Yamada, Tarou / 山田 太郎 / やまだ たろう"
    )
    assert name_text("UNIDENTIFIED") == "UNIDENTIFIED"
    assert name_text("") == ""


def test_an_encapsulated_pdf_names_its_sources() -> None:
    """And says that it has its patient on the page."""
    sources = [
        Reference(sop_class_uid=str(i.SOPClassUID), sop_instance_uid=str(i.SOPInstanceUID))
        for i in images()
    ]
    made = encapsulated_pdf(
        report(),
        b"%PDF-1.4 odd!",
        sources,
        facts=facts(),
        place=PLACE,
        equipment=EQUIPMENT,
        offset=OFFSET,
    )
    assert made.EncapsulatedDocumentLength == 13
    assert len(made.EncapsulatedDocument) == 14  # PS3.5: an even length
    assert made.BurnedInAnnotation == "YES"
    assert [item.ReferencedSOPInstanceUID for item in made.SourceInstanceSequence] == [
        each.sop_instance_uid for each in sources
    ]


def test_key_objects_name_the_frame() -> None:
    """Evidence has each instance once; the content has the frame."""
    still, cine = images()
    named = [
        KeyObject(
            sop_class_uid=str(image.SOPClassUID),
            sop_instance_uid=str(image.SOPInstanceUID),
            series_instance_uid=str(image.SeriesInstanceUID),
            frames=frames,
        )
        for image, frames in ((still, ()), (cine, (1,)), (cine, (3,)))
    ]
    made = key_object_selection(
        named,
        original=still,
        title=Code(value="113000", scheme="DCM", meaning="Of Interest"),
        description="Key images",
        place=PLACE,
        now=NOW,
        offset=OFFSET,
    )
    study = made.CurrentRequestedProcedureEvidenceSequence[0]
    evidence = [
        sop for series in study.ReferencedSeriesSequence for sop in series.ReferencedSOPSequence
    ]
    assert len(evidence) == 2
    assert [
        item.ReferencedSOPSequence[0].get("ReferencedFrameNumber") for item in made.ContentSequence
    ] == [None, 1, 3]


def test_text_of_a_report_has_limits() -> None:
    """And no character that is no text."""
    assert report_text("x", " a \r\nb\n", longest=LONGEST_FINDING) == "a\nb"
    with pytest.raises(FieldRefused, match="too long"):
        report_text("x", "a" * 2001, longest=LONGEST_FINDING)
    with pytest.raises(FieldRefused, match="no text"):
        report_text("x", "a\0b", longest=LONGEST_FINDING)
