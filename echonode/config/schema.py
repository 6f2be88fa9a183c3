"""The configuration as frozen values; keys as in the README's table, unknown keys are errors.

Shape only: each value alone. What must agree between values is checks.py; reading the file and
the environment is loading.py.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from echonode.config.destination import DestinationSection
from echonode.config.fields import (
    Address,
    AddressRange,
    AETitle,
    CodeString,
    FilePath,
    Host,
    LongString,
    Name,
    Port,
    Section,
)
from echonode.config.forwarding import ForwardingRule
from echonode.config.network import Listener, ListenerTLS, PeerSection
from echonode.model.character_sets import is_known_character_set
from echonode.model.hl7_character_sets import ASCII, CODECS, named
from echonode.model.identity import (
    Destination,
    Peer,
)
from echonode.model.patient import UNIDENTIFIED, Patient


def _birth_date(value: str) -> str:
    if value and not re.fullmatch(r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", value):
        raise ValueError("a birth date is YYYYMMDD")
    return value


def _yes_or_no(value: object) -> object:
    """YAML reads yes and no without quotes as truth values."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def _hl7_character_set(value: str) -> str:
    if (known := named(value)) is None:
        raise ValueError(f"none that is read; known are {', '.join(CODECS)}")
    return known


Side = Annotated[int, Field(ge=64, le=2048)]  # of an image, in pixels
Word = Annotated[str, Field(min_length=1, max_length=32)]
PixelSpacing = Annotated[float, Field(gt=0, le=10)]  # in mm
GainAtDepth = tuple[Annotated[float, Field(ge=0, le=1000)], Annotated[float, Field(ge=-60, le=60)]]


def _band(value: tuple[float, float]) -> tuple[float, float]:
    if not 0 < value[0] < value[1]:
        raise ValueError("band_mhz is [low, high] with 0 < low < high")
    return value


def _from_near_to_far(value: tuple[GainAtDepth, ...]) -> tuple[GainAtDepth, ...]:
    if any(deeper[0] <= point[0] for point, deeper in pairwise(value)):
        raise ValueError("tgc's points go from near to far, each deeper than the one before")
    return value


