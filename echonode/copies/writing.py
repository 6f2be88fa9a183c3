"""Where copies are written: under another name until they are whole, then renamed.

Rules
- What is there is not touched, unless its owner says so (force); then what has the same name in the
  folder is replaced whole, so that no image of an earlier medium stays, and nothing else.
- A failure, or Ctrl-C, leaves nothing behind: neither half a file nor an empty folder of ours.
- Bytes are on the disk before a file gets its name: a stick is pulled soon after.
- Names are of our own making; none comes from a data set.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from echonode.errors import OutOfSpace, UsageError
from echonode.store.files.disk import synchronise
from echonode.system_faults import said_of

_PREFIX = ".echonode-export-"
# What systems put on an empty stick.
_OF_SYSTEMS = frozenset(
    {
        *("System Volume Information", "$RECYCLE.BIN", "lost+found"),
        *(".Trashes", ".fseventsd", ".Spotlight-V100"),
    }
)
# The place that was given is the mistake; anything else is the disk's affair.
_WRONG_PLACE = frozenset(
    {
        *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EROFS),
        *(errno.ENAMETOOLONG, errno.ELOOP),
    }
)


class Folder:
    """A folder that is being filled; see new_folder."""

    def __init__(self, beside: Path) -> None:
        self._beside = beside
        self.names: list[str] = []

    def write(self, name: str, chunks: Iterable[bytes]) -> Path:
        """One file, by its name from the folder on. Raises UsageError, OutOfSpace."""
        path = self._beside / PurePosixPath(name)
        with disk_answers(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, chunks)
        self.names.append(name)
        return path


@contextmanager
def new_folder(out: Path, *, force: bool = False) -> Iterator[Folder]:
    """Fill a folder: what is written in the block appears in `out` at its end.

    Raises UsageError where the place cannot be written or, without force, has something in it;
    OutOfSpace.
    """
    _check(out, force=force)
    with _scratch_for(out) as scratch:
        filled = scratch / "copy"
        with disk_answers(out):
            filled.mkdir(mode=0o777)
        folder = Folder(filled)
        yield folder
        with disk_answers(out):
            if not out.exists():
                filled.rename(out)
                return
            for written in sorted(filled.iterdir(), key=_last):
                target = out / written.name
                if target.is_dir():
                    target.rename(scratch / f"{written.name}.old")
                written.replace(target)


@contextmanager
def new_file(out: Path, *, force: bool = False) -> Iterator[Path]:
    """A file: what the block writes to the path it is given appears as `out` at its end.

    Raises UsageError as new_folder.
    """
    if out.is_dir():
        raise UsageError(f"{out} is a folder")
    if out.exists() and not force:
        raise UsageError(f"{out} is there already: give another name, or --force to replace it")
    with _scratch_for(out) as scratch:
        beside = scratch / "copy"
        yield beside
        with disk_answers(out):
            beside.replace(out)


def write_file(path: Path, chunks: Iterable[bytes]) -> None:
    """Raises UsageError, OutOfSpace; and what making the chunks raises."""
    with disk_answers(path):
        file = path.open("xb")
    with file:
        for chunk in chunks:
            with disk_answers(path):
                file.write(chunk)
        with disk_answers(path):
            file.flush()
            synchronise(file.fileno())


def _check(out: Path, *, force: bool) -> None:
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is not a folder")
    if out.is_dir() and not force and any(path.name not in _OF_SYSTEMS for path in out.iterdir()):
        raise UsageError(
            f"{out} is not empty: give an empty or a new folder, or --force to replace files of "
            "the same names"
        )


def _last(written: Path) -> tuple[bool, str]:
    """The directory of a medium comes last: it names only what is there."""
    return written.name == "DICOMDIR", written.name


@contextmanager
def _scratch_for(out: Path) -> Iterator[Path]:
    """A folder on the same file system, gone at the end: in `out`, which may be a mounted stick."""
    place = out if out.is_dir() else out.parent
    with disk_answers(out):
        scratch = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def disk_answers(out: Path) -> Iterator[None]:
    """What the disk refuses while a copy is written, in words."""
    try:
        yield
    except OSError as error:
        said = f"{out} cannot be written: {said_of(error)}"
        raise (UsageError if error.errno in _WRONG_PLACE else OutOfSpace)(said) from error
