"""`echonode viewer install`: fetch the viewer's package, check it, and unpack what is needed.

Rules
- The file is one known file: its size and SHA-512 are in the code. Nothing of another is unpacked.
- An archive entry is a file or a folder below `package/`; a link, a device or a path that leads out
  of it ends the installation. The limits are twice what the package has.
- Left out: what an ultrasound viewer never loads (models in `ort/`, the microscopy viewer), and
  source maps. What is text is kept compressed too, as a browser takes it: 17 MB become 4.
- The files are in place all at once, by a rename; an interrupted installation leaves a folder with
  the suffix `.part`, which the next one removes.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

from echonode.errors import UsageError
from echonode.web.viewer.package import BYTES, NAME, PATH, SHA512, START, VERSION

REGISTRY = "https://registry.npmjs.org"
SILENCE_S = 60.0  # a registry that sends nothing for so long is given up
MOST_FILES = 500
MOST_FILE_BYTES = 64 * 1024 * 1024
MOST_BYTES = 512 * 1024 * 1024
_CHUNK = 256 * 1024
_ROOT = "dist"
_LEFT_OUT = ("ort", "dicom-microscopy-viewer")
# The page registers them to load scripts of another host; ours registers none.
_WITHOUT_USE = ("sw.js", "init-service-worker.js", "app-config.js", "_headers", "_redirects")
_TEXT = (".js", ".css", ".wasm", ".svg", ".json", ".html")
_WORTH_COMPRESSING = 2048

Progress = Callable[[int, int], None]
"""Bytes that came, and bytes in all."""


def registry_address(option: str, environ: dict[str, str]) -> str:
    """The registry: as the option says, else as npm's own variable says, else the public one."""
    named = option or environ.get("npm_config_registry") or environ.get("NPM_CONFIG_REGISTRY")
    address = (named or REGISTRY).rstrip("/")
    parts = urllib.parse.urlsplit(address)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise UsageError(f"{address[:200]!r} does not name a registry: give https://HOST")
    return address


def fetch(registry: str, into: IO[bytes], progress: Progress) -> None:
    """Fetch the package file. Raises UsageError where the registry cannot be reached, or has no
    such file.
    """
    address = f"{registry}/{PATH}"
    host = urllib.parse.urlsplit(registry).hostname
    by_hand = (
        f"On a machine with internet, fetch {REGISTRY}/{PATH}, and give it by --from FILE; "
        "or give another registry by --registry URL"
    )
    # http and https alone: registry_address refuses any other scheme.
    request = urllib.request.Request(address, headers={"User-Agent": "echonode"})
    try:
        with urllib.request.urlopen(request, timeout=SILENCE_S) as answer:
            came = 0
            while piece := answer.read(_CHUNK):
                came += len(piece)
                if came > BYTES:
                    raise UsageError(f"{host} sends a longer file than {NAME} {VERSION} is")
                into.write(piece)
                progress(came, BYTES)
    except urllib.error.HTTPError as error:
        raise UsageError(f"{host} answers {error.code} for {NAME} {VERSION}. {by_hand}") from None
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        raise UsageError(f"{host} cannot be reached ({reason}). {by_hand}") from None


def check(file: IO[bytes], name: str) -> None:
    """Raises UsageError where it is not the package, byte for byte."""
    file.seek(0)
    digest = hashlib.sha512()
    while piece := file.read(_CHUNK):
        digest.update(piece)
    if digest.hexdigest() != SHA512:
        raise UsageError(
            f"{name} is not {NAME} {VERSION} as it was published (its SHA-512 differs): "
            "nothing was installed. Fetch it again, from another registry if it stays so"
        )
    file.seek(0)


def install(file: IO[bytes], folder: Path, name: str) -> Path:
    """Check the package and unpack it into `folder`/VERSION; that folder.

    What is there already stays as it is. Raises UsageError.
    """
    check(file, name)
    target = folder / VERSION
    if (target / START).is_file():
        return target
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"{VERSION}.*.part"):
            shutil.rmtree(left, ignore_errors=True)
        part = Path(tempfile.mkdtemp(prefix=f"{VERSION}.", suffix=".part", dir=folder))
        try:
            unpack(file, part)
            part.chmod(0o755)
            os.sync()  # what the rename makes visible is on the disk
            if target.exists():  # of an older attempt, without its start page
                shutil.rmtree(target)
            part.rename(target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror or error}") from None
    return target


def unpack(file: IO[bytes], folder: Path) -> None:
    """Write the files that are served. Raises UsageError for an entry that may not be there."""
    try:
        with tarfile.open(fileobj=file, mode="r|gz") as archive:
            files = total = 0
            for entry in archive:
                path = _path_of(entry)
                files, total = files + 1, total + entry.size
                if files > MOST_FILES or total > MOST_BYTES or entry.size > MOST_FILE_BYTES:
                    raise UsageError("the package holds more than a viewer: it is not unpacked")
                if entry.isfile() and path is not None and (content := archive.extractfile(entry)):
                    _write(content.read(), folder / path)
    except (tarfile.TarError, EOFError, ValueError, gzip.BadGzipFile) as error:
        raise UsageError(f"the package cannot be unpacked: {error}") from None
    if not (folder / START).is_file():
        raise UsageError(f"the package cannot be unpacked: it has no {START}")


def _path_of(entry: tarfile.TarInfo) -> PurePosixPath | None:
    """Where the entry's file goes; None where it is not needed. Raises UsageError."""
    path = PurePosixPath(entry.name)
    if not (entry.isfile() or entry.isdir()):
        raise UsageError(f"the package holds a link or device ({entry.name[:80]!r})")
    if path.is_absolute() or ".." in path.parts or "\\" in entry.name or "\0" in entry.name:
        raise UsageError(f"the package holds a path that leads out of it ({entry.name[:80]!r})")
    if path.parts[:1] != ("package",):
        raise UsageError(f"the package holds what is not of it ({entry.name[:80]!r})")
    inside = path.parts[1:]
    if inside == ("LICENSE",):
        return PurePosixPath("LICENSE")
    if len(inside) < 2 or inside[0] != _ROOT or inside[1] in (*_LEFT_OUT, *_WITHOUT_USE):
        return None
    return None if path.suffix == ".map" else PurePosixPath(*inside[1:])


def _write(content: bytes, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    if path.suffix in _TEXT and len(content) >= _WORTH_COMPRESSING:
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(content, 6, mtime=0))
