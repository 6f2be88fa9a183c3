"""Fuzz targets of files: stored instances, recordings, the configuration."""

from __future__ import annotations

import os
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from echonode.config import load
from echonode.errors import ConfigError, Mismatch, ProtocolError, Unreadable
from echonode.probe.recordings.clarius import read_clarius
from echonode.probe.recordings.echopen_text import read_lines
from echonode.probe.recordings.image_sequence import ImageSequence
from echonode.probe.recordings.metaimage import read_metaimage
from echonode.probe.recordings.nrrd import read_nrrd
from echonode.probe.recordings.sequence_header import Opener
from echonode.store.index.dataset_header import read_head, read_stored_head
from echonode.store.index.instance_record import record_of
from tests.fuzz.target import Target
from tests.peers.node_process import ROOT
from tests.unit.config.test_loading import GOOD
from tests.unit.probe.recordings.test_clarius import PARALLEL, TIMES, yml
from tests.unit.probe.sequences import encode_clarius, files, frame_fields, metaimage, nrrd, ramps
from tests.unit.store.samples import US_IMAGE, dataset, encoded

MEMORY = Path("/dev/shm")
MOST_FRAMES = 4
_SYNTAXES = (
    str(ImplicitVRLittleEndian),
    str(ExplicitVRLittleEndian),
    str(ExplicitVRBigEndian),
    str(DeflatedExplicitVRLittleEndian),
)
_BORDER = b"\n--border--\n"  # between a recording's data and its description


def received_head(data: bytes) -> None:
    """A record whose UIDs are valid; or Unreadable, Mismatch.

    The first byte chooses the transfer syntax; the rest is a dataset that was received.
    """
    chosen, rest = (data[0] if data else 0) % len(_SYNTAXES), data[1:]
    with _file(rest) as path:
        try:
            record_of(read_head(path, 0, _SYNTAXES[chosen]), _SYNTAXES[chosen])
        except (Unreadable, Mismatch):
            return


def stored_file(data: bytes) -> None:
    """A record and a place of the dataset within the file; or Unreadable, Mismatch."""
    with _file(data) as path:
        try:
            head = read_stored_head(path)
            record_of(head.ds, head.transfer_syntax_uid)
        except (Unreadable, Mismatch):
            return
        assert 132 < head.dataset_offset <= len(data)


def recorded_metaimage(data: bytes) -> None:
    """Frames of one shape; or ProtocolError, or FileNotFoundError of a plain name next to it."""
    _frames(lambda: read_metaimage("a.mha", files(main=data)))


def recorded_nrrd(data: bytes) -> None:
    """Frames of one shape; or ProtocolError, or FileNotFoundError of a plain name next to it."""
    _frames(lambda: read_nrrd("a.nrrd", files(main=data)))


def recorded_clarius(data: bytes) -> None:
    """Frames of one shape; or ProtocolError.

    The data and, behind a border, the description that lies next to it.
    """
    main, _, description = data.partition(_BORDER)
    opener: Opener = files(main=main, a_dot_yml=description)
    _frames(lambda: read_clarius("a.raw", opener))


def recorded_lines(data: bytes) -> None:
    """A recording of at least one frame; or ProtocolError.

    A text file where the data begins with `#`, else a tarball.
    """
    with _file(data, suffix=".txt" if data.startswith(b"#") else ".tar") as path:
        try:
            recording = read_lines(path)
        except ProtocolError:
            return
    assert recording.frames


def configuration(data: bytes) -> None:
    """A configuration; or ConfigError with at least one fault that has a remedy."""
    with _file(data, suffix=".yaml") as path:
        try:
            load(path, {})
            return
        except ConfigError as error:
            faults = error.faults
    assert faults
    assert all(fault.problem and fault.remedy for fault in faults)


def _frames(read: Callable[[], ImageSequence]) -> None:
    shapes, name = set(), ""
    try:
        sequence = read()
        for _, frame in zip(range(MOST_FRAMES), sequence.frames(), strict=False):
            assert np.asarray(frame.pixels).size
            shapes.add(frame.pixels.shape)
    except ProtocolError:
        return
    except FileNotFoundError as error:
        name = str(error)
    assert len(shapes) <= 1
    assert name == Path(name).name, "a file elsewhere would be read"


class _File:
    """A file with given bytes, for a `with`."""

    def __init__(self, data: bytes, suffix: str) -> None:
        folder = MEMORY if os.access(MEMORY, os.W_OK) else None
        descriptor, name = tempfile.mkstemp(prefix="fuzz-", suffix=suffix, dir=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        self._path = Path(name)

    def __enter__(self) -> Path:
        return self._path

    def __exit__(self, *_: object) -> None:
        self._path.unlink()


def _file(data: bytes, *, suffix: str = ".dcm") -> _File:
    return _File(data, suffix)


def _deflated(ds: Dataset) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(encoded(ds)) + packer.flush()


def _part_10() -> bytes:
    """A file as the store writes it."""
    ds = dataset(1)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = UID(US_IMAGE)
    ds.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3.4.1")
    ds.file_meta.SourceApplicationEntityTitle = "SCU"
    buffer = BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def _annotated_text() -> bytes:
    keys = {"r0": 50, "rf": 150, "angle": 60, "lines": 4, "frequency": 125, "type": "raw"}
    head = "".join(f"#{key}:{value}\n" for key, value in keys.items())
    return (head + "\n".join(" ".join(map(str, range(64))) for _ in range(4)) + "\n").encode()


def _tarball() -> bytes:
    """Two frames and their settings."""
    frame = b"\n".join(b" ".join(b"%d" % (k + line) for k in range(26)) for line in range(3))
    contents = {
        "settings.txt": b"10\n20\n64\n3\n60\n0\n",
        "frame1.txt": frame,
        "frame2.txt": frame,
    }
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, BytesIO(content))
    return buffer.getvalue()


def _configurations() -> tuple[bytes, ...]:
    examples = sorted((ROOT / "config").glob("*.yaml"))
    return (GOOD.format(data_dir="var").encode(), *(path.read_bytes() for path in examples))


TARGETS = (
    Target(
        run=received_head,
        seeds=(
            b"\1" + encoded(dataset(1)),
            b"\0" + encoded(dataset(1), ImplicitVRLittleEndian),
            b"\3" + _deflated(dataset(1)),
        ),
    ),
    Target(run=stored_file, seeds=(_part_10(),)),
    Target(
        run=recorded_metaimage,
        seeds=tuple(
            b"".join(metaimage(ramps(), compressed=compressed, fields=frame_fields(3)))
            for compressed in (True, False)
        ),
        cut=lambda data: data.splitlines(keepends=True),
    ),
    Target(
        run=recorded_nrrd,
        seeds=tuple(
            b"".join(nrrd(ramps(), encoding=encoding, fields=frame_fields(3)))
            for encoding in ("raw", "gzip")
        ),
        cut=lambda data: data.splitlines(keepends=True),
    ),
    Target(
        run=recorded_clarius,
        seeds=(encode_clarius(ramps(), TIMES) + _BORDER + yml(PARALLEL),),
        cut=lambda data: data.splitlines(keepends=True),
    ),
    Target(
        run=recorded_lines,
        seeds=(_annotated_text(), _tarball()),
        cut=lambda data: data.splitlines(keepends=True),
    ),
    Target(
        run=configuration,
        seeds=_configurations(),
        cut=lambda data: data.splitlines(keepends=True),
    ),
)
