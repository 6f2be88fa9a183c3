"""The messages of the WebSocket, both ways: their form alone. Pure.

To the viewer: a picture is a binary message, a head of 24 bytes and then a JPEG; geometry and state
are JSON text. From the viewer: JSON text, credit or a pointer.

    head, big-endian: u64 number of the frame, u64 microseconds since 1970 when it was captured,
                      u32 geometry id, u16 width, u16 height
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from echonode.model.live_picture import LivePicture, LiveState, PictureGeometry

HEAD = struct.Struct(">QQIHH")

Json = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Pointer:
    """Where a viewer points: shares of the picture's width and height, from its top left."""

    x: float
    y: float

    def __post_init__(self) -> None:
        if not (0 <= self.x <= 1 and 0 <= self.y <= 1):
            raise ValueError("a pointer is in the picture: 0 to 1")


@dataclass(frozen=True, kw_only=True)
class Credit:
    """The viewer is ready for so many more pictures."""

    count: int

    def __post_init__(self) -> None:
        if not 0 < self.count <= 1000:
            raise ValueError("a credit is from 1 to 1000")


@dataclass(frozen=True, kw_only=True)
class Pointing:
    """pointer: None, no more."""

    pointer: Pointer | None


def picture_message(picture: LivePicture, geometry_id: int) -> bytes:
    """A picture as it is sent."""
    microseconds = round(picture.captured_at.timestamp() * 1_000_000)
    head = HEAD.pack(
        picture.number,
        microseconds,
        geometry_id,
        picture.geometry.width,
        picture.geometry.height,
    )
    return head + picture.jpeg


def geometry_json(geometry: PictureGeometry) -> Json:
    """What the picture measures."""
    return {
        "width": geometry.width,
        "height": geometry.height,
        "regions": [
            {
                "x0": region.x0,
                "y0": region.y0,
                "x1": region.x1,
                "y1": region.y1,
                "physical_delta_x_mm": region.physical_delta_x_mm,
                "physical_delta_y_mm": region.physical_delta_y_mm,
            }
            for region in geometry.regions
        ],
        "no_scale": geometry.no_scale or None,
        "depth_mm": geometry.depth_mm,
        "orientation": geometry.orientation,
        "gain_curve": None if geometry.gain_curve is None else [*map(list, geometry.gain_curve)],
    }


def geometry_message(geometry: PictureGeometry, geometry_id: int) -> str:
    """Sent before the first picture that has it."""
    return json.dumps({"type": "geometry", "id": geometry_id, **geometry_json(geometry)})


def state_message(state: LiveState, pointer: Pointer | None) -> str:
    """How the probe stands, and where a second pair of eyes points."""
    return json.dumps(
        {
            "type": "state",
            "connected": state.connected,
            "fps": round(state.frames_per_s, 1),
            "exam": state.exam or None,
            "pointer": None if pointer is None else {"x": pointer.x, "y": pointer.y},
        }
    )


def read_message(text: str) -> Credit | Pointing:
    """A message of a viewer. Raises ValueError for any other text."""
    fields = json.loads(text)
    match fields:
        case {"type": "credit", "count": int(count)} if not isinstance(count, bool):
            return Credit(count=count)
        case {"type": "pointer", "x": int() | float() as x, "y": int() | float() as y}:
            return Pointing(pointer=Pointer(x=float(x), y=float(y)))
        case None | {"type": "pointer", "x": None}:
            return Pointing(pointer=None)
        case {"type": "pointer"} if "x" not in fields:
            return Pointing(pointer=None)
    raise ValueError("neither credit nor pointer")
