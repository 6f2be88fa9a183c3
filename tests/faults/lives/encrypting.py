"""Lives that end within an encryption or a change of keys: `python -m ... DATA_DIR ROUNDS SEED`.

Each round forks a process, which encrypts the store or gives it another master key, and which kills
itself (SIGKILL) at a step that chance chooses: before, within or after a write, an fsync or a
rename. After each kill every image is read by the keys that are given then, and compared. The last
line of the output says how many lives there were, and how many of them ended by the kill.

The process has one thread, so that it may fork; a test that starts it may not.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from echonode.at_rest.file_cipher import FileCipher
from echonode.at_rest.file_format import MasterKey
from echonode.at_rest.reading import open_file
from echonode.store.encrypting.encrypting import encrypt, rotate

Work = Callable[[], object]
KEYS = [MasterKey(bytes([number]) * 32) for number in range(1, 7)]


class Steps:
    """Counts the system calls that change the disk; kills at the wanted one."""

    def __init__(self, kill_at: int | None, draw: random.Random) -> None:
        self.count, self._kill_at, self._draw = 0, kill_at, draw

    def watch(self) -> None:
        """Stand in the way of the calls, in this process."""
        for name in ("write", "pwrite"):
            vars(os)[name] = self._torn(vars(os)[name])
        for name in ("fsync", "rename", "truncate"):
            vars(os)[name] = self._whole(vars(os)[name])

    def _is_now(self) -> bool:
        self.count += 1
        return self.count == self._kill_at

    def _torn(self, call: Callable[..., int]) -> Callable[..., int]:
        def writing(descriptor: int, data: Any, *place: int) -> int:
            if self._is_now():
                part = self._draw.randrange(len(data) + 1)
                call(descriptor, bytes(data)[:part], *place)
                os.kill(os.getpid(), signal.SIGKILL)
            return call(descriptor, data, *place)

        return writing

    def _whole(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def calling(*arguments: Any, **options: Any) -> Any:
            now = self._is_now()
            if now and self._draw.random() < 0.5:
                os.kill(os.getpid(), signal.SIGKILL)
            found = call(*arguments, **options)
            if now:
                os.kill(os.getpid(), signal.SIGKILL)
            return found

        return calling


def life(work: Work, kill_at: int | None, draw: random.Random) -> tuple[bool, int]:
    """Whether the process was killed, and how many steps it took otherwise."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        steps = Steps(kill_at, draw)
        told = os.write
        steps.watch()
        work()
        told(writing, str(steps.count).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read()
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, status
        return True, 0
    assert status == 0, f"the life ended with status {status}"
    return False, int(said)


def images(data_dir: Path, cipher: FileCipher | None) -> list[str]:
    """The hash of each image's content. Raises OSError where one does not open."""
    found = []
    for path in sorted(data_dir.glob("instances/*/*/*.dcm")):
        with open_file(path, cipher) as file:
            found.append(hashlib.file_digest(file, "sha256").hexdigest())
    return found


def main(data_dir: Path, rounds: int, seed: int) -> dict[str, int]:
    """Alternate an encryption of a fresh copy and a rotation of it. data_dir: a plain store."""
    draw = random.Random(seed)
    stored = images(data_dir, None)
    assert stored
    store = data_dir.with_name(f"{data_dir.name}-lived")
    lives = killed = completed = 0
    lengths: dict[str, int] = {}
    while killed < rounds:
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(data_dir, store)
        keys = draw.sample(KEYS, 2)
        first, both = FileCipher(keys[0]), FileCipher(keys[1], [keys[0]])
        parts: list[tuple[str, Work, FileCipher]] = [
            ("encrypt", lambda first=first: encrypt(store, first), first),  # type: ignore[misc]  # of this turn
            ("rotate", lambda both=both: rotate(store, both), both),  # type: ignore[misc]  # of this turn
        ]
        for name, work, cipher in parts:
            while True:
                kill_at = draw.randrange(1, lengths.get(name, 60) + 1)
                dead, steps = life(work, kill_at if killed < rounds else None, draw)
                lives, killed = lives + 1, killed + dead
                assert images(store, cipher) == stored, f"an image was lost by a stop of {name}"
                if not dead:
                    lengths.setdefault(name, steps)
                    break
        assert images(store, FileCipher(keys[1])) == stored
        completed += 1
    return {"lives": lives, "killed": killed, "completed": completed, "images": len(stored)}


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
