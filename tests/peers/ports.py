"""Free loopback ports, of which no two processes get the same one.

Rules
- A port that is found free may be taken by another process before ours listens on it. So each
  process takes its ports from blocks that are its own. The name of a socket in Linux's abstract
  name space marks a block: the system lets one process have it, and frees it when that ends.
- Below the range that Linux gives to outgoing connections (32768 and up): a port found free stays
  free while a load test opens hundreds of connections.
- Elsewhere than on Linux nothing marks a block; two runs of the tests at once may then meet.
"""

from __future__ import annotations

import random
import socket
import sys
from typing import Final

LOOPBACK: Final = "127.0.0.1"
BLOCK = 100  # ports
BLOCKS = range(20_000, 32_000, BLOCK)
_random = random.SystemRandom()


class Ports:
    """Those of one process. Not thread-safe."""

    def __init__(self) -> None:
        self._marks: list[socket.socket] = []  # each marks a block while it is open
        self._mine: set[int] = set()
        self._left: list[int] = []  # of the blocks: not given out yet

    def free(self) -> int:
        """One on which nothing listens now, given out before only where no block is left.

        Raises OSError where there is none.
        """
        for again in (False, True):
            while self._left or self._claim():
                port = self._left.pop()
                if is_free(port):
                    return port
            if not again:  # every block is taken: those given out first may be free by now
                self._left = _random.sample(sorted(self._mine), len(self._mine))
        raise OSError("no free port on loopback")

    def _claim(self) -> bool:
        """Take another block, if one is left."""
        for first in _random.sample(BLOCKS, len(BLOCKS)):
            ports = range(first, first + BLOCK)
            if first in self._mine or not self._mark(first):
                continue
            self._mine.update(ports)
            self._left = _random.sample(ports, BLOCK)
            return True
        return False

    def _mark(self, first: int) -> bool:
        if sys.platform != "linux":
            return True
        mark = socket.socket(socket.AF_UNIX)
        try:
            mark.bind(f"\0echonode-tests-ports-{first}")
        except OSError:
            mark.close()
            return False
        self._marks.append(mark)
        return True

    def close(self) -> None:
        """Leave the blocks to others."""
        for mark in self._marks:
            mark.close()
        self._marks.clear()
        self._mine.clear()
        self._left.clear()


def is_free(port: int) -> bool:
    """Whether a loopback port can be listened on now."""
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


_ports = Ports()


def free_port() -> int:
    """A loopback port on which nothing listens now, and which no other process is given."""
    return _ports.free()
