"""A medium as one ZIP file, application/dicom+zip (PS3.12 annex V, PS3.18), as a stream.

Rules
- Nothing is sought back in: the same bytes go to a file or to a browser that downloads it.
- Entries are deflated lightly: uncompressed speckle shrinks by a third, JPEG goes as it is.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from datetime import datetime

MEDIA_TYPE = "application/dicom+zip"
_LEVEL = 1
_PIECE = 256 * 1024


class _Sink:
    """What the ZIP writer writes to: bytes that are handed on."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        self._held += data
        return len(data)

    def flush(self) -> None:
        """Nothing: `taken` hands on what is there."""

    def taken(self, *, at_least: int = 1) -> Iterator[bytes]:
        """What is held, once it is that much."""
        if len(self._held) >= at_least:
            yield bytes(self._held)
            self._held.clear()


def zip_chunks(files: Iterable[tuple[str, Iterable[bytes]]], *, now: datetime) -> Iterator[bytes]:
    """The bytes of the archive. files: path with `/`, and bytes."""
    sink = _Sink()
    with zipfile.ZipFile(sink, "w") as archive:  # type: ignore[call-overload]  # it only writes
        for name, chunks in files:
            entry = zipfile.ZipInfo(name, now.timetuple()[:6])
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry._compresslevel = _LEVEL  # type: ignore[attr-defined]  # public from 3.13 on
            entry.external_attr = 0o644 << 16
            with archive.open(entry, "w", force_zip64=True) as opened:
                for chunk in chunks:
                    opened.write(chunk)
                    yield from sink.taken(at_least=_PIECE)
            yield from sink.taken(at_least=_PIECE)
    yield from sink.taken()
