"""A real recording becomes the same valid cine by whichever way it comes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from echonode.commands.probe_sim import outgoing_images
from echonode.frames.frame import Acquisition, ProbeIdentity
from echonode.frames.source.file_player import PlayFile
from echonode.frames.source.source import ProbeSource, SourceSettings
from echonode.frames.source.transport import ConnectTo, TransportConfig
from echonode.probe.recordings.image_file import open_image_sequence
from echonode.probe.simulation.openigtlink_sender import OpenIGTLinkSender
from tests.peers import Validation
from tests.support.waiting import wait_until
from tests.unit.objects.acquisitions import built, write

FPS = 60.0  # quicker than it was recorded: the object tells the recorded times all the same


def cine(protocol: str, way: TransportConfig) -> Acquisition:
    """The one clip that comes this way."""
    taken: list[Acquisition] = []
    settings = SourceSettings(
        identity=ProbeIdentity(name="L14"), protocol=protocol, dialect="", way=way
    )
    source = ProbeSource(settings, on_acquisition=taken.append)
    source.start()
    wait_until(lambda: bool(taken), timeout_s=30)
    assert source.stop(30)
    (clip,) = taken
    return clip


@pytest.fixture(scope="module")
def bone(shared_data: Path) -> Path:
    return shared_data / "probe" / "plus" / "BoneUltrasound_L14.igs.mha"


@pytest.fixture(scope="module")
def by_file(bone: Path) -> Acquisition:
    return cine("file", PlayFile(path=bone, fps=FPS))


@pytest.fixture(scope="module")
def by_wire(bone: Path) -> Acquisition:
    # At its own times: by a sender's clock that runs five times too fast, none would be believed.
    with OpenIGTLinkSender(outgoing_images(bone)) as sender:
        host, port = sender.address
        return cine("openigtlink", ConnectTo(host=host, port=port))


def test_file_and_wire_give_the_same_cine(by_file: Acquisition, by_wire: Acquisition) -> None:
    """Pixels, calibration, transforms and times to the microsecond."""
    assert len(by_file.frames) == len(by_wire.frames) == 21
    for one, other in zip(by_file.frames, by_wire.frames, strict=True):
        assert np.array_equal(one.pixels, other.pixels)
        assert one.calibration is other.calibration is None
        assert one.transforms.keys() == other.transforms.keys()
        for name, matrix in one.transforms.items():  # float32, in a TRANSFORM message
            assert other.transforms[name] == pytest.approx(matrix, rel=1e-6, abs=1e-6)
            assert matrix is not None
        assert other.source_timestamp_s == pytest.approx(one.source_timestamp_s, abs=1e-7)
    first, second = (built(clip).dataset for clip in (by_file, by_wire))
    assert first.FrameTimeVector == second.FrameTimeVector


def test_the_real_times_are_in_the_frame_time_vector(by_wire: Acquisition, bone: Path) -> None:
    """Milliseconds between the recorder's own timestamps, the first 0; not those of the replay."""
    stamps = [frame.timestamp_s or 0.0 for frame in open_image_sequence(bone).frames()]
    vector = [float(value) for value in built(by_wire).dataset.FrameTimeVector]
    assert vector == pytest.approx([0.0, *1000 * np.diff(stamps)], abs=0.0011)
    assert built(by_wire).evidence["timing_source"] == "source"


@pytest.mark.parametrize("way", ["by_file", "by_wire"])
def test_the_cine_is_valid(
    way: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    validate: Callable[[Path], Validation],
) -> None:
    """No error from dciodvfy, no region and no unmeasured spacing, pixels bit for bit."""
    clip: Acquisition = request.getfixturevalue(way)
    path = write(built(clip), tmp_path, way)
    said = validate(path)
    assert (said.iod, said.errors) == ("USMultiFrameImage", ())
    dataset = dcmread(path)
    assert "SequenceOfUltrasoundRegions" not in dataset
    assert "PixelSpacing" not in dataset
    assert np.array_equal(dataset.pixel_array, [frame.pixels for frame in clip.frames])
