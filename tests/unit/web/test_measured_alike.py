"""What a screen shows while a person measures is what the node keeps: both compute the same."""

from __future__ import annotations

import json
import math
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from echonode.errors import FieldRefused
from echonode.model.measurement import MeasurementKind, measured
from echonode.model.us_region import Point, UsRegion, WhyNot
from echonode.node.review_json import region_json
from tests.peers.fixtures import require_program
from tests.unit.web.test_console_scripts import CONSOLE, TESTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
_POINTS = {"distance": 2, "angle": 3, "ellipse": 4, "area": 7}


def cases() -> list[dict[str, Any]]:
    """Points in and out of regions whose pixels are not square, with the node's own answers."""
    chance = random.Random(12)
    found = []
    for number in range(200):
        kind = MeasurementKind(list(_POINTS)[number % 4])
        region = UsRegion(
            x0=10,
            y0=20,
            x1=609,
            y1=419,
            delta_x_mm=chance.uniform(0.02, 1.5),
            delta_y_mm=chance.uniform(0.02, 1.5),
        )
        trace = UsRegion(x0=10, y0=500, x1=609, y1=599, why_not=WhyNot.TRACE)
        reach = 1.2 if number % 5 == 0 else 0.9  # some lie outside
        points = (
            _ellipse(chance, region)
            if kind is MeasurementKind.ELLIPSE
            else _around(chance, reach, _POINTS[kind])
        )
        case: dict[str, Any] = {
            "kind": kind,
            "points": points,
            "regions": [region_json(each) for each in (region, trace)],
            "refused": False,
        }
        try:
            results, _ = measured(kind, points, [region, trace])
            case["results"] = [
                {"name": each.name, "value": each.value, "unit": each.unit} for each in results
            ]
        except FieldRefused:
            case["refused"] = True
        found.append(case)
    assert 10 < sum(case["refused"] for case in found) < 100
    return found


def _around(chance: random.Random, reach: float, count: int) -> list[Point]:
    """Around the middle of the region, in order: an outline that seldom crosses itself."""
    turns = sorted(chance.uniform(0, 2 * math.pi) for _ in range(count))
    return [
        (
            310 + reach * 300 * chance.uniform(0.4, 1) * math.cos(turn),
            220 + reach * 200 * chance.uniform(0.4, 1) * math.sin(turn),
        )
        for turn in turns
    ]


def _ellipse(chance: random.Random, region: UsRegion) -> list[Point]:
    turn, half, other = chance.uniform(0, 3), chance.uniform(3, 20), chance.uniform(3, 20)

    def at(x: float, y: float) -> Point:
        cos, sin = math.cos(turn), math.sin(turn)
        return (
            310 + (x * cos - y * sin) / region.delta_x_mm,
            220 + (x * sin + y * cos) / region.delta_y_mm,
        )

    return [at(-half, 0), at(half, 0), at(0, -other), at(0, other)]


def test_the_console_computes_what_the_node_keeps(tmp_path: Path) -> None:
    """To nine digits, and where the node refuses, the screen refuses."""
    copy = tmp_path / "console"
    shutil.copytree(CONSOLE, copy)
    (copy / "package.json").write_text('{"type": "module"}')
    (copy / "measured.json").write_text(json.dumps(cases()))
    shutil.copy(TESTS / "measured_alike.js", copy)
    done = subprocess.run(
        [require_program("node"), "--test", "measured_alike.js"],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
