"""Bytes as a `kit` sends them, made without the code under test."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from echonode.errors import ProtocolError
from echonode.probe.echopen.kit import KitDecoder
from echonode.probe.messages import LineReceived, Message

# r0 10 mm, rf 20 mm, decimation 64: int(2 * 10 * 125 / 1.48 / 64) = 26 samples a line.
LINES, SAMPLES = 10, 26
HEADER = bytes((10, 20, 64, LINES, 60, 0))
LINE_BYTES = 2 * (SAMPLES + 1)


def sweeps(count: int, *, seed: int = 1) -> list[NDArray[np.int16]]:
    """Sweeps of small numbers, each of which might as well be a line number."""
    random = np.random.default_rng(seed)
    return [random.integers(0, 12, (LINES, SAMPLES)).astype(np.int16) for _ in range(count)]


def line_records(frames: Sequence[NDArray[np.int16]], *, lines: int = LINES) -> list[bytes]:
    """A record a line, the odd sweeps backwards: int16 number, int16 samples, little-endian."""
    records = []
    for turn, frame in enumerate(frames):
        order = range(lines) if turn % 2 == 0 else range(lines - 1, -1, -1)
        records += [struct.pack("<h", k + 1) + frame[k].astype("<i2").tobytes() for k in order]
    return records


def decode(*chunks: bytes) -> list[Message]:
    """All messages of a connection that brought `chunks` and ended."""
    decoder = KitDecoder()
    messages = [message for chunk in chunks for message in decoder.receive(chunk)]
    return messages + decoder.finish()


def decode_until_refused(chunks: Iterable[bytes]) -> list[Message]:
    """The same, for bytes that may be refused: what came before."""
    decoder, messages = KitDecoder(), list[Message]()
    try:
        for chunk in chunks:
            messages += decoder.receive(chunk)
        messages += decoder.finish()
    except ProtocolError:
        pass
    return messages


def told(messages: Iterable[Message]) -> list[tuple[object, ...]]:
    """Messages as values that compare: lines with number, direction and sample bytes."""
    return [
        (message.number, message.ascending, message.samples.tobytes())
        if isinstance(message, LineReceived)
        else (message,)
        for message in messages
    ]


def lines_of(messages: Iterable[Message]) -> list[LineReceived]:
    return [message for message in messages if isinstance(message, LineReceived)]
