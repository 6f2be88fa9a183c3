"""The media type of a frame in each transfer syntax, and which one a request gets. Pure.

Rules (PS3.18 8.7.3.3, 8.7.3.5)
- Stored bytes are given wherever the request allows it: by `transfer-syntax=*`, by the stored
  syntax, by its media type, or by nothing said.
- application/octet-stream without a transfer syntax means uncompressed, in little endian.
- Big endian and deflated frames do not go out as they are stored, but uncompressed: the standard
  has no big endian here, and a deflated data set has no frames of its own.
- Another syntax that is asked for is made where that loses nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.dicomweb.accept import MediaRange
from echonode.dicomweb.answers import DICOM, OCTET_STREAM
from echonode.transcoding.dataset import ONLY_READ

_JPEG = "1.2.840.10008.1.2.4."
# PS3.18 tables 8.7.3-3 and 8.7.3-5.
_MEDIA_TYPES: Final = MappingProxyType(
    {
        **{_JPEG + each: "image/jpeg" for each in ("50", "51", "57", "70")},
        **{_JPEG + each: "image/jls" for each in ("80", "81")},
        **{_JPEG + each: "image/jp2" for each in ("90", "91")},
        **{_JPEG + each: "image/jpx" for each in ("92", "93")},
        **{_JPEG + each: "image/jphc" for each in ("201", "202", "203")},
        **{_JPEG + each: "video/mpeg" for each in ("100", "101")},
        **{_JPEG + each: "video/mp4" for each in ("102", "103", "104", "105", "106", "107", "108")},
        "1.2.840.10008.1.2.5": "image/dicom-rle",
    }
)
FRAME_TYPES: Final = tuple(sorted(set(_MEDIA_TYPES.values())))
_UNCOMPRESSED = frozenset({str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian)})


@dataclass(frozen=True, kw_only=True)
class Form:
    """How an answer's parts are encoded. as_stored: nothing is to be re-encoded."""

    media_type: str
    transfer_syntax_uid: str
    multipart: bool
    as_stored: bool

    @property
    def content_type(self) -> str:
        """Content-Type of a part (8.7.3.5.1)."""
        return f"{self.media_type}; transfer-syntax={self.transfer_syntax_uid}"


def media_type_of_syntax(transfer_syntax_uid: str) -> str:
    """The media type of a frame that is stored in it."""
    return _MEDIA_TYPES.get(transfer_syntax_uid, OCTET_STREAM)


def frame_form(
    ranges: Iterable[MediaRange], stored: str, *, frames: int, made: Collection[str], decoded: bool
) -> Form | None:
    """How frames are answered; None where nothing that is accepted can be given.

    frames: how many are asked for; one alone may come in a single part. made: the syntaxes that
    frames can be encoded in without loss; decoded: whether those stored can be decoded.
    """
    is_native = stored in _UNCOMPRESSED
    for each in ranges:
        is_single = not each.is_multipart and each.type != "*/*"
        if is_single and frames > 1:
            continue
        found = _form_in(each, stored, is_native=is_native, made=made, decoded=decoded)
        if found is not None:
            kind, syntax, as_stored = found
            return Form(
                media_type=kind,
                transfer_syntax_uid=syntax,
                multipart=not is_single,
                as_stored=as_stored,
            )
    return None


def _form_in(
    asked: MediaRange, stored: str, *, is_native: bool, made: Collection[str], decoded: bool
) -> tuple[str, str, bool] | None:
    """Media type, transfer syntax and whether it is the stored one."""
    syntax, kind = asked.transfer_syntax, media_type_of_syntax(stored)
    if stored in ONLY_READ and syntax in ("*", stored):
        syntax = ""
    as_it_is = (str(ExplicitVRLittleEndian) if is_native else stored, True)
    if syntax in ("*", stored) or (is_native and syntax in _UNCOMPRESSED):
        if asked.takes(kind):
            return (kind, *as_it_is)
        return (OCTET_STREAM, *as_it_is) if asked.takes(OCTET_STREAM) else None
    if not syntax and asked.takes(kind) and stored not in ONLY_READ:
        return (kind, *as_it_is)
    if syntax in _UNCOMPRESSED or (not syntax and asked.takes(OCTET_STREAM)):
        uncompressed = (OCTET_STREAM, str(ExplicitVRLittleEndian), False)
        return uncompressed if decoded and asked.takes(OCTET_STREAM) else None
    if syntax in made and (decoded or is_native):
        for offered in (media_type_of_syntax(syntax), OCTET_STREAM):
            if asked.takes(offered):
                return (offered, syntax, False)
    return None


def instance_syntax(ranges: Iterable[MediaRange], *, single: bool) -> tuple[str, bool] | None:
    """The transfer syntax that instances are asked for in, '' as stored; and whether in one part.

    single: one instance is asked for. None where application/dicom is not accepted.
    """
    for each in ranges:
        if not each.takes(DICOM):
            continue
        syntax = "" if each.transfer_syntax == "*" else each.transfer_syntax
        if each.is_multipart or each.type == "*/*":
            return syntax, False
        if single:
            return syntax, True
    return None
