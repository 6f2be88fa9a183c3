"""The configuration as frozen values; keys as in the README's table, unknown keys are errors.

Shape only: each value alone. What must agree between values is checks.py; reading the file and
the environment is loading.py.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from echonode.model.identity import (
    CommitmentPolicy,
    Destination,
    Patient,
    Peer,
    Service,
    is_valid_ae_title,
)

_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


def _ae_title(value: str) -> str:
    if not is_valid_ae_title(value):
        raise ValueError("an AE title is 1 to 16 printable ASCII characters without a backslash")
    return value.strip(" ")


def _host(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        if not _HOST_NAME.fullmatch(value):
            raise ValueError("not a host name or IP address") from None
    return value


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("a name is 1 to 32 letters, digits, '-' or '_'")
    return value


def _birth_date(value: str) -> str:
    if value and not re.fullmatch(r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", value):
        raise ValueError("a birth date is YYYYMMDD")
    return value


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("an address is HOST:PORT, with a port from 1 to 65535")
    _host(host.strip("[]"))
    return value


AETitle = Annotated[str, AfterValidator(_ae_title)]
Host = Annotated[str, AfterValidator(_host)]
Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
Name = Annotated[str, AfterValidator(_name)]
Address = Annotated[str, AfterValidator(_address)]
LongString = Annotated[str, Field(max_length=64, pattern=r"^[^\\\x00-\x1f]*$")]  # VR LO


class Section(BaseModel):
    """A part of the file: frozen, and strict about keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TLS(Section):
    """Certificates of one end (PS3.15 B.12)."""

    cert: Path
    key: Path
    ca: Path
    require_client_cert: bool = True


class Listener(Section):
    """Where our SCP listens."""

    host: Host = "127.0.0.1"
    port: Port
    tls: TLS | None = None


class PeerSection(Section):
    """A remote AE: how to reach it, and what it may ask of us."""

    ae_title: AETitle
    host: Host
    port: Port
    may: frozenset[Service] = frozenset()
    tls: TLS | None = None


class DestinationSection(Section):
    """A peer that instances go to."""

    peer: str
    commitment: CommitmentPolicy = CommitmentPolicy.REQUIRED


class PatientSection(Section):
    """The patient of unattended captures; strings as DICOM writes them."""

    id: Annotated[LongString, Field(min_length=1)]
    name: LongString = ""
    birth_date: Annotated[str, AfterValidator(_birth_date)] = ""
    sex: Literal["", "M", "F", "O"] = ""

    def value(self) -> Patient:
        return Patient(id=self.id, name=self.name, birth_date=self.birth_date, sex=self.sex)


class Capture(Section):
    """When frames become an instance by themselves (`auto`) or on request (`manual`)."""

    mode: Literal["auto", "manual"] = "auto"
    gap_s: Annotated[float, Field(gt=0, le=60)] = 1.0
    max_clip_s: Annotated[float, Field(ge=0.1, le=600)] = 30.0
    patient: PatientSection | None = None


class Image(Section):
    """How samples become pixels.

    compression: log (dynamic_range_db below full scale is black) or linear. full_scale: the
    magnitude that becomes white, in counts. band_mhz: the RF pass band. largest_gap: the share of
    a sweep's lines that may be missing for the frame to be used.
    """

    rows: Annotated[int, Field(ge=64, le=2048)] = 512
    columns: Annotated[int, Field(ge=64, le=2048)] = 512
    compression: Literal["log", "linear"] = "log"
    dynamic_range_db: Annotated[float, Field(ge=20, le=120)] = 50.0
    gain_db: Annotated[float, Field(ge=-60, le=60)] = 0.0
    full_scale: Annotated[float, Field(gt=0, le=65535)] | None = None
    band_mhz: tuple[float, float] = (1.5, 5.5)
    largest_gap: Annotated[float, Field(ge=0, lt=1)] = 0.25

    @model_validator(mode="after")
    def _band(self) -> Image:
        if not 0 < self.band_mhz[0] < self.band_mhz[1]:
            raise ValueError("band_mhz is [low, high] with 0 < low < high")
        return self


