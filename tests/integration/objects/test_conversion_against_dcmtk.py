"""Big endian and deflated instances are converted as DCMTK converts them, byte for byte."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from pydicom.filereader import read_dataset, read_file_meta_info

from echonode.at_rest.writing import Scratch
from echonode.model.instance import StoredInstance
from echonode.transcoding.reencoder import Reencoder
from tests.peers.dcmtk import dcmtk

pytestmark = pytest.mark.peers

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
# As they come from devices, and made big endian or deflated by dcmconv.
BIG_ENDIAN = (
    "us/aloka_ssd4000_segpal_bigendian",  # palettes, and 8 bits in OW
    "other/mr_bigendian",  # 16 bits, signed
    "us/acme_esopecho_planar",
    "us/philips_cx50_pal",  # private sequences
    "us/toshiba_xario_mmode_I34",
    "other/sr_tid1500",
    "other/ecg_12lead",  # waveforms
    "other/seg_binary",
)
DEFLATED = ("other/sc_deflated", "us/philips_cx50_pal", "other/sr_tid1500")


def stored(path: Path) -> StoredInstance:
    meta = read_file_meta_info(path)
    return StoredInstance(
        sop_class_uid=str(meta.MediaStorageSOPClassUID),
        sop_instance_uid=str(meta.MediaStorageSOPInstanceUID),
        study_instance_uid="1.2.3.4",
        series_instance_uid="1.2.3.5",
        transfer_syntax_uid=str(meta.TransferSyntaxUID),
        path=path,
        size=path.stat().st_size,
        dataset_offset=offset(path.read_bytes()),
        dataset_sha256="00",
    )


def offset(data: bytes) -> int:
    return 144 + int.from_bytes(data[140:144], "little")


def made(folder: Path, source: Path, syntax: str) -> Path:
    """`source` in big endian or deflated, by dcmconv; itself where it is that already."""
    wanted = {"+tb": "1.2.840.10008.1.2.2", "+td": "1.2.840.10008.1.2.1.99"}[syntax]
    if read_file_meta_info(source).TransferSyntaxUID == wanted:
        return source
    path = folder / "made.dcm"
    assert dcmtk("dcmconv", syntax, source, path).ok
    return path


def by_dcmtk(folder: Path, source: Path, option: str) -> bytes:
    """The dataset; -e: sequences without lengths, -g: no group lengths, as ours are."""
    path = folder / "converted.dcm"
    assert dcmtk("dcmconv", option, "-e", "-g", source, path).ok
    data = path.read_bytes()
    return data[offset(data) :]


def ours(folder: Path, source: Path, syntax: str) -> bytes:
    with Reencoder(Scratch(folder)).lossless(stored(source), syntax) as file:
        return file.path.read_bytes()


@pytest.mark.parametrize(("syntax", "option"), [(EXPLICIT, "+te"), (IMPLICIT, "+ti")])
@pytest.mark.parametrize("name", BIG_ENDIAN)
def test_big_endian_is_converted_as_dcmtk_does(
    shared_data: Path, tmp_path: Path, name: str, syntax: str, option: str
) -> None:
    """Every byte is the same: words, tags, palettes, waveforms, private and nested elements."""
    source = made(tmp_path, shared_data / f"{name}.dcm", "+tb")
    assert ours(tmp_path, source, syntax) == by_dcmtk(tmp_path, source, option)


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
@pytest.mark.parametrize(("syntax", "option"), [(EXPLICIT, "+te"), (IMPLICIT, "+ti")])
@pytest.mark.parametrize("name", DEFLATED)
def test_deflated_is_converted_as_dcmtk_does(
    shared_data: Path, tmp_path: Path, name: str, syntax: str, option: str
) -> None:
    """The same values and pixels; in Implicit VR the same bytes."""
    source = made(tmp_path, shared_data / f"{name}.dcm", "+td")
    found, expected = ours(tmp_path, source, syntax), by_dcmtk(tmp_path, source, option)
    if syntax == IMPLICIT:
        assert found == expected
        return
    one, other = (read_dataset(BytesIO(data), False, True) for data in (found, expected))
    for tag in [tag for tag in one.keys() if tag.element == 0]:  # noqa: SIM118 - not the values
        del one[tag]
    assert one == other
