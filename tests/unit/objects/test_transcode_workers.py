"""Codecs that hold the GIL run beside the node, in bounded number, and end with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from echonode.errors import InvalidObject
from echonode.objects.transcode_codecs import JPEG_LS, RLE
from echonode.objects.transcode_pixels import Pixels
from echonode.objects.transcode_workers import TranscodeWorkers

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


def test_frames_come_back_in_their_order(workers: TranscodeWorkers) -> None:
    """Whichever process was faster."""
    native = frames(40)
    encoded = list(workers.recode(iter(native), PIXELS, source=None, target=RLE))
    assert list(workers.recode(iter(encoded), PIXELS, source=RLE, target=None)) == native


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
    stream.close()


def test_a_frame_that_cannot_be_decoded_is_the_instances_fault(workers: TranscodeWorkers) -> None:
    """InvalidObject, and the workers live on."""
    with pytest.raises(InvalidObject):
        list(workers.recode(iter([b"nonsense"]), PIXELS, source=JPEG_LS, target=None))
    assert len(list(workers.recode(iter(frames(2)), PIXELS, source=None, target=RLE))) == 2


def test_a_worker_that_died_is_our_own_failure_and_is_replaced() -> None:
    """Killed for its memory, say: OSError, tried again later, and then it works."""
    workers = TranscodeWorkers(1)
    list(workers.recode(iter(frames(1)), PIXELS, source=None, target=RLE))
    executor = workers._executor
    assert executor is not None
    (pid,) = executor._processes
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(OSError, match="died"):
        list(workers.recode(iter(frames(9)), PIXELS, source=None, target=RLE))
    assert len(list(workers.recode(iter(frames(2)), PIXELS, source=None, target=RLE))) == 2
    workers.close()
    with pytest.raises(OSError, match="stopping"):
        list(workers.recode(iter(frames(1)), PIXELS, source=None, target=RLE))


def test_workers_end_with_a_node_that_was_killed(tmp_path: Path) -> None:
    """SIGKILL of the node leaves no process behind."""
    program = tmp_path / "node.py"
    program.write_text(
        textwrap.dedent(
            """
            import time
            from tests.unit.objects.test_transcode_workers import PIXELS, RLE, frames
            from echonode.objects.transcode_workers import TranscodeWorkers

            if __name__ == "__main__":
                workers = TranscodeWorkers(1)
                list(workers.recode(iter(frames(1)), PIXELS, source=None, target=RLE))
                print(*workers._executor._processes, flush=True)
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
