"""Gain over depth: the curve where it is given, level beyond, and nothing without it."""

from __future__ import annotations

import numpy as np
import pytest

from echonode.frames.imaging.compression import Compression
from echonode.frames.imaging.depth_gain import depth_gain_db
from echonode.frames.settings import CompressionLaw, ImageSettings
from echonode.probe.kinematics import Rays
from echonode.probe.messages import Samples, SectorGeometry

GEOMETRY = SectorGeometry(
    lines=2,
    samples=101,
    r0_mm=50,
    rf_mm=150,
    sector_deg=60,
    sample_spacing_mm=1.0,
    sampling_rate_hz=740e3,
    sound_speed_m_s=1480,
)
CURVE = ((20.0, 0.0), (60.0, 12.0))


def test_the_curve_runs_between_its_points_and_stays_level_beyond() -> None:
    """Depth counts from the near border: 40 mm deep lies half way from 0 to 12 dB."""
    gain = depth_gain_db(CURVE, GEOMETRY)
    assert gain is not None
    assert gain[[0, 20, 40, 60, 100]].tolist() == pytest.approx([0, 0, 6, 12, 12])


def test_depth_is_told_from_where_the_samples_are() -> None:
    """Lines that begin above the near border are that much ahead of the curve."""
    early = Rays(angles_deg=(-30, 30), start_mm=(30, 30))
    gain = depth_gain_db(
        CURVE,
        SectorGeometry(**{**vars(GEOMETRY), "rays": early}),
    )
    assert gain is not None
    assert gain[[40, 60, 80]].tolist() == pytest.approx([0, 6, 12])


def test_no_curve_is_no_gain() -> None:
    """The look-up table alone is used then."""
    assert depth_gain_db((), GEOMETRY) is None


@pytest.mark.parametrize("law", list(CompressionLaw))
@pytest.mark.parametrize("bits", [8, 16])
def test_bytes_and_magnitudes_get_the_same_gain(law: CompressionLaw, bits: int) -> None:
    """An envelope that was sent, and one that was made of RF, come out alike."""
    settings = ImageSettings(compression=law, tgc=CURVE, gain_db=3)
    compression = Compression(settings, bits=bits, depth_gain_db=depth_gain_db(CURVE, GEOMETRY))
    counts: Samples = np.tile(np.arange(101, dtype=np.int16), (2, 1))
    counts = counts.astype(np.uint8) if bits == 8 else counts
    sent = compression.of_counts(counts)
    assert np.array_equal(sent, compression.of_magnitudes(counts.astype(np.float32)))


def test_twelve_decibels_are_twelve_of_the_dynamic_range() -> None:
    """A flat echo: 12 dB deeper down is 12/50 of the grey scale brighter."""
    settings = ImageSettings(dynamic_range_db=50, tgc=CURVE)
    compression = Compression(settings, bits=16, depth_gain_db=depth_gain_db(CURVE, GEOMETRY))
    grey = compression.of_magnitudes(np.full((1, 101), 50.0, dtype=np.float32))[0]
    assert grey[80] - grey[0] == pytest.approx(255 * 12 / 50, rel=1e-4)


@pytest.mark.parametrize(
    "curve", [((10.0, 0.0), (10.0, 3.0)), ((9.0, 0.0), (2.0, 3.0)), ((-1.0, 0.0),), ((1.0, 90.0),)]
)
def test_a_curve_that_is_none_is_refused(curve: tuple[tuple[float, float], ...]) -> None:
    """Points go from near to far, and no gain is beyond 60 dB."""
    with pytest.raises(ValueError, match="tgc"):
        ImageSettings(tgc=curve)
