"""A tracked recording's transforms reach the archive as the file has them."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import Dataset, dcmread

from echonode.commands.probe_sim import outgoing_images
from echonode.frames.frame import Acquisition, ProbeIdentity
from echonode.frames.source.file_player import PlayFile
from echonode.frames.source.source import ProbeSource, SourceSettings
from echonode.frames.source.transport import ConnectTo, TransportConfig
from echonode.objects.tracking import TransformStatus
from echonode.probe.simulation.openigtlink_sender import OpenIGTLinkSender
from tests.peers import DcmtkResult, OrthancServer, Validation
from tests.support.waiting import wait_until
from tests.unit.objects.acquisitions import built, read_back, write
from tests.unit.objects.test_tracking import by_name
from tests.unit.probe.sequences import metaimage, nrrd, ramps

FRAMES, INVALID = 97, (0, 41, 42, 96)
_FIELD = re.compile(r"Seq_Frame(\d+)_(\w+?)Transform(Status)?\s*:?=\s*(.*)")


def fields() -> dict[str, str]:
    """Three transforms for each of 97 frames; in some the probe was not seen."""
    noise, found = np.random.default_rng(5), dict[str, str]()
    for index in range(FRAMES):
        prefix = f"Seq_Frame{index:04d}_"
        found[f"{prefix}Timestamp"] = f"{50 + index / 20:.6f}"
        for name in ("ProbeToTracker", "ReferenceToTracker", "StylusToTracker"):
            seen = name != "ProbeToTracker" or index not in INVALID
            numbers = [*noise.normal(scale=90, size=12).round(6), 0, 0, 0, 1]
            rows = numbers if seen else np.eye(4).ravel().tolist()
            found[f"{prefix}{name}Transform"] = " ".join(map(str, rows))
            found[f"{prefix}{name}TransformStatus"] = "OK" if seen else "INVALID"
    return found


@pytest.fixture(params=["film.mha", "film.nrrd"])
def film(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    make = metaimage if request.param.endswith(".mha") else nrrd
    path = tmp_path / str(request.param)
    path.write_bytes(b"".join(make(ramps(FRAMES), fields=fields())))
    return path


@pytest.fixture
def bone(shared_data: Path) -> Path:
    return shared_data / "probe" / "plus" / "BoneUltrasound_L14.igs.mha"


def cine(protocol: str, way: TransportConfig) -> Acquisition:
    taken: list[Acquisition] = []
    settings = SourceSettings(
        identity=ProbeIdentity(name="film"), protocol=protocol, dialect="", way=way
    )
    source = ProbeSource(settings, on_acquisition=taken.append)
    source.start()
    wait_until(lambda: bool(taken), timeout_s=30)
    assert source.stop(30)
    (clip,) = taken
    return clip


def check(ds: Dataset, path: Path, *, rel: float = 0.0) -> None:
    """Each matrix of the object against the text of the file's header."""
    header = path.read_bytes().decode("latin-1")
    told: dict[tuple[str, int], str] = {}
    status: dict[tuple[str, int], str] = {}
    for index, name, is_status, value in _FIELD.findall(header):
        (status if is_status else told)[name, int(index)] = value.strip()
    found = by_name(ds)
    assert set(found) == {name for name, _ in told}
    for (name, index), text in told.items():
        matrices, states = found[name]
        if status[name, index] == "OK":
            assert states[index] == TransformStatus.VALID
            expected = [float(number) for number in text.split()]
            assert matrices[index].tolist() == pytest.approx(expected, rel=rel, abs=rel)
        else:
            assert states[index] == TransformStatus.INVALID
            assert not matrices[index].any()


def test_every_transform_is_the_files(
    film: Path, tmp_path: Path, validate: Callable[[Path], Validation]
) -> None:
    """97 frames, from a MetaImage and an NRRD: equal, or marked; and the object is valid."""
    made = built(cine("file", PlayFile(path=film, fps=500)))
    ds = read_back(made)
    assert ds.NumberOfFrames == FRAMES
    check(ds, film)
    assert f"ProbeToTracker in {len(INVALID)} of {FRAMES} frames" in ds.ImageComments
    said = validate(write(made, tmp_path, "tracked"))
    assert (said.iod, said.errors) == ("USMultiFrameImage", ())


def test_real_transforms_are_the_files(bone: Path) -> None:
    """21 frames of PLUS, a linear array over a bone."""
    check(read_back(built(cine("file", PlayFile(path=bone, fps=200)))), bone)


def test_transforms_over_the_wire_are_the_files(bone: Path) -> None:
    """The same from OpenIGTLink: in an image's metadata they are text, and equal."""
    with OpenIGTLinkSender(outgoing_images(bone)) as sender:
        host, port = sender.address
        clip = cine("openigtlink", ConnectTo(host=host, port=port))
    # Until the sender knows that metadata are wanted, float32 in TRANSFORM messages.
    check(read_back(built(clip)), bone, rel=1e-6)


@pytest.mark.peers
def test_an_archive_gives_them_back(
    film: Path,
    tmp_path: Path,
    orthanc: OrthancServer,
    run_dcmtk: Callable[..., DcmtkResult],
) -> None:
    """DCMTK sends it as it is and in Implicit VR to Orthanc, whose copies hold the same block."""
    path = write(built(cine("file", PlayFile(path=film, fps=500))), tmp_path, "tracked")
    for option in ("-xe", "-xi"):
        orthanc.rest.delete_everything()
        send = ("storescu", option, "-aec", "ORTHANC", orthanc.host, orthanc.dicom_port, path)
        assert run_dcmtk(*send).ok
        (kept,) = orthanc.rest.instances()
        ds, original = dcmread(io.BytesIO(orthanc.rest.file(kept))), dcmread(path)
        for offset in (0x02, 0x03):
            ours, theirs = (
                copy.private_block(0x0021, "ECHONODE TRACKING")[offset].value
                for copy in (original, ds)
            )
            assert theirs == ours
        assert ds.FrameOfReferenceUID == original.FrameOfReferenceUID
