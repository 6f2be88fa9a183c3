"""The metadata of a stored file says what the file says, whatever its encoding."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from echonode.dicomweb.dataset_json import MOST_NESTED
from echonode.dicomweb.description import bulk_value, describe, value_bytes
from echonode.errors import Unreadable
from tests.unit.dicomweb.samples import ADDRESS, metadata_of, stored, written

SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)


def example() -> Dataset:
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "", "0001"]
    ds.SOPInstanceUID = "1.2.3"
    ds.StudyDate = ""
    ds.PatientName = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    ds.ReferringPhysicianName = ""
    ds.PatientWeight = "72.5"
    ds.SeriesNumber = 4
    ds.FrameIncrementPointer = 0x00181063
    ds.PixelSpacing = [0.5, 0.25]
    ds.Rows = 512
    ds.PhysicalDeltaX = 0.0125
    region = Dataset()
    region.RegionSpatialFormat = 1
    region.ReferencePixelX0 = -7
    ds.SequenceOfUltrasoundRegions = [region, Dataset()]
    ds.RedPaletteColorLookupTableData = b"\x01\x02" * 8
    return ds


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_each_encoding_gives_the_same_metadata(tmp_path: Path, syntax: str) -> None:
    """VRs, values, items and person names do not depend on how the file is encoded."""
    ds = example()
    found = metadata_of(written(tmp_path, ds, syntax))
    assert found.pop("00083002") == {"vr": "UI", "Value": [str(syntax)]}
    wanted: dict[str, Any] = {
        "00080005": {"vr": "CS", "Value": ["ISO_IR 192"]},
        "00080008": {"vr": "CS", "Value": ["ORIGINAL", "PRIMARY", None, "0001"]},
        "00080018": {"vr": "UI", "Value": ["1.2.3"]},
        "00080020": {"vr": "DA"},
        "00080090": {"vr": "PN"},
        "00100010": {
            "vr": "PN",
            "Value": [
                {
                    "Alphabetic": "Yamada^Tarou",
                    "Ideographic": "山田^太郎",
                    "Phonetic": "やまだ^たろう",
                }
            ],
        },
        "00101030": {"vr": "DS", "Value": [72.5]},
        "00186011": {
            "vr": "SQ",
            "Value": [
                {
                    "00186012": {"vr": "US", "Value": [1]},
                    "00186020": {"vr": "SL", "Value": [-7]},
                },
                {},
            ],
        },
        "0018602C": {"vr": "FD", "Value": [0.0125]},
        "00200011": {"vr": "IS", "Value": [4]},
        "00280009": {"vr": "AT", "Value": ["00181063"]},
        "00280010": {"vr": "US", "Value": [512]},
        "00280030": {"vr": "DS", "Value": [0.5, 0.25]},
    }
    palette = found.pop("00281201")
    assert palette["vr"] == "OW"
    assert palette["InlineBinary"]
    assert found == wanted


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_long_value_is_elsewhere(tmp_path: Path, syntax: str) -> None:
    """It is named by its place, in a sequence too, and its bytes are found there."""
    ds, item, inner = Dataset(), Dataset(), Dataset()
    inner.EncapsulatedDocument = b"inner" * 1000
    item.ConceptNameCodeSequence = [Dataset(), inner]
    ds.ContentSequence = [item]
    ds.EncapsulatedDocument = b"outer" * 1000
    instance = written(tmp_path, ds, syntax)
    found = metadata_of(instance)
    assert found["00420011"] == {"vr": "OB", "BulkDataURI": f"{ADDRESS}00420011"}
    deep = found["0040A730"]["Value"][0]["0040A043"]["Value"][1]["00420011"]
    assert deep["BulkDataURI"] == f"{ADDRESS}0040A730/0/0040A043/1/00420011"
    for place, value in (
        ((0x00420011,), b"outer" * 1000),
        ((0x0040A730, 0, 0x0040A043, 1, 0x00420011), b"inner" * 1000),
    ):
        where = bulk_value(instance, place)
        assert where is not None
        assert where[2] == len(value)
        assert value_bytes(instance, where[1], where[2]) == value
    assert bulk_value(instance, (0x0040A730, 1, 0x00420011)) is None


def test_text_is_read_by_the_character_set_of_its_item(tmp_path: Path) -> None:
    """And the answer is UTF-8 throughout."""
    ds, item = Dataset(), Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.PatientName = "Müller"
    item.SpecificCharacterSet = "ISO_IR 144"
    item.CodeMeaning = "ЖЩЮ"
    ds.ProcedureCodeSequence = [item]
    found = metadata_of(written(tmp_path, ds))
    assert found["00080005"]["Value"] == ["ISO_IR 192"]
    assert found["00100010"]["Value"] == [{"Alphabetic": "Müller"}]
    assert found["00081032"]["Value"][0]["00080104"]["Value"] == ["ЖЩЮ"]


def test_a_value_that_breaks_its_vr_is_text(tmp_path: Path) -> None:
    """Real devices send such; the answer is still JSON."""
    content = b"".join(
        struct.pack("<HH2sH", group, element, vr, len(value)) + value
        for group, element, vr, value in (
            (0x0010, 0x1030, b"DS", b"1e999 "),
            (0x0018, 0x1063, b"DS", b"33,3"),
            (0x0020, 0x0011, b"IS", b"12.0"),
            (0x0020, 0x0013, b"IS", b"\xff\\"),
        )
    )
    found = metadata_of(stored(tmp_path, content, 0, ExplicitVRLittleEndian))
    assert found["00101030"]["Value"] == ["1e999"]
    assert found["00181063"]["Value"] == ["33,3"]
    assert found["00200011"]["Value"] == ["12.0"]
    assert found["00200013"]["Value"] == ["ÿ", None]


def test_private_attributes_are_there(tmp_path: Path) -> None:
    """In Implicit VR as bytes, for only their maker knows what they are."""
    ds = Dataset()
    ds.add_new(0x00090010, "LO", "ACME")
    ds.add_new(0x00091001, "US", 7)
    assert metadata_of(written(tmp_path, ds))["00091001"] == {"vr": "US", "Value": [7]}
    implicit = metadata_of(written(tmp_path, ds, ImplicitVRLittleEndian))
    assert implicit["00090010"] == {"vr": "LO", "Value": ["ACME"]}
    assert implicit["00091001"]["vr"] == "UN"


def test_sequences_in_sequences_have_a_limit(tmp_path: Path) -> None:
    """A file that nests without end is refused, and uses up no stack."""
    opened = b"\x40\x00\x30\xa7SQ\x00\x00\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    closed = b"\xfe\xff\x0d\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00"
    inner = b"\x10\x00\x20\x00LO\x02\x00P "
    for depth in (MOST_NESTED - 2, MOST_NESTED + 5, 50_000):
        content = opened * depth + inner + closed * depth
        instance = stored(tmp_path, content, 0, ExplicitVRLittleEndian)
        if depth < MOST_NESTED:
            assert metadata_of(instance)["0040A730"]["Value"]
            continue
        with pytest.raises(Unreadable):
            describe(instance)


@pytest.mark.slow
def test_a_data_set_that_is_cut_short_is_answered_as_far_as_it_goes(tmp_path: Path) -> None:
    """It is kept as it was received, and so it is shown."""
    whole = written(tmp_path, example())
    content = whole.path.read_bytes()
    for length in range(whole.dataset_offset, len(content)):
        cut = stored(tmp_path, content[:length], whole.dataset_offset, ExplicitVRLittleEndian)
        try:
            found = metadata_of(cut)
        except Unreadable:
            continue
        assert set(found) <= set(metadata_of(written(tmp_path, example())))
