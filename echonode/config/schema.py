"""The configuration as frozen values; unknown keys are errors.

Shape only: each value alone. What must agree between values is checks.py; reading the file and
the environment is loading.py.

The text below a key says what it means, and ends with an example. docs/configuration.md is made of
these texts (`make docs`); a test refuses a key without one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from echonode.config.alarms import Alarms
from echonode.config.anonymise import AnonymiseProfile, Research
from echonode.config.audit import Audit
from echonode.config.cluster import NodeSection
from echonode.config.destination import DestinationSection
from echonode.config.encryption import Encryption
from echonode.config.exam import MPPS, ExamSection, Hl7, ReportSection, Worklist
from echonode.config.fields import (
    AETitle,
    Allowed,
    FilePath,
    Host,
    LongString,
    Name,
    Port,
    Section,
)
from echonode.config.forwarding import ForwardingRule
from echonode.config.index import Index
from echonode.config.network import Listener, PeerSection, WebTLS
from echonode.config.objects import Objects
from echonode.config.printing import PrinterSection
from echonode.config.probe import Probe
from echonode.model.identity import CommitmentPolicy, Destination, Peer
from echonode.store.objects.bucket import ObjectsAt

Origin = Annotated[
    str,
    Field(pattern=r"^https?://[A-Za-z0-9.\-\[\]:]{1,255}$"),
    Allowed("an origin without a path, such as https://viewer.clinic.example"),
]
ShortText = Annotated[
    str,
    Field(max_length=1024, pattern=r"^[^\\\x00-\x1f]*$"),
    Allowed("up to 1024 characters without a backslash"),
]
ShortString = Annotated[
    str,
    Field(max_length=16, pattern=r"^[^\\\x00-\x1f]*$"),
    Allowed("up to 16 characters without a backslash"),
]


def _without_basic(value: dict[str, AnonymiseProfile]) -> dict[str, AnonymiseProfile]:
    if "basic" in value:
        raise ValueError("`basic` is the standard's own profile; give yours another name")
    return value


class Institution(Section):
    """Where the node stands, for the images that are made here (PS3.3 C.7.5.1)."""

    name: LongString = ""
    """Institution Name (0008,0080). Example: Example Clinic"""
    address: ShortText = ""
    """Institution Address (0008,0081). Example: "Way 1, 12345 Town" """
    department: LongString = ""
    """Institutional Department Name (0008,1040). Example: Ultrasound"""
    station: ShortString = ""
    """Station Name (0008,1010); without it, the AE title. Example: ROOM1"""


class Web(Section):
    """The console, `/health`, `/metrics` and the API. docs/access.md tells who may use them."""

    host: Host = "127.0.0.1"
    """The address to listen at. Beyond this machine it serves nothing but the set-up page until
    there is a user. Example: 0.0.0.0"""
    port: Port = 8080
    """The TCP port. Example: 8080"""
    names: tuple[Host, ...] = ()
    """Names by which browsers reach it, apart from addresses, this machine's own name and those of
    the certificate: a reverse proxy's, say. Any other name is refused.
    Example: [echo.clinic.example]"""
    tls: WebTLS | None = None
    """TLS; then this port speaks nothing else. Example: {cert: web.pem, key: web.key}"""
    session_hours: Annotated[float, Field(ge=0.1, le=168)] = 12
    """Hours after which a user logs in again. Example: 10"""
    lock_after_minutes: Annotated[float, Field(ge=0, le=1440)] = 10
    """Minutes without a touch after which a session locks, and asks for the PIN or the password;
    0 never locks. Example: 5"""
    open_metrics: bool = False
    """Whether `/metrics` is for everyone, also where there are users. It holds no patient data.
    Example: true"""
    cors_origins: tuple[Origin, ...] = ()
    """Origins whose pages may use DICOMweb in a browser: viewers that are served elsewhere. Their
    users need tokens. Example: [https://viewer.clinic.example]"""
    viewer_port: Port | None = None
    """The TCP port of the OHIF viewer, which `echonode viewer install` fetches; without it there is
    none. Its page has DICOMweb on the same port. docs/viewers.md tells more. Example: 8081"""
    viewer_dir: FilePath | None = None
    """The folder of the viewer's files; without it, `viewer` in data_dir.
    Example: /opt/echonode-viewer"""


class Retention(Section):
    """What is deleted after the archive has committed to keep it, what is kept free, what is
    checked.
    """

    keep_days_after_commit: Annotated[float, Field(ge=0, le=36500)] = 7
    """Days that a local copy stays after every destination has proved that it keeps the instance.
    Example: 30"""
    minimum_free_percent: Annotated[float, Field(ge=0, le=100)] = 10
    """Below this free share of the disk no new exam begins and peers get A700. Example: 15"""
    scrub_days: Annotated[float, Field(ge=0, le=3650)] = 30
    """Every kept file is read once in so many days and compared with its hash; 0 reads none.
    Example: 30"""


class Content(Section):
    """What is done to content that does not belong to an image; docs/content.md has all of it."""

    trailing_bytes: Literal["refuse", "cut"] = "refuse"
    """Bytes behind the end of a dataset or of its deflated stream: `refuse` refuses the instance
    (C000), `cut` stores it without them. Example: cut"""


class Logging(Section):
    """Lines on stdout; docs/log-events.md lists the events."""

    format: Literal["auto", "json", "console"] = "auto"
    """`json` is for a collector, `console` for a person; `auto` is `console` on a terminal and
    `json` elsewhere. Example: json"""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """The lowest level that is written. Example: info"""


class Admission(Section):
    """What a caller that is not admitted learns."""

    say_which_title: bool = True
    """Whether a rejection says which AE title was wrong, the called or the calling one. It helps a
    person who sets a device up, and one who guesses titles. The log says it in either case.
    Example: false"""


class Process(Section):
    """The process itself."""

    core_dumps: bool = False
    """Allow core dumps and debuggers, to find a fault. A dump holds pixels and patients' names.
    Example: true"""


class Config(Section):
    """The whole file."""

    ae_title: AETitle
    """The AE title of this node, as archives and viewers know it. Example: ECHONODE"""
    data_dir: FilePath = Field(default=Path("var"), validate_default=True)
    """The folder of the store, on a local disk. Example: /var/lib/echonode"""
    index: Index = Index()
    """The index of what is stored. Example: {url: sqlite}"""
    node: NodeSection = NodeSection()
    """This node among several on one index. Example: {name: node-1}"""
    listen: tuple[Listener, ...] = (Listener(port=11112),)
    """Where DICOM peers reach this node. Example: [{host: 0.0.0.0, port: 104}]"""
    peers: dict[Name, PeerSection] = Field(default_factory=dict)
    """The remote AEs, each under a name of yours. No other AE is served.
    Example: {pacs: {ae_title: PACS, host: 10.0.0.4, port: 104, may: [echo, commit]}}"""
    destinations: tuple[DestinationSection, ...] = ()
    """Where captured instances go. Example: [{peer: pacs, commitment: required}]"""
    forwarding: tuple[ForwardingRule, ...] = ()
    """Where instances go on to that peers store here. Example: [{from: scanner, to: [pacs]}]"""
    probes: tuple[Probe, ...] = ()
    """The sources of frames.
    Example: [{name: room-1, protocol: echopen, dialect: kit, connect: "10.0.0.7:7538"}]"""
    exam: ExamSection = ExamSection()
    """Exams at the probes. Example: {deliver_unidentified: true}"""
    anonymise: Annotated[dict[Name, AnonymiseProfile], AfterValidator(_without_basic)] = Field(
        default_factory=dict
    )
    """How copies are anonymised, each under a name of yours; `basic` is there without one.
    Example: {study-7: {options: [retain_modified_dates]}}"""
    research: Research = Research()
    """Research copies. Example: {anonymise: study-7}"""
    worklist: Worklist | None = None
    """The modality worklist. Example: {peer: ris, station_ae_title: ECHONODE}"""
    mpps: MPPS | None = None
    """Modality performed procedure steps. Example: {peer: ris}"""
    prints: tuple[PrinterSection, ...] = ()
    """Printers by DICOM. Example: [{peer: filmprinter, film_size: 14INX17IN}]"""
    hl7: Hl7 | None = None
    """Orders and patients by HL7 v2. Example: {listen: {host: 127.0.0.1, port: 2575}}"""
    report: ReportSection = ReportSection()
    """Reports of exams; docs/reports.md tells more. Example: {fonts: [/opt/clinic/fonts]}"""
    institution: Institution = Institution()
    """The institution in images that are made here. Example: {name: Example Clinic}"""
    web: Web | None = None
    """The HTTP server; without the section there is none. Example: {host: 127.0.0.1, port: 8080}"""
    alarms: Alarms = Alarms()
    """Where alarms go out to. Example: {webhook: {url: "https://hooks.clinic.example/echonode"}}"""
    audit: Audit = Audit()
    """The audit trail.
    Example: {receiver: "audit.clinic.example:6514", tls: {ca: clinic-ca.pem}}"""
    objects: Objects = Objects()
    """Where the files of instances are kept. Example: {url: "s3://ultrasound/node"}"""
    encryption: Encryption = Encryption()
    """Encryption of what is kept in data_dir.
    Example: {key: {file: /etc/echonode/master.key}}"""
    retention: Retention = Retention()
    """Deletion, reserve and scrubbing. Example: {keep_days_after_commit: 30}"""
    content: Content = Content()
    """Content that does not belong to an image. Example: {trailing_bytes: cut}"""
    logging: Logging = Logging()
    """The log. Example: {format: json, level: info}"""
    admission: Admission = Admission()
    """Rejections. Example: {say_which_title: false}"""
    process: Process = Process()
    """The process. Example: {core_dumps: true}"""

    def objects_at(self) -> ObjectsAt | None:
        """The object storage that has the instances; None: they are files in data_dir."""
        return self.objects.at(self.own_dir)

    @property
    def own_dir(self) -> Path:
        """What is this node's alone: in data_dir, which several nodes may share."""
        return self.data_dir / "nodes" / self.node.name if self.node.name else self.data_dir

    def peer_values(self) -> tuple[Peer, ...]:
        """The peers as the rest of the node knows them."""
        return tuple(peer.value(name) for name, peer in self.peers.items())

    def forwarding_by_peer(self) -> dict[str, tuple[str, ...]]:
        """Name of a peer -> the destinations that what it stores here goes on to."""
        names = {rule.from_peer: None for rule in self.forwarding}
        return {
            name: tuple(
                dict.fromkeys(
                    to for rule in self.forwarding if rule.from_peer == name for to in rule.to
                )
            )
            for name in names
        }

    def forwarding_by_ae_title(self) -> dict[str, tuple[str, ...]]:
        """The same by AE title, which is what the files of a peer name it by."""
        return {
            self.peers[name].ae_title if name in self.peers else name.upper(): destinations
            for name, destinations in self.forwarding_by_peer().items()
        }

    def destination_values(self) -> tuple[Destination, ...]:
        """The destinations, each with its peer."""
        by_name = {peer.name: peer for peer in (*self.peer_values(), *self.web_peer_values())}
        return tuple(
            Destination(peer=by_name[d.target], commitment=d.commitment) for d in self.destinations
        )

    def commitment_policies(self) -> dict[str, CommitmentPolicy]:
        """Name of a destination -> the proof that is wanted of it."""
        return {section.target: section.commitment for section in self.destinations}

    def web_peer_values(self) -> tuple[Peer, ...]:
        """The DICOMweb servers among the destinations. They never call us."""
        found = (section.web_peer() for section in self.destinations)
        return tuple(peer for peer in found if peer is not None)
