"""Objects of an order with every attribute filled are valid, and reach a real archive unchanged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread

from echonode.frames.frame import Acquisition
from tests.peers import Validation
from tests.unit.objects.acquisitions import acquisition, built, frames, sector, write
from tests.unit.objects.orders import ordered

pytestmark = pytest.mark.peers

CINE = acquisition(frames([1.0, 1.05, 1.1], calibration=sector(24, 32)))
MEANT = (
    *("<Laterality>", "Pixel Spacing", "Standard Extended SOP Class"),
    "<99CLINIC>",  # a clinic's own codes
    "Requesting Service",  # in General Study since PS3.3 2013; this dciodvfy knows an older one
)


@pytest.mark.parametrize("taken", [acquisition(), CINE], ids=["still", "cine"])
def test_a_fully_ordered_object_is_valid(
    taken: Acquisition, tmp_path: Path, validate: Callable[[Path], Validation]
) -> None:
    """dciodvfy finds no error, and warns of nothing that is not meant."""
    path = write(built(taken, ordered()), tmp_path, "ordered")
    assert dcmread(path).AccessionNumber == "ACC-55"
    outcome = validate(path)
    assert not outcome.errors
    assert [w for w in outcome.warnings if not any(meant in w for meant in MEANT)] == []
