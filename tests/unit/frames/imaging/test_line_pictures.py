"""Recordings of scan lines are shown in their true shape, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from echonode.errors import ProtocolError
from echonode.frames.imaging.plane_pictures import developer
from echonode.frames.picture_settings import BurnedIn, PictureSettings
from echonode.frames.settings import ImageSettings, StreamSettings
from echonode.probe.openigtlink.device_metadata import DeviceMetadata
from echonode.probe.profile import ProbeProfile
from echonode.probe.recordings.image_sequence import Content, SequenceInfo

LINES, SAMPLES = 32, 200
FAN = ProbeProfile(r0_mm=40.0, rf_mm=100.0, sector_deg=60.0)
IMAGE = ImageSettings(columns=201, rows=201)


def info(**more: Any) -> SequenceInfo:
    known: dict[str, Any] = {
        "name": "a.mha",
        "frames": 1,
        "rows": LINES,
        "columns": SAMPLES,
        "components": 1,
        "kind": np.dtype("u1"),
        "orientation": "FM",
    }
    return SequenceInfo(**(known | more))


def lines() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A bright arc at a quarter of the depth, and a bright first line."""
    grey = np.zeros((LINES, SAMPLES), dtype=np.uint8)
    grey[:, SAMPLES // 4] = 255
    grey[0] = 255
    return grey


def test_lines_that_fan_out_become_a_sector() -> None:
    """An echo at one depth is an arc about the apex, calibrated by the profile's geometry."""
    settings = StreamSettings(profile=FAN, image=IMAGE)
    picture = developer(info(), settings)(lines())
    assert picture.pixels.shape == (201, 201)
    known = picture.calibration
    assert known is not None
    # On the axis the arc lies a quarter of the way from r0 to rf.
    depth_mm = 40.0 + 60.0 * (SAMPLES // 4) / (SAMPLES - 1)
    top_mm = 40.0 * np.cos(np.radians(30))
    row = round((depth_mm - top_mm) / (10 * known.physical_delta_y_cm))
    assert abs(int(picture.pixels[:, 100].argmax()) - row) <= 1
    assert picture.pixels[:, :100].astype(int).sum() > 2 * picture.pixels[:, 101:].astype(int).sum()


@pytest.mark.parametrize("orientation", ["FM", "FU", "NM", "NU"])
def test_every_line_orientation_shows_the_same_picture(orientation: str) -> None:
    """Near is at the top and the marked side at the right, however the lines were kept."""
    settings = StreamSettings(profile=FAN, image=IMAGE)
    expected = developer(info(), settings)(lines()).pixels
    plane = lines()
    plane = plane[:, ::-1] if orientation[0] == "N" else plane
    plane = plane[::-1] if orientation[1] == "U" else plane
    got = developer(info(orientation=orientation), settings)(plane).pixels
    assert np.array_equal(got, expected)


PARALLEL = StreamSettings(picture=PictureSettings(spacing_mm=(0.3, 0.05)))


def test_parallel_lines_have_their_true_shape() -> None:
    """32 lines 0.3 mm apart, 200 samples 0.05 mm apart: 9.3 x 9.95 mm in square pixels."""
    picture = developer(info(sector_deg=0.0), PARALLEL)(lines())
    known = picture.calibration
    assert known is not None
    assert known.physical_delta_x_cm == known.physical_delta_y_cm
    rows, columns = picture.pixels.shape
    assert rows * columns == pytest.approx(512 * 512, rel=0.02)
    assert columns * known.physical_delta_x_cm == pytest.approx(0.93, rel=0.01)
    assert rows * known.physical_delta_y_cm == pytest.approx(0.995, rel=0.01)
    # The arc of the fan is a straight line here, a quarter of the way down; line 0 is the left.
    row = round(SAMPLES // 4 * 0.005 / known.physical_delta_y_cm)
    assert np.abs(picture.pixels[row - 8 : row + 9, 60:-4].argmax(axis=0) - 8).max() <= 1
    assert picture.pixels[:, 0].mean() > 250
    assert picture.facts.depth_mm == pytest.approx(9.95)
    both = replace(PARALLEL, image=ImageSettings(columns=100, rows=300))
    assert developer(info(sector_deg=0.0), both)(lines()).pixels.shape == (300, 100)


def test_parallel_lines_are_straight_between_lines_and_samples() -> None:
    """Grey that rises evenly across and along stays even, to rounding."""
    rising = (3 * np.arange(LINES)[:, None] + np.arange(SAMPLES)[None, :] / 2).astype(np.uint8)
    shape = replace(PARALLEL, image=ImageSettings(columns=63, rows=399))
    image = developer(info(sector_deg=0.0), shape)(rising).pixels.astype(float)
    across = np.arange(63) * 31 / 62
    along = np.arange(399) * 199 / 398
    steps = np.floor(along / 2 + 0.001)  # the grey itself is cut to whole numbers
    assert np.abs(image - (3 * across[None, :] + steps[:, None])).max() <= 1.01


@pytest.mark.parametrize(("rate", "words"), [(None, "sample to sample$"), (15e6, "0.05133 mm")])
def test_parallel_lines_of_unknown_distance_are_refused(rate: float | None, words: str) -> None:
    """A picture of 32 columns by 200 rows would be false; what is known is said with it."""
    with pytest.raises(ProtocolError, match=words):
        developer(info(sector_deg=0.0, sampling_rate_hz=rate), StreamSettings())


def test_a_calibrated_source_gives_the_distances_itself() -> None:
    """Its x is along the line and its y across; 1 x 1 mm is a default, and none."""
    believing = StreamSettings(picture=PictureSettings(calibrated=True))
    known = developer(info(spacing_mm=(0.05, 0.3)), believing)(lines())
    assert np.array_equal(known.pixels, developer(info(), PARALLEL)(lines()).pixels)
    with pytest.raises(ProtocolError, match="parallel"):
        developer(info(spacing_mm=(1.0, 1.0)), believing)


def test_rf_lines_become_an_envelope() -> None:
    """A burst of 5 MHz is bright where it is, and dark elsewhere; the sign is gone."""
    rate, time = 40e6, np.arange(SAMPLES) / 40e6
    burst = np.exp(-(((time - 2.5e-6) * 1e6 / 0.4) ** 2)) * np.cos(2 * np.pi * 5e6 * time)
    plane = np.tile((450 * burst).astype(np.int16), (LINES, 1))
    settings = replace(
        PARALLEL,
        profile=ProbeProfile(sampling_rate_hz=rate),
        image=ImageSettings(band_hz=(2e6, 8e6), columns=64, rows=SAMPLES),
    )
    rf = info(kind=np.dtype("<i2"), content=Content.RF)
    pixels = developer(rf, settings)(plane).pixels
    assert abs(int(pixels[:, 5].argmax()) - 100) <= 2
    assert pixels[100, 5] > 200
    assert pixels[20:40].max() < 50


def test_iq_is_its_magnitude() -> None:
    """I and Q of any phase show the same grey."""
    iq = info(components=2, kind=np.dtype("<i2"), content=Content.IQ)
    plane = np.zeros((LINES, SAMPLES, 2), dtype=np.int16)
    plane[0, 0], plane[1, 0], plane[2, 0] = (500, 0), (0, -500), (300, 400)
    settings = replace(PARALLEL, image=ImageSettings(columns=LINES, rows=SAMPLES))
    pixels = developer(iq, settings)(plane).pixels
    assert pixels[0, 0] == pixels[0, 1] == pixels[0, 2] > 200


def test_nothing_is_burned_into_pixels_that_are_made_of_lines() -> None:
    """Unless the operator knows better; of its scanner the picture says what the source says."""
    device = DeviceMetadata(frequency_mhz=10.0, transducer_type="LINEAR")
    picture = developer(info(device=device), PARALLEL)(lines())
    assert picture.facts.burned_in is False
    assert picture.facts.scanner.transducer_type == "LINEAR"
    assert picture.calibration is not None
    assert picture.calibration.transducer_frequency_khz == 10_000
    knows = StreamSettings(
        picture=PictureSettings(spacing_mm=(0.3, 0.05), burned_in=BurnedIn.UNKNOWN)
    )
    assert developer(info(), knows)(lines()).facts.burned_in is None


@pytest.mark.parametrize(
    ("more", "profile", "words"),
    [
        ({"sector_deg": 57.0}, ProbeProfile(), "profile.r0_mm"),
        ({"sector_deg": 57.0}, ProbeProfile(r0_mm=40.0), "profile.sampling_mhz"),
        ({"content": Content.RF, "kind": np.dtype("<i2")}, ProbeProfile(), "profile.sampling_mhz"),
        ({"content": Content.RF, "kind": np.dtype("<f4")}, FAN, "int16"),
        ({"components": 3}, FAN, "colour"),
        ({"orientation": "ZZ"}, FAN, "ZZ"),
        ({"content": Content.RF, "orientation": "MF"}, FAN, "B-mode"),
    ],
)
def test_without_its_geometry_nothing_is_shown(
    more: dict[str, Any], profile: ProbeProfile, words: str
) -> None:
    """The error says which key of the profile is wanted; a false shape is never shown."""
    with pytest.raises(ProtocolError, match=words):
        developer(info(**more), StreamSettings(profile=profile))


def test_a_sampling_rate_gives_the_depth() -> None:
    """15 MHz at 1540 m/s: 784 samples are 40 mm."""
    settings = StreamSettings(profile=replace(FAN, rf_mm=None), image=IMAGE)
    curved = info(sector_deg=60.0, sampling_rate_hz=15e6, columns=784)
    picture = developer(curved, settings)(np.zeros((LINES, 784), dtype=np.uint8))
    assert picture.calibration is not None
    height_mm = 10 * picture.calibration.physical_delta_y_cm * 200
    assert height_mm == pytest.approx(40 + 40.2 - 40 * np.cos(np.radians(30)), abs=0.1)
