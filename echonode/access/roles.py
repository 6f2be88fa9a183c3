"""Roles, and what each may do beyond the one below it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Role(StrEnum):
    """What a user may do.

    viewer: look at live pictures and the archive, and change nothing. operator: that, and exams,
    captures and deliveries. administrator: that, and users. service: a program with a token, which
    may do what an operator may; it has no password and cannot log in.
    """

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"
    SERVICE = "service"


# The roles that a route may ask for: a service is asked for as the operator that it acts as.
RANK: Mapping[Role, int] = MappingProxyType(
    {Role.VIEWER: 1, Role.OPERATOR: 2, Role.SERVICE: 2, Role.ADMINISTRATOR: 3}
)


def is_at_least(role: Role, least: Role) -> bool:
    """Whether `role` may do what `least` may."""
    return RANK[role] >= RANK[least]
