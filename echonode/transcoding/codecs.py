"""One frame encoded or decoded; runs in processes of its own (process.py).

Rules
- Lossless means that: RLE, JPEG-LS with an error of 0, and JPEG 2000 with the reversible wavelet
  and colour transform give back every bit. Only JPEG baseline loses, and asks for a quality.
- Photometric interpretation follows the codec (PS3.5 8.2): RLE and JPEG-LS code the samples as they
  are; JPEG 2000 makes YBR_RCT of RGB; JPEG baseline 4:2:2 makes YBR_FULL_422 of it.
- A decoded frame is colour by pixel, little endian. Lossy JPEG's and JPEG 2000's colour comes back
  as RGB, as their transforms are undone by the decoder; that of the others as it is.
- The codec of JPEG-LS has no build for every Python. Without it JPEG-LS is not encoded, and GDCM
  decodes it, but for samples of 6 or 7 bits.
- What a codestream's header says is compared with the dataset before it is decoded.
- Whatever a codec raises is InvalidObject with a text of ours: theirs may quote data.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from importlib.util import find_spec
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray
from pydicom.uid import (
    JPEG2000,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from echonode.errors import InvalidObject
from echonode.transcoding.codestream_header import check_codestream
from echonode.transcoding.pixel_layout import (
    MONOCHROME,
    PALETTE,
    RGB,
    YBR_FULL,
    YBR_FULL_422,
    YBR_RCT,
    Pixels,
)

JPEG_BASELINE = JPEGBaseline8Bit
JPEG_EXTENDED = JPEGExtended12Bit
JPEG_LOSSLESS = JPEGLossless
JPEG_LOSSLESS_SV1 = JPEGLosslessSV1
JPEG_LS = JPEGLSLossless
JPEG_LS_NEAR = JPEGLSNearLossless
JPEG_2000_REVERSIBLE = JPEG2000Lossless
JPEG_2000 = JPEG2000
RLE = RLELossless


def lossless_encoded(*, jpeg_ls: bool) -> tuple[str, ...]:
    """What is encoded without loss. jpeg_ls: whether its codec is installed.

    In the order tried: by what they save and cost on ultrasound; all give back every bit.
    """
    return ((JPEG_LS,) if jpeg_ls else ()) + (JPEG_2000_REVERSIBLE, RLE)


LOSSLESS_ENCODED = lossless_encoded(jpeg_ls=find_spec("jpeg_ls") is not None)
LOSSY = frozenset({JPEG_BASELINE, JPEG_EXTENDED, JPEG_LS_NEAR, JPEG_2000})
DECODED = LOSSY | {*lossless_encoded(jpeg_ls=True), JPEG_LOSSLESS, JPEG_LOSSLESS_SV1}

# "Adobe" segment with transform 0: three components are RGB, whatever their numbers suggest.
_NO_TRANSFORM = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
_WITH_TRANSFORM = frozenset({JPEG_BASELINE, JPEG_EXTENDED, JPEG_2000_REVERSIBLE, JPEG_2000})
_YBR = frozenset({YBR_FULL, YBR_FULL_422, "YBR_RCT", "YBR_ICT", "YBR_PARTIAL_422"})


def encoded_photometric(pixels: Pixels, transfer_syntax_uid: str) -> str:
    """Photometric Interpretation of native `pixels` once encoded (PS3.5 8.2).

    Raises InvalidObject where they cannot be encoded in that syntax.
    """
    name, grey = pixels.photometric, pixels.photometric in MONOCHROME
    if pixels.samples == 3 and name == RGB:
        to: dict[str, str] = {JPEG_2000_REVERSIBLE: YBR_RCT, JPEG_BASELINE: YBR_FULL_422}
        name = to.get(transfer_syntax_uid, RGB)
    elif transfer_syntax_uid == JPEG_BASELINE and not grey:
        raise InvalidObject(f"{name} is not encoded as JPEG baseline here")
    elif name not in (*MONOCHROME, PALETTE, YBR_FULL) or (name == YBR_FULL) != (
        pixels.samples == 3
    ):
        # Of native YBR_FULL_422 the frames are given out as YBR_FULL (subsampled.py).
        raise InvalidObject(f"{name} with {pixels.samples} samples is not re-encoded here")
    if transfer_syntax_uid == JPEG_BASELINE and (pixels.bits_allocated != 8 or pixels.signed):
        raise InvalidObject("JPEG baseline takes 8 unsigned bits (PS3.5 8.2.1)")
    if pixels.signed and transfer_syntax_uid == JPEG_LS:
        raise InvalidObject("signed samples are not encoded as JPEG-LS here")
    return name


def decoded_pixels(pixels: Pixels, transfer_syntax_uid: str) -> Pixels:
    """The layout of `pixels` once decoded. Raises InvalidObject where there is no decoder."""
    if transfer_syntax_uid not in DECODED:
        raise InvalidObject(f"there is no decoder for {transfer_syntax_uid}")
    name = pixels.photometric
    if pixels.samples == 3 and transfer_syntax_uid in _WITH_TRANSFORM and name in _YBR:
        name = RGB
    if name in (YBR_FULL_422, "YBR_PARTIAL_422", "YBR_PARTIAL_420"):
        raise InvalidObject(f"{name} in {transfer_syntax_uid} breaks PS3.5 8.2")
    return dataclasses.replace(pixels, photometric=name, planar=False)


def encode(frame: bytes, pixels: Pixels, transfer_syntax_uid: str, quality: int = 0) -> bytes:
    """The codestream of one native frame; quality: 1 to 100, JPEG baseline's only.

    Raises InvalidObject.
    """
    try:
        return _ENCODERS[transfer_syntax_uid](_array(frame, pixels), pixels, quality)
    except (RuntimeError, ValueError, TypeError, OverflowError, KeyError) as error:
        raise InvalidObject(
            f"a frame cannot be encoded in {transfer_syntax_uid} ({type(error).__name__})"
        ) from None


def decode(codestream: bytes, pixels: Pixels, transfer_syntax_uid: str) -> bytes:
    """One native frame, colour by pixel; `pixels` is the layout that the dataset describes.

    Raises InvalidObject, also where the frame is not of the size described.
    """
    check_codestream(codestream, pixels, transfer_syntax_uid)
    try:
        frame = _DECODERS[transfer_syntax_uid](codestream, pixels)
    except (RuntimeError, ValueError, TypeError, KeyError, NotImplementedError) as error:
        raise InvalidObject(
            f"a frame of {transfer_syntax_uid} cannot be decoded ({type(error).__name__})"
        ) from None
    if len(frame) != pixels.frame_bytes:
        raise InvalidObject("a decoded frame is not of the size that the dataset describes")
    return frame


def _array(frame: bytes, pixels: Pixels) -> NDArray[np.generic]:
    """(rows, columns) or (rows, columns, 3), colour by pixel."""
    kind = np.dtype(f"<{'i' if pixels.signed else 'u'}{pixels.bits_allocated // 8}")
    flat: NDArray[np.generic] = np.frombuffer(frame, dtype=kind)
    if pixels.samples == 1:
        return flat.reshape(pixels.rows, pixels.columns)
    if pixels.planar:  # PS3.3 C.7.6.3.1.3
        planes = flat.reshape(3, pixels.rows, pixels.columns)
        return np.ascontiguousarray(planes.transpose(1, 2, 0))
    return flat.reshape(pixels.rows, pixels.columns, 3)


# The codecs are imported where they are used: the node itself never loads them.


def _encode_rle(array: NDArray[np.generic], pixels: Pixels, _quality: int) -> bytes:
    from rle.utils import encode_pixel_data

    encoded: bytes = encode_pixel_data(
        array.tobytes(),
        byteorder="<",
        rows=pixels.rows,
        columns=pixels.columns,
        samples_per_pixel=pixels.samples,
        bits_allocated=pixels.bits_allocated,
    )
    return encoded


def _encode_jpeg_ls(array: NDArray[np.generic], pixels: Pixels, _quality: int) -> bytes:
    try:
        import jpeg_ls
    except ImportError:
        raise InvalidObject(
            "JPEG-LS is not encoded here: the package pyjpegls is not installed; it has no build "
            "for every version of Python"
        ) from None

    return bytes(
        jpeg_ls.encode_buffer(
            array.tobytes(),
            pixels.rows,
            pixels.columns,
            pixels.samples,
            pixels.bits_stored,
            lossy_error=0,
            interleave_mode=2 if pixels.samples == 3 else 0,
        )
    )


def _encode_jpeg_2000(array: NDArray[np.generic], pixels: Pixels, _quality: int) -> bytes:
    from openjpeg.utils import encode_array

    photometric = {RGB: 1, YBR_FULL: 3}.get(pixels.photometric, 2)
    return bytes(
        encode_array(
            array,
            bits_stored=pixels.bits_stored,
            photometric_interpretation=photometric,
            use_mct=pixels.photometric == RGB,
        )
    )


def _encode_jpeg(array: NDArray[np.generic], pixels: Pixels, quality: int) -> bytes:
    import simplejpeg

    if pixels.samples == 1:
        return bytes(
            simplejpeg.encode_jpeg(
                array[..., np.newaxis], quality, colorspace="GRAY", colorsubsampling="Gray"
            )
        )
    return bytes(simplejpeg.encode_jpeg(array, quality, colorspace="RGB", colorsubsampling="422"))


def _decode_rle(codestream: bytes, pixels: Pixels) -> bytes:
    from rle.utils import decode_pixel_data

    planes = decode_pixel_data(
        codestream,
        version=2,
        rows=pixels.rows,
        columns=pixels.columns,
        samples_per_pixel=pixels.samples,
        bits_allocated=pixels.bits_allocated,
        rle_segment_order=">",
    )
    by_plane = dataclasses.replace(pixels, planar=True)  # PS3.5 G.2: a segment for each plane
    return _array(bytes(planes), by_plane).tobytes()


def _decode_jpeg_ls(codestream: bytes, pixels: Pixels) -> bytes:
    try:
        import jpeg_ls
    except ImportError:
        return _decode_by_gdcm(JPEG_LS)(codestream, pixels)

    frame, meta = jpeg_ls.decode_buffer(codestream)
    by_plane = pixels.samples == 3 and meta["interleave_mode"] == 0
    return _array(bytes(frame), dataclasses.replace(pixels, planar=by_plane)).tobytes()


def _decode_jpeg_2000(codestream: bytes, pixels: Pixels) -> bytes:
    from openjpeg.utils import decode as decode_codestream

    decoded: NDArray[np.generic] = decode_codestream(codestream)
    return decoded.astype(f"<{'i' if pixels.signed else 'u'}{pixels.bits_allocated // 8}").tobytes()


def _decode_jpeg(codestream: bytes, pixels: Pixels) -> bytes:
    import simplejpeg

    if pixels.samples == 3 and pixels.photometric == RGB:
        codestream = codestream[:2] + _NO_TRANSFORM + codestream[2:]
    decoded: NDArray[np.uint8] = simplejpeg.decode_jpeg(
        codestream, colorspace="RGB" if pixels.samples == 3 else "GRAY"
    )
    return decoded.tobytes()


def _decode_jpeg_extended(codestream: bytes, pixels: Pixels) -> bytes:
    if pixels.bits_allocated == 8:
        return _decode_jpeg(codestream, pixels)
    if pixels.samples == 3:
        raise ValueError("colour of 12 bits")
    return _decode_by_gdcm(JPEG_EXTENDED)(codestream, pixels)


def _decode_by_gdcm(syntax: str) -> Callable[[bytes, Pixels], bytes]:
    """JPEG processes that GDCM decodes: 12 bits, lossless, and JPEG-LS without its own codec."""

    def decode_frame(codestream: bytes, pixels: Pixels) -> bytes:
        from pydicom.encaps import encapsulate
        from pydicom.pixels.decoders.base import get_decoder

        buffer, _meta = get_decoder(syntax).as_buffer(
            encapsulate([codestream]),
            decoding_plugin="gdcm",
            rows=pixels.rows,
            columns=pixels.columns,
            samples_per_pixel=pixels.samples,
            bits_allocated=pixels.bits_allocated,
            bits_stored=pixels.bits_stored,
            number_of_frames=1,
            photometric_interpretation=pixels.photometric,
            pixel_representation=int(pixels.signed),
            planar_configuration=0,
            pixel_keyword="PixelData",
        )
        return bytes(buffer)

    return decode_frame


_ENCODERS: MappingProxyType[str, Callable[[NDArray[np.generic], Pixels, int], bytes]] = (
    MappingProxyType(
        {
            RLE: _encode_rle,
            JPEG_LS: _encode_jpeg_ls,
            JPEG_2000_REVERSIBLE: _encode_jpeg_2000,
            JPEG_BASELINE: _encode_jpeg,
        }
    )
)
_DECODERS: MappingProxyType[str, Callable[[bytes, Pixels], bytes]] = MappingProxyType(
    {
        RLE: _decode_rle,
        JPEG_LS: _decode_jpeg_ls,
        JPEG_LS_NEAR: _decode_jpeg_ls,
        JPEG_2000_REVERSIBLE: _decode_jpeg_2000,
        JPEG_2000: _decode_jpeg_2000,
        JPEG_BASELINE: _decode_jpeg,
        JPEG_EXTENDED: _decode_jpeg_extended,
        JPEG_LOSSLESS: _decode_by_gdcm(JPEG_LOSSLESS),
        JPEG_LOSSLESS_SV1: _decode_by_gdcm(JPEG_LOSSLESS_SV1),
    }
)


def recode(
    frame: bytes, pixels: Pixels, source: str | None, target: str | None, quality: int = 0
) -> bytes:
    """One frame of transfer syntax `source` in `target`; None of either is native.

    pixels: as the dataset describes them. Raises InvalidObject. What workers are asked for.
    """
    if source is not None:
        frame = decode(frame, pixels, source)
        pixels = decoded_pixels(pixels, source)
    return frame if target is None else encode(frame, pixels, target, quality)
