"""The main job by DICOM TLS (PS3.15 B.12): probe, node, Orthanc and a viewer, nothing in clear.

Every end has a certificate of the clinic's authority, made with openssl as the README says, and the
node binds each peer to its own.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian

from echonode.dimse.contexts import MOVE_CLASSES, ProposedContext
from echonode.dimse.requestor import Requestor
from echonode.model.certificate import TLSFiles
from echonode.model.criteria import Root
from echonode.model.identity import Peer
from echonode.probe.recordings.echopen_text import read_recording
from echonode.probe.simulation.tcp_probe import ProbeSimulator
from tests.peers.authority import Authority, Issued
from tests.peers.dcmtk import StoreScp, dcmtk
from tests.peers.fixtures import require_program
from tests.peers.node_process import EchoNodeProcess
from tests.peers.orthanc import OrthancServer
from tests.peers.orthanc_rest import modality_settings
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

FILM = "probe/echopen_film_envelope_101frames.tar.xz"

pytestmark = [pytest.mark.peers, pytest.mark.timeout(200)]


class TLSClinic:
    """A probe, a node, Orthanc as its PACS, and a viewer, each with a certificate."""

    def __init__(self, parts: ExitStack, folder: Path, film: Path) -> None:
        for program in ("openssl", "Orthanc", "findscu"):
            require_program(program)
        self.authority = Authority(folder)
        self.node_cert = self.authority.issue("echonode")
        self.pacs_cert = self.authority.issue("pacs")
        self.viewer_cert = self.authority.issue("viewer")
        self.probe = ProbeSimulator(read_recording(film), fps=50, frames=30)
        self._parts = parts
        port = free_port()
        self.orthanc = OrthancServer(options=self._orthanc_options(port))
        viewer_options = ("+xa", *map(str, self.own(self.viewer_cert)))
        self.viewer = StoreScp(ae_title="VIEWER", options=viewer_options)
        self.node = EchoNodeProcess(
            port=port,
            peers={
                "pacs": self._peer("ORTHANC", self.orthanc.dicom_port, self.pacs_cert),
                "viewer": self._peer("VIEWER", self.viewer.port, self.viewer_cert),
            },
            destinations=[{"peer": "pacs", "commitment": "required"}],
            probes=[
                {
                    "name": "handheld",
                    "protocol": "echopen",
                    "dialect": "kit",
                    "connect": f"{LOOPBACK}:{self.probe.address[1]}",
                    "capture": {"mode": "auto", "gap_s": 0.3, "max_clip_s": 0.3},
                }
            ],
            extra={"listen": [{"host": LOOPBACK, "port": port, "tls": self._files()}]},
        )

    def start(self) -> None:
        for part in (self.orthanc, self.viewer, self.node, self.probe):
            self._parts.enter_context(part)
        assert self.probe.finished.wait(30)

    def own(self, issued: Issued) -> list[str | Path]:
        """DCMTK's options for this certificate."""
        return ["+tls", issued.key, issued.cert, "+cf", self.authority.certificate]

    def find(self, study_instance_uid: str) -> str:
        """DCMTK's findscu asks the node by TLS; what it printed."""
        names = ("-aet", "VIEWER", "-aec", "ECHONODE", *self.own(self.viewer_cert))
        keys = ("-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study_instance_uid}")
        result = dcmtk("findscu", "-S", "-v", *names, *keys, LOOPBACK, self.node.port)
        assert result.ok, result.output
        return result.output

    def move(self, study_instance_uid: str) -> list[int]:
        """C-MOVE of a study to the viewer; DCMTK's movescu cannot do it by TLS. The statuses."""
        viewer_files = TLSFiles(
            ca=self.authority.certificate, cert=self.viewer_cert.cert, key=self.viewer_cert.key
        )
        node = Peer(
            name="node",
            ae_title="ECHONODE",
            host=LOOPBACK,
            port=self.node.port,
            may=frozenset(),
            tls=viewer_files,
        )
        identifier = Dataset()
        identifier.QueryRetrieveLevel = "STUDY"
        identifier.StudyInstanceUID = study_instance_uid
        context = ProposedContext(
            abstract_syntax=MOVE_CLASSES[Root.STUDY], transfer_syntaxes=(ExplicitVRLittleEndian,)
        )
        with Requestor(ae_title="VIEWER").associate(node, [context]) as assoc:
            return [status for status, _ in assoc.c_move(Root.STUDY, identifier, "VIEWER")]

    def refusals(self) -> list[dict[str, Any]]:
        return [e for e in self.node.events if e["event"] in ("tls_failed", "association_rejected")]

    def states(self) -> set[str]:
        return {row["state"] for row in self.node.ledger()}

    def _files(self) -> dict[str, str]:
        return {
            "cert": str(self.node_cert.cert),
            "key": str(self.node_cert.key),
            "ca": str(self.authority.certificate),
        }

    def _peer(self, ae_title: str, port: int, issued: Issued) -> dict[str, Any]:
        return {
            "ae_title": ae_title,
            "host": LOOPBACK,
            "port": port,
            "may": ["echo", "store", "find", "move", "get", "commit"],
            "tls": self._files(),
            "certificate": issued.fingerprint,
            "addresses": ["127.0.0.0/8"],
        }

    def _orthanc_options(self, node_port: int) -> dict[str, Any]:
        modality = modality_settings("ECHONODE", LOOPBACK, node_port)
        return {
            "DicomTlsEnabled": True,
            "DicomTlsCertificate": str(self.pacs_cert.cert),
            "DicomTlsPrivateKey": str(self.pacs_cert.key),
            "DicomTlsTrustedCertificates": str(self.authority.certificate),
            "DicomTlsRemoteCertificateRequired": True,
            "DicomModalities": {"echonode": {**modality, "UseDicomTls": True}},
        }


