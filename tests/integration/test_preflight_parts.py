"""Parts of the preflight against real tools: the test image's validity, and a real worklist."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from echonode.dimse.requestor import Requestor
from echonode.exam.worklist.query import WorklistQuery
from echonode.model.identity import CallBackAddress, Peer
from echonode.monitoring.preflight.outcome import Step
from echonode.monitoring.preflight.peer_check import PeerCheck
from echonode.monitoring.preflight.requirements import Requirements
from echonode.monitoring.preflight.test_image import preflight_image
from echonode.objects.ultrasound import encode
from tests.peers.fixtures import require_file
from tests.peers.orthanc import WORKLIST_PLUGIN, OrthancServer
from tests.peers.part import Part
from tests.peers.ports import LOOPBACK
from tests.peers.ris import DcmjsStepScp
from tests.peers.validators import Validation

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]

TODAY = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
US = CallBackAddress(ae_title="ECHONODE", host=LOOPBACK, port=11112)


def test_the_test_image_is_valid(tmp_path: Path, validate: Callable[[Path], Validation]) -> None:
    """dciodvfy reports no error: an archive that refuses it would refuse our images too."""
    image = preflight_image("ECHONODE")
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UID(image.sop_class_uid)
    meta.MediaStorageSOPInstanceUID = UID(image.sop_instance_uid)
    head = Dataset()
    head.file_meta = meta
    path = tmp_path / "test.dcm"
    dcmwrite(path, head, enforce_file_format=True)
    with path.open("ab") as file:
        for piece in encode(image):
            file.write(piece)
    assert not validate(path).errors


def scheduled(folder: Path, station: str, date: str) -> None:
    """A worklist entry as Orthanc's plugin takes it."""
    step = Dataset()
    step.ScheduledStationAETitle, step.Modality = station, "US"
    step.ScheduledProcedureStepStartDate = date
    step.ScheduledProcedureStepStartTime = "090000"
    step.ScheduledProcedureStepID = "1"
    ds = Dataset()
    ds.PatientID, ds.PatientName, ds.AccessionNumber = "CANARY-7", "Canary^Yellow", "A1"
    ds.StudyInstanceUID = generate_uid()
    ds.ScheduledProcedureStepSequence = [step]
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = UID("1.2.276.0.7230010.3.1.0.1")
    ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    number = len(list(folder.iterdir()))
    dcmwrite(folder / f"{number}.wl", ds, enforce_file_format=True)


def worklist_step(
    orthanc: OrthancServer, *, now: datetime = TODAY, stations: tuple[str, ...] = ("US1",)
) -> Step:
    """The step `worklist` of a preflight of that RIS."""
    peer = Peer(
        name="ris", ae_title="ORTHANC", host=LOOPBACK, port=orthanc.dicom_port, may=frozenset()
    )
    check = PeerCheck(
        associate=Requestor(ae_title="ECHONODE").associate,
        us=US,
        round_trip=lambda needs: [],
        now=lambda: now,
    )
    queries = tuple(WorklistQuery(station_ae_title=name, modality="US") for name in stations)
    outcome = check.run(Requirements(peer=peer, worklist=queries))
    return {step.name: step for step in outcome.steps}["worklist"]


def test_todays_worklist_is_counted_and_no_name_is_told(
    make_orthanc: Callable[..., OrthancServer], tmp_path: Path
) -> None:
    """Of this station on this day; whose they are is not the preflight's to print."""
    require_file(WORKLIST_PLUGIN, "orthanc")
    for station, date in (("US1", "20261120"), ("US1", "20261121"), ("US2", "20261120")):
        scheduled(tmp_path, station, date)
    settings: dict[str, Any] = {"Worklists": {"Enable": True, "Database": str(tmp_path)}}
    stranger = make_orthanc(plugins=[WORKLIST_PLUGIN], options=settings)
    step = worklist_step(stranger)
    assert step.ok is False
    assert "does not know AE ECHONODE" in step.remedy
    settings["DicomAlwaysAllowFindWorklist"] = True
    step = worklist_step(make_orthanc(plugins=[WORKLIST_PLUGIN], options=settings))
    assert (step.ok, step.detail) == (True, "1 entry today for US1, US")
    assert "CANARY" not in repr(step).upper()


def test_each_stations_list_is_asked_for(
    make_orthanc: Callable[..., OrthancServer], tmp_path: Path
) -> None:
    """The RIS may know one of them and not the other."""
    require_file(WORKLIST_PLUGIN, "orthanc")
    for station in ("US1", "US1", "US2"):
        scheduled(tmp_path, station, "20261120")
    settings: dict[str, Any] = {
        "Worklists": {"Enable": True, "Database": str(tmp_path)},
        "DicomAlwaysAllowFindWorklist": True,
    }
    orthanc = make_orthanc(plugins=[WORKLIST_PLUGIN], options=settings)
    step = worklist_step(orthanc, stations=("US1", "US2", ""))
    assert step.detail == (
        "2 entries today for US1, US; 1 entry today for US2, US; "
        "3 entries today for every station, US"
    )


def test_procedure_steps_are_proved_without_making_one(make_part: Callable[[Part], Any]) -> None:
    """A false step would be an exception to clear up at the RIS."""
    ris = make_part(DcmjsStepScp())
    peer = Peer(name="ris", ae_title="RIS", host=LOOPBACK, port=ris.port, may=frozenset())
    check = PeerCheck(
        associate=Requestor(ae_title="ECHONODE").associate,
        us=US,
        round_trip=lambda needs: [],
        now=lambda: TODAY,
    )
    outcome = check.run(Requirements(peer=peer, reports_steps=True))
    assert outcome.ok
    assert "procedure steps in Explicit VR Little Endian" in outcome.steps[-1].detail
    assert ris.requests() == []


def test_a_ris_without_a_worklist_is_named(make_orthanc: Callable[..., OrthancServer]) -> None:
    """An Orthanc without the plugin refuses the context, or fails the query."""
    step = worklist_step(make_orthanc())
    assert step.ok is False
    assert step.remedy
