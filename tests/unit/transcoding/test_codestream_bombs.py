"""Stored objects of a few hundred bytes that would unpack to gigabytes are not unpacked."""

from __future__ import annotations

import dataclasses
import resource
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import ExplicitVRLittleEndian

from echonode.at_rest.writing import Scratch
from echonode.errors import InvalidObject
from echonode.model.instance import StoredInstance
from echonode.transcoding.codecs import JPEG_2000_REVERSIBLE, JPEG_BASELINE, JPEG_LS, RLE
from echonode.transcoding.pixel_layout import Pixels
from echonode.transcoding.process_pool import TranscodeWorkers
from echonode.transcoding.reencoder import Reencoder
from tests.unit.transcoding.test_codestream_header import patched
from tests.unit.transcoding.test_dataset import dataset_of, items

PIXELS = Pixels(
    rows=64,
    columns=48,
    samples=1,
    bits_allocated=8,
    bits_stored=8,
    frames=1,
    photometric="MONOCHROME2",
)
MEMORY = 64 * 1024  # KiB that the node itself may grow by


@pytest.fixture(scope="module")
def workers() -> Iterator[TranscodeWorkers]:
    started = TranscodeWorkers(1)
    yield started
    started.close()


def stored(folder: Path, codestream: bytes, pixels: Pixels, syntax: str) -> StoredInstance:
    native = bytes(dataset_of(pixels))
    start = native.index(b"\xe0\x7f\x10\x00")
    header = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"
    end = b"\xfe\xff\xdd\xe0\0\0\0\0"
    path = folder / "bomb.dcm"
    path.write_bytes(native[:start] + header + b"".join(items(b"", codestream)) + end)
    return StoredInstance(
        sop_class_uid="1.2",
        sop_instance_uid="1.2.3",
        study_instance_uid="1.2.3.4",
        series_instance_uid="1.2.3.5",
        transfer_syntax_uid=syntax,
        path=path,
        size=path.stat().st_size,
        dataset_offset=0,
        dataset_sha256="00",
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("syntax", "size"),
    [(JPEG_2000_REVERSIBLE, 60_000), (JPEG_LS, 30_000), (JPEG_BASELINE, 65_500)],
)
def test_a_header_that_promises_gigabytes_costs_nothing(
    tmp_path: Path, workers: TranscodeWorkers, syntax: str, size: int
) -> None:
    """The dataset says 64 x 48, the codestream says 3.6 gigapixels: that instance fails, its
    process lives on, and nothing temporary stays.
    """
    reencoder = Reencoder(Scratch(tmp_path), workers)
    warm = workers.recode(iter([bytes(64 * 48)]), PIXELS, source=None, target=RLE)
    assert len(list(warm)) == 1
    before, pids = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, workers.pids
    instance = stored(tmp_path, patched(syntax, size, size), PIXELS, syntax)
    with (
        pytest.raises(InvalidObject, match="Rows"),
        reencoder.lossless(instance, ExplicitVRLittleEndian),
    ):
        pass
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY
    assert workers.pids == pids
    assert [path.name for path in tmp_path.iterdir()] == ["bomb.dcm"]


@pytest.mark.slow
def test_a_dataset_that_promises_gigabytes_itself_is_refused(
    tmp_path: Path, workers: TranscodeWorkers
) -> None:
    """Where both agree on 60,000 x 60,000, a frame is still larger than what is re-encoded."""
    small = dataclasses.replace(PIXELS, rows=1, columns=1)
    instance = stored(tmp_path, patched(JPEG_LS, 60_000, 60_000), small, JPEG_LS)
    large = b"US\x02\x00" + (60_000).to_bytes(2, "little")
    data = instance.path.read_bytes()
    for tag in (b"\x28\x00\x10\x00", b"\x28\x00\x11\x00"):
        data = data.replace(tag + b"US\x02\x00\x01\x00", tag + large)
    instance.path.write_bytes(data)
    with (
        pytest.raises(InvalidObject, match="samples"),
        Reencoder(Scratch(tmp_path), workers).lossless(instance, ExplicitVRLittleEndian),
    ):
        pass


@pytest.mark.full
@pytest.mark.timeout(0)
@pytest.mark.parametrize("syntax", [RLE, JPEG_LS, JPEG_2000_REVERSIBLE])
def test_the_largest_frame_fits_a_process(workers: TranscodeWorkers, syntax: str) -> None:
    """8192 x 8192 of 16 bits there and back, within a process's memory and deadline."""
    large = dataclasses.replace(PIXELS, rows=8192, columns=8192, bits_allocated=16, bits_stored=16)
    frame = np.random.default_rng(1).integers(0, 2**16, 8192**2, np.uint16).tobytes()
    (encoded,) = workers.recode(iter([frame]), large, source=None, target=syntax)
    (decoded,) = workers.recode(iter([encoded]), large, source=syntax, target=None)
    assert decoded == frame
