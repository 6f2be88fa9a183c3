"""A recording as the bytes of a stream dialect: what the simulator sends, and a player decodes.

A recording is sent as it is where the dialect can carry it. Otherwise its samples are fitted to the
dialect: `sweeping` has 64 lines of 1024 bytes and no room for RF; a `lounger` has another field,
and computes its depth by another clock. The kit's recordings fit the kit as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echonode.errors import ProtocolError
from echonode.probe.echopen import kit, lounger, sweeping
from echonode.probe.echopen.kit import KitHeader
from echonode.probe.echopen.lounger import LoungerHeader
from echonode.probe.messages import Samples
from echonode.probe.recordings.echopen_text import LineRecording

# The sweeping probe's scale, 255 for 1.5 V, on the kit's counts, 8192 for 20 V.
_U8_PER_COUNT = 255 / 1.5 * 20 / 8192
_LEAST_NEGATIVE_OF_RF = -8  # an envelope's own rounding stays above


@dataclass(frozen=True, kw_only=True, eq=False)
class LineWire:
    """A dialect that sends whole lines in one stream.

    preamble: what each client gets first. wire_type: of a sample, and of the number before each
    line. frames: (lines, samples) each, line 1 first. order: of a sweep's rows, by its number.
    """

    preamble: bytes
    wire_type: np.dtype[np.integer[Any]]
    frames: tuple[Samples, ...]
    order: Callable[[int, int], Sequence[int]]

    @property
    def lines(self) -> int:
        return int(self.frames[0].shape[0])

    def samples(self, index: int) -> Samples:
        """A frame in the wire's type; what does not fit stops at its limits, as in a converter."""
        limits = np.iinfo(self.wire_type)
        return np.clip(self.frames[index], limits.min, limits.max).astype(self.wire_type)

    def bursts(self, samples: Samples, sweep: int, size: int) -> Iterator[tuple[bytes, int]]:
        """A sweep's bytes, `size` lines at a time, and how many lines each is."""
        count = len(samples)
        lines = np.empty((count, samples.shape[1] + 1), dtype=self.wire_type)
        lines[:, 0] = np.arange(1, count + 1)
        lines[:, 1:] = samples
        in_order = lines[list(self.order(sweep, count))]
        for start in range(0, count, size):
            burst = in_order[start : start + size]
            yield burst.tobytes(), len(burst)


def to_and_fro(sweep: int, lines: int) -> Sequence[int]:
    """Even sweeps go from line 1 to the last, odd ones back."""
    return range(lines) if sweep % 2 == 0 else range(lines - 1, -1, -1)


def from_the_middle(sweep: int, lines: int) -> Sequence[int]:
    """The upper half upwards, then the lower half downwards, every time (`sweeping`)."""
    half = lines // 2
    return [*range(half, lines), *range(half - 1, -1, -1)]


def line_wire(recording: LineRecording, dialect: str) -> LineWire:
    """The recording in `dialect`: sweeping, kit or lounger. ProtocolError where it does not fit."""
    return {"sweeping": _sweeping, "kit": _kit, "lounger": _lounger}[dialect](recording)


def _kit(recording: LineRecording) -> LineWire:
    if not isinstance(recording.header, KitHeader):
        raise ProtocolError("a lounger's recording does not fit the kit's header of six bytes")
    return LineWire(
        preamble=kit.encode_header(recording.header),
        wire_type=recording.header.wire_type,
        frames=recording.frames,
        order=to_and_fro,
    )


def _lounger(recording: LineRecording) -> LineWire:
    header = recording.header
    if isinstance(header, KitHeader):
        header = _lounger_header(header)
    return LineWire(
        preamble=lounger.encode_header(header),
        wire_type=np.dtype("<i2"),
        frames=recording.frames,
        order=to_and_fro,
    )


def _lounger_header(kit: KitHeader) -> LoungerHeader:
    """The lounger's usual field, with a decimation that gives as many samples as the kit's lines.

    A kit's line does not begin where a lounger's does: the picture is stretched, and fills the fan.
    """
    r0_mm, rf_mm = 10.0, 180.0
    metres = (rf_mm - r0_mm) / 1e3
    per_sample = 2 * metres * lounger.COUNTING_RATE_HZ / lounger.SOUND_SPEED_M_S
    return LoungerHeader(
        r0_mm=r0_mm,
        rf_mm=rf_mm,
        decimation=float(
            np.float32(per_sample / (kit.samples + 0.5))
        ),  # half: rounding is harmless
        lines=kit.lines,
        sector_deg=57.0,
        name="PROBE_V1__3_5MHZ",
    )


def _sweeping(recording: LineRecording) -> LineWire:
    if any(frame.min() < _LEAST_NEGATIVE_OF_RF for frame in recording.frames):
        raise ProtocolError("a sweeping probe sends envelopes, and this recording is RF")
    bytes_already = all(frame.max() <= 255 for frame in recording.frames)
    scale = 1.0 if bytes_already else _U8_PER_COUNT
    return LineWire(
        preamble=b"",
        wire_type=np.dtype("u1"),
        frames=tuple(
            _resampled(frame, sweeping.LINES, sweeping.SAMPLES, scale) for frame in recording.frames
        ),
        order=from_the_middle,
    )


def _resampled(
    frame: NDArray[np.int16], lines: int, samples: int, scale: float
) -> NDArray[np.int16]:
    """The frame on another grid over the same sector; a strong echo keeps its height.

    Lines are the nearest ones; a sample is the largest of those that it stands for.
    """
    rows = np.rint(np.linspace(0, len(frame) - 1, lines)).astype(np.intp)
    edges = np.linspace(0, frame.shape[1], samples + 1).astype(np.intp)[:-1]
    return np.rint(np.maximum.reduceat(frame[rows], edges, axis=1) * scale).astype(np.int16)
