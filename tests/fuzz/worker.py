"""One target in a process of its own: `python -m tests.fuzz.worker NAME --seconds N --folder F`.

It prints a JSON line now and then, {"inputs": so many}, and one for each finding. The input under
way is in F/NAME.current, a mapped file, from before it is tried: who started this process finds it
there when the process dies or has to be killed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import mmap
import random
import resource
import signal
import struct
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from tests.fuzz import errors_logged
from tests.fuzz.mutation import mutated
from tests.fuzz.target import Target
from tests.fuzz.targets import TARGETS

INPUT_S = 15.0  # for one input; on a machine with other work a slow one takes a second
MEMORY_BYTES = 1024**3  # of address space beyond what is in use when the target begins
TOLD_EVERY_S = 0.5
_ROOM = 1024 * 1024  # of the mapped file: its length, then the input
_SEEN_MOST = 20  # findings of one class that are kept


class TooLong(BaseException):
    """An input took longer than INPUT_S. No Exception: no target may take it for its own."""


class Current:
    """The input under way, in a file that outlives the process."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(_ROOM))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), _ROOM)

    def put(self, data: bytes) -> None:
        struct.pack_into("<I", self._map, 0, len(data))
        self._map[4 : 4 + len(data)] = data

    @staticmethod
    def read(path: Path) -> bytes:
        """The last input of a process that is gone."""
        held = path.read_bytes()
        return held[4 : 4 + struct.unpack_from("<I", held)[0]]


def inputs(target: Target, seed: int) -> Iterator[bytes]:
    """The good inputs, then mutations without end; the same from the same seed."""
    yield from target.seeds
    number = 0
    while True:
        yield mutated(random.Random(f"{target.name}-{seed}-{number}"), target.seeds, target.cut)
        number += 1


def broken(target: Target, data: bytes) -> BaseException | None:
    """What an input raised, after at most INPUT_S."""
    signal.setitimer(signal.ITIMER_REAL, INPUT_S)
    try:
        target.run(data)
    except (Exception, TooLong) as error:  # noqa: BLE001  # whatever it is, it is the finding
        return error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return None


def place_of(error: BaseException) -> str:
    """Its class and the last line of code: what tells one finding from another."""
    frames = traceback.extract_tb(error.__traceback__)
    last = next((f for f in reversed(frames) if "/echonode/" in f.filename), frames[-1])
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"


def write_finding(folder: Path, name: str, data: bytes, place: str, text: str) -> Path:
    """The input and, next to it, what became of it."""
    path = folder / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}.bin"
    path.write_bytes(data)
    path.with_suffix(".txt").write_text(f"{name}: {place}\n\n{text}")
    return path


def work(target: Target, *, seconds: float, seed: int, folder: Path) -> Iterator[dict[str, object]]:
    """Try inputs until the time is over; lines for the one who started this."""
    current, kept, tried = Current(folder / f"{target.name}.current"), dict[str, int](), 0
    ends, told = time.monotonic() + seconds, 0.0
    for data in inputs(target, seed):
        if tried >= len(target.seeds) and time.monotonic() > ends:
            break
        current.put(data)
        error = broken(target, data)
        tried += 1
        if error is not None:
            place = place_of(error)
            kept[place] = kept.get(place, 0) + 1
            if kept[place] <= _SEEN_MOST:
                text = "".join(traceback.format_exception(error))
                file = write_finding(folder, target.name, data, place, text)
                yield {"finding": place, "file": str(file)}
        if time.monotonic() > told + TOLD_EVERY_S:
            told = time.monotonic()
            yield {"inputs": tried}
    yield {"inputs": tried, "done": True}


@contextmanager
def limited() -> Iterator[None]:
    """Within the limits of memory and time that every target has."""
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (in_use + MEMORY_BYTES, before[1]))
    signal.signal(signal.SIGALRM, _too_long)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _too_long(_number: int, _frame: FrameType | None) -> None:
    raise TooLong(f"longer than {INPUT_S:g} s")


def quiet() -> None:
    """Nothing but the lines of this process: no log, and no remarks of pydicom and pynetdicom."""
    errors_logged.watch()
    warnings.simplefilter("ignore")
    for name in ("pydicom", "pynetdicom"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.fuzz.worker")
    parser.add_argument("name", choices=TARGETS)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, required=True)
    given = parser.parse_args()
    quiet()
    target = TARGETS[given.name]
    with limited():
        for line in work(target, seconds=given.seconds, seed=given.seed, folder=given.folder):
            print(json.dumps(line), flush=True)
        target.close()


if __name__ == "__main__":
    main()
