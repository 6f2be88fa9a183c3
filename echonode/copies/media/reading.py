"""The DICOM files of a medium: of a folder or disc, by its DICOMDIR where it has one, or of a ZIP.

Rules
- Only regular files inside the folder are opened; no symbolic link is followed, in no part of a
  path. What a ZIP holds is read from it and never unpacked: its names become no path.
- A folder with a DICOMDIR has the files that this names. A broken one, or one that leads out, is
  refused before anything is read; a person may then have all files taken without it.
- A ZIP that expands beyond reason, or whose entries overlap, is refused before anything is read.
- Names compare without case, `;1` and a last dot, as discs show them (ISO 9660).
"""

from __future__ import annotations

import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from echonode.copies.media.directory_reading import LARGEST, FileId, named_files
from echonode.errors import InvalidObject, OperatorRefused, UsageError

_DICOMDIR = "DICOMDIR"
MOST_FILES = 1_000_000
_DEEPEST_FOLDER = 64
# Speckle shrinks to a half or a third, an empty cine to a hundredth: more does not come of images.
_MOST_EXPANSION = 100
_FREE_EXPANSION = 1024**3  # bytes that an archive may become in any case
_WITHOUT = "`--without-dicomdir` takes every DICOM file of it"


@dataclass(frozen=True, kw_only=True)
class FoundFile:
    """name: for a person, on the medium. open: its bytes; raises OSError and, of a damaged ZIP,
    InvalidObject.
    """

    name: str
    open: Callable[[], IO[bytes]]


@dataclass(frozen=True, kw_only=True)
class ReadableMedium:
    """files: that may be DICOM. missing: named by the DICOMDIR and not there, or a link."""

    files: Sequence[FoundFile]
    missing: Sequence[str] = ()


@contextmanager
def opened_medium(path: Path, *, use_directory: bool = True) -> Iterator[ReadableMedium]:
    """A folder, a disc's folder or a ZIP file. Raises UsageError, OperatorRefused."""
    if path.is_dir():
        yield _folder(path, use_directory=use_directory)
        return
    if not path.is_file():
        raise UsageError(f"there is no folder or ZIP file {path}")
    if path.suffix.lower() == ".iso":
        raise UsageError(f"{path} is a disc image: mount or unpack it, and give the folder")
    try:
        with zipfile.ZipFile(path) as archive:
            yield ReadableMedium(files=_entries(archive, path.stat().st_size))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError) as error:
        raise OperatorRefused(f"{path} is not a ZIP file that can be read ({error})") from error


def _folder(root: Path, *, use_directory: bool) -> ReadableMedium:
    listing = _Listing(root)
    if use_directory and (dicomdir := listing.find((_DICOMDIR,))) is not None:
        return _by_directory(listing, dicomdir)
    return ReadableMedium(files=list(_walked(root)))


def _by_directory(listing: _Listing, dicomdir: Path) -> ReadableMedium:
    with _regular(dicomdir) as file:
        content = file.read(LARGEST + 1)
    try:
        if len(content) > LARGEST:
            raise InvalidObject("it is longer than a DICOMDIR can be")
        named = named_files(content)
    except InvalidObject as fault:
        raise OperatorRefused(f"the DICOMDIR is broken: {fault}. {_WITHOUT}") from None
    files, missing = [], []
    for file_id in named:
        place, name = listing.find(file_id), "/".join(file_id)
        if place is None:
            missing.append(name)
        else:
            files.append(FoundFile(name=name, open=_opener(place)))
    return ReadableMedium(files=files, missing=missing)


def _walked(root: Path) -> Iterator[FoundFile]:
    """Every regular file, in order; links are passed over, and never followed."""
    count = 0
    for folder, folders, names in os.walk(root, followlinks=False):
        folders.sort()
        here = Path(folder)
        if len(here.relative_to(root).parts) >= _DEEPEST_FOLDER:
            raise OperatorRefused(f"its folders are more than {_DEEPEST_FOLDER} deep")
        for name in sorted(names):
            path = here / name
            if _comparable(name) == _DICOMDIR or not stat.S_ISREG(path.lstat().st_mode):
                continue
            count += 1
            if count > MOST_FILES:
                raise OperatorRefused(f"it has more than {MOST_FILES:,} files")
            yield FoundFile(name=path.relative_to(root).as_posix(), open=_opener(path))


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: _regular(path)


def _regular(path: Path) -> IO[bytes]:
    """A regular file; a link or a pipe in its place is refused. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("not a regular file")
    return os.fdopen(descriptor, "rb")


class _Listing:
    """Finds files by components below a root, whatever way the disc writes names."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._known: dict[Path, dict[str, os.DirEntry[str]]] = {}

    def find(self, file_id: FileId) -> Path | None:
        """None where there is none, or a link is part of the way. Raises UsageError."""
        here = self._root
        for place, component in enumerate(file_id, 1):
            entry = self._entries(here).get(_comparable(component))
            is_last = place == len(file_id)
            if entry is None or not (
                entry.is_file(follow_symlinks=False)
                if is_last
                else entry.is_dir(follow_symlinks=False)
            ):
                return None
            here = here / entry.name
        return here

    def _entries(self, folder: Path) -> dict[str, os.DirEntry[str]]:
        if folder not in self._known:
            try:
                with os.scandir(folder) as entries:
                    self._known[folder] = {_comparable(entry.name): entry for entry in entries}
            except OSError as error:
                raise UsageError(f"{folder} cannot be read: {error.strerror}") from error
        return self._known[folder]


def _comparable(name: str) -> str:
    return name.upper().removesuffix(";1").removesuffix(".")


def _entries(archive: zipfile.ZipFile, size: int) -> Sequence[FoundFile]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    if len(entries) > MOST_FILES:
        raise OperatorRefused(f"it has more than {MOST_FILES:,} files")
    for entry in entries:
        parts = entry.filename.replace("\\", "/").split("/")
        if ".." in parts or parts[0] == "" or ":" in parts[0]:
            raise OperatorRefused("a name in the ZIP file leads out of it: nothing was taken")
        if entry.flag_bits & 1:
            raise OperatorRefused("the ZIP file is encrypted: unpack it first")
    expanded = sum(entry.file_size for entry in entries)
    if expanded > max(_FREE_EXPANSION, _MOST_EXPANSION * size) or (
        sum(entry.compress_size for entry in entries) > size
    ):
        raise OperatorRefused(
            f"the ZIP file of {size:,} bytes says that it becomes {expanded:,}: nothing was taken. "
            "If it is what you expect, unpack it and import the folder"
        )
    return [
        FoundFile(name=entry.filename, open=_entry_opener(archive, entry))
        for entry in entries
        if _comparable(entry.filename.rsplit("/", 1)[-1]) != _DICOMDIR
    ]


def _entry_opener(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    return lambda: archive.open(entry)


# What reading an entry raises where its bytes are damaged.
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError)
