"""An acquisition becomes a complete and lasting ultrasound object."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from echonode.errors import InvalidObject
from echonode.frames.frame import ImageFacts, Played, ProbeIdentity
from echonode.model.patient import Patient
from echonode.objects.equipment import NodeEquipment
from echonode.objects.ultrasound import build
from echonode.probe.messages import Scanner
from tests.unit.objects.acquisitions import (
    CONNECTED_AT,
    LOCAL,
    NAMED,
    NOW,
    PROBE,
    acquisition,
    built,
    exam,
    frames,
    part10,
    read_back,
    sector,
)

CINE = frames([1.0, 1.05, 1.1], calibration=sector(24, 32))


def test_one_frame_is_an_image_and_more_are_a_multi_frame_image() -> None:
    """The current classes, never the retired ones (PS3.3 A.6, A.7)."""
    still, cine = read_back(built()), read_back(built(acquisition(CINE)))
    assert still.SOPClassUID == "1.2.840.10008.5.1.4.1.1.6.1"
    assert "NumberOfFrames" not in still
    assert "FrameIncrementPointer" not in still
    assert cine.SOPClassUID == "1.2.840.10008.5.1.4.1.1.3.1"
    assert cine.NumberOfFrames == 3


def test_the_same_capture_gives_the_same_bytes() -> None:
    """UIDs come from the node, the connection and the number; nothing is random."""
    assert part10(built(acquisition(CINE))) == part10(built(acquisition(CINE)))


def test_uids_do_not_depend_on_when_the_object_is_built() -> None:
    """Built again after a restart, it is the same instance of the same series and study."""
    first, later = built(), built(now=NOW + timedelta(days=1))
    assert first.sop_instance_uid == later.sop_instance_uid
    assert first.series_instance_uid == later.series_instance_uid


def test_another_number_or_connection_is_another_instance() -> None:
    """One series for each connection of a study; one instance for each acquisition in it."""
    first = built(acquisition(number=1))
    second = built(acquisition(number=2))
    elsewhere = built(acquisition(number=1, connection_id="connection-2"))
    assert len({x.sop_instance_uid for x in (first, second, elsewhere)}) == 3
    assert first.series_instance_uid == second.series_instance_uid
    assert first.series_instance_uid != elsewhere.series_instance_uid
    assert (second.dataset.InstanceNumber, second.dataset.AcquisitionNumber) == (2, 2)


def test_the_patient_is_written_as_given() -> None:
    """In UTF-8, with all the groups of the name (ISO_IR 192)."""
    read = read_back(built())
    assert read.SpecificCharacterSet == "ISO_IR 192"
    assert read.PatientName == NAMED.name
    assert (read.PatientID, read.PatientBirthDate, read.PatientSex) == ("P-77", "19700228", "M")


def test_unknown_type_2_values_are_present_and_empty() -> None:
    """Unknown is said, not left out and not invented (PS3.5 7.4.3)."""
    nobody = replace(PROBE, manufacturer="")
    read = read_back(built(acquisition(probe=nobody), exam(Patient(id="X", name="UNIDENTIFIED"))))
    for keyword in (
        "PatientBirthDate",
        "PatientSex",
        "ReferringPhysicianName",
        "AccessionNumber",
        "Manufacturer",
        "Laterality",
        "PatientOrientation",
    ):
        assert keyword in read
        assert not read[keyword].value


def test_original_pixels_are_said_to_be_original() -> None:
    """Never lossy, primary; the kind of exam is not made up (PS3.3 C.8.5.6.1.1, value 3)."""
    read = read_back(built())
    assert list(read.ImageType) == ["ORIGINAL", "PRIMARY"]
    assert read.LossyImageCompression == "00"
    assert read.UltrasoundColorDataPresent == 0
    assert read.Modality == "US"


@pytest.mark.parametrize(("known", "written"), [(True, "YES"), (False, "NO"), (None, None)])
def test_burned_in_annotation_is_said_only_where_it_is_known(
    known: bool | None, written: str | None
) -> None:
    """De-identification believes it: of a picture that others made, nothing is said (type 3)."""
    (frame,) = frames([1.0])
    taken = acquisition((replace(frame, facts=ImageFacts(burned_in=known)),))
    assert read_back(built(taken)).get("BurnedInAnnotation") == written


def test_what_the_source_says_of_the_image_is_in_the_object() -> None:
    """Depth in whole mm, the transducer, and which values became grey; nonsense is left out."""
    (frame,) = frames([1.0])
    facts = ImageFacts(
        depth_mm=79.6,
        scanner=Scanner(
            manufacturer="echOpen", model="kit", transducer="L14", transducer_type="LINEAR"
        ),
        window=(0.0, 1023.0),
    )
    taken = (replace(frame, facts=facts),)
    read = read_back(built(acquisition(taken, probe=ProbeIdentity(name="p"))))
    assert read.DepthOfScanField == 80
    assert (read.Manufacturer, read.ManufacturerModelName) == ("echOpen", "kit")
    assert (read.TransducerData, read.TransducerType) == ("L14", "LINEAR")
    knows = read_back(built(acquisition(taken, probe=ProbeIdentity(name="p", model="Mine"))))
    assert (knows.Manufacturer, knows.ManufacturerModelName) == ("echOpen", "Mine")
    assert "Grey levels are 0 to 1023 of the source's values." in read.ImageComments
    wrong = replace(frame, facts=ImageFacts(depth_mm=1e9))
    assert "DepthOfScanField" not in read_back(built(acquisition((wrong,))))


def test_a_recording_that_knows_its_day_is_dated_by_it() -> None:
    """The image by the recorder's clock, and that is said; the study by when it was played."""
    (frame,) = frames([1.0])
    taken_at = datetime(2017, 6, 8, 16, 32, 47, tzinfo=UTC)
    read = read_back(built(acquisition((replace(frame, recorded_at=taken_at),))))
    assert read.AcquisitionDateTime == "20170608173247.000000+0100"
    assert (read.AcquisitionDate, read.ContentDate) == ("20170608", "20170608")
    assert read.StudyDate == "20261120"
    assert "recorder's clock" in read.ImageComments
    ahead = replace(frame, recorded_at=frame.acquired_at + timedelta(days=1))
    read = read_back(built(acquisition((ahead,))))
    assert read.AcquisitionDate == "20261120"
    assert "recorder's clock" not in read.get("ImageComments", "")


