"""Preflight says whether the callers of a proxy must log in."""

from __future__ import annotations

import pytest

from echonode.config import Config
from echonode.monitoring.preflight.console_check import check_console


def config(**web: object) -> Config:
    return Config.model_validate({"ae_title": "A", "web": {"port": 8080, **web}})


def test_a_console_behind_a_proxy_without_users_fails() -> None:
    """With what to do; with a user it passes."""
    behind = config(names=["echo.clinic.example"])
    outcome = check_console(behind, has_users=False)
    assert outcome is not None
    assert not outcome.ok
    assert "echonode user add" in outcome.steps[0].remedy
    assert "echo.clinic.example" in outcome.purpose
    outcome = check_console(behind, has_users=True)
    assert outcome is not None
    assert outcome.ok


@pytest.mark.parametrize(
    "shown",
    [
        config(),
        config(host="0.0.0.0", names=["a.example"]),
        Config.model_validate({"ae_title": "A"}),
    ],
)
def test_where_nothing_shows_a_proxy_nothing_is_said(shown: Config) -> None:
    """The default on loopback, a node that asks for a log-in anyway, and one without a console."""
    assert check_console(shown, has_users=False) is None
