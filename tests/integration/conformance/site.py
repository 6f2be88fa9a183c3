"""One node with everything that a configuration can have, and what it has done by then.

It has a worklist item with every attribute, an exam of it with a still and a clip, and deliveries
to an archive for each status and for each Failure Reason.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE
from pynetdicom.association import Association

from echonode.commitment.schedule import FAILURE_RULES
from echonode.config import Config, load
from echonode.delivery.status_table import ROWS
from echonode.model.identity import Service
from tests.acceptance.exam_client import ExamClient
from tests.integration.conformance.counterpart import Counterpart
from tests.peers.authority import Authority, Issued
from tests.peers.node_process import EchoNodeProcess, ProbeSimProcess
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.printer import AE_TITLE as IHEFULL
from tests.peers.printer import PrintScp
from tests.peers.syslog_server import SyslogServer
from tests.support.waiting import wait_until
from tests.unit.exam.worklist.answers import full_answer

EVERYTHING = [service.value for service in Service]
UNKNOWN_STATUS, UNKNOWN_REASON = 0x0210, 0xFFFF
STAYS = "P-78"  # the patient of the order that is not performed
ELSEWHERE = "127.0.0.2"  # of this machine, and not where peers are


def code_of(pattern: str) -> int:
    """The first status of a pattern."""
    return int(pattern.replace("x", "0"), 16)


def status_titles() -> list[str]:
    """The AE titles of the archives that answer with one status."""
    return [f"S_{code:04X}" for code in (*map(code_of, ROWS), UNKNOWN_STATUS)]


def reason_titles() -> list[str]:
    """The AE titles of the archives that report one Failure Reason."""
    return [f"R_{reason:04X}" for reason in (*FAILURE_RULES, UNKNOWN_REASON)]


class RsaAuthority(Authority):
    """Its certificates have RSA keys."""

    def _new_key(self, path: Path) -> None:
        self._openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048",
                      "-out", path)  # fmt: skip
        path.chmod(0o600)


@dataclass
class Certificates:
    """Two authorities, each with a certificate for the node, and callers' of the first."""

    elliptic: Authority
    rsa: Authority

    @classmethod
    def make(cls, folder: Path) -> Certificates:
        return cls(Authority(folder / "ec"), RsaAuthority(folder / "rsa"))

    @cached_property
    def node(self) -> Issued:
        return self.elliptic.issue("echonode")

    @cached_property
    def node_rsa(self) -> Issued:
        return self.rsa.issue("echonode")

    @cached_property
    def ris(self) -> ssl.SSLContext:
        """Of a RIS that serves only who shows a certificate of the same authority."""
        own = self.elliptic.issue("ris")
        context = ssl.create_default_context(
            ssl.Purpose.CLIENT_AUTH, cafile=str(self.elliptic.certificate)
        )
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.load_cert_chain(own.cert, own.key)
        return context

    @cached_property
    def bound(self) -> Issued:
        """Of the peer BOUND, whose configuration names it."""
        return self.elliptic.issue("bound", sans=("DNS:bound.example",))

    @cached_property
    def anybody(self) -> Issued:
        return self.elliptic.issue("anybody", sans=("DNS:anybody.example",))

    @cached_property
    def anybody_rsa(self) -> Issued:
        return self.rsa.issue("anybody", sans=("DNS:anybody.example",))


