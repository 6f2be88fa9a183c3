"""Enhanced US Volume of a tracked sweep: dciodvfy finds no error, GDCM reads the volume."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from echonode.copies.formats import format_named
from echonode.copies.source import CopyOptions
from tests.peers import Validation
from tests.peers.validators import pixels_by_gdcm
from tests.unit.copies.volume.phantom import poses, sweep
from tests.unit.copies.volume.test_volume import made

pytestmark = pytest.mark.peers


@pytest.mark.parametrize("transducer", ["", "LINEAR", "SECTOR_MECH"])
def test_the_volume_is_valid(
    transducer: str, tmp_path: Path, validate: Callable[[Path], Validation]
) -> None:
    """Whatever is known of the transducer."""
    source = sweep(poses(30, tilt=(10, 20, 30)))
    source.header.TransducerType = transducer
    [file] = list(format_named("volume-dicom")(source, CopyOptions(voxel_mm=0.8)))
    path = tmp_path / "volume.dcm"
    path.write_bytes(b"".join(file.chunks))
    said = validate(path)
    assert (said.iod, said.errors) == ("EnhancedUltrasoundVolume", ())
    assert (pixels_by_gdcm(path).pixels[..., 0] == made(source, 0.8).values).all()
