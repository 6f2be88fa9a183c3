"""Programs in the private attributes of a dataset: found while it is walked, at any depth.

Rules
- What is found is reported and changes nothing: vendors keep configurations and licences as ZIP,
  and the dataset is stored as it was received.
- A sequence of given length is looked into by a walk of its own, which refuses nothing: what
  cannot be read there is left to the readers of the dataset. All of them together have a limit.
"""

from __future__ import annotations

from contextlib import suppress

from echonode.errors import Unreadable
from echonode.model.dataset_walk import DatasetWalk
from echonode.model.element_header import ElementHeader, MemorySource
from echonode.model.programs import MOST_REPORTED, Program, kind_of
from echonode.model.walk_limits import WalkLimits

# Headers of all sequences of given length in one dataset: a twentieth of a second.
_MOST_HEADERS = 20_000


class ProgramSearch:
    """Gathers what a walk shows it (element_header.Inspect). found: at most MOST_REPORTED."""

    def __init__(self, *, implicit: bool, big_endian: bool) -> None:
        self._implicit, self._big_endian = implicit, big_endian
        self._left = _MOST_HEADERS
        self.found: list[Program] = []

    def __call__(self, header: ElementHeader, begins: bytes | memoryview) -> None:
        """A private element, or a sequence; begins: the first bytes of its value."""
        if header.vr == b"SQ":
            self._look_into(begins)
        elif (kind := kind_of(begins)) and len(self.found) < MOST_REPORTED:
            self.found.append(Program(header.tag, kind))

    def _look_into(self, begins: bytes | memoryview) -> None:
        if self._left <= 0:
            return

        def inspect(header: ElementHeader, inner: bytes | memoryview) -> None:
            if header.vr != b"SQ":  # those are entered
                self(header, inner)

        limits = WalkLimits(elements=self._left, items=self._left, headers=self._left)
        walk = DatasetWalk(
            MemorySource(begins),
            implicit=self._implicit,
            big_endian=self._big_endian,
            limits=limits,
            is_sequence=lambda header, _: header.vr == b"SQ",
            inspect=inspect,
        )
        with suppress(Unreadable):
            walk.items(len(begins), implicit=self._implicit)
        self._left -= walk.headers
