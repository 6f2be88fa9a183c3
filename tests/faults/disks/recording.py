"""A process's doings on its disk, call by call, as strace saw them.

    recording = record([sys.executable, ...], root=folder, book=folder / "book")

Rules
- Every call that can change what lies below `root` is either understood or refused: a recording
  that leaves something out would prove nothing.
- What is written into a book (books.py) does not change the disk; it is a moment: what the process
  said, between what it had done and what it did next.
- Bytes come in hexadecimal (-xx), so that no quoting of strace's can be misread.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.disks.effects import (
    Effect,
    Mapped,
    Named,
    Node,
    Resized,
    Step,
    Synced,
    Written,
    new_node,
)
from tests.peers.fixtures import require_program

# Beside those understood (below): all else that writes, names, removes or syncs.
_REFUSED = (
    "open,creat,openat2,writev,pwritev,pwritev2,truncate,fallocate,renameat,renameat2,"
    "symlink,symlinkat,unlinkat,rmdir,mkdirat,sync,syncfs,sync_file_range,dup,dup2,dup3,"
    "copy_file_range,sendfile,splice,msync,io_uring_setup"
)
_LONGEST = 16 * 1024**2
_LINE = re.compile(r"(?:\d+ +)?(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+|\?)(.*)", re.DOTALL)
_EXIT = re.compile(r"(?:\d+ +)?(\+\+\+|---) ")
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_DESCRIPTOR_FIRST = (
    *("writev", "pwritev", "pwritev2", "fallocate", "sync_file_range"),
    *("dup", "dup2", "dup3", "sendfile", "splice"),
)


class NotUnderstood(Exception):
    """A call whose effect on the disk is not in the model."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """The steps from an empty folder `root` on."""

    root: Node
    steps: tuple[Step, ...]

    def said(self) -> int:
        """How many lines are in the book at the end."""
        return sum(step.said is not None for step in self.steps)


def record(command: Sequence[str], *, root: Path, book: Path, cwd: Path) -> Recording:
    """Run a command and write down what it does below `root`, which is empty, and to `book`.

    Raises RuntimeError when it fails, NotUnderstood.
    """
    program = require_program("strace")
    with tempfile.NamedTemporaryFile("r", prefix="strace-", suffix=".txt") as trace:
        # -f: another thread's calls count too; --seccomp-bpf: other calls cost nothing.
        options = ["-f", "--seccomp-bpf", "-qq", "-xx", "-s", str(_LONGEST), "-o", trace.name]
        calls = f"trace={','.join(_UNDERSTOOD)},{_REFUSED}"
        done = subprocess.run(
            [program, *options, "-e", calls, *command],
            cwd=cwd,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"the recorded process failed: {done.stderr[-2000:]}")
        return parse(Path(trace.name).read_text().splitlines(), root=root, book=book)


def parse(lines: Iterable[str], *, root: Path, book: Path) -> Recording:
    """The steps in strace's lines. Raises NotUnderstood."""
    reader = _Reader(str(root), str(book))
    for line in lines:
        reader.read(line)
    return Recording(root=reader.root, steps=tuple(reader.steps))


@dataclass
class _Open:
    """A descriptor: of a node below the root, or of the book (node None)."""

    node: Node | None
    position: int = 0
    appends: bool = False


