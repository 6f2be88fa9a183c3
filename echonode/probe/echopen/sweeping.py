"""echOpen dialect `sweeping` (E0, 2015-2016): lines of 1025 bytes from the first on, no header.

Source: echOpen kit, CFG-sweeping_probe, Acquisition.c and tcp.c; TCP 7538, the probe listens, and
serves one client.

Rules
- A line is a byte of line number, 1 to 64, and 1024 bytes of envelope: 255 is 1.5 V or more.
- The stream says nothing of its geometry: r0, rf and sector are the profile's, and required.
- The probe's own program takes lines 33 to 64, then 32 to 1, and again; others that speak this
  dialect go up and down in turn, or always up. No order is taken for granted: the next frame begins
  with the line that the frame before already has (frames/streams/unordered_sweep.py).
- TCP loses nothing, and the probe sends whole lines only, so a line's beginning is never searched
  for: a number out of range, or two in a row that are far from their neighbours (the probe drops a
  few lines when its client is slow, never many), mean that this is not the dialect or that our
  place in it is lost. Both are ProtocolError, and a new connection is the cure.
- A line is held back until its successor, or the line before, bears it out.
"""

from __future__ import annotations

import numpy as np

from echonode.errors import ProtocolError
from echonode.probe.echopen.scanner import echopen_scanner
from echonode.probe.kinematics import Kinematics, rays_of
from echonode.probe.messages import (
    GeometryReceived,
    LineReceived,
    Message,
    SampleContent,
    Samples,
    SectorGeometry,
)
from echonode.probe.profile import ProbeProfile

SWEEPING_PORT = 7538
LINES = 64
SAMPLES = 1024
LINE_BYTES = 1 + SAMPLES
REQUIRED = ("r0_mm", "rf_mm", "sector_deg")
SOUND_SPEED_M_S = 1480.0  # water, as the kit assumes
# Lines further apart than this in number do not follow each other.
NEIGHBOURS = 8


def geometry_of(profile: ProbeProfile) -> SectorGeometry:
    """The profile's geometry. Raises ValueError naming what it lacks.

    The samples are spread from r0 to rf, unless the profile gives the sampling rate.
    """
    if missing := [name for name in REQUIRED if getattr(profile, name) is None]:
        raise ValueError(
            f"a sweeping probe sends no header: its profile lacks {', '.join(missing)}"
        )
    assert profile.r0_mm is not None
    assert profile.rf_mm is not None
    assert profile.sector_deg is not None
    sound_speed = profile.sound_speed_m_s or SOUND_SPEED_M_S
    spacing_mm = (profile.rf_mm - profile.r0_mm) / SAMPLES
    if profile.sampling_rate_hz is not None:
        rate_hz = profile.sampling_rate_hz / (profile.decimation or 1)
        spacing_mm = sound_speed * 1e3 / (2 * rate_hz)  # there and back
    return SectorGeometry(
        lines=LINES,
        samples=SAMPLES,
        r0_mm=profile.r0_mm,
        rf_mm=profile.rf_mm,
        sector_deg=profile.sector_deg,
        sample_spacing_mm=spacing_mm,
        sampling_rate_hz=sound_speed * 1e3 / (2 * spacing_mm),
        sound_speed_m_s=sound_speed,
        rays=None
        if profile.kinematics in (Kinematics.AUTO, Kinematics.ROTATION)
        else rays_of(
            profile.kinematics, lines=LINES, sector_deg=profile.sector_deg, r0_mm=profile.r0_mm
        ),
    )


def encode_line(number: int, samples: Samples) -> bytes:
    """One line as the probe sends it; `samples` of shape (1024,), clipped to bytes."""
    return bytes((number,)) + np.clip(samples, 0, 255).astype(np.uint8).tobytes()


class SweepingDecoder:
    """The `sweeping` dialect of one connection; the form is probe.messages.Decoder.

    Raises ValueError where the profile lacks what the stream does not say.
    """

    def __init__(self, profile: ProbeProfile) -> None:
        self._geometry = geometry_of(profile)
        self._buffer = bytearray()
        self._begun = False
        self._last: int | None = None  # number of the last line read, given out or not
        self._held: LineReceived | None = None  # a line that no neighbour has borne out yet
        self._refused = 0  # bytes kept back when it failed
        self.failure: ProtocolError | None = None

    @property
    def unread(self) -> int:
        held = 0 if self._held is None else LINE_BYTES
        return self._refused + len(self._buffer) + held

    def receive(self, data: bytes) -> list[Message]:
        """The messages that `data` completes; ProtocolError once all that was good is out."""
        messages: list[Message] = []
        if self.failure is None:
            self._buffer += data
            try:
                self._decode(messages)
            except ProtocolError as failure:
                self.failure = failure
                self._refused = len(self._buffer)
                self._buffer.clear()
        if self.failure is not None and not messages:
            raise self.failure
        return messages

    def finish(self) -> list[Message]:
        """Nothing: a line that no other bears out is not believed."""
        if self.failure is not None:
            raise self.failure
        return []

    def _decode(self, messages: list[Message]) -> None:
        count = len(self._buffer) // LINE_BYTES
        if not count:
            return
        if not self._begun:
            self._begun = True
            messages.append(
                GeometryReceived(
                    geometry=self._geometry,
                    content=SampleContent.ENVELOPE,
                    bits=8,
                    scanner=echopen_scanner("sweeping"),
                )
            )
        kept = bytes(memoryview(self._buffer)[: count * LINE_BYTES])
        del self._buffer[: count * LINE_BYTES]
        for record in np.frombuffer(kept, dtype=np.uint8).reshape(count, LINE_BYTES):
            self._take(int(record[0]), record[1:], messages)

    def _take(self, number: int, samples: Samples, messages: list[Message]) -> None:
        """Give out a line and the one held back, where one bears the other out."""
        if not 1 <= number <= LINES:
            raise ProtocolError(f"line number {number} is not in 1..{LINES}")
        before, self._last = self._last, number
        step = 0 if before is None else number - before
        line = LineReceived(number=number, ascending=step >= 0, samples=samples)
        if before is not None and 0 < abs(step) <= NEIGHBOURS:
            if self._held is not None:
                messages.append(self._held)
                self._held = None
            messages.append(line)
        elif self._held is not None:
            raise ProtocolError(f"line {self._held.number} follows no line and none follows it")
        else:
            self._held = line