def test_the_institution_is_written_where_it_is_configured() -> None:
    """Name, address, department and station (PS3.3 C.7.5.1); none of them is made up."""
    place = NodeEquipment(
        software_versions=("EchoNode",),
        station_name="ROOM1",
        institution_name="Clinic",
        institution_address="Way 1, Town",
        department_name="OB",
    )
    made = build(
        acquisition(), exam(), equipment=place, node_id="n", now=CONNECTED_AT, local=LOCAL
    ).dataset
    assert (made.StationName, made.InstitutionName) == ("ROOM1", "Clinic")
    assert (made.InstitutionAddress, made.InstitutionalDepartmentName) == ("Way 1, Town", "OB")
    plain = built().dataset
    assert not [keyword for keyword in plain.dir("Institution") if keyword in plain]


def test_the_equipment_says_what_it_is() -> None:
    """Maker, model, serial, software and transducer, as far as the probe told."""
    read = read_back(built())
    assert (read.Manufacturer, read.ManufacturerModelName) == ("echOpen", "kit")
    assert (read.DeviceSerialNumber, read.SoftwareVersions) == ("42", "EchoNode 0.1.0")
    assert (read.TransducerData, read.TransducerType) == ("PROBE_V1__3_5MHZ", "SECTOR_MECH")


def test_dates_and_times_are_local_and_agree() -> None:
    """Berlin in winter is an hour ahead; every date and time, and the offset, say so."""
    read = read_back(built())
    assert read.AcquisitionDateTime == "20261120090001.123456+0100"
    assert read.TimezoneOffsetFromUTC == "+0100"
    assert (read.StudyDate, read.StudyTime) == ("20261120", "090000.123456")
    assert (read.SeriesDate, read.SeriesTime) == (read.StudyDate, read.StudyTime)
    assert (read.AcquisitionDate, read.AcquisitionTime) == ("20261120", "090001.123456")
    assert (read.ContentDate, read.ContentTime) == (read.AcquisitionDate, read.AcquisitionTime)
    assert (read.InstanceCreationDate, read.InstanceCreationTime) == ("20261120", "090500.000000")


def test_a_change_to_winter_time_does_not_split_a_study() -> None:
    """All objects of a study use the offset of its beginning: Study Time is equal in all."""
    before = datetime(2026, 10, 25, 0, 59, 30, tzinfo=UTC)  # 02:59:30 in Berlin, a minute to go
    facts = exam(started_at=before)
    (frame,) = frames([0.0])
    early = replace(frame, acquired_at=before)
    late = replace(frame, acquired_at=before + timedelta(minutes=5))
    one = built(acquisition((early,)), facts).dataset
    two = built(acquisition((late,), number=2), facts).dataset
    assert one.StudyTime == two.StudyTime == "025930.000000"
    assert one.TimezoneOffsetFromUTC == two.TimezoneOffsetFromUTC == "+0200"
    assert two.AcquisitionDateTime == "20261025030430.000000+0200"
    assert LOCAL.utcoffset(late.acquired_at.astimezone(LOCAL)) == timedelta(hours=1)


