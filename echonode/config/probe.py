"""A probe's section: where frames come from, when they are captured, whose they are."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from echonode.config.fields import (
    Address,
    AddressRange,
    Allowed,
    FilePath,
    LongString,
    Name,
    Section,
)
from echonode.config.imaging import Image, Profile
from echonode.config.network import ListenerTLS
from echonode.model.patient import Patient


def _birth_date(value: str) -> str:
    if value and not re.fullmatch(r"\d{4}(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])", value):
        raise ValueError("a birth date is YYYYMMDD")
    return value


Word = Annotated[str, Field(min_length=1, max_length=32), Allowed("1 to 32 characters")]
BirthDate = Annotated[str, AfterValidator(_birth_date), Allowed("YYYYMMDD in quotes, or empty")]


class PatientSection(Section):
    """The patient of everything that a probe captures, as DICOM writes the values."""

    id: Annotated[LongString, Field(min_length=1)]
    """Patient ID (0010,0020). Example: PHANTOM-1"""
    name: LongString = ""
    """Patient's Name (0010,0010), components separated by carets. Example: Phantom^Bench"""
    birth_date: BirthDate = ""
    """Patient's Birth Date (0010,0030). Example: "19700102" """
    sex: Literal["", "M", "F", "O"] = ""
    """Patient's Sex (0010,0040). Example: O"""

    def value(self) -> Patient:
        return Patient(id=self.id, name=self.name, birth_date=self.birth_date, sex=self.sex)


class Capture(Section):
    """When frames become an instance, and of which patient."""

    mode: Literal["auto", "manual"] = "auto"
    """`auto` makes a still or a clip of whatever the probe sends. `manual` records only what a
    person or the sender asks for; an OpenIGTLink sender can. In an open exam a person may ask in
    `auto` too (docs/exams.md). Example: auto"""
    gap_s: Annotated[float, Field(gt=0, le=60)] = 1.0
    """In `auto`: silence of the probe that ends a clip, in seconds. Example: 2"""
    max_clip_s: Annotated[float, Field(ge=0.1, le=600)] = 30.0
    """The longest clip, in seconds; a longer one is cut. So much of the past is kept in memory for
    stills and clips on request. Example: 60"""
    keep_rf: bool = False
    """Of `echopen`: whether the scan lines that an image is made of are kept with it, for research
    (docs/research.md). They take several times its room. Example: true"""
    patient: PatientSection | None = None
    """The patient of everything this probe captures, for a test bench. Without it each connection
    gets a generated patient (`UNIDENTIFIED-...`). Example: {id: PHANTOM-1, name: Phantom^Bench}"""


class Probe(Section):
    """A source of frames: a probe, another program that sends images, or a recording."""

    name: Name
    """The probe in the log, on the page and in metrics. Example: room-1"""
    protocol: Word
    """`echopen`, `openigtlink` or `file`; docs/probes.md has each. Example: echopen"""
    dialect: Word | None = None
    """The generation of an echOpen probe: `sweeping`, `kit`, `lounger` or `epf`. The wire does not
    tell them apart. Example: kit"""
    connect: Address | None = None
    """Where the probe or sender listens, and this node connects to; of `epf`, where commands go.
    Example: 192.168.128.3:7538"""
    listen: Address | None = None
    """Where this node listens for a sender, instead of `connect`. Of `epf` it goes with `connect`:
    the address of this machine at which its lines arrive; without it, the address that faces the
    probe, port 51000. Example: 0.0.0.0:18944"""
    addresses: tuple[AddressRange, ...] = ()
    """With `listen`: the only addresses that senders may connect from; without it, any.
    Example: [10.0.7.0/28]"""
    tls: ListenerTLS | None = None
    """With `listen`: senders connect by TLS.
    Example: {cert: node.pem, key: node.key, ca: probes-ca.pem}"""
    device: Annotated[str, Field(min_length=1, max_length=20)] | None = None
    """Of `openigtlink`: the device whose images are taken. Without it, the first device that sends
    an image. Example: Image_Reference"""
    path: FilePath | None = None
    """Of `file`: the recording. Example: recordings/phantom.mha"""
    loop: bool = False
    """Of `file`: play it again from its start when it ends. Example: true"""
    fps: Annotated[float, Field(gt=0, le=1000)] | None = None
    """Of `file`: play so many frames a second, instead of at the recording's own times.
    Example: 20"""
    capture: Capture = Capture()
    """When frames become an instance. Example: {mode: auto, gap_s: 2}"""
    image: Image = Image()
    """How samples become pixels. Example: {gain_db: 3, burned_in: no}"""
    profile: Profile = Profile()
    """What is known of the probe, and overrides what it sends. Example: {serial: "0042"}"""
