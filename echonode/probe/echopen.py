"""echOpen dialect `kit` (E1, 2016-2018): a header of six bytes, then scan lines without end.

Source: echOpen kit, probe.c and probe_mode_B.c; TCP 7538, the probe listens.

Rules
- Header, once after the connection opens, six unsigned bytes: r0 mm, rf mm, decimation, lines,
  sector in degrees, mode. Every later byte belongs to a line.
- Mode 0: int16 little-endian line number, then int16 samples. Mode 1: a byte of line number, then
  bytes. `mode` fixes the width and no more: envelopes sent as mode 0 exist.
- Samples a line: int(2*(rf-r0)*125/1.48/decimation), 16384 at most (the converter's buffer). A line
  carries no length, checksum, time or frame number; zigzag.py is how its beginning is known.
- A client that joins a running probe starts at any line, but at the beginning of that line.
- Any bytes at all give messages or ProtocolError, and bounded memory. After ProtocolError the
  decoder is spent: each further call raises it again.
- What comes out does not depend on how the bytes were cut on their way.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np

from echonode.errors import ProtocolError
from echonode.probe.messages import (
    GeometryReceived,
    LineReceived,
    Message,
    Resynchronised,
    SampleContent,
    Samples,
    SectorGeometry,
)
from echonode.probe.profile import NO_PROFILE, ProbeProfile
from echonode.probe.zigzag import CHECKED_LINES, Alignment, Walk, find_alignment

KIT_PORT = 7538
HEADER_BYTES = 6
ADC_RATE_HZ = 125e6
SOUND_SPEED_M_S = 1480.0  # water, as the kit reckons
MAX_SAMPLES = 16384  # the converter's buffer; probe and reference client both stop there
# A stream that shows no line for four sweeps is not ours: start anew rather than search for ever.
MAX_SEARCHED_SWEEPS = 4


class KitMode(IntEnum):
    """The last byte of the header, which fixes the width of a sample."""

    RF_INT16 = 0
    ENVELOPE_U8 = 1


_WIRE_TYPE: dict[KitMode, np.dtype[np.integer[Any]]] = {
    KitMode.RF_INT16: np.dtype("<i2"),
    KitMode.ENVELOPE_U8: np.dtype("u1"),
}


@dataclass(frozen=True, kw_only=True)
class KitHeader:
    """The six bytes, in wire order; ProtocolError names the field that cannot be."""

    r0_mm: int
    rf_mm: int
    decimation: int
    lines: int
    sector_deg: int
    mode: KitMode

    def __post_init__(self) -> None:
        if self.rf_mm <= self.r0_mm:
            raise ProtocolError(f"rf {self.rf_mm} mm is not beyond r0 {self.r0_mm} mm")
        if self.decimation == 0:
            raise ProtocolError("decimation is 0")
        if self.lines < 2:
            raise ProtocolError(f"line count {self.lines} makes no sector")
        if not 0 < self.sector_deg <= 180:
            raise ProtocolError(f"sector {self.sector_deg} degrees is not in 1..180")
        if self.samples < 2:
            raise ProtocolError(
                f"decimation {self.decimation} leaves {self.samples} samples a line"
            )

    @property
    def samples(self) -> int:
        """Samples a line, as the probe reckons them."""
        return min(
            MAX_SAMPLES, int(2.0 * (self.rf_mm - self.r0_mm) * 125.0 / 1.48 / self.decimation)
        )

    @property
    def wire_type(self) -> np.dtype[np.integer[Any]]:
        """The type of a sample, and of the line number before it."""
        return _WIRE_TYPE[self.mode]


def parse_header(data: bytes) -> KitHeader:
    """The header from its six bytes; ProtocolError names the field that cannot be."""
    r0, rf, decimation, lines, sector, mode = data[:HEADER_BYTES]
    if mode not in tuple(KitMode):
        raise ProtocolError(f"mode {mode} is neither 0 nor 1")
    return KitHeader(
        r0_mm=r0,
        rf_mm=rf,
        decimation=decimation,
        lines=lines,
        sector_deg=sector,
        mode=KitMode(mode),
    )


def encode_header(header: KitHeader) -> bytes:
    """The six bytes a probe sends first; ValueError where a field does not fit its byte."""
    return bytes(
        (
            header.r0_mm,
            header.rf_mm,
            header.decimation,
            header.lines,
            header.sector_deg,
            header.mode,
        )
    )


def encode_line(header: KitHeader, number: int, samples: Samples) -> bytes:
    """One line as the probe sends it; `samples` of shape (header.samples,), clipped to the wire."""
    limits = np.iinfo(header.wire_type)
    line = np.empty(len(samples) + 1, dtype=header.wire_type)
    line[0] = number
    line[1:] = np.clip(samples, limits.min, limits.max)
    return line.tobytes()


def geometry_of(header: KitHeader, profile: ProbeProfile) -> SectorGeometry:
    """Where the samples lie: the header's numbers, and the profile's where it has them.

    A sample's depth comes from sound speed and sampling rate, unless the profile gives rf: then the
    samples are spread from r0 to rf. ProtocolError where profile and header do not fit together.
    """
    samples = profile.samples_per_line or header.samples
    r0_mm = float(header.r0_mm) if profile.r0_mm is None else profile.r0_mm
    rate_hz = (profile.sampling_rate_hz or ADC_RATE_HZ) / (profile.decimation or header.decimation)
    sound_speed = profile.sound_speed_m_s or SOUND_SPEED_M_S
    spacing_mm = sound_speed * 1e3 / (2 * rate_hz)  # there and back
    if profile.rf_mm is not None:
        rf_mm = profile.rf_mm
        spacing_mm = (rf_mm - r0_mm) / samples
    elif _as_the_probe_reckons(header, profile):
        rf_mm = float(header.rf_mm)
    else:
        rf_mm = r0_mm + samples * spacing_mm
    try:
        return SectorGeometry(
            lines=header.lines,
            samples=samples,
            r0_mm=r0_mm,
            rf_mm=rf_mm,
            sector_deg=profile.sector_deg or float(header.sector_deg),
            sample_spacing_mm=spacing_mm,
            sampling_rate_hz=rate_hz,
            sound_speed_m_s=sound_speed,
        )
    except ValueError as error:
        raise ProtocolError(f"the header does not fit the configured profile: {error}") from None


def _as_the_probe_reckons(header: KitHeader, profile: ProbeProfile) -> bool:
    """Whether nothing moves the last sample away from the header's rf."""
    moved = (
        profile.r0_mm,
        profile.samples_per_line,
        profile.sampling_rate_hz,
        profile.decimation,
        profile.sound_speed_m_s,
    )
    return header.samples < MAX_SAMPLES and all(value is None for value in moved)