def test_an_uncalibrated_picture_cannot_be_measured_and_says_so() -> None:
    """No region, no spacing, no aspect ratio: only the words (dicom-rules 1)."""
    read = read_back(built(acquisition(frames([1.0]))))
    for keyword in ("SequenceOfUltrasoundRegions", "PixelSpacing", "PixelAspectRatio"):
        assert keyword not in read
    assert read.ImageComments == "Not calibrated: distances cannot be measured."


def test_lost_and_incomplete_frames_are_told_to_people_and_to_the_index() -> None:
    """In Image Comments, which any viewer shows, and as numbers in the evidence."""
    made = built(acquisition(CINE, dropped=3, partial=1))
    said = "Frames dropped: 3. Frames with missing lines: 1."
    assert made.dataset.ImageComments.startswith(said)
    assert (made.evidence["dropped"], made.evidence["partial"]) == (3, 1)
    assert made.evidence["timing"] == "frame_time"


def test_a_whole_and_calibrated_picture_carries_no_comment() -> None:
    """A reader is not bothered with what is as it should be."""
    assert "ImageComments" not in built().dataset


def test_a_doubtful_source_clock_is_told() -> None:
    """The reader learns that frame times are arrival times, and why."""
    taken = frames([1.0, 1.1], calibration=sector(24, 32), stamps=[5.0, 4.0])
    made = built(acquisition(taken))
    expected = "Frame times are arrival times: the source clock stood still or went back."
    assert made.dataset.ImageComments == expected
    assert made.evidence["timing_source"] == "arrival"


def test_what_is_not_known_of_frame_times_is_told() -> None:
    """Arrival for want of a clock; a recording without times; frames that were placed."""
    whole, played = sector(24, 32), Played(interval_s=0.05, assumed=True)

    def comment(times: list[float], **more: object) -> str:
        taken = frames(times, calibration=whole, **more)  # type: ignore[arg-type]
        return str(built(acquisition(taken)).dataset.get("ImageComments", ""))

    assert comment([1.0, 1.1]) == "Frame times are arrival times: the source sends none."
    assert comment([1.0, 1.7], played=played) == (
        "Frame times are not known: spaced by 50 ms, an assumed rate."
    )
    assert comment([1.0, 1.7], played=replace(played, assumed=False)) == (
        "Frame times are not known: spaced by 50 ms, by the recording's frame rate."
    )
    even = [n / 10 for n in range(10)]
    assert comment(even, stamps=even) == ""
    assert comment(even, stamps=[*even[:4], even[3], *even[5:]]) == (
        "Frame times: 1 of 10 frames had no usable time and are placed between their neighbours."
    )


def test_evidence_holds_no_patient_data() -> None:
    """It goes to the index and to the operator."""
    made = built()
    assert not {NAMED.id, NAMED.name} & {str(value) for value in made.evidence.values()}


@pytest.mark.parametrize(
    ("change", "attribute"),
    [
        ({"patient": replace(NAMED, sex="W")}, "PatientSex (0010,0040)"),
        ({"patient": replace(NAMED, birth_date="1970")}, "PatientBirthDate (0010,0030)"),
        ({"patient": replace(NAMED, id="x" * 65)}, "PatientID (0010,0020)"),
        ({"study_id": "x" * 17}, "StudyID (0020,0010)"),
        ({"accession_number": "a\\b"}, "AccessionNumber (0008,0050)"),
        ({"study_description": "x" * 65}, "StudyDescription (0008,1030)"),
        ({"operators_name": "a=b=c=d"}, "OperatorsName (0008,1070)"),
    ],
)
def test_an_exam_that_breaks_the_iod_is_refused_by_name(
    change: dict[str, Any], attribute: str
) -> None:
    """InvalidObject names the attribute with its tag, and the rule."""
    with pytest.raises(InvalidObject) as refused:
        built(facts=exam(**change))
    assert str(refused.value).startswith(attribute)


def test_the_moment_of_an_object_is_its_first_frames() -> None:
    """acquired_at, by which deliveries are ordered, is when the first frame was taken."""
    assert built(acquisition(CINE)).acquired_at == CONNECTED_AT + timedelta(seconds=1)