def _window(value: tuple[float, float]) -> tuple[float, float]:
    if not value[0] < value[1]:
        raise ValueError("window is [black, white], and black is below white")
    return value


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

    rows, columns: of the image that is made of scan lines. Without them pixels are square and the
    image is about 262,144 pixels in the sector's own shape; with one of them they are square and
    the other follows; with both, that size is kept and pixels are what it makes of them.
    compression: log (dynamic_range_db below full scale is black) or linear. full_scale: the
    magnitude that becomes white, in counts; of RF the swing from peak to peak. band_mhz: the RF
    pass band. largest_gap: the share of a sweep's lines that may be missing for the frame to be
    used. tgc: gain over depth, points [depth_mm, dB] from near to far. persistence: share of the
    frames before in what is shown.
    Of images as others send or recorded them: orientation, colour_order and window [black, white]
    say what the source does not, or says wrongly. burned_in: whether there is text in the pixels
    (yes, no or unknown); without it NO for pixels made here of scan lines, else nothing is said.
    """

    rows: Side | None = None
    columns: Side | None = None
    compression: Literal["log", "linear"] = "log"
    dynamic_range_db: Annotated[float, Field(ge=20, le=120)] = 50.0
    gain_db: Annotated[float, Field(ge=-60, le=60)] = 0.0
    full_scale: Annotated[float, Field(gt=0, le=65535)] | None = None
    band_mhz: Annotated[tuple[float, float], AfterValidator(_band)] = (1.5, 5.5)
    largest_gap: Annotated[float, Field(ge=0, lt=1)] = 0.25
    tgc: Annotated[
        tuple[GainAtDepth, ...], Field(max_length=64), AfterValidator(_from_near_to_far)
    ] = ()
    persistence: Annotated[float, Field(ge=0, lt=1)] = 0.0
    orientation: Literal["MF", "MN", "UF", "UN", "FM", "FU", "NM", "NU"] | None = None
    colour_order: Literal["rgb", "bgr", "rgba", "bgra", "argb"] | None = None
    window: Annotated[tuple[float, float], AfterValidator(_window)] | None = None
    burned_in: Annotated[Literal["yes", "no", "unknown"], BeforeValidator(_yes_or_no)] | None = None


class Profile(Section):
    """What is known of the probe better than it says itself; overrides the stream's header.

    mode: what the samples are, whatever the probe says; `auto` looks at them. lines: how many a
    frame has, for a probe that does not say. kinematics: how the transducer moves; `auto` is what
    the dialect and the probe's name say.
    calibrated: the spacing that comes with images is a measured one. spacing_mm: [x, y] of a pixel,
    instead of it; of parallel scan lines, from line to line and from sample to sample. Without
    either, such images have no calibration.
    manufacturer, model, serial, transducer, transducer_type: General Equipment and Transducer Data
    and Type of its images; of an echOpen probe, all but the serial number are known without.
    """

    r0_mm: Annotated[float, Field(ge=0, le=500)] | None = None
    rf_mm: Annotated[float, Field(gt=0, le=1000)] | None = None
    sector_deg: Annotated[float, Field(gt=0, lt=180)] | None = None
    decimation: Annotated[float, Field(gt=0, le=65536)] | None = None
    sound_speed_m_s: Annotated[float, Field(ge=1000, le=2000)] | None = None
    sampling_mhz: Annotated[float, Field(gt=0, le=1000)] | None = None
    mode: Literal["auto", "rf", "envelope"] = "auto"
    samples_per_line: Annotated[int, Field(ge=2, le=16384)] | None = None
    lines: Annotated[int, Field(ge=2, le=255)] | None = None
    kinematics: Literal["auto", "rotation", "probe_v1_3_5mhz", "probe_v1_5mhz", "probe_v1_8mhz"] = (
        "auto"
    )
    calibrated: bool = False
    spacing_mm: tuple[PixelSpacing, PixelSpacing] | None = None
    center_frequency_mhz: Annotated[float, Field(gt=0, le=100)] | None = None
    manufacturer: LongString = ""
    model: LongString = ""
    serial: LongString = ""
    transducer: LongString = ""
    transducer_type: CodeString = ""

    @model_validator(mode="after")
    def _depths(self) -> Profile:
        if self.r0_mm is not None and self.rf_mm is not None and self.rf_mm <= self.r0_mm:
            raise ValueError("rf_mm must be deeper than r0_mm")
        return self


class Probe(Section):
    """A source of frames.

    protocol, dialect: of the table in frames/streams/protocols.py; checked by config/probes.py.
    connect, listen: one of them; but `epf` takes commands at `connect`, and `listen` is where its
    lines arrive (an address of ours; without one, the address that faces the probe, port 51000).
    addresses: where senders may connect from, for `listen`; without it, from anywhere. tls: what
    they must prove there.
    device: the OpenIGTLink device whose images are taken; none takes the first that sends one.
    path, loop, fps: of a recording that is played; fps instead of its own times.
    """

    name: Name
    protocol: Word
    dialect: Word | None = None
    connect: Address | None = None
    listen: Address | None = None
    addresses: tuple[AddressRange, ...] = ()
    tls: ListenerTLS | None = None
    device: Annotated[str, Field(min_length=1, max_length=20)] | None = None
    path: FilePath | None = None
    loop: bool = False
    fps: Annotated[float, Field(gt=0, le=1000)] | None = None
    capture: Capture = Capture()
    image: Image = Image()
    profile: Profile = Profile()


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _character_set(value: str) -> str:
    if value and not is_known_character_set(value):
        raise ValueError("not a Specific Character Set (PS3.3 C.12.1.1.2) such as ISO_IR 100")
    return value


class Worklist(Section):
    """Where scheduled exams come from (Modality Worklist).

    station_ae_title: one, or several; each is asked for. None of them: every station's items.
    days_before, days_after: around today. refresh_s: between two queries. character_set: of answers
    that declare none; without it, one with a name beyond ASCII is refused. serve: what the peer
    answers is also served to peers that may ask for our worklist.
    """

    peer: str
    station_ae_title: Annotated[tuple[AETitle, ...], BeforeValidator(_as_list)]
    modality: Annotated[str, Field(pattern=r"^[A-Z0-9 _]{1,16}$")] = "US"
    refresh_s: Annotated[float, Field(ge=10, le=86400)] = 120.0
    days_before: Annotated[int, Field(ge=0, le=31)] = 1
    days_after: Annotated[int, Field(ge=0, le=31)] = 1
    character_set: Annotated[str, AfterValidator(_character_set)] = ""
    serve: bool = False


class MPPS(Section):
    """Whom performed procedure steps are reported to (Modality Performed Procedure Step)."""

    peer: str


class ExamSection(Section):
    """Exams at the probes.

    deliver_unidentified: what is captured without a patient goes to the destinations as it is;
    without it, it waits until a person says whose it is.
    """

    deliver_unidentified: bool = False

    @property
    def nobodys(self) -> str:
        """What the Patient ID of captures begins with that wait for their patient; '' none do."""
        return "" if self.deliver_unidentified else UNIDENTIFIED


class Hl7(Section):
    """Where order messages come from (HL7 v2 over MLLP).

    listen: one address; with `tls` the port speaks nothing else. addresses: where senders may
    connect from; without, from anywhere. character_set: of HL7 table 0211, what an empty MSH-18
    means. modality, station_ae_titles: of scheduled steps that an order gives none.
    """

    listen: Listener
    addresses: tuple[AddressRange, ...] = ()
    character_set: Annotated[str, AfterValidator(_hl7_character_set)] = ASCII
    modality: Annotated[str, Field(pattern=r"^[A-Z0-9 _]{1,16}$")] = "US"
    station_ae_titles: tuple[AETitle, ...] = ()


class Institution(Section):
    """Where the node stands, for the images that are made here (PS3.3 C.7.5.1).

    station: Station Name; without it, the AE title.
    """

    name: LongString = ""
    address: Annotated[str, Field(max_length=1024, pattern=r"^[^\\\x00-\x1f]*$")] = ""
    department: LongString = ""
    station: Annotated[str, Field(max_length=16, pattern=r"^[^\\\x00-\x1f]*$")] = ""


class Web(Section):
    """The status page and the health checks. viewer_port: where a viewer will be served."""

    host: Host = "127.0.0.1"
    port: Port = 8080
    viewer_port: Port | None = None


class Retention(Section):
    """What is deleted after the archive's promise, what is kept free, and what is checked.

    scrub_days: every kept file is read once in so many days and compared with its hash; 0 never.
    """

    keep_days_after_commit: Annotated[float, Field(ge=0, le=36500)] = 7
    minimum_free_percent: Annotated[float, Field(ge=0, le=100)] = 10
    scrub_days: Annotated[float, Field(ge=0, le=3650)] = 30


class Logging(Section):
    """Lines on stdout. format: `auto` is `console` on a terminal and `json` elsewhere."""

    format: Literal["auto", "json", "console"] = "auto"
    level: Literal["debug", "info", "warning", "error"] = "info"


class Admission(Section):
    """What callers learn who are not admitted.

    say_which_title: whether a rejection says which AE title was wrong, ours or the caller's. It
    helps whoever sets a device up, and whoever guesses; the log has it in either case.
    """

    say_which_title: bool = True


class Process(Section):
    """core_dumps: for debugging; a dump holds pixels and patients' names."""

    core_dumps: bool = False


class Config(Section):
    """The whole file."""

    ae_title: AETitle
    data_dir: FilePath = Field(default=Path("var"), validate_default=True)
    listen: tuple[Listener, ...] = (Listener(port=11112),)
    peers: dict[Name, PeerSection] = Field(default_factory=dict)
    destinations: tuple[DestinationSection, ...] = ()
    forwarding: tuple[ForwardingRule, ...] = ()
    probes: tuple[Probe, ...] = ()
    exam: ExamSection = ExamSection()
    worklist: Worklist | None = None
    mpps: MPPS | None = None
    hl7: Hl7 | None = None
    institution: Institution = Institution()
    web: Web | None = None
    retention: Retention = Retention()
    logging: Logging = Logging()
    admission: Admission = Admission()
    process: Process = Process()

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
            self.peers[name].ae_title: destinations
            for name, destinations in self.forwarding_by_peer().items()
        }

    def destination_values(self) -> tuple[Destination, ...]:
        """The destinations, each with its peer."""
        by_name = {peer.name: peer for peer in self.peer_values()}
        return tuple(
            Destination(peer=by_name[d.peer], commitment=d.commitment) for d in self.destinations
        )
