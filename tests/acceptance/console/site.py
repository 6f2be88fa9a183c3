"""A clinic with everything that the console shows: probe, node, Orthanc and a worklist server."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from pydicom.dataset import Dataset

from tests.acceptance.clinic import Clinic
from tests.acceptance.exam_client import ExamClient
from tests.peers.node_process import EchoNodeProcess, ProbeSimProcess
from tests.peers.orthanc import OrthancServer
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.ris import Wlmscpfs, write_item
from tests.support.waiting import wait_until

FPS = 20
# Name, ID, accession number, birth date, sex, time, procedure: people of no country's register.
ORDERS: Sequence[tuple[str, str, str, str, str, str, str]] = (
    ("Doe^Jane", "0815", "4711", "19700102", "F", "0830", "Abdomen complete"),
    ("Okafor^Chidi", "0816", "4712", "19880623", "M", "0900", "Lung, both sides"),
    ("Lindqvist^Astrid^Maria", "0921", "4713", "19531130", "F", "0930", "Thyroid"),
    ("Nguyễn^Minh", "1004", "4714", "19790811", "M", "1015", "Gallbladder"),
    ("Haddad^Leïla", "1077", "4715", "20010405", "F", "1100", "Obstetric, first trimester"),
    ("O'Neill^Sean", "1102", "4716", "19450917", "M", "1130", "Aorta screening"),
)


def order(
    name: str, patient_id: str, accession: str, born: str, sex: str, at: str, what: str
) -> Dataset:
    """A worklist item of today, for this node."""
    item, step = Dataset(), Dataset()
    item.SpecificCharacterSet = "ISO_IR 192"
    item.PatientName, item.PatientID, item.AccessionNumber = name, patient_id, accession
    item.PatientBirthDate, item.PatientSex = born, sex
    item.StudyInstanceUID = f"1.2.276.99.4.{accession}"
    item.RequestedProcedureID = f"R{accession}"
    item.RequestedProcedureDescription = what
    item.ReferringPhysicianName = "Moreau^Camille"
    step.Modality, step.ScheduledStationAETitle = "US", "ECHONODE"
    step.ScheduledProcedureStepStartDate = time.strftime("%Y%m%d")
    step.ScheduledProcedureStepStartTime = f"{at}00"
    step.ScheduledProcedureStepID = f"S{accession}"
    step.ScheduledProcedureStepDescription = what
    step.ScheduledPerformingPhysicianName = ""
    item.ScheduledProcedureStepSequence = [step]
    return item


def _simulation(recording: Path | None, *, port: int | None = None) -> ProbeSimProcess:
    replay = ("--recording", str(recording), "--loop") if recording else ()
    simulation = ("--protocol", "echopen", "--dialect", "kit", "--fps", str(FPS))
    return ProbeSimProcess(*simulation, *replay, port=port)


class Site:
    """Started whole: the node lists the orders, and has a frame of the probe, on return.

    recording: what the probe replays, again and again; None: a phantom.
    """

    def __init__(self, parts: ExitStack, *, recording: Path | None = None) -> None:
        self._parts = parts
        self.probe = parts.enter_context(_simulation(recording))
        self.ris = parts.enter_context(Wlmscpfs())
        for each in ORDERS:
            write_item(self.ris.items, order(*each))
        self.client = ExamClient(free_port())
        clinic = Clinic(
            parts,
            probe_port=self.probe.port,
            capture={"mode": "manual"},
            extra={
                "web": {"port": self.client.port},
                "exam": {"deliver_unidentified": False},
                "worklist": {"peer": "ris", "station_ae_title": "ECHONODE", "refresh_s": 60},
            },
        )
        clinic.node.peers["ris"] = {
            "ae_title": self.ris.ae_title,
            "host": LOOPBACK,
            "port": self.ris.port,
            "may": ["echo"],
        }
        self.clinic = clinic
        self.pacs: OrthancServer = clinic.start_pacs()
        self.node: EchoNodeProcess = clinic.start_node()
        wait_until(self._is_ready, timeout_s=90, what="the worklist and a frame of the probe")

    def replay(self, recording: Path) -> None:
        """The probe is another one from now on, at the same address."""
        self.probe.stop()
        self.probe = self._parts.enter_context(_simulation(recording, port=self.probe.port))

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.client.port}"

    def _is_ready(self) -> bool:
        [probe] = self.client.get("/api/status")["probes"]
        listed = self.client.get("/api/worklist")["items"]
        return len(listed) == len(ORDERS) and probe["frames_received"] > 0
