"""What a scanner says of itself is read where its meaning is known, and nowhere else."""

from __future__ import annotations

import pytest

from echonode.probe.openigtlink.device_metadata import NO_METADATA, DeviceMetadata, device_metadata

BK = {
    "ProbeType": "2",
    "Origin": "320 0 0",
    "Angles": "0 0 0 0",
    "Depths": "2 62",
    "LinearWidth": "40",
    "SpacingX": "0.125",
    "SpacingY": "0.125",
    "Depth": "60",
    "Gain": "50",
}


def test_a_bk_scanner_says_spacing_depth_and_kind() -> None:
    """Spacing in mm a pixel, depth from its two ranges and by itself."""
    assert device_metadata(BK) == DeviceMetadata(
        spacing_mm=(0.125, 0.125), depth_mm=60.0, transducer_type="LINEAR"
    )


@pytest.mark.parametrize(
    ("fields", "spacing_mm"),
    [
        ({"micronsPerPixel": "120"}, (0.12, 0.12)),
        ({"PixelSpacingMm": "0.2"}, (0.2, 0.2)),
        ({"PixelSpacingMm": "0.2 0.3"}, (0.2, 0.3)),
        ({"SpacingX": "0.2", "SpacingY": "0.3", "micronsPerPixel": "1000"}, (0.2, 0.3)),
        ({"SpacingX": "0.2", "SpacingY": "0.2", "micronsPerPixel": "200"}, (0.2, 0.2)),
    ],
)
def test_each_scanners_own_spacing_is_millimetres(
    fields: dict[str, str], spacing_mm: tuple[float, float]
) -> None:
    """Micrometres and millimetres, one number or two."""
    assert device_metadata(fields).spacing_mm == pytest.approx(spacing_mm)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"SpacingX": "0.2"},
        {"SpacingX": "1", "SpacingY": "1"},
        {"micronsPerPixel": "1000"},
        {"micronsPerPixel": "0"},
        {"SpacingX": "-0.2", "SpacingY": "0.2"},
        {"SpacingX": "nan", "SpacingY": "0.2"},
        {"SpacingX": "50", "SpacingY": "50"},
        {"SpacingX": "0.2", "SpacingY": "0.2", "micronsPerPixel": "300"},
        {"micronsPerPixel": "wide"},
    ],
)
def test_a_default_nonsense_and_contradictions_are_no_spacing(fields: dict[str, str]) -> None:
    """1 x 1 mm is what senders write that have none; two that differ cannot both be right."""
    assert device_metadata(fields).spacing_mm is None


@pytest.mark.parametrize(
    "fields",
    [
        {"DepthMm": "60", "Depths": "0 90"},
        {"DepthMm": "0"},
        {"DepthMm": "6000"},
        {"Depth": "60"},
        {"Depths": "60"},
        {"FrequencyMhz": "inf"},
        {"FrequencyMhz": "5e6"},
        {"ProbeType": "1"},
        {"ProbeType": "linear"},
    ],
)
def test_what_is_not_sure_is_not_said(fields: dict[str, str]) -> None:
    """`Depth` is millimetres of a BK scanner only; a sector may be curved or phased."""
    assert device_metadata(fields) == NO_METADATA


def test_depth_and_frequency_come_of_plus() -> None:
    """In mm and MHz."""
    said = device_metadata({"DepthMm": "45.5", "FrequencyMhz": "6.6", "ProbeType": "3"})
    assert (said.depth_mm, said.frequency_mhz, said.transducer_type) == (45.5, 6.6, "SECTOR_MECH")
