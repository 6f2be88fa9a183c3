"""Pictures for viewers, where only the viewers are looked at."""

from __future__ import annotations

from datetime import UTC, datetime

from echonode.model.live_picture import LivePicture, PictureGeometry

AT = datetime(2026, 11, 20, 9, 0, 0, 250_000, tzinfo=UTC)
GEOMETRY = PictureGeometry(width=640, height=480)


def picture(number: int, geometry: PictureGeometry = GEOMETRY) -> LivePicture:
    return LivePicture(number=number, captured_at=AT, geometry=geometry, jpeg=b"jpeg")