class KitDecoder:
    """The `kit` dialect of one connection; the form is probe.messages.Decoder."""

    def __init__(self, profile: ProbeProfile = NO_PROFILE) -> None:
        self._profile = profile
        self._buffer = bytearray()
        self._header: KitHeader | None = None
        self._walk = Walk(2)
        self._line_bytes = 0
        self._last: int | None = None  # place of the last line on the walk; None: none yet
        self._searching = True
        self._skipped = 0  # bytes passed over in the search that is under way
        self._failure: ProtocolError | None = None

    def receive(self, data: bytes) -> list[Message]:
        """The messages that `data` completes.

        ProtocolError where the stream cannot be `kit`; only once all that was good in it is out.
        """
        return self._take(data, last_call=False)

    def finish(self) -> list[Message]:
        """The lines that were waiting for others to bear them out when the connection ended."""
        return self._take(b"", last_call=True)

    def _take(self, data: bytes, *, last_call: bool) -> list[Message]:
        messages: list[Message] = []
        if self._failure is None:
            self._buffer += data
            try:
                self._decode(messages, last_call)
            except ProtocolError as failure:
                self._failure = failure
                self._buffer.clear()
        if self._failure is not None and not messages:
            raise self._failure
        return messages

    def _decode(self, messages: list[Message], last_call: bool) -> None:
        if self._header is None:
            if len(self._buffer) < HEADER_BYTES:
                return
            messages.append(self._begin(bytes(self._buffer[:HEADER_BYTES])))
            del self._buffer[:HEADER_BYTES]
        while True:
            if not self._searching:
                self._read_lines(messages)
            if not self._searching or not self._search(messages, last_call):
                return

    def _begin(self, raw: bytes) -> GeometryReceived:
        """Take the header; what follows is searched from its first byte on."""
        header = parse_header(raw)
        geometry = geometry_of(header, self._profile)
        self._header = header
        self._walk = Walk(header.lines)
        self._line_bytes = (geometry.samples + 1) * header.wire_type.itemsize
        mode_0 = header.mode is KitMode.RF_INT16
        return GeometryReceived(
            geometry=geometry,
            content=SampleContent.RF if mode_0 else SampleContent.ENVELOPE,
            bits=16 if mode_0 else 8,
        )

    def _read_lines(self, messages: list[Message]) -> None:
        """Read whole lines for as long as their numbers are in step; else begin to search."""
        assert self._header is not None
        assert self._last is not None
        whole = len(self._buffer) // self._line_bytes * self._line_bytes
        if not whole:
            return
        kept = bytes(memoryview(self._buffer)[:whole])  # lines are views of it, and read-only
        records: Samples = np.frombuffer(kept, dtype=self._header.wire_type)
        read = 0
        for record in records.reshape(-1, self._line_bytes // self._header.wire_type.itemsize):
            place = self._walk.after(self._last)
            number = self._walk.numbers[place]
            if record[0] != number:
                self._searching = True
                break
            ascending = self._walk.ascending(place)
            messages.append(LineReceived(number=number, ascending=ascending, samples=record[1:]))
            self._last = place
            read += self._line_bytes
        del self._buffer[:read]

    def _search(self, messages: list[Message], last_call: bool) -> bool:
        """Look for a line's beginning; True when it was found and lines can be read again."""
        alignment, refused = self._find(CHECKED_LINES)
        if alignment is None and last_call and not refused:
            alignment = self._believe_the_last_lines()
        self._skipped += refused
        del self._buffer[:refused]
        limit = MAX_SEARCHED_SWEEPS * self._walk.lines * self._line_bytes
        if self._skipped > limit:
            raise ProtocolError(f"no sequence of scan lines in {limit} bytes")
        if alignment is None:
            return False
        self._resume(alignment.place, messages)
        return True

    def _find(self, check: int) -> tuple[Alignment | None, int]:
        assert self._header is not None
        with memoryview(self._buffer) as view:
            return find_alignment(
                view,
                walk=self._walk,
                line_bytes=self._line_bytes,
                number_bytes=self._header.wire_type.itemsize,
                check=check,
            )

    def _believe_the_last_lines(self) -> Alignment | None:
        """The stream ended before CHECKED_LINES were here: take fewer, but only in their place."""
        lines_here = len(self._buffer) // self._line_bytes
        alignment, _ = self._find(lines_here) if lines_here >= 2 else (None, 0)
        return alignment if alignment is not None and alignment.offset == 0 else None

    def _resume(self, place: int, messages: list[Message]) -> None:
        """Read on from `place`, and say what was passed over."""
        skipped, self._skipped = self._skipped, 0
        if self._last is not None:
            missing = self._walk.between(self._walk.after(self._last), place)
            messages.append(
                Resynchronised(
                    bytes_skipped=skipped,
                    lines_missing=missing,
                    last_line_suspect=skipped % self._line_bytes != 0,
                )
            )
        elif skipped:
            messages.append(
                Resynchronised(bytes_skipped=skipped, lines_missing=0, last_line_suspect=False)
            )
        self._last = (place - 1) % self._walk.length
        self._searching = False
