"""OpenIGTLink: 640 x 480 grey images, decoded in memory and received over loopback, as by pyigtl.

Rules
- In memory: one chunk after the other, as a socket gives them, to pixels; processor time of this
  process, since it is a figure of one core. EchoNode checks every CRC. pyigtl has the code for it
  and never calls it: it is shown as it is, and with its own CRC called.
- Over loopback: another process sends the same bytes as fast as they are taken. What counts is
  images that reach the application, until the last one has.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import numpy as np
import pyigtl
from pyigtl.messages import CRC64, MessageBase

from echonode.frames.frame import Acquisition, Frame, ProbeIdentity
from echonode.frames.settings import CaptureMode, CaptureSettings, StreamSettings
from echonode.frames.source.source import ProbeSource, SourceSettings
from echonode.frames.source.transport import ConnectTo
from echonode.frames.streams.openigtlink_stream import OpenIGTLinkStream
from echonode.frames.streams.stream import PendingFrame
from echonode.probe.openigtlink.image import encode_image
from echonode.probe.openigtlink.messages import HEADER, Message, encode
from tests.benchmarks.contest import ECHONODE, Benchmark, Contender, Failed, Stage
from tests.benchmarks.results import Better, Goal

PYIGTL: Final = "pyigtl"
PYIGTL_CHECKED: Final = "pyigtl, its CRC called"
GOAL_MS: Final = 0.5  # 2,000 frames/s
GOAL_RATIO: Final = 5.0
CHUNK: Final = 256 * 1024
WARM_UP_FRAMES: Final = 20
DEADLINE_S: Final = 60.0


def image_message(number: int, *, device: str = "us") -> bytes:
    """An IMAGE of noise that no other number has; header version 1, which pyigtl sends as well."""
    pixels = np.random.default_rng(number).integers(0, 256, (1, 480, 640), dtype=np.uint8)
    content = encode_image(pixels, spacing_mm=(0.2, 0.2, 1.0))
    return encode(Message(type="IMAGE", device=device, content=content, timestamp_s=1.0 + number))


# --- in memory ---


def decode_by_echonode(messages: bytes) -> int:
    """Through the stream that a connection has."""
    stream, count = OpenIGTLinkStream(StreamSettings()), 0
    for start in range(0, len(messages), CHUNK):
        for frame in stream.receive(messages[start : start + CHUNK]):
            assert isinstance(frame, PendingFrame)
            count += frame.develop().pixels.shape == (480, 640)
    return count


def decode_by_pyigtl(messages: bytes, *, checked: bool) -> int:
    """Through its messages, as its socket loop calls them; the bytes cut up for it."""
    at = count = 0
    while at < len(messages):
        header = MessageBase.parse_header(messages[at : at + HEADER.size])
        at += HEADER.size
        body = messages[at : at + header["body_size"]]
        at += header["body_size"]
        if checked:
            CRC64(body)
        message = MessageBase.create_message(header["message_type"])
        message.unpack(header, body)
        count += message.image.shape == (1, 480, 640)
    return count


class Decoding:
    """A contender: milliseconds of processor time a frame."""

    def __init__(self, decode: Callable[[bytes], int], *, frames: int) -> None:
        self._decode, self._frames = decode, frames
        self._messages = b"".join(map(image_message, range(10)))

    def __call__(self, *, warm_up: bool) -> float:
        rounds = 1 if warm_up else max(1, self._frames // 10)
        began = time.process_time()
        for _ in range(rounds):
            if self._decode(self._messages) != 10:
                raise Failed("an image is missing")
        return 1000 * (time.process_time() - began) / (10 * rounds)


def _decoders(stage: Stage) -> Mapping[str, Callable[[], Contender]]:
    decoders: Mapping[str, Callable[[bytes], int]] = {
        ECHONODE: decode_by_echonode,
        PYIGTL: partial(decode_by_pyigtl, checked=False),
        PYIGTL_CHECKED: partial(decode_by_pyigtl, checked=True),
    }
    return {
        name: partial(Decoding, decode, frames=stage.scale.echoes)
        for name, decode in decoders.items()
    }


# --- over loopback ---


class Sender:
    """The process that sends: each client gets `frames` images, then one of device `End`."""

    def __init__(self, frames: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.igtl_sender", str(frames)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


def receive_by_echonode(port: int, frames: int) -> int:
    """A source as the node has it; the images that it shows."""
    shown, ended = [], threading.Event()

    def show(frame: Frame) -> None:
        shown.append(frame.sequence)
        if frame.sequence == frames - 1:
            ended.set()

    source = ProbeSource(
        SourceSettings(
            identity=ProbeIdentity(name="bench"),
            protocol="openigtlink",
            dialect="",
            way=ConnectTo(host="127.0.0.1", port=port),
            capture=CaptureSettings(mode=CaptureMode.MANUAL),
        ),
        on_acquisition=_nobody,
        on_frame=show,
    )
    source.start()
    in_time = ended.wait(DEADLINE_S)
    source.stop(DEADLINE_S)
    if not in_time:
        raise Failed(f"{len(shown)} of {frames} images after {DEADLINE_S:g} s")
    return len(shown)


def _nobody(acquisition: Acquisition) -> None:
    raise AssertionError("nothing is captured in capture mode manual")


def receive_by_pyigtl(port: int, frames: int) -> int:
    """Its client, as its README uses it: wait for the next message of the device."""
    client = pyigtl.OpenIGTLinkClient(host="127.0.0.1", port=port)
    got, ends = 0, time.monotonic() + DEADLINE_S
    try:
        while time.monotonic() < ends:
            got += client.wait_for_message("us", timeout=0.05) is not None
            if client.wait_for_message("End", timeout=0) is not None:
                return got
    finally:
        client.stop()
    raise Failed(f"{got} of {frames} images after {DEADLINE_S:g} s")


class Receiving:
    """A contender: images a second that reach the application."""

    def __init__(self, receive: Callable[[int, int], int], sender: Sender, *, frames: int) -> None:
        self._receive, self._sender, self._frames = receive, sender, frames

    def __call__(self, *, warm_up: bool) -> float:
        began = time.perf_counter()
        got = self._receive(self._sender.port, self._frames)
        return got / (time.perf_counter() - began)


def _receivers(stage: Stage) -> Mapping[str, Callable[[], Contender]]:
    frames = max(WARM_UP_FRAMES, stage.scale.echoes)
    sender = Sender(frames)
    stage.parts.callback(sender.close)
    receivers = {ECHONODE: receive_by_echonode, PYIGTL: receive_by_pyigtl}
    return {
        name: partial(Receiving, receive, sender, frames=frames)
        for name, receive in receivers.items()
    }


IGTL_BENCHMARKS: Final = (
    Benchmark(
        name="OpenIGTLink 640x480, a message to pixels with CRC, one core",
        unit="ms",
        better=Better.LOWER,
        set_up=_decoders,
        goal=Goal(below=GOAL_MS),
    ),
    Benchmark(
        name="OpenIGTLink 640x480, received over loopback",
        unit="frames/s",
        better=Better.HIGHER,
        set_up=_receivers,
        goal=Goal(at_least=GOAL_RATIO),
    ),
)
