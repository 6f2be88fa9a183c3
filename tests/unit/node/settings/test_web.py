"""The web server's settings: names, authority, session rules and opened routes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from echonode.commands.web_certificate import make_certificate
from echonode.config import Web
from echonode.node.settings.web import opened_routes, session_rules, web_identity


def web(**keys: object) -> Web:
    return Web.model_validate(keys)


def test_the_certificates_names_are_the_nodes(tmp_path: Path) -> None:
    """Browsers that call it by them are answered; the authority may be downloaded, no key of it."""
    make_certificate(tmp_path, ["echo.example", "10.0.0.5"], now=datetime.now(UTC))
    tls = {"cert": tmp_path / "web.pem", "key": tmp_path / "web.key"}
    identity = web_identity(web(tls=tls, names=["proxy.example"]))
    assert identity.names == ("proxy.example", "echo.example")
    assert identity.authority == (tmp_path / "web-ca.pem").read_bytes()


def test_a_certificate_of_another_authority_gives_none_away(tmp_path: Path) -> None:
    """Its file holds the server's certificate alone; /ca.crt is 404."""
    make_certificate(tmp_path, ["echo.example"], now=datetime.now(UTC))
    pem = (tmp_path / "web.pem").read_text()
    end = "-----END CERTIFICATE-----\n"
    (tmp_path / "web.pem").write_text(pem[: pem.index(end) + len(end)])
    tls = {"cert": tmp_path / "web.pem", "key": tmp_path / "web.key"}
    assert web_identity(web(tls=tls)).authority is None


def test_a_missing_certificate_is_an_error_at_the_start(tmp_path: Path) -> None:
    """check-config has named it before."""
    with pytest.raises(OSError, match="No such file"):
        web_identity(web(tls={"cert": tmp_path / "no.pem", "key": tmp_path / "no.key"}))


def test_sessions_last_and_lock_as_configured() -> None:
    """0 minutes never lock."""
    rules = session_rules(web(session_hours=8, lock_after_minutes=5))
    assert (rules.lasts, rules.locks_after) == (timedelta(hours=8), timedelta(minutes=5))
    assert session_rules(web(lock_after_minutes=0)).locks_after is None


def test_metrics_are_opened_by_the_configuration_alone() -> None:
    """By default they are for users."""
    assert opened_routes(web()) == ()
    assert opened_routes(web(open_metrics=True)) == ("GET /metrics",)
