"""Application profiles of media (PS3.11): what may lie on a medium, and which ones fit.

Rules
- `general` keeps what an object is stored in where a general purpose profile for USB and DVD allows
  it (annexes H, J), and writes the rest as Explicit VR Little Endian, without loss.
- `cd` is Explicit VR Little Endian alone (STD-GEN-CD, annex D), which every viewer reads.
- `ultrasound` is what the ultrasound profiles allow (annex C): uncompressed, RLE, JPEG baseline.
- What has no decoder here, such as MPEG, stays as it is; then no profile is claimed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from pydicom.uid import (
    JPEG2000,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    RLELossless,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from echonode.transcoding.dataset import CONVERTED


class Profile(StrEnum):
    """What is asked for: `--profile`."""

    GENERAL = "general"
    CD = "cd"
    ULTRASOUND = "ultrasound"


_JPEG = frozenset({JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLosslessSV1})
_J2K = frozenset({JPEG2000Lossless, JPEG2000})
_US_STILLS = frozenset({str(UltrasoundImageStorage)})
_US_IMAGES = _US_STILLS | {str(UltrasoundMultiFrameImageStorage)}
# PS3.11 table C.3-3: which pixels an ultrasound profile takes in which syntax.
_US_PIXELS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        ExplicitVRLittleEndian: frozenset({"MONOCHROME2", "RGB", "PALETTE COLOR", "YBR_FULL_422"}),
        RLELossless: frozenset({"MONOCHROME2", "RGB", "PALETTE COLOR", "YBR_FULL"}),
        JPEGBaseline8Bit: frozenset({"YBR_FULL_422"}),
    }
)
_ALLOWED: Mapping[Profile, frozenset[str]] = MappingProxyType(
    {
        Profile.GENERAL: frozenset({ExplicitVRLittleEndian, *_JPEG, *_J2K}),
        Profile.CD: frozenset({ExplicitVRLittleEndian}),
        Profile.ULTRASOUND: frozenset(_US_PIXELS),
    }
)


@dataclass(frozen=True, kw_only=True)
class OnMedium:
    """What a profile asks of an object. photometric: '' of one without pixels."""

    sop_class_uid: str
    transfer_syntax_uid: str
    photometric: str


def syntax_for(profile: Profile, stored: str) -> str:
    """The transfer syntax that an object of this one has on the medium."""
    if stored in _ALLOWED[profile] or stored not in CONVERTED:
        return stored
    return str(ExplicitVRLittleEndian)


def fitting(objects: Iterable[OnMedium]) -> tuple[str, ...]:
    """The profiles that all objects together conform to, by the standard's names."""
    every = set(objects)
    syntaxes = {each.transfer_syntax_uid for each in every}
    found: list[str] = []
    uncompressed = {str(ExplicitVRLittleEndian)}
    if syntaxes <= uncompressed:
        found.append("STD-GEN-CD")
    for name, allowed in (("JPEG", _JPEG), ("J2K", _J2K)):
        if syntaxes <= uncompressed | allowed:
            found += [f"STD-GEN-{medium}-{name}" for medium in ("DVD", "BD", "USB")]
    if all(_is_for_ultrasound(each) for each in every):
        stills = {each.sop_class_uid for each in every} <= _US_STILLS
        found.append(f"STD-US-ID-{'SF' if stills else 'MF'}-xxxx")
    return tuple(found)


def _is_for_ultrasound(each: OnMedium) -> bool:
    return each.sop_class_uid in _US_IMAGES and each.photometric in _US_PIXELS.get(
        each.transfer_syntax_uid, ()
    )