@pytest.fixture
def clinic(parts: ExitStack, tmp_path: Path, shared_data: Path) -> TLSClinic:
    return TLSClinic(parts, tmp_path / "pki", shared_data / FILM)


def test_images_are_sent_promised_found_and_moved_by_tls(clinic: TLSClinic) -> None:
    """Store and commitment to Orthanc, its report back to us, a query and a move: all encrypted."""
    clinic.start()
    wait_until(
        lambda: clinic.states() == {"committed"}, timeout_s=60, what="committed", every_s=0.5
    )
    rows = clinic.node.ledger()
    assert sum(row["frames"] for row in rows) == 30
    assert len(clinic.orthanc.rest.instances()) == len(rows)

    study = rows[0]["study_instance_uid"]
    assert study in clinic.find(study)
    assert clinic.move(study)[-1] == 0x0000
    of_study = [row for row in rows if row["study_instance_uid"] == study]
    assert len(clinic.viewer.received()) == len(of_study)
    assert clinic.refusals() == []


def test_a_pacs_with_another_certificate_gets_nothing(clinic: TLSClinic) -> None:
    """An impostor at the PACS's address is sent no image; the log says why, and all is kept."""
    clinic.node.peers["pacs"]["certificate"] = clinic.viewer_cert.fingerprint
    clinic.start()
    clinic.node.wait_for(
        "destination_unreachable", lambda event: "another certificate" in event["reason"]
    )
    assert clinic.orthanc.rest.instances() == []
    assert clinic.states() <= {"queued", "sending"}


def test_an_expired_certificate_is_told_at_the_start_and_stops_nothing(
    clinic: TLSClinic,
) -> None:
    """The node runs on without its PACS, and says in the log what has to be renewed."""
    old = clinic.authority.issue("old", ends=datetime(2020, 1, 1, tzinfo=UTC))
    clinic.node.peers["pacs"]["tls"].update(cert=str(old.cert), key=str(old.key))
    clinic.start()
    told = clinic.node.wait_for("config_doubtful", lambda e: "expired" in e["reason"])
    assert told["path"] == "peers.pacs.tls.cert"
    clinic.node.wait_for(
        "destination_unreachable", lambda event: "our certificate has expired" in event["reason"]
    )
    assert clinic.node.stop() == 0
