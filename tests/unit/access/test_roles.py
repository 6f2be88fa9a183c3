"""Roles are in order, and a service acts as an operator."""

from __future__ import annotations

from echonode.access.roles import Role, is_at_least


def test_each_role_may_do_what_the_one_below_may() -> None:
    """A viewer does least; an administrator, all."""
    for role in Role:
        assert is_at_least(role, Role.VIEWER)
        assert is_at_least(role, Role.ADMINISTRATOR) == (role is Role.ADMINISTRATOR)
    assert not is_at_least(Role.VIEWER, Role.OPERATOR)


def test_a_service_examines_and_has_no_users() -> None:
    """A program's token opens exams; it makes no users."""
    assert is_at_least(Role.SERVICE, Role.OPERATOR)
    assert not is_at_least(Role.SERVICE, Role.ADMINISTRATOR)
