"""A picture fits its viewport, keeps its proportions, and shows the part that was asked for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from echonode.dicomweb.answers import Refused
from echonode.dicomweb.scaling import Viewport, fitted


@pytest.mark.slow
@given(
    st.integers(1, 90), st.integers(1, 90), st.integers(1, 120), st.integers(1, 120),
    st.sampled_from([1, 3]),
)  # fmt: skip
def test_it_fits(rows: int, columns: int, width: int, height: int, samples: int) -> None:
    """One side is as long as it may be, up to a pixel; an even picture stays even."""
    picture = np.full((rows, columns, samples), 77, np.uint8)
    found = fitted(picture, Viewport(width=width, height=height))
    assert found.shape[0] <= height
    assert found.shape[1] <= width
    assert found.shape[0] == height or found.shape[1] == width
    assert np.all(found == 77)


def test_a_part_is_cut_out() -> None:
    """As it is, where it is not to be scaled."""
    picture = np.arange(100, dtype=np.uint8).reshape(10, 10, 1)
    found = fitted(picture, Viewport(left=2, top=3, across=4, down=5))
    assert np.array_equal(found, picture[3:8, 2:6])


def test_it_is_smooth_both_ways() -> None:
    """Between black and white lies grey, and a smaller picture has the mean of what it leaves."""
    edge = np.array([[[0], [255]]], np.uint8)
    wide = fitted(edge, Viewport(width=8))[0, :, 0]
    assert list(wide) == sorted(wide)
    assert 0 < wide[3] < 255
    stripes = np.tile(np.array([[0], [200]], np.uint8), (40, 1))[None].transpose(1, 0, 2)
    small = fitted(np.repeat(stripes, 80, axis=1), Viewport(height=8))
    assert np.all(np.abs(small.astype(int) - 100) <= 1)


@pytest.mark.parametrize(
    "viewport", [Viewport(left=10), Viewport(top=10), Viewport(across=0), Viewport(down=0)]
)
def test_no_part_at_all_is_refused(viewport: Viewport) -> None:
    """400, in words."""
    with pytest.raises(Refused) as refused:
        fitted(np.zeros((10, 10, 1), np.uint8), viewport)
    assert refused.value.status == 400