@dataclass
class _Reader:
    """Follows names and descriptors through the calls."""

    root_path: str
    book_path: str
    root: Node = field(default_factory=lambda: new_node(is_folder=True))
    steps: list[Step] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._names: dict[str, Node] = {self.root_path: self.root}
        self._sizes: dict[Node, int] = {}
        self._open: dict[int, _Open] = {}

    def read(self, line: str) -> None:
        if _EXIT.match(line):
            return
        matched = _LINE.fullmatch(line)
        if matched is None:
            # A call that another thread's interrupted; the recorded process has one thread.
            raise NotUnderstood(line[:200])
        call, text, result, _ = matched.groups()
        if result == "?" or result.startswith("-"):
            return
        arguments = text.split(", ")
        if call in _UNDERSTOOD:
            effects = _UNDERSTOOD[call](self, arguments, int(result, 0))
            if effects:
                self.steps.append(Step(call=call, effects=tuple(effects)))
        elif self._concerns_us(call, arguments):
            raise NotUnderstood(f"{call}({text[:200]})")

    def _concerns_us(self, call: str, arguments: Sequence[str]) -> bool:
        if call in _DESCRIPTOR_FIRST:
            return int(arguments[0]) in self._open
        if any(self._is_ours(_text(found[0])) for found in _STRING.finditer(" ".join(arguments))):
            return True
        return call in ("sync", "syncfs", "msync", "copy_file_range", "io_uring_setup")

    def _is_ours(self, path: str) -> bool:
        return path.startswith(f"{self.root_path}/")

    # --- calls that open and close ---

    def openat(self, arguments: Sequence[str], descriptor: int) -> Sequence[Effect]:
        path, flags = _text(arguments[1]), arguments[2].split("|")
        if path == self.book_path:
            self._open[descriptor] = _Open(None)
            return ()
        if path != self.root_path and not self._is_ours(path):
            return ()
        if "O_SYNC" in flags or "O_DSYNC" in flags or "O_TMPFILE" in flags:
            raise NotUnderstood(f"{path} with {arguments[2]}")
        effects: list[Effect] = []
        if path not in self._names:
            effects += self._new(path, is_folder=False)
        node = self._names[path]
        if "O_TRUNC" in flags and self._sizes.get(node):
            effects += self._resize(node, 0)
        self._open[descriptor] = _Open(node, appends="O_APPEND" in flags)
        return effects

    def _new(self, path: str, *, is_folder: bool) -> Sequence[Effect]:
        folder, _, name = path.rpartition("/")
        if folder not in self._names:
            raise NotUnderstood(f"{path}: what it lies in was there before")
        self._names[path] = new_node(is_folder=is_folder)
        return (Named(self._names[folder], name, self._names[path]),)

    def close(self, arguments: Sequence[str], _: int) -> Sequence[Effect]:
        self._open.pop(int(arguments[0]), None)
        return ()

    def mmap(self, arguments: Sequence[str], _: int) -> Sequence[Effect]:
        opened = self._open.get(int(arguments[4]))
        if opened is None or opened.node is None:
            return ()
        shared = "MAP_SHARED" in arguments[3] and "PROT_WRITE" in arguments[2]
        return (Mapped(opened.node),) if shared else ()

    # --- calls that write ---

    def write(self, arguments: Sequence[str], count: int) -> Sequence[Effect]:
        opened = self._open.get(int(arguments[0]))
        if opened is None:
            return ()
        data = _bytes(arguments[1])[:count]
        if opened.node is None:
            self.steps.append(Step(call="said", said=_line(data)))
            return ()
        offset = self._sizes.get(opened.node, 0) if opened.appends else opened.position
        opened.position = offset + count
        return self._put(opened.node, offset, data)

    def pwrite64(self, arguments: Sequence[str], count: int) -> Sequence[Effect]:
        opened = self._open.get(int(arguments[0]))
        if opened is None or opened.node is None:
            return ()
        return self._put(opened.node, int(arguments[3]), _bytes(arguments[1])[:count])

    def _put(self, node: Node, offset: int, data: bytes) -> Sequence[Effect]:
        self._sizes[node] = max(self._sizes.get(node, 0), offset + len(data))
        return (Written(node, offset, data),)

    def lseek(self, arguments: Sequence[str], position: int) -> Sequence[Effect]:
        opened = self._open.get(int(arguments[0]))
        if opened is not None:
            opened.position = position
        return ()

    def ftruncate(self, arguments: Sequence[str], _: int) -> Sequence[Effect]:
        opened = self._open.get(int(arguments[0]))
        if opened is None or opened.node is None:
            return ()
        return self._resize(opened.node, int(arguments[1]))

    def _resize(self, node: Node, size: int) -> Sequence[Effect]:
        self._sizes[node] = size
        return (Resized(node, size),)

    def fsync(self, arguments: Sequence[str], _: int) -> Sequence[Effect]:
        opened = self._open.get(int(arguments[0]))
        return () if opened is None or opened.node is None else (Synced(opened.node),)

    # --- calls that name ---

    def mkdir(self, arguments: Sequence[str], _: int) -> Sequence[Effect]:
        path = _text(arguments[0])
        return self._new(path, is_folder=True) if self._is_ours(path) else ()

    def rename(self, arguments: Sequence[str], _: int) -> Sequence[Effect]:
        source, target = _text(arguments[0]), _text(arguments[1])
        if not self._is_ours(source) and not self._is_ours(target):
            return ()
        node = self._names.pop(source)
        if node.is_folder:
            raise NotUnderstood(f"a folder is renamed: {source}")
        self._names[target] = node
        return (self._named(target, node), self._named(source, None))

    def link(self, arguments: Sequence[str], _: int) -> Sequence[Effect]:
        return self._link(_text(arguments[0]), _text(arguments[1]))

    def linkat(self, arguments: Sequence[str], _: int) -> Sequence[Effect]:
        return self._link(_text(arguments[1]), _text(arguments[3]))

    def _link(self, source: str, target: str) -> Sequence[Effect]:
        if not self._is_ours(source) and not self._is_ours(target):
            return ()
        if source not in self._names or not self._is_ours(target):
            raise NotUnderstood(f"{source} gets the name {target}")
        self._names[target] = self._names[source]
        return (self._named(target, self._names[source]),)

    def unlink(self, arguments: Sequence[str], _: int) -> Sequence[Effect]:
        path = _text(arguments[0])
        if self._names.pop(path, None) is None:
            return ()
        return (self._named(path, None),)

    def _named(self, path: str, node: Node | None) -> Named:
        folder, _, name = path.rpartition("/")
        return Named(self._names[folder], name, node)


_UNDERSTOOD: Mapping[str, Callable[[_Reader, Sequence[str], int], Sequence[Effect]]] = {
    "openat": _Reader.openat,
    "close": _Reader.close,
    "mmap": _Reader.mmap,
    "write": _Reader.write,
    "pwrite64": _Reader.pwrite64,
    "lseek": _Reader.lseek,
    "ftruncate": _Reader.ftruncate,
    "fsync": _Reader.fsync,
    "fdatasync": _Reader.fsync,
    "mkdir": _Reader.mkdir,
    "rename": _Reader.rename,
    "link": _Reader.link,
    "linkat": _Reader.linkat,
    "unlink": _Reader.unlink,
}


def _bytes(argument: str) -> bytes:
    matched = _STRING.fullmatch(argument)
    if matched is None:
        raise NotUnderstood(f"not a whole string: {argument[:100]}")
    return bytes.fromhex(matched[1].replace("\\x", ""))


def _text(argument: str) -> str:
    return os.fsdecode(_bytes(argument))


def _line(data: bytes) -> Mapping[str, object]:
    line: Mapping[str, object] = json.loads(data)
    return line
