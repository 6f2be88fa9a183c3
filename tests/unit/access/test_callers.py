"""Who may: every standing of a caller against every kind of route."""

from __future__ import annotations

import pytest

from echonode.access.callers import ANYONE_HERE, UNKNOWN, Asked, Caller, Refusal, decide
from echonode.access.roles import Role
from echonode.access.route_table import Rule

READ = Rule(method="GET", path="/read", least=Role.VIEWER)
CHANGE = Rule(method="POST", path="/change", least=Role.OPERATOR)
UNLOCK = Rule(method="POST", path="/unlock", least=Role.VIEWER, when_locked=True)
PAGE = Rule(method="GET", path="/", least=None)


def session(role: Role = Role.OPERATOR, *, locked: bool = False) -> Caller:
    return Caller(name="ada", role=role, session=1, csrf="proof", locked=locked)


def status(rule: Rule, asked: Asked) -> int:
    decided = decide(rule, asked)
    if isinstance(decided, Refusal):
        assert decided.error
        assert decided.remedy
        return decided.status
    return 200


@pytest.mark.parametrize("rule", [READ, CHANGE])
def test_without_users_the_address_of_the_server_decides(rule: Rule) -> None:
    """On loopback scripts and pages are served as before there were users; elsewhere, the set-up
    page alone.
    """
    assert decide(rule, Asked(caller=None, users=False, on_loopback=True)) is ANYONE_HERE
    assert status(rule, Asked(caller=None, users=False)) == 403
    assert decide(PAGE, Asked(caller=None, users=False)) is UNKNOWN


@pytest.mark.parametrize("on_loopback", [True, False])
def test_with_users_everyone_logs_in(on_loopback: bool) -> None:
    """On this machine too."""
    assert status(READ, Asked(caller=None, on_loopback=on_loopback)) == 401
    assert status(PAGE, Asked(caller=None, on_loopback=on_loopback)) == 200


def test_a_token_that_is_not_valid_is_refused_everywhere() -> None:
    """Also where none is needed: what sends one believes that it has rights."""
    asked = Asked(caller=None, token=True, users=False, on_loopback=True)
    assert status(READ, asked) == 401


def test_a_change_by_a_session_needs_its_csrf_token() -> None:
    """A page of another site does not know it."""
    assert status(CHANGE, Asked(caller=session(), csrf="proof")) == 200
    for csrf in ("", "other", "prööf"):
        assert status(CHANGE, Asked(caller=session(), csrf=csrf)) == 403
    assert status(READ, Asked(caller=session())) == 200
    assert status(CHANGE, Asked(caller=session(), same_origin=True)) == 200


def test_a_token_of_a_service_needs_no_csrf_token() -> None:
    """No browser sends it by itself."""
    service = Caller(name="bot", role=Role.SERVICE)
    assert status(CHANGE, Asked(caller=service, token=True)) == 200


def test_a_role_below_the_rows_is_refused() -> None:
    """The message names both roles."""
    decided = decide(CHANGE, Asked(caller=session(Role.VIEWER), csrf="proof"))
    assert isinstance(decided, Refusal)
    assert decided.status == 403
    assert "operator" in decided.error
    assert "viewer" in decided.error


def test_a_locked_session_is_only_unlocked() -> None:
    """423 for all else, whatever the role."""
    locked = Asked(caller=session(Role.ADMINISTRATOR, locked=True), csrf="proof")
    assert status(READ, locked) == 423
    assert status(UNLOCK, locked) == 200
