"""The messages of the WebSocket, byte for byte."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echonode.model.live_picture import LiveState, PictureRegion
from echonode.web.live.messages import (
    Credit,
    Pointer,
    Pointing,
    geometry_message,
    picture_message,
    read_message,
    state_message,
)
from tests.unit.web.live.pictures import AT, GEOMETRY, picture


def test_a_picture_has_a_head_of_24_bytes() -> None:
    """Number, microseconds, geometry, width, height; then the JPEG."""
    message = picture_message(picture(1_764_000_000_123), 7)
    assert int.from_bytes(message[:8], "big") == 1_764_000_000_123
    assert int.from_bytes(message[8:16], "big") == round(AT.timestamp() * 1e6)
    assert int.from_bytes(message[16:20], "big") == 7
    assert (int.from_bytes(message[20:22], "big"), int.from_bytes(message[22:24], "big")) == (
        640,
        480,
    )
    assert message[24:] == b"jpeg"


def test_geometry_and_state_are_json() -> None:
    """With the names of docs/live.md."""
    region = PictureRegion(x0=0, y0=1, x1=2, y1=3, physical_delta_x_mm=0.1, physical_delta_y_mm=0.2)
    geometry = replace(GEOMETRY, regions=(region,), depth_mm=90.0, gain_curve=((0.0, 3.0),))
    assert json.loads(geometry_message(geometry, 3)) == {
        "type": "geometry",
        "id": 3,
        "width": 640,
        "height": 480,
        "regions": [
            {
                "x0": 0,
                "y0": 1,
                "x1": 2,
                "y1": 3,
                "physical_delta_x_mm": 0.1,
                "physical_delta_y_mm": 0.2,
            }
        ],
        "no_scale": None,
        "depth_mm": 90.0,
        "orientation": "MF",
        "gain_curve": [[0.0, 3.0]],
    }
    state = LiveState(connected=True, frames_per_s=19.96, exam="E00000001")
    assert json.loads(state_message(state, Pointer(x=0.25, y=1))) == {
        "type": "state",
        "connected": True,
        "fps": 20.0,
        "exam": "E00000001",
        "pointer": {"x": 0.25, "y": 1},
    }
    nothing = json.loads(state_message(LiveState(connected=False, frames_per_s=0), None))
    assert (nothing["exam"], nothing["pointer"]) == (None, None)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('{"type": "credit", "count": 1}', Credit(count=1)),
        ('{"type": "pointer", "x": 0, "y": 1.0}', Pointing(pointer=Pointer(x=0, y=1))),
        ('{"type": "pointer", "x": null, "y": null}', Pointing(pointer=None)),
        ('{"type": "pointer"}', Pointing(pointer=None)),
        ("null", Pointing(pointer=None)),
    ],
)
def test_a_viewer_gives_credit_and_points(text: str, meant: object) -> None:
    """And stops to point, in any of three ways."""
    assert read_message(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "7",
        "{}",
        '{"type": "credit"}',
        '{"type": "credit", "count": 0}',
        '{"type": "credit", "count": true}',
        '{"type": "credit", "count": 1001}',
        '{"type": "credit", "count": 1.5}',
        '{"type": "pointer", "x": 1.01, "y": 0}',
        '{"type": "pointer", "x": NaN, "y": 0}',
        '{"type": "pointer", "x": 0.5}',
        '{"type": "pointer", "x": "0", "y": "0"}',
        '{"type": "state"}',
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    """With ValueError, whatever it is."""
    with pytest.raises(ValueError):
        read_message(text)


@pytest.mark.slow
@given(st.text())
def test_no_text_does_anything_but_be_refused(text: str) -> None:
    """Whatever a stranger sends."""
    with suppress(ValueError, RecursionError):
        read_message(text)