@dataclass
class Site:
    """node: running. counterpart: its peers. exam: of the full order."""

    node: EchoNodeProcess
    counterpart: Counterpart
    printer: PrintScp
    receiver: SyslogServer
    certificates: Certificates
    web_port: int
    hl7_port: int
    tls_ports: tuple[int, int]
    still: str = ""
    clip: str = ""
    note: str = ""
    kept: dict[str, Dataset] = field(default_factory=dict)

    @cached_property
    def config(self) -> Config:
        """As the node read it."""
        return load(self.node.config_file, {})

    @contextmanager
    def association(
        self,
        contexts: Sequence[tuple[str, Sequence[str]]],
        *,
        calling: str = "VIEWER",
        called: str = "ECHONODE",
        source: str = "",
        **options: Any,
    ) -> Iterator[Association]:
        """An association with the node, established or not."""
        ae = AE(ae_title=calling)
        ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = 30
        for abstract_syntax, syntaxes in contexts:
            ae.add_requested_context(abstract_syntax, list(syntaxes))
        if source:
            options["bind_address"] = (source, 0)
        made = ae.associate(LOOPBACK, self.node.port, ae_title=called, **options)
        try:
            yield made
        finally:
            if made.is_established:
                made.release()

    @cached_property
    def print_log(self) -> str:
        """What the printer wrote while the still was printed. Raises TimeoutError."""
        client = self.client()
        study = self.counterpart.received("ORTHANC", self.still).StudyInstanceUID
        client.post(f"/api/studies/{study}/print", printer="films", layout="1x1")
        wait_until(
            lambda: {job["state"] for job in client.get("/api/prints")["jobs"]} == {"printed"},
            what=lambda: f"the print: {client.get('/api/prints')}",
            timeout_s=60,
            every_s=0.2,
        )
        return self.printer.child.output(last=1_000_000)

    def client(self) -> ExamClient:
        return ExamClient(self.web_port, timeout_s=120.0)  # a report, while the machine is busy


def _peers(port: int, tls_port: int, certificates: Certificates) -> dict[str, dict[str, Any]]:
    """Named as in the example configuration, where it has them. The RIS is called by TLS."""
    titles = {"pacs": "ORTHANC", "viewer": "VIEWER", "ris": "RIS", "finds": "FINDS"}
    titles |= {title.lower().replace("_", "-"): title for title in status_titles()}
    titles |= {title.lower().replace("_", "-"): title for title in reason_titles()}
    peers: dict[str, dict[str, Any]] = {
        name: {"ae_title": title, "host": LOOPBACK, "port": port, "may": EVERYTHING}
        for name, title in titles.items()
    }
    peers["ris"] |= {"port": tls_port, "tls": _tls(certificates.node, certificates.elliptic)}
    peers["echo-only"] = {"ae_title": "ECHOONLY", "host": LOOPBACK, "port": port, "may": ["echo"]}
    peers["gets"] = {
        **peers["echo-only"],
        "ae_title": "GETS",
        "calling_ae_titles": ["GETS_TOO"],
        "may": ["echo", "get"],
    }
    peers["elsewhere"] = {
        **peers["echo-only"], "ae_title": "ELSEWHERE", "addresses": [f"{ELSEWHERE}/32"],
    }  # fmt: skip
    peers["closed"] = {**peers["echo-only"], "ae_title": "CLOSED", "port": free_port()}
    peers["bound"] = {
        **peers["echo-only"],
        "ae_title": "BOUND",
        "certificate": certificates.bound.fingerprint.join(("sha256:", "")),
    }
    return peers


def _destinations(web_port: int) -> list[Mapping[str, Any]]:
    return [
        {"peer": "pacs", "commitment": "required"},
        {"peer": "finds", "commitment": "verify"},
        *(
            {"peer": title.lower().replace("_", "-"), "commitment": "none", "associations": 1}
            for title in status_titles()
        ),
        *(
            {"peer": title.lower().replace("_", "-"), "commitment": "required", "associations": 1}
            for title in reason_titles()
        ),
        {
            "name": "itself",
            "dicomweb": f"http://{LOOPBACK}:{web_port}/dicom-web",
            "commitment": "verify",
        },
    ]


def _tls(certificate: Issued, authority: Authority) -> dict[str, str]:
    return {
        "cert": str(certificate.cert),
        "key": str(certificate.key),
        "ca": str(authority.certificate),
    }


def _master_key(folder: Path) -> Path:
    path = folder / "master.key"
    path.touch(0o600)
    path.write_text(f"{'0f' * 32}\n")
    return path


def order_of_today() -> Dataset:
    """A worklist item with every attribute, scheduled for the node, today."""
    item = full_answer()
    [step] = item.ScheduledProcedureStepSequence
    step.ScheduledStationAETitle = "ECHONODE"
    step.ScheduledProcedureStepStartDate = time.strftime("%Y%m%d")
    return item


