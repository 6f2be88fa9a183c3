"""A probe that sends scan lines: decoder, sweeps, envelope, compression, image, in this order.

The decoder is the only part that knows the wire. Everything behind it is shared by all dialects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from echonode.errors import ProtocolError
from echonode.frames.compression import Compression
from echonode.frames.content import detect_content, proves_rf
from echonode.frames.envelope import EnvelopeDetector
from echonode.frames.scan_conversion import ImageGrid, ScanConverter
from echonode.frames.settings import StreamSettings
from echonode.frames.stream import PendingFrame, Picture, StreamCounts
from echonode.frames.sweep import Sweep, SweepAssembler
from echonode.log import get_logger
from echonode.probe.messages import (
    Decoder,
    GeometryReceived,
    LineReceived,
    Message,
    SampleContent,
    Samples,
)
from echonode.probe.profile import SampleMode

log = get_logger(__name__)


class SectorStream:
    """One connection's scan lines to frames; the form is frames.stream.FrameStream."""

    def __init__(self, decoder: Decoder, settings: StreamSettings) -> None:
        self._decoder, self._settings = decoder, settings
        self._assembler: SweepAssembler | None = None
        self._chain: ImageChain | None = None

    @property
    def counts(self) -> StreamCounts:
        return StreamCounts() if self._assembler is None else self._assembler.counts

    def greeting(self) -> bytes:
        """Nothing: probes of scan lines talk unasked."""
        return b""

    def receive(self, data: bytes) -> Sequence[PendingFrame]:
        """The sweeps that `data` completes; ProtocolError from the decoder."""
        return self._take(self._decoder.receive(data))

    def finish(self) -> Sequence[PendingFrame]:
        """Whole sweeps among the bytes kept back; the sweep that was cut is counted as lost."""
        try:
            frames = self._take(self._decoder.finish())
        except ProtocolError as error:  # found before, or of no more use now
            log.debug("probe_tail_refused", error=str(error))
            frames = []
        if self._assembler is not None:
            self._assembler.finish()
        return frames

    def _take(self, messages: Iterable[Message]) -> list[PendingFrame]:
        frames: list[PendingFrame] = []
        for message in messages:
            if isinstance(message, GeometryReceived):
                self._begin(message)
                continue
            assert self._assembler is not None  # a decoder's first message is its geometry
            if isinstance(message, LineReceived):
                frames += [self._pending(sweep) for sweep in self._assembler.take(message)]
            else:
                self._assembler.resynchronised(message)
        return frames

    def _begin(self, message: GeometryReceived) -> None:
        image = self._settings.image
        self._assembler = SweepAssembler(
            message.geometry, bits=message.bits, largest_gap=image.largest_gap
        )
        self._chain = ImageChain(message, self._settings)

    def _pending(self, sweep: Sweep) -> PendingFrame:
        assert self._chain is not None
        return PendingFrame(
            sequence=sweep.sequence,
            missing_lines=sweep.missing_lines,
            develop=partial(self._chain.develop, sweep),
        )


class ImageChain:
    """Sweeps of one geometry to pictures. For one thread: it keeps scratch, and what it found out.

    What the samples are is the profile's word, else found out on the first sweep that says it
    (content.py) and kept; only negative values, which prove RF, may overturn it later.
    """

    def __init__(self, source: GeometryReceived, settings: StreamSettings) -> None:
        image, geometry = settings.image, source.geometry
        self._declared, self._bits = source.content, source.bits
        self._mode = settings.profile.mode
        self._found: SampleContent | None = None
        self._detector = EnvelopeDetector(
            samples=geometry.samples,
            sampling_rate_hz=geometry.sampling_rate_hz,
            band_hz=image.band_hz,
        )
        self._compression = Compression(image, bits=source.bits)
        grid = ImageGrid(geometry=geometry, columns=image.columns, rows=image.rows)
        self._converter = ScanConverter(grid)
        self._calibration = grid.calibration(settings.profile.transducer_frequency_khz)

    def develop(self, sweep: Sweep) -> Picture:
        """The picture of a sweep."""
        if self._content(sweep) is SampleContent.RF:
            magnitudes = self._detector.envelope(sweep.samples)
            grey = self._compression.of_magnitudes(magnitudes)
        else:
            grey = self._compression.of_counts(sweep.samples)
        return Picture(pixels=self._converter.image(grey), calibration=self._calibration)

    def _content(self, sweep: Sweep) -> SampleContent:
        if self._mode is not SampleMode.AUTO:
            return SampleContent(self._mode.value)
        if self._bits == 8:  # a byte has no room for RF and its sign; nobody sends that
            return self._declared
        lines: Samples = sweep.samples[sweep.present]
        if self._found is None:
            self._found = detect_content(lines)
        elif self._found is SampleContent.ENVELOPE and proves_rf(lines):
            self._found = SampleContent.RF
        return self._found or self._declared
