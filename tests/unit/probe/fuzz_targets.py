"""One target a decoder: its first line is the invariant, and the first byte how the rest is cut.

Each takes any bytes, so that a coverage-guided fuzzer can call it as it is. `SEEDS` are good
streams, which a fuzzer does best to begin with. The quick tier is test_fuzz.py.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from echonode.errors import ProtocolError
from echonode.frames.settings import StreamSettings
from echonode.frames.streams.epf_stream import EpfStream
from echonode.frames.streams.sector_stream import SectorStream
from echonode.frames.streams.stream import FrameStream, Pending, PendingFrame
from echonode.frames.streams.unordered_sweep import UnorderedSweepAssembler
from echonode.probe.echopen.epf import Command, LineDatagram, Reply, encode_line, encode_reply
from echonode.probe.echopen.kit import KitDecoder
from echonode.probe.echopen.lounger import LoungerDecoder, LoungerHeader, encode_header
from echonode.probe.echopen.sweeping import LINE_BYTES, SweepingDecoder
from echonode.probe.profile import ProbeProfile
from tests.unit.probe.kit_streams import HEADER, line_records, sweeps

SWEEPING = ProbeProfile(r0_mm=80, rf_mm=160, sector_deg=57)


def _pieces(data: bytes) -> Iterator[bytes]:
    size = 1 + 37 * data[0] if data else 1
    for start in range(1, len(data), size):
        yield data[start : start + size]


def _feed(stream: FrameStream, data: bytes) -> None:
    """Counts agree with the frames that came, in order; and what is refused stays refused."""
    frames: list[Pending] = []
    try:
        for piece in _pieces(data):
            frames += stream.receive(piece)
    except ProtocolError:
        try:
            again = stream.receive(b"more")
        except ProtocolError:
            again = []
        assert not again, "a stream that is refused goes on"
    frames += stream.finish()
    assert len(frames) == stream.counts.frames
    _in_order(frames)


def _in_order(frames: Sequence[Pending]) -> list[PendingFrame]:
    """The frames, whose sequence rises; there is nothing else among them."""
    pending = [frame for frame in frames if isinstance(frame, PendingFrame)]
    assert len(pending) == len(frames)
    sequences = [frame.sequence for frame in pending]
    assert sequences == sorted(set(sequences))
    return pending


def kit(data: bytes) -> None:
    """Parses, or raises ProtocolError: nothing else."""
    _feed(SectorStream(KitDecoder(), StreamSettings()), data)


def lounger(data: bytes) -> None:
    """Parses, or raises ProtocolError: nothing else."""
    _feed(SectorStream(LoungerDecoder(), StreamSettings()), data)


def sweeping(data: bytes) -> None:
    """Parses, or raises ProtocolError: nothing else."""
    _feed(SectorStream(SweepingDecoder(SWEEPING), StreamSettings(), UnorderedSweepAssembler), data)


def epf_replies(data: bytes) -> None:
    """Parses, or raises ProtocolError: nothing else; and never says more than it was asked to."""
    stream = EpfStream(StreamSettings())
    _feed(stream, data)
    assert len(stream.outgoing()) in (0, 8)


def epf_datagrams(data: bytes) -> None:
    """Whatever datagrams come, in whatever order: frames in order, or counted; never an error."""
    stream = EpfStream(StreamSettings(profile=ProbeProfile(lines=4)))
    frames: list[Pending] = []
    for turn, piece in enumerate(_datagrams(data)):
        frames += stream.receive_datagram(piece)
        if turn % 97 == 96:
            frames += stream.tick(float(turn))
    frames += stream.finish()
    counts = stream.counts
    assert len(frames) == counts.frames
    assert counts.partial == len([f for f in _in_order(frames) if f.missing_lines])


def _datagrams(data: bytes) -> Iterator[bytes]:
    """Each with two bytes of length before it, as far as there are any."""
    place = 0
    while place + 2 <= len(data):
        (size,) = struct.unpack_from(">H", data, place)
        yield data[place + 2 : place + 2 + size]
        place += 2 + size


def _lounger_seed() -> bytes:
    header = LoungerHeader(
        r0_mm=10, rf_mm=20, decimation=50, lines=10, sector_deg=57, name="PROBE_V1__5MHZ"
    )
    frames = [frame[:, : header.samples] for frame in sweeps(2)]
    return encode_header(header) + b"".join(line_records(frames))


def _sweeping_seed() -> bytes:
    order = [*range(33, 65), *range(32, 0, -1)] * 2
    return b"".join(bytes((number,)) + bytes(LINE_BYTES - 1) for number in order)


def _epf_seed() -> bytes:
    datagrams = [
        encode_line(
            LineDatagram(
                previous_us=1000 * frame + 10 * number,
                frame=(254 + frame) % 256,
                number=number,
                channel=0,
                samples=np.arange(6, dtype=np.int16),
            )
        )
        for frame in range(5)
        for number in range(1, 5)
    ]
    return b"".join(struct.pack(">H", len(datagram)) + datagram for datagram in datagrams)


STATUS_REPLY = Reply(command=Command.STATUS, error=0, duration_us=9, rest=(36500, 80, 3, 0))
SCANNING_REPLY = Reply(command=Command.SCANNING, error=0, duration_us=9)
SEEDS: dict[Callable[[bytes], None], bytes] = {
    kit: b"\x01" + HEADER + b"".join(line_records(sweeps(2))),
    lounger: b"\x01" + _lounger_seed(),
    sweeping: b"\x40" + _sweeping_seed(),
    epf_replies: b"\x00" + encode_reply(STATUS_REPLY) + encode_reply(SCANNING_REPLY),
    epf_datagrams: _epf_seed(),
}
