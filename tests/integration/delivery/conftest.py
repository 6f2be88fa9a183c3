"""A delivery fixture of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.delivery.delivery_fixture import DeliveryFixture


@pytest.fixture
def delivery(tmp_path: Path) -> Iterator[DeliveryFixture]:
    opened = DeliveryFixture(tmp_path / "var")
    yield opened
    opened.close()