class Profile(Section):
    """What is known of the probe better than it says itself; overrides the stream's header.

    mode: what the samples are, whatever the probe says; `auto` looks at them.
    """

    r0_mm: Annotated[float, Field(ge=0, le=500)] | None = None
    rf_mm: Annotated[float, Field(gt=0, le=1000)] | None = None
    sector_deg: Annotated[float, Field(gt=0, lt=180)] | None = None
    decimation: Annotated[float, Field(gt=0, le=65536)] | None = None
    sound_speed_m_s: Annotated[float, Field(ge=1000, le=2000)] | None = None
    sampling_mhz: Annotated[float, Field(gt=0, le=1000)] | None = None
    mode: Literal["auto", "rf", "envelope"] = "auto"
    samples_per_line: Annotated[int, Field(ge=2, le=16384)] | None = None
    center_frequency_mhz: Annotated[float, Field(gt=0, le=100)] | None = None
    manufacturer: LongString = ""
    model: LongString = ""
    serial: LongString = ""

    @model_validator(mode="after")
    def _depths(self) -> Profile:
        if self.r0_mm is not None and self.rf_mm is not None and self.rf_mm <= self.r0_mm:
            raise ValueError("rf_mm must be deeper than r0_mm")
        return self


class Probe(Section):
    """A source of frames."""

    name: Name
    protocol: Literal["echopen", "openigtlink", "file"]
    dialect: Literal["sweeping", "kit", "lounger", "epf"] | None = None
    connect: Address | None = None
    listen: Address | None = None
    capture: Capture = Capture()
    image: Image = Image()
    profile: Profile = Profile()

    @model_validator(mode="after")
    def _one_way_in(self) -> Probe:
        if self.connect is not None and self.listen is not None:
            raise ValueError("`connect` and `listen` exclude each other")
        return self


class Worklist(Section):
    """Where scheduled exams come from."""

    peer: str
    station_ae_title: AETitle
    modality: Annotated[str, Field(pattern=r"^[A-Z0-9 _]{1,16}$")] = "US"


class MPPS(Section):
    """Where performed procedure steps are reported."""

    peer: str


class Web(Section):
    """The console and DICOMweb; the viewer on its own port."""

    host: Host = "127.0.0.1"
    port: Port = 8080
    viewer_port: Port = 8081


class Retention(Section):
    """What is deleted after the archive's promise, and what is kept free."""

    keep_days_after_commit: Annotated[float, Field(ge=0, le=36500)] = 7
    minimum_free_percent: Annotated[float, Field(ge=0, le=90)] = 10


class Logging(Section):
    """Lines on stdout."""

    format: Literal["json", "console"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Config(Section):
    """The whole file."""

    ae_title: AETitle
    data_dir: Path = Path("var")
    listen: tuple[Listener, ...] = (Listener(port=11112),)
    peers: dict[Name, PeerSection] = Field(default_factory=dict)
    destinations: tuple[DestinationSection, ...] = ()
    probes: tuple[Probe, ...] = ()
    worklist: Worklist | None = None
    mpps: MPPS | None = None
    web: Web | None = None
    retention: Retention = Retention()
    logging: Logging = Logging()

    def peer_values(self) -> tuple[Peer, ...]:
        """The peers as the rest of the node knows them."""
        return tuple(
            Peer(name=name, ae_title=p.ae_title, host=p.host, port=p.port, may=p.may)
            for name, p in self.peers.items()
        )

    def destination_values(self) -> tuple[Destination, ...]:
        """The destinations, each with its peer."""
        by_name = {peer.name: peer for peer in self.peer_values()}
        return tuple(
            Destination(peer=by_name[d.peer], commitment=d.commitment) for d in self.destinations
        )
