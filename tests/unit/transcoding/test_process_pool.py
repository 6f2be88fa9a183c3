"""Codecs that hold the GIL run in processes of their own, in bounded number, and end with it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Generator, Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from echonode.errors import InvalidObject
from echonode.transcoding import process_pool as transcode_workers
from echonode.transcoding.codecs import JPEG_2000_REVERSIBLE, JPEG_LS, RLE
from echonode.transcoding.pixel_layout import Pixels
from echonode.transcoding.process import limit_process
from echonode.transcoding.process_pool import TranscodeWorkers

PIXELS = Pixels(
    rows=16,
    columns=16,
    samples=1,
    bits_allocated=8,
    bits_stored=8,
    frames=1,
    photometric="MONOCHROME2",
)


@pytest.fixture(scope="module")
def workers() -> Iterator[TranscodeWorkers]:
    started = TranscodeWorkers(2)
    yield started
    started.close()


def frames(count: int) -> list[bytes]:
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, 256, np.uint8).tobytes() for _ in range(count)]


@pytest.mark.slow
def test_frames_come_back_in_their_order(workers: TranscodeWorkers) -> None:
    """Whichever process was faster."""
    native = frames(40)
    encoded = list(workers.recode(iter(native), PIXELS, source=None, target=RLE))
    assert list(workers.recode(iter(encoded), PIXELS, source=RLE, target=None)) == native


@pytest.mark.slow
def test_few_frames_are_taken_ahead(workers: TranscodeWorkers) -> None:
    """Memory is bounded by frames, not by the length of the cine."""
    taken = 0

    def counted() -> Iterator[bytes]:
        nonlocal taken
        for frame in frames(50):
            taken += 1
            yield frame

    stream = workers.recode(counted(), PIXELS, source=None, target=JPEG_LS)
    next(stream)
    assert taken <= 6
    assert isinstance(stream, Generator)
    stream.close()


def test_a_frame_that_cannot_be_decoded_is_the_instances_fault(workers: TranscodeWorkers) -> None:
    """InvalidObject, and the workers live on."""
    with pytest.raises(InvalidObject):
        list(workers.recode(iter([b"nonsense"]), PIXELS, source=JPEG_LS, target=None))
    assert len(list(workers.recode(iter(frames(2)), PIXELS, source=None, target=RLE))) == 2


@pytest.mark.slow
def test_a_process_that_was_killed_while_idle_is_replaced() -> None:
    """By the kernel for its memory, say: no caller waits for it, and the next frame goes on."""
    workers = TranscodeWorkers(1)
    list(workers.recode(iter(frames(1)), PIXELS, source=None, target=RLE))
    (pid,) = workers.pids
    os.kill(pid, signal.SIGKILL)
    assert len(list(workers.recode(iter(frames(9)), PIXELS, source=None, target=RLE))) == 9
    assert workers.pids.isdisjoint({pid})
    workers.close()
    with pytest.raises(OSError, match="stopping"):
        list(workers.recode(iter(frames(1)), PIXELS, source=None, target=RLE))


@pytest.mark.slow
def test_a_frame_that_takes_too_long_is_given_up_and_the_next_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its process is ended at the deadline; that instance cannot be re-encoded, others can."""
    monkeypatch.setattr(transcode_workers, "SAMPLE_DEADLINE_S", 0.0)
    workers = TranscodeWorkers(1, deadline_s=0.0)
    large = replace(PIXELS, rows=1024, columns=1024)
    noise = np.random.default_rng(1).integers(0, 256, 1024 * 1024, np.uint8).tobytes()
    with pytest.raises(InvalidObject, match="too long"):
        list(workers.recode(iter([noise] * 3), large, source=None, target=JPEG_2000_REVERSIBLE))
    workers._deadline_s = 60.0
    assert len(list(workers.recode(iter(frames(2)), PIXELS, source=None, target=RLE))) == 2
    workers.close()


@pytest.mark.slow
def test_a_frame_that_needs_too_much_memory_is_given_up() -> None:
    """The process has bounded memory: that instance fails, and the node has lost nothing."""
    # A process at rest has some 300 MiB of addresses; the request alone takes 256 MiB more.
    workers = TranscodeWorkers(1, memory_bytes=512 * 1024**2)
    huge = replace(PIXELS, rows=8192, columns=8192, bits_allocated=16, bits_stored=16)
    with pytest.raises(InvalidObject):
        list(workers.recode(iter([bytes(2 * 8192**2)]), huge, source=None, target=JPEG_LS))
    assert len(list(workers.recode(iter(frames(2)), PIXELS, source=None, target=RLE))) == 2
    workers.close()


@pytest.mark.slow
def test_whoever_waits_is_told_when_the_node_stops() -> None:
    """Processes end at once, also in the middle of a frame."""
    workers = TranscodeWorkers(1)
    stream = workers.recode(iter(frames(9)), PIXELS, source=None, target=JPEG_LS)
    next(stream)
    pids = workers.pids
    workers.close()
    with pytest.raises((OSError, CancelledError)):
        list(stream)
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.slow
def test_workers_end_with_a_node_that_was_killed(tmp_path: Path) -> None:
    """SIGKILL of the node leaves no process behind."""
    program = tmp_path / "node.py"
    program.write_text(
        textwrap.dedent(
            """
            import time
            from tests.unit.transcoding.test_process_pool import PIXELS, RLE, frames
            from echonode.transcoding.process_pool import TranscodeWorkers

            if __name__ == "__main__":
                workers = TranscodeWorkers(1)
                list(workers.recode(iter(frames(1)), PIXELS, source=None, target=RLE))
                print(*workers.pids, flush=True)
                time.sleep(60)
            """
        )
    )
    root = Path(__file__).resolve().parents[3]
    node = subprocess.Popen(
        [sys.executable, str(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # Python's resource tracker tells of what a kill leaves
        text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )
    assert node.stdout is not None
    worker = int(node.stdout.readline())
    node.kill()
    node.wait(10)
    node.stdout.close()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{worker}/cmdline").exists() and Path(f"/proc/{worker}/cmdline").read_bytes():
        assert time.monotonic() < deadline, "the worker lives on"
        time.sleep(0.02)


@pytest.mark.slow
def test_a_system_without_a_limit_of_memory_still_encodes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """macOS refuses RLIMIT_AS, others have none: the process serves all the same."""

    def refuse(number: int, _: tuple[int, int]) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refuse)
    limit_process(2**30)
    monkeypatch.delattr(resource, "RLIMIT_AS")
    limit_process(2**30)
