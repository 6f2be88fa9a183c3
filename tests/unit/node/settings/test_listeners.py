"""How many callers the listeners take, by what the system gives the node."""

from __future__ import annotations

from pathlib import Path

from structlog.testing import capture_logs

from echonode.config import parse
from echonode.node.settings.listeners import listener_limits
from tests.unit.config.test_loading import good


def test_few_descriptors_are_few_callers_and_are_told(tmp_path: Path) -> None:
    """The operator reads at the start what it comes to, and what to raise."""
    config = parse(good(tmp_path), {})
    with capture_logs() as lines:
        limits = listener_limits(config, 1_024)
    (line,) = lines
    assert line["event"] == "descriptors_few"
    assert (line["connections"], line["associations"]) == (limits.connections, limits.associations)
    assert limits.associations < limits.connections < 600
    assert "4096" in line["remedy"]


def test_with_enough_of_them_nothing_is_said(tmp_path: Path) -> None:
    """The usual limits."""
    with capture_logs() as lines:
        limits = listener_limits(parse(good(tmp_path), {}), 4_096)
    assert lines == []
    assert (limits.connections, limits.associations) == (600, 200)
