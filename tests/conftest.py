"""What every test may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.examples import register_profiles

register_profiles()

# Real Orthanc, DCMTK, dciodvfy, stock pynetdicom and our own processes; see tests/peers.
pytest_plugins = ["tests.peers.fixtures"]

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real recordings and real DICOM files beside the checkout."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real data folder (../shared/data) is not beside this checkout")
    return folder