def another_order() -> Dataset:
    """One that is not performed: it stays on the worklist."""
    item = order_of_today()
    item.PatientID, item.AccessionNumber, item.StudyInstanceUID = STAYS, "ACC-56", "1.2.276.99.2.2"
    item.RequestedProcedureID = "RP-9"
    item.SpecialNeeds, item.ConfidentialityConstraintOnPatientDataDescription = "wheelchair", "VIP"
    item.ScheduledProcedureStepSequence[0].ScheduledProcedureStepID = "SPS-10"
    return item


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """The node and its counterpart, with their exams done."""
    with ExitStack() as parts:
        port, web_port, hl7_port = free_port(), free_port(), free_port()
        tls_ports = (free_port(), free_port())
        certificates = Certificates.make(folder)
        counterpart = parts.enter_context(Counterpart(port, certificates.ris))
        counterpart.items += [order_of_today(), another_order()]
        printer = parts.enter_context(PrintScp())
        own = certificates.elliptic.issue("audit")
        receiver = parts.enter_context(SyslogServer(own, certificates.elliptic.certificate))
        probe = parts.enter_context(
            ProbeSimProcess("--protocol", "echopen", "--dialect", "kit", "--fps", "10")
        )
        node = EchoNodeProcess(
            port=port,
            peers=_peers(counterpart.port, counterpart.tls_port, certificates),
            destinations=_destinations(web_port),
            probes=[
                {
                    "name": "handheld",
                    "protocol": "echopen",
                    "dialect": "kit",
                    "connect": probe.address,
                    "capture": {"mode": "manual"},
                }
            ],
            extra={
                "listen": [
                    {"host": LOOPBACK, "port": port},
                    {
                        "host": LOOPBACK,
                        "port": tls_ports[0],
                        "tls": _tls(certificates.node, certificates.elliptic),
                    },
                    {
                        "host": LOOPBACK,
                        "port": tls_ports[1],
                        "tls": _tls(certificates.node_rsa, certificates.rsa),
                    },
                ],
                "web": {"port": web_port},
                "exam": {"deliver_unidentified": False},
                "worklist": {
                    "peer": "ris",
                    "station_ae_title": "ECHONODE",
                    "refresh_s": 10,
                    "serve": True,
                },
                "mpps": {"peer": "ris"},
                "hl7": {"listen": {"host": LOOPBACK, "port": hl7_port}},
                "prints": [{"peer": "films"}],
                "encryption": {"key": {"file": str(_master_key(folder))}},
                "audit": {
                    "receiver": f"{LOOPBACK}:{receiver.tls_port}",
                    "tls": _tls(certificates.node, certificates.elliptic),
                },
            },
        )
        node.add_peer("films", ae_title=IHEFULL, port=printer.port, may=["echo"])
        parts.enter_context(node)
        site = Site(
            node=node,
            counterpart=counterpart,
            printer=printer,
            receiver=receiver,
            certificates=certificates,
            web_port=web_port,
            hl7_port=hl7_port,
            tls_ports=tls_ports,
        )
        _examine(site)
        probe.kill()  # its frames would cost more than the claims
        yield site


def _examine(site: Site) -> None:
    """The exam of the order; and another, of the wrong patient, which is corrected."""
    client = site.client()
    wait_until(
        lambda: len(client.get("/api/worklist")["items"]) == 2,
        timeout_s=30,
        what="the items of the RIS",
    )
    items = client.get("/api/worklist")["items"]
    [item] = [each for each in items if STAYS not in str(each)]
    exam = client.open(worklist_item=item["id"])
    site.still = client.first_still(exam)
    clip = client.post(f"/api/exams/{exam}/clips", seconds=1.5, **{"from": "now"})
    site.clip = clip["sop_instance_uid"]
    client.post(
        f"/api/exams/{exam}/report",
        template="fast",
        conclusion="No free fluid.",
        key_images=[{"sop_instance_uid": site.still}],
    )
    client.post(f"/api/instances/{site.still}/presentation", window={"center": 100, "width": 150})
    client.post(f"/api/exams/{exam}/end")
    wrong = client.open(patient={"id": "P-9", "name": "Wrong^Person"})
    uid = client.first_still(wrong)
    client.post(f"/api/exams/{wrong}/end")
    site.counterpart.received("ORTHANC", uid)
    right = {"id": "P-8", "name": "Right^Person"}
    client.post(f"/api/exams/{wrong}/correct", reason="wrong_patient", patient=right)
