"""Which contents a disk may have after a power cut: a model of it, and nothing else.

What is assumed of the disk, and it is less than any file system in use promises
- Only what was synced is sure: a file's bytes and its size by fsync or fdatasync of that file, the
  names in a folder by fsync of that folder. A file's own fsync keeps none of its names.
- Everything since then may be there or not, each change by itself and in any order: a later write
  without an earlier one, a new name without the bytes behind it, a file that has grown and is zeros
  where it grew.
- A write comes in sectors of 512 bytes, aligned in the file, each of which is there or not.
- A rename is two changes, of two names; link and unlink are one. Where two folders are concerned
  the file may be seen under both names, or under none.
- What was written through a shared mapping may be anything.

Pure: steps in (disks/recording.py makes them), trees out.
"""

from __future__ import annotations

from tests.faults.disks.effects import (
    Change,
    Mapped,
    Named,
    Node,
    Resized,
    Step,
    SyncBegan,
    Synced,
    Written,
)
from tests.faults.disks.fates import EVERYTHING, Fate

Tree = dict[str, bytes | None]
"""Path from the root -> a file's bytes, None for a folder."""


def apply_to(content: bytearray, change: Change) -> None:
    """What a change does to a file's bytes; a gap is zeros."""
    end = change.size if isinstance(change, Resized) else change.offset + len(change.data)
    if len(content) < end:
        content.extend(bytes(end - len(content)))
    if isinstance(change, Written):
        content[change.offset : end] = change.data
    elif not change.grow_only:
        del content[end:]


class Disk:
    """A disk step by step: what is sure of it, what is not, and the trees that may come of that."""

    def __init__(self, root: Node) -> None:
        self._root = root
        self._names: dict[Node, dict[str, list[Node | None]]] = {}
        self._sure: dict[Node, bytes] = {}
        self._pending: dict[Node, list[Change]] = {}
        self._mapped: set[Node] = set()
        self._last_write: Written | None = None
        # Of each name in a folder: how many of its earlier values can no longer come back.
        self._forgotten: dict[tuple[Node, str], int] = {}
        # Thread -> what its fsync covers: changes of a file, or how many values each name had.
        self._covered: dict[str, list[Change] | dict[str, int]] = {}

    def apply(self, step: Step) -> None:
        """A system call has returned."""
        for effect in step.effects:
            match effect:
                case Written() | Resized():
                    self._pending.setdefault(effect.file, []).append(effect)
                    self._last_write = effect if isinstance(effect, Written) else self._last_write
                case Named():
                    folder = self._names.setdefault(effect.folder, {})
                    folder.setdefault(effect.name, [None]).append(effect.what)
                case SyncBegan():
                    self._begin_sync(effect)
                case Synced() if effect.by:
                    self._end_sync(effect)
                case Synced():
                    self._sync(effect.what)
                case Mapped():
                    self._mapped.add(effect.file)

    def _sync(self, what: Node) -> None:
        if what.is_folder:
            for name, values in self._names.get(what, {}).items():
                self._forget(what, name, len(values) - 1)
        else:
            self._sure[what] = self._content(what, EVERYTHING)
            self._pending.pop(what, None)

    def _forget(self, folder: Node, name: str, count: int) -> None:
        if count > 0:
            del self._names[folder][name][:count]
            key = (folder, name)
            self._forgotten[key] = self._forgotten.get(key, 0) + count

    def _begin_sync(self, effect: SyncBegan) -> None:
        if effect.what.is_folder:
            self._covered[effect.by] = {
                name: self._forgotten.get((effect.what, name), 0) + len(values)
                for name, values in self._names.get(effect.what, {}).items()
            }
        else:
            self._covered[effect.by] = list(self._pending.get(effect.what, ()))

    def _end_sync(self, effect: Synced) -> None:
        """Only what was there when it began is sure, and may be sure already by another's fsync."""
        covered = self._covered.pop(effect.by)
        if isinstance(covered, dict):
            for name, until in covered.items():
                values = self._names[effect.what][name]
                forgotten = self._forgotten.get((effect.what, name), 0)
                self._forget(effect.what, name, min(len(values), until - forgotten) - 1)
            return
        pending = self._pending.get(effect.what, [])
        mine = [change for change in pending if any(change is one for one in covered)]
        content = bytearray(self._sure.get(effect.what, b""))
        for change in mine:
            apply_to(content, change)
        self._sure[effect.what] = bytes(content)
        left = [change for change in pending if not any(change is one for one in mine)]
        self._pending[effect.what] = left

    def state(self, fate: Fate) -> Tree:
        """The tree that `fate` makes of what is here."""
        tree: Tree = {}
        self._grow(tree, self._root, "", fate, contents={})
        return tree

    def _grow(
        self, tree: Tree, folder: Node, path: str, fate: Fate, contents: dict[Node, bytes]
    ) -> None:
        for name, values in self._names.get(folder, {}).items():
            what = fate.of_name(values) if len(values) > 1 else values[0]
            if what is None:
                continue
            if what.is_folder:
                tree[path + name] = None
                self._grow(tree, what, f"{path}{name}/", fate, contents)
                continue
            # Under two names it is one file.
            if what not in contents:
                contents[what] = self._content(what, fate)
            tree[path + name] = contents[what]

    def _content(self, file: Node, fate: Fate) -> bytes:
        if file in self._mapped:
            return fate.of_mapped()
        sure, pending = self._sure.get(file, b""), self._pending.get(file)
        if not pending:
            return sure
        content = bytearray(sure)
        for change in pending:
            for part in fate.of_change(change, change is self._last_write):
                apply_to(content, part)
        return bytes(content)


def fingerprint(tree: Tree, said: int) -> int:
    """The same for the same disk with the same number of lines in the books."""
    return hash((said, tuple(sorted(tree.items(), key=lambda entry: entry[0]))))
