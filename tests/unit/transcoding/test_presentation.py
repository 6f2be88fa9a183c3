"""How frames are shown is read value by value, and a broken value is as if it were not there."""

from __future__ import annotations

import pytest
from pydicom import Dataset
from pydicom.dataelem import DataElement
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset

from echonode.transcoding.picture import Palette, Presentation, VoiFunction, VoiLut, Window
from echonode.transcoding.presentation import read_presentation
from tests.unit.store.samples import dataset, encoded


def read(ds: Dataset) -> Presentation:
    return read_presentation(encoded(ds), implicit=False)


def test_window_and_rescale() -> None:
    """The first of several windows."""
    found = read(
        dataset(
            WindowCenter=["40", "400"],
            WindowWidth=["80", "2000"],
            RescaleSlope="2",
            RescaleIntercept="-1024",
        )
    )
    assert found == Presentation(
        slope=2.0, intercept=-1024.0, window=Window(center=40.0, width=80.0)
    )


def test_functions_and_shape() -> None:
    """SIGMOID, and Presentation LUT Shape."""
    found = read(
        dataset(
            WindowCenter="1",
            WindowWidth="2",
            VOILUTFunction="SIGMOID",
            PresentationLUTShape="INVERSE",
        )
    )
    assert found.window == Window(center=1.0, width=2.0, function=VoiFunction.SIGMOID)
    assert found.inverse


def test_without_any_it_is_as_stored() -> None:
    """And where a value is broken: a width below 1, a slope of 0, bytes that are no dataset."""
    assert read(dataset()) == Presentation()
    assert read(dataset(WindowCenter="1", WindowWidth="0")).window is None
    assert read(dataset(WindowCenter="1")).window is None
    assert read(dataset(RescaleSlope="0")).slope == 1.0
    assert read_presentation(b"\xff" * 64, implicit=False) == Presentation()


def test_a_palette_of_16_bits_is_shown_by_its_high_bytes() -> None:
    """And one of 8 bits in words by its low ones."""
    red, green, blue = b"\x00\x10\x00\xff", b"\x00\x20\x00\x00", b"\x00\x30\x00\x01"
    ds = dataset(PhotometricInterpretation="PALETTE COLOR", PixelRepresentation=0)
    for name, table in (("Red", red), ("Green", green), ("Blue", blue)):
        setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [2, 5, 16])
        setattr(ds, f"{name}PaletteColorLookupTableData", table)
    assert read(ds).palette == Palette(first=5, colours=b"\x10\x20\x30\xff\x00\x01")
    for name in ("Red", "Green", "Blue"):
        setattr(ds, f"{name}PaletteColorLookupTableDescriptor", [2, 5, 8])
        setattr(ds, f"{name}PaletteColorLookupTableData", b"\x07\x08")
    assert read(ds).palette == Palette(first=5, colours=b"\x07\x07\x07\x08\x08\x08")
    ds.BluePaletteColorLookupTableData = b"\x07" * 6
    assert read(ds).palette is None


def voi_lut(descriptor: list[int], data: bytes, *, vr: str = "US") -> Dataset:
    """An item of the VOI LUT Sequence."""
    item = Dataset()
    item.add(DataElement("LUTDescriptor", vr, descriptor))
    item.LUTExplanation = "as the maker wants it"
    item.add(DataElement("LUTData", "OW", data))
    return item


@pytest.mark.parametrize("undefined", [False, True])
def test_the_first_voi_lut_is_read(undefined: bool) -> None:
    """Of defined and of undefined length; its words as they are; the window stays."""
    ds = dataset(WindowCenter="40", WindowWidth="80")
    ds.VOILUTSequence = [
        voi_lut([3, 10, 12], b"\x00\x00\x10\x00\xff\x0f"),
        voi_lut([1, 0, 8], b"\x01\x00"),
    ]
    ds["VOILUTSequence"].is_undefined_length = undefined
    for item in ds.VOILUTSequence:
        item.is_undefined_length_sequence_item = undefined
    found = read(ds)
    assert found.voi_lut == VoiLut(first=10, bits=12, entries=b"\x00\x00\x10\x00\xff\x0f")
    assert found.window == Window(center=40.0, width=80.0)


