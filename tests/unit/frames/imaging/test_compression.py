"""From magnitudes to grey levels."""

from __future__ import annotations

import numpy as np
import pytest

from echonode.frames.imaging.compression import Compression
from echonode.frames.settings import CompressionLaw, ImageSettings

LOG = ImageSettings(dynamic_range_db=40)
LINEAR = ImageSettings(compression=CompressionLaw.LINEAR)


@pytest.mark.parametrize(
    ("settings", "counts", "grey"),
    [
        (LOG, 1000, 255),  # full scale
        (LOG, 100, 127.5),  # 20 dB below: the middle of 40 dB
        (LOG, 10, 0),  # 40 dB below
        (LOG, 1, 0),
        (LOG, 0, 0),
        (LOG, 8000, 255),
        (LOG, -5, 0),
        (LINEAR, 0, 0),
        (LINEAR, 500, 127.5),
        (LINEAR, 1000, 255),
        (LINEAR, 1001, 255),
        (LINEAR, -1, 0),
        (ImageSettings(dynamic_range_db=40, gain_db=20), 100, 255),
        (ImageSettings(compression=CompressionLaw.LINEAR, gain_db=-6.0206), 1000, 127.5),
        (ImageSettings(compression=CompressionLaw.LINEAR, full_scale=400), 400, 255),
    ],
)
def test_a_magnitude_has_its_grey(settings: ImageSettings, counts: int, grey: float) -> None:
    """Both laws, gain and full scale; the table for counts says what the formula says."""
    compression = Compression(settings, bits=16)
    (of_counts,) = compression.of_counts(np.array([counts], dtype=np.int16))
    assert of_counts == pytest.approx(grey, abs=0.01)
    if counts >= 0:
        (of_magnitude,) = compression.of_magnitudes(np.array([counts], dtype=np.float32))
        assert of_magnitude == pytest.approx(grey, abs=0.01)


def test_a_byte_reaches_white_at_255() -> None:
    """Envelopes of mode 1 have another full scale."""
    compression = Compression(LINEAR, bits=8)
    samples = np.array([[0, 51, 255]], dtype=np.uint8)
    assert compression.of_counts(samples)[0] == pytest.approx([0, 51, 255], abs=0.01)


@pytest.mark.parametrize(
    "wrong",
    [
        {"columns": 8},
        {"rows": 100_000},
        {"dynamic_range_db": 0},
        {"gain_db": 90},
        {"full_scale": 0},
        {"band_hz": (5e6, 1e6)},
        {"largest_gap": 1.0},
    ],
)
def test_settings_that_make_no_image_are_refused(wrong: dict[str, object]) -> None:
    """A configuration's mistake is a ValueError, not a black picture."""
    with pytest.raises(ValueError):
        ImageSettings(**wrong)  # type: ignore[arg-type]
