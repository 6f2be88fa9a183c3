"""What system calls do to a disk, as values: files and folders without regard to their names, what
is written into them, which names they get and lose, and what is synced.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count
from typing import Any

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Node:
    """A file or a folder, whatever its names."""

    number: int
    is_folder: bool


def new_node(*, is_folder: bool = False) -> Node:
    """One that differs from all before."""
    return Node(next(_numbers), is_folder)


@dataclass(frozen=True, slots=True)
class Written:
    """Bytes into a file."""

    file: Node
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Resized:
    """A file cut off, or filled up with zeros; grow_only: never cut off."""

    file: Node
    size: int
    grow_only: bool = False


@dataclass(frozen=True, slots=True)
class Named:
    """What a name in a folder stands for from now on; None: nothing."""

    folder: Node
    name: str
    what: Node | None


@dataclass(frozen=True, slots=True)
class SyncBegan:
    """An fsync has begun, and other threads go on meanwhile. by: the thread."""

    what: Node
    by: str


@dataclass(frozen=True, slots=True)
class Synced:
    """fsync of a file or a folder. by: the thread whose SyncBegan it ends; what others have done
    since that is not sure. '': nothing came between."""

    what: Node
    by: str = ""


@dataclass(frozen=True, slots=True)
class Mapped:
    """A file is written through a mapping from now on."""

    file: Node


Change = Written | Resized
Effect = Written | Resized | Named | SyncBegan | Synced | Mapped


@dataclass(frozen=True, kw_only=True)
class Step:
    """One system call: what it did to the disk, or the line it wrote into a book."""

    call: str
    effects: tuple[Effect, ...] = ()
    said: Mapping[str, Any] | None = None