def test_the_first_value_of_a_voi_lut_may_be_below_zero() -> None:
    """By its VR; and two entries of 8 bits in a word are two entries."""
    ds = dataset()
    ds.VOILUTSequence = [voi_lut([2, -5, 8], b"\x07\x09", vr="SS")]
    assert read(ds).voi_lut == VoiLut(first=-5, bits=8, entries=b"\x07\x00\x09\x00")
    ds.VOILUTSequence = [voi_lut([2, 65_531, 8], b"\x07\x09")]
    assert read(ds).voi_lut == VoiLut(first=65_531, bits=8, entries=b"\x07\x00\x09\x00")


def test_a_voi_lut_that_is_not_what_it_says_is_not_there() -> None:
    """Too few entries, bits beyond 16, no data, no item: the window is left."""
    for broken in (
        voi_lut([4, 0, 12], b"\x00\x00"),
        voi_lut([1, 0, 17], b"\x00\x00"),
        voi_lut([1, 0, 7], b"\x00\x00"),
        Dataset(),
    ):
        ds = dataset(WindowCenter="40", WindowWidth="80")
        ds.VOILUTSequence = [broken]
        assert read(ds) == Presentation(window=Window(center=40.0, width=80.0))
    assert read(dataset(VOILUTSequence=[])).voi_lut is None


def grouped(own: list[tuple[float, float]], *, undefined: bool) -> Dataset:
    """Frames with a slope and an intercept each, and a window that they share."""
    window = Dataset()
    window.WindowCenter, window.WindowWidth = "127", "256"
    shared = Dataset()
    shared.FrameVOILUTSequence = [window]
    groups = []
    for slope, intercept in own:
        rescale = Dataset()
        rescale.RescaleSlope, rescale.RescaleIntercept = str(slope), str(intercept)
        groups.append(Dataset())
        groups[-1].PixelValueTransformationSequence = [rescale]
    ds = dataset(
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=groups,
        RescaleSlope="7",
    )
    if undefined:
        for each in (shared, *groups, ds):
            each.is_undefined_length_sequence_item = True
            for element in each:
                if element.VR == "SQ":
                    element.is_undefined_length = True
    return ds


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("implicit", [False, True])
def test_a_frame_is_shown_by_its_own_functional_group(implicit: bool, undefined: bool) -> None:
    """Then by the shared ones, then by the data set itself (PS3.3 C.7.6.16)."""
    ds = grouped([(1, 0), (1, 100), (2, 0), (2, 100)], undefined=undefined)
    written = DicomBytesIO()
    written.is_little_endian, written.is_implicit_VR = True, implicit
    write_dataset(written, ds)
    assert (b"\xfe\xff\x00\xe0\xff\xff\xff\xff" in written.getvalue()) is undefined

    def of(frame: int | None) -> tuple[float, float, Window | None]:
        found = read_presentation(written.getvalue(), implicit=implicit, frame=frame)
        return found.slope, found.intercept, found.window

    window = Window(center=127, width=256)
    assert [of(number) for number in range(4)] == [
        (1, 0, window),
        (1, 100, window),
        (2, 0, window),
        (2, 100, window),
    ]
    assert of(None) == of(4) == (7, 0, window)  # a frame without a group


def test_broken_functional_groups_are_as_if_they_were_not_there() -> None:
    """Whatever their bytes are: the image's own values count."""
    for content in (
        b"\xfe\xff\x00\xe0\xff\xff\xff\xff",
        b"\xfe\xff\x00\xe0\x00",
        b"abc",
        b"x" * 99,
    ):
        ds = dataset(RescaleSlope="3")
        ds[0x52009229] = DataElement(0x52009229, "OB", content)
        ds[0x52009230] = DataElement(0x52009230, "OB", content)
        assert read_presentation(encoded(ds), implicit=False, frame=0).slope == 3
