"""What an administrator may ask for: the refusals that need no store's rule."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from echonode.access.roles import Role
from echonode.errors import FieldRefused
from echonode.node.user_administration import UserAdministration, show_setup_code
from echonode.store.store import Store
from tests.support.clock import Clock


def test_a_service_has_no_password_and_a_change_changes_something(tmp_path: Path) -> None:
    """Both are refused before anything is written."""
    clock = Clock()
    with Store.open(tmp_path / "var", now=clock.now) as store:
        users = UserAdministration(store.users, now=clock.now)
        with pytest.raises(FieldRefused) as refused:
            users.add("bot", Role.SERVICE, password="x", by="")
        assert refused.value.field == "password"
        with pytest.raises(FieldRefused):
            users.change("bot", role=None, password="", disabled=None, by="")
        assert users.users() == {"users": []}


def test_the_code_is_in_the_log_until_there_is_a_user(tmp_path: Path) -> None:
    """The same at each start; then no more."""
    clock = Clock()
    with Store.open(tmp_path / "var", now=clock.now) as store:
        with structlog.testing.capture_logs() as logged:
            show_setup_code(store.users, now=clock.now)
            show_setup_code(store.users, now=clock.now)
            UserAdministration(store.users, now=clock.now).add(
                "bot", Role.SERVICE, password="", by=""
            )
            show_setup_code(store.users, now=clock.now)
        codes = [each["code"] for each in logged if each["event"] == "setup_code"]
    assert len(codes) == 2
    assert len(set(codes)) == 1
