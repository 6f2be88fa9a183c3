"""The configuration of exams, and of the hospital's systems that take part in them.

Scheduled exams come from a worklist or as HL7 orders; performed procedure steps and reports go out.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from echonode.config.fields import (
    AddressRange,
    AETitle,
    Allowed,
    FilePath,
    Host,
    Port,
    Section,
)
from echonode.config.network import Listener, PeerTLS
from echonode.model.character_sets import is_known_character_set
from echonode.model.hl7_character_sets import ASCII, CODECS, named
from echonode.model.patient import UNIDENTIFIED

Modality = Annotated[
    str, Field(pattern=r"^[A-Z0-9 _]{1,16}$"), Allowed("a Modality (0008,0060), such as US")
]
ApplicationName = Annotated[
    str,
    Field(max_length=180, pattern=r"^[^|^~\\&\x00-\x1f]*$"),
    Allowed("up to 180 characters without the separators of HL7"),
]


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _hl7_character_set(value: str) -> str:
    if (known := named(value)) is None:
        raise ValueError(f"not a character set that is read; known are {', '.join(CODECS)}")
    return known


def _character_set(value: str) -> str:
    if value and not is_known_character_set(value):
        raise ValueError("not a Specific Character Set (PS3.3 C.12.1.1.2) such as ISO_IR 100")
    return value


class Worklist(Section):
    """Where scheduled exams come from (Modality Worklist, PS3.4 annex K)."""

    peer: str
    """The entry under `peers` that is queried. Example: ris"""
    station_ae_title: Annotated[tuple[AETitle, ...], BeforeValidator(_as_list)]
    """Scheduled Station AE Title (0040,0001) of the entries that are ours: one, or a list; each is
    queried. An empty list takes every station's. Example: ECHONODE"""
    modality: Modality = "US"
    """Modality of the entries that are ours. Example: US"""
    refresh_s: Annotated[float, Field(ge=10, le=86400)] = 120.0
    """Seconds between two queries. Example: 60"""
    days_before: Annotated[int, Field(ge=0, le=31)] = 1
    """How many days before today are queried as well. Example: 0"""
    days_after: Annotated[int, Field(ge=0, le=31)] = 1
    """How many days after today are queried as well. Example: 7"""
    character_set: Annotated[
        str,
        AfterValidator(_character_set),
        Allowed("a Specific Character Set (PS3.3 C.12.1.1.2), such as ISO_IR 100"),
    ] = ""
    """The character set of answers that declare none. Without it, an answer with a name beyond
    ASCII is refused. Example: ISO_IR 100"""
    serve: bool = False
    """Whether these entries are also served to peers that may query our own worklist.
    Example: true"""


class MPPS(Section):
    """Where performed procedure steps are reported (PS3.4 annex F)."""

    peer: str
    """The entry under `peers` that they are reported to. Example: ris"""


class ExamSection(Section):
    """Exams at the probes."""

    deliver_unidentified: bool = False
    """Whether captures without a patient are delivered as they are. Without it they are stored and
    held until a person identifies their exam. Example: true"""

    @property
    def waiting_prefix(self) -> str:
        """How the Patient ID of captures begins that wait for their patient; '' where none do."""
        return "" if self.deliver_unidentified else UNIDENTIFIED


class Hl7(Section):
    """Where order messages come from (HL7 v2 over MLLP)."""

    listen: Listener
    """The address and port for senders; with `tls` the port speaks nothing else.
    Example: {host: 127.0.0.1, port: 2575}"""
    addresses: tuple[AddressRange, ...] = ()
    """Where senders may connect from; without it, from any address. Example: [10.0.0.0/24]"""
    character_set: Annotated[
        str, AfterValidator(_hl7_character_set), Allowed("a character set of HL7 table 0211")
    ] = ASCII
    """What an empty MSH-18 means. Example: 8859/1"""
    modality: Modality = "US"
    """The modality of scheduled steps whose order names none. Example: US"""
    station_ae_titles: tuple[AETitle, ...] = ()
    """The stations of scheduled steps whose order names none. Example: [ECHONODE]"""


class Results(Section):
    """Where reports go as HL7 results (ORU^R01 over MLLP)."""

    host: Host
    """The receiver: the RIS, or the interface engine before it. Example: ris.clinic.example"""
    port: Port
    """The TCP port. Example: 2576"""
    tls: PeerTLS | None = None
    """TLS; the certificate must be for the host. Example: {ca: clinic-ca.pem}"""
    receiving_application: ApplicationName = ""
    """MSH-5. Example: RIS"""
    receiving_facility: ApplicationName = ""
    """MSH-6. Example: CLINIC"""
    pdf: bool = False
    """Whether the pages are in the message, as a PDF. Many receivers refuse messages of that size.
    Example: true"""


class ReportSection(Section):
    """Reports of exams."""

    fonts: tuple[FilePath, ...] = ()
    """Folders with TrueType fonts, looked at before those of the system: for a script that no
    installed font has. Example: [/opt/clinic/fonts]"""
    templates: FilePath | None = None
    """A folder with the clinic's own templates of reports, a YAML file for each, next to those of
    EchoNode (docs/reports.md). It is read at the start. Example: /etc/echonode/report-templates"""
    results: Results | None = None
    """Where reports go as HL7 results. Example: {host: ris.clinic.example, port: 2576}"""
