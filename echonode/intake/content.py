"""What instances from outside carry apart from an image: said in the log, and counted.

Rules
- docs/content.md has what is done to what. Here is only what was found: counts and lines of the
  log with a UID, a tag and a kind; never a value.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from echonode.log import get_logger
from echonode.model.programs import Program, kind_of

log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class ContentCounters:
    """Since the start. preambles, programs: kind -> how many; kind "other" is no program.

    cut: instances whose trailing bytes were cut off.
    """

    preambles: dict[str, int] = field(default_factory=dict)
    programs: dict[str, int] = field(default_factory=dict)
    cut: int = 0


class ContentLog:
    """Notes what was found. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._preambles: Counter[str] = Counter()
        self._programs: Counter[str] = Counter()
        self._cut = 0

    @property
    def counters(self) -> ContentCounters:
        with self._lock:
            return ContentCounters(
                preambles=dict(self._preambles), programs=dict(self._programs), cut=self._cut
            )

    def preamble_zeroed(self, sop_instance_uid: str, ae_title: str, preamble: bytes) -> None:
        """A file came with a preamble that was not of zeros, and is stored with one that is."""
        kind = kind_of(preamble) or "other"
        with self._lock:
            self._preambles[kind] += 1
        log.warning(
            "preamble_zeroed", sop_instance_uid=sop_instance_uid, ae_title=ae_title, kind=kind
        )

    def programs_found(
        self, sop_instance_uid: str, ae_title: str, programs: Iterable[Program]
    ) -> None:
        """Private attributes begin as programs; the instance is stored as it came."""
        for program in programs:
            with self._lock:
                self._programs[program.kind] += 1
            log.warning(
                "program_in_attribute",
                sop_instance_uid=sop_instance_uid,
                ae_title=ae_title,
                tag=f"({program.tag >> 16:04X},{program.tag & 0xFFFF:04X})",
                kind=program.kind,
            )

    def trailing_bytes_cut(self, sop_instance_uid: str, ae_title: str, count: int) -> None:
        """Bytes behind the end of a dataset were cut off, as the configuration wants it."""
        with self._lock:
            self._cut += 1
        log.warning(
            "trailing_bytes_cut", sop_instance_uid=sop_instance_uid, ae_title=ae_title, bytes=count
        )
