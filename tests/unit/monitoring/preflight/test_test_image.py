"""The test image: always the same, and unmistakably no patient's."""

from __future__ import annotations

from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.monitoring.preflight.test_image import file_of, preflight_image
from echonode.objects.ultrasound import encode
from echonode.transcoding.codecs import JPEG_BASELINE, RLE
from echonode.transcoding.dataset import derived_uid


def test_the_same_node_makes_the_same_bytes() -> None:
    """Daily for years, the archive holds one image; another node's is another."""
    first, again = (b"".join(map(bytes, encode(preflight_image("ECHONODE")))) for _ in range(2))
    assert first == again
    assert preflight_image("OTHER").sop_instance_uid != preflight_image("ECHONODE").sop_instance_uid


def test_nobody_can_take_it_for_a_patients() -> None:
    """Its ID, its name and its description say so, and its date is long past."""
    ds = preflight_image("ECHONODE").dataset
    assert ds.PatientID == "ECHONODE-PREFLIGHT"
    assert "NO PATIENT" in str(ds.PatientName)
    assert "no patient" in ds.StudyDescription
    assert ds.StudyDate < "20010101"


@pytest.mark.slow
def test_it_goes_compressed_where_nothing_else_is_taken() -> None:
    """Without loss it stays the same instance; with loss it is another, the same each time."""
    image = preflight_image("ECHONODE")
    with file_of(image, RLE) as file:
        assert (file.sop_instance_uid, file.transfer_syntax_uid) == (image.sop_instance_uid, RLE)
    for _ in range(2):
        with file_of(image, JPEG_BASELINE, quality=90) as file:
            assert file.sop_instance_uid == derived_uid(image.sop_instance_uid, JPEG_BASELINE, 90)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_it_goes_in_either_native_syntax(syntax: str) -> None:
    """An archive that takes only Implicit VR is proved as well; the file is gone afterwards."""
    with file_of(preflight_image("ECHONODE"), syntax) as file:
        data = file.path.read_bytes()
        assert len(data) == file.size
    ds = dcmread(BytesIO(data), force=True, defer_size=None)
    assert ds.SOPInstanceUID == file.sop_instance_uid
    assert len(ds.PixelData) == 64 * 64
    assert not file.path.exists()
