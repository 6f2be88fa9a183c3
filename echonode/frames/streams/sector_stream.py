"""A probe that sends scan lines: decoder, sweeps, image chain, in this order.

The decoder is the only part that knows the wire, the assembler the only one that knows the order of
its lines. Everything behind them is shared by all dialects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Protocol

from echonode.errors import ProtocolError
from echonode.frames.imaging.image_chain import ImageChain
from echonode.frames.imaging.sweep import Sweep
from echonode.frames.settings import StreamSettings
from echonode.frames.streams.stream import PendingFrame, StreamCounts
from echonode.frames.streams.sweep_assembler import SweepAssembler
from echonode.log import get_logger
from echonode.probe.messages import (
    Decoder,
    GeometryReceived,
    LineReceived,
    Message,
    Resynchronised,
    SectorGeometry,
)

log = get_logger(__name__)


class Assembler(Protocol):
    """Lines of one geometry to sweeps, in order."""

    @property
    def counts(self) -> StreamCounts: ...

    def take(self, line: LineReceived) -> list[Sweep]: ...

    def resynchronised(self, event: Resynchronised) -> None: ...

    def finish(self, *, bytes_left: int = 0) -> None: ...


class AssemblerFactory(Protocol):
    """Makes the assembler of a geometry."""

    def __call__(self, geometry: SectorGeometry, *, bits: int, largest_gap: float) -> Assembler: ...


class SectorStream:
    """One connection's scan lines to frames; the form is frames.stream.FrameStream.

    new_assembler: what makes sweeps of lines; the usual one is for probes that sweep to and fro.
    """

    def __init__(
        self,
        decoder: Decoder,
        settings: StreamSettings,
        new_assembler: AssemblerFactory = SweepAssembler,
    ) -> None:
        self._decoder, self._settings = decoder, settings
        self._new_assembler = new_assembler
        self._assembler: Assembler | None = None
        self._chain: ImageChain | None = None

    @property
    def counts(self) -> StreamCounts:
        return StreamCounts() if self._assembler is None else self._assembler.counts

    @property
    def failure(self) -> ProtocolError | None:
        return self._decoder.failure

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
            self._assembler.finish(bytes_left=self._decoder.unread)
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
        self._assembler = self._new_assembler(
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
