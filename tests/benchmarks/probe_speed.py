"""Scan lines to pictures: on one core, and for ten minutes at the pace of a live probe.

Rules
- On one core: bytes of 64 lines of 1689 samples, cut as a socket cuts them, to the usual image of
  666 x 392 pixels (as many as 512 x 512 have); processor time of the thread that does it. Envelope
  as the film's, RF as the phantom's: the second has the band-pass and the detection as well.
- Live: a simulated kit in another process sends 60 frames/s into a source that is kept over all the
  rounds; five rounds of two minutes are ten. Nothing is stored: capture is manual, so that what is
  measured is the probe's way into the node. A round in which memory grew does not count.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from echonode.frames.frame import ProbeIdentity
from echonode.frames.settings import CaptureMode, CaptureSettings, StreamSettings
from echonode.frames.source.source import ProbeSource, SourceSettings
from echonode.frames.source.source_counts import SourceCounts
from echonode.frames.source.transport import ConnectTo
from echonode.frames.streams.sector_stream import SectorStream
from echonode.frames.streams.stream import PendingFrame
from echonode.probe.echopen.kit import KitDecoder, KitHeader, KitMode
from echonode.probe.recordings.echopen_text import KitRecording
from echonode.probe.simulation.phantom import phantom
from echonode.probe.simulation.simulated_lines import line_wire
from tests.benchmarks.contest import ECHONODE, Benchmark, Contender, Failed, Stage
from tests.benchmarks.results import Better, Goal
from tests.benchmarks.usage import resident_bytes
from tests.peers import free_port

# As the kit's film: 64 lines of 1689 samples.
HEADER: Final = KitHeader(
    r0_mm=80, rf_mm=160, decimation=8, lines=64, sector_deg=57, mode=KitMode.RF_INT16
)
SHAPE: Final = (392, 666)  # rows, columns
GOAL_FRAMES_PER_SECOND: Final = 300.0
CHUNK: Final = 64 * 1024
LIVE_FPS: Final = 60.0
ROUND_S: Final = 120.0
QUICK_ROUND_S: Final = 3.0
DEADLINE_S: Final = 20.0
WARM_UP_S: Final = 2.0
MOST_GROWTH_MIB: Final = 8.0
MIB: Final = 1 << 20


def envelope_film(frames: int) -> KitRecording:
    """Envelopes sent as mode 0, as the real film's are."""
    made = phantom(header=replace(HEADER, mode=KitMode.ENVELOPE_U8), frames=frames)
    return KitRecording(
        header=HEADER, frames=tuple((frame * 3).astype("i2") for frame in made.frames)
    )


def rf_film(frames: int) -> KitRecording:
    return phantom(header=HEADER, frames=frames)


# --- on one core ---


class Developing:
    """A contender: pictures a second of processor time."""

    def __init__(self, recording: KitRecording, *, frames: int) -> None:
        wire, self._frames = line_wire(recording, "kit"), frames
        self._preamble = wire.preamble
        self._sweeps = [
            b"".join(burst for burst, _ in wire.bursts(wire.samples(turn), turn, 64))
            for turn in range(len(recording.frames))
        ]

    def __call__(self, *, warm_up: bool) -> float:
        wanted = 10 if warm_up else self._frames
        stream = SectorStream(KitDecoder(), StreamSettings())
        stream.receive(self._preamble)
        began, count, turn = time.thread_time(), 0, 0
        while count < wanted:
            sweep = self._sweeps[turn % len(self._sweeps)]
            turn += 1
            for start in range(0, len(sweep), CHUNK):
                for frame in stream.receive(sweep[start : start + CHUNK]):
                    assert isinstance(frame, PendingFrame)
                    count += frame.develop().pixels.shape == SHAPE
        return count / (time.thread_time() - began)


def _developing(
    film: Callable[[int], KitRecording], stage: Stage
) -> Mapping[str, Callable[[], Contender]]:
    frames = 600 if stage.scale.rounds > 1 else 60
    return {ECHONODE: lambda: Developing(film(8), frames=frames)}


# --- for ten minutes ---


class Live:
    """A contender: frames lost in a round, of a source that goes on from round to round."""

    def __init__(self, source: ProbeSource, *, round_s: float) -> None:
        self._source, self._round_s = source, round_s
        self._memory_mib = 0.0  # once warm

    def __call__(self, *, warm_up: bool) -> float:
        before = self._source.counts
        time.sleep(WARM_UP_S if warm_up else self._round_s)
        after, memory_mib = self._source.counts, resident_bytes(os.getpid()) / MIB
        if warm_up:
            self._memory_mib = memory_mib
            return 0.0
        received = after.frames_received - before.frames_received
        if received < 0.9 * LIVE_FPS * self._round_s:
            raise Failed(f"only {received} frames in {self._round_s:g} s were sent")
        if memory_mib - self._memory_mib > MOST_GROWTH_MIB:
            raise Failed(f"memory grew from {self._memory_mib:.0f} to {memory_mib:.0f} MiB")
        return float(_lost(after) - _lost(before))


def _lost(counts: SourceCounts) -> int:
    """Frames that came to nothing, and frames with lines missing: neither may be."""
    return counts.frames_dropped + counts.frames_partial


def _live(stage: Stage) -> Mapping[str, Callable[[], Contender]]:
    def contender() -> Contender:
        port = free_port()
        command = [sys.executable, "-m", "echonode", "probe-sim", "--protocol", "echopen"]
        command += ["--dialect", "kit", "--port", str(port), "--fps", str(LIVE_FPS)]
        probe = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        stage.parts.callback(probe.wait)
        stage.parts.callback(probe.terminate)
        source = ProbeSource(
            SourceSettings(
                identity=ProbeIdentity(name="bench"),
                protocol="echopen",
                dialect="kit",
                way=ConnectTo(host="127.0.0.1", port=port),
                capture=CaptureSettings(mode=CaptureMode.MANUAL),
            ),
            on_acquisition=lambda _: None,
        )
        stage.parts.callback(source.stop, 5.0)
        source.start()
        give_up = time.monotonic() + DEADLINE_S
        while source.counts.frames_received < LIVE_FPS:
            if time.monotonic() > give_up:
                raise Failed("the simulated probe sent no second of frames")
            time.sleep(0.05)
        return Live(source, round_s=ROUND_S if stage.scale.rounds > 1 else QUICK_ROUND_S)

    return {ECHONODE: contender}


PROBE_BENCHMARKS: Final[Sequence[Benchmark]] = (
    *(
        Benchmark(
            name=f"kit {what} lines to pictures, 64 x 1689 to {SHAPE[1]} x {SHAPE[0]}, one core",
            unit="frames/s",
            better=Better.HIGHER,
            set_up=partial(_developing, film),
            goal=Goal(reach=GOAL_FRAMES_PER_SECOND),
        )
        for what, film in (("envelope", envelope_film), ("RF", rf_film))
    ),
    Benchmark(
        name="kit probe live at 60 frames/s, frames lost in 2 minutes",
        unit="frames",
        better=Better.LOWER,
        set_up=_live,
        goal=Goal(below=1),
    ),
)
