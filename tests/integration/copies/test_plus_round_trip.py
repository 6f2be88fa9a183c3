"""A tracked recording of PLUS: through this node as a DICOM object, and out as PLUS reads it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from echonode.at_rest.writing import Scratch
from echonode.copies.exporting import Export, codecs_in
from echonode.copies.formats import format_named
from echonode.copies.source import CopyOptions
from echonode.frames.frame import Acquisition, ProbeIdentity
from echonode.frames.source.file_player import PlayFile
from echonode.frames.source.source import ProbeSource, SourceSettings
from echonode.probe.recordings.image_file import open_image_sequence
from tests.integration.copies.test_anonymised_files import stored
from tests.support.waiting import wait_until
from tests.unit.objects.acquisitions import built, write


def taken(path: Path) -> Acquisition:
    found: list[Acquisition] = []
    settings = SourceSettings(
        identity=ProbeIdentity(name="film"),
        protocol="file",
        dialect="",
        way=PlayFile(path=path, fps=200),
    )
    source = ProbeSource(settings, on_acquisition=found.append)
    source.start()
    wait_until(lambda: bool(found), timeout_s=30)
    assert source.stop(30)
    return found[0]


@pytest.mark.parametrize(("name", "ending"), [("mha", ".mha"), ("nrrd", ".nrrd")])
def test_transforms_times_and_pixels_are_the_recordings(
    shared_data: Path, tmp_path: Path, name: str, ending: str
) -> None:
    """21 frames over a bone: transforms equal to 1e-6, times to 1 us, pixels to the last bit."""
    original = shared_data / "probe" / "plus" / "BoneUltrasound_L14.igs.mha"
    object_ = write(built(taken(original)), tmp_path, "tracked")
    out = tmp_path / f"copy.igs{ending}"
    with codecs_in(Scratch(tmp_path)) as codecs:
        job = Export(out=out, make=format_named(name), options=CopyOptions())
        job.write([stored(object_)], codecs)
    before = list(open_image_sequence(original).frames())
    copy = open_image_sequence(out)
    after = list(copy.frames())
    assert len(after) == len(before)
    for index, (old, new) in enumerate(zip(before, after, strict=True)):
        assert np.array_equal(new.pixels, old.pixels)
        assert new.transforms.keys() == old.transforms.keys()
        for transform, matrix in old.transforms.items():
            found = new.transforms[transform]
            assert (found is None) == (matrix is None)
            if matrix is not None and found is not None:
                assert found == pytest.approx(matrix, abs=1e-6), (index, transform)
        assert old.timestamp_s is not None
        assert new.timestamp_s is not None
        passed = old.timestamp_s - (before[0].timestamp_s or 0)
        assert new.timestamp_s == pytest.approx(passed, abs=1e-6)
