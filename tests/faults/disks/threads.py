"""What a whole process did on its disk and said on its connections, from strace of all its threads.

Rules
- A call that strace shows in two pieces counts when it returns: before that it is not known.
- An fsync makes sure what was there when it began, and is sure when it returns.
- A descriptor is free again when its close begins: another thread may have it before that returns.
- What is said on a connection is a moment as soon as the call that sends it returns, and what is
  heard when the call that receives it does.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.faults.disks.effects import Effect, Step, SyncBegan, Synced
from tests.faults.disks.recording import _LINE, _Reader

_PIECE = re.compile(r"(\d+) +(\w+)\((.*) <unfinished \.\.\.>", re.DOTALL)
_REST = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)", re.DOTALL)
_WHOLE = re.compile(r"(\d+) +(\w+)\((.*)", re.DOTALL)
_IOV = re.compile(r'iov_base="((?:\\x[0-9a-f]{2})*)"')
_DATA = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_SYNCS = ("fsync", "fdatasync")
_SENDS, _RECEIVES = ("sendmsg", "sendto"), ("recvfrom", "recvmsg")
SOCKET_CALLS = (*_SENDS, *_RECEIVES)

Heard = Callable[[int, bool, bytes], Iterable[Mapping[str, Any]]]
"""Descriptor, whether it was sent, bytes -> lines of the book."""


@dataclass
class ThreadsReader(_Reader):
    """The lines of all threads of one process after another, on the same disk."""

    heard: Heard = field(default=lambda descriptor, sent, data: ())
    closed: Callable[[int], None] = field(default=lambda descriptor: None)

    def read_process(self, lines: Iterable[str]) -> None:
        """A process from its start to its end. Raises NotUnderstood."""
        self._open.clear()
        begun: dict[str, str] = {}
        for line in lines:
            if piece := _PIECE.fullmatch(line):
                thread, call, text = piece.groups()
                begun[thread] = f"{thread} {call}({text}"
                self._begin(thread, call, text)
            elif rest := _REST.fullmatch(line):
                thread, call, text = rest.groups()
                self._end(thread, call, begun.pop(thread) + text, split=True)
            elif whole := _WHOLE.fullmatch(line):
                if whole[2] == "close":
                    self._begin(*whole.groups())
                self._end(whole[1], whole[2], line, split=False)

    def say(self, line: Mapping[str, Any]) -> None:
        """A line of the book from outside."""
        self.steps.append(Step(call="said", said=line))

    def _begin(self, thread: str, call: str, text: str) -> None:
        if call == "close":
            descriptor = int(text.partition(")")[0].strip(", "))
            self._open.pop(descriptor, None)
            self.closed(descriptor)
        elif call in _SYNCS:
            opened = self._open.get(int(text.strip(", ")))
            if opened is not None and opened.node is not None:
                began = SyncBegan(opened.node, thread)
                self.steps.append(Step(call=f"{call} begins", effects=(began,)))

    def _end(self, thread: str, call: str, line: str, *, split: bool) -> None:
        if call == "close":
            return
        if call in SOCKET_CALLS:
            self._talk(call, line)
            return
        before = len(self.steps)
        self.read(line)
        if split and call in _SYNCS:
            self.steps[before:] = [self._by(thread, step) for step in self.steps[before:]]

    def _by(self, thread: str, step: Step) -> Step:
        effects: Sequence[Effect] = [
            Synced(effect.what, thread) if isinstance(effect, Synced) else effect
            for effect in step.effects
        ]
        return Step(call=step.call, effects=tuple(effects))

    def _talk(self, call: str, line: str) -> None:
        matched = _LINE.fullmatch(line)
        if matched is None or matched[3].startswith(("-", "?")):
            return
        pieces = (_IOV if call in ("sendmsg", "recvmsg") else _DATA).findall(matched[2])
        data = bytes.fromhex("".join(pieces).replace("\\x", ""))[: int(matched[3])]
        descriptor = int(matched[2].partition(",")[0])
        for said in self.heard(descriptor, call in _SENDS, data):
            self.say(said)
