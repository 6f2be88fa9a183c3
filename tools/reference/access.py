"""Which routes each role may call, from access/route_table.py."""

from __future__ import annotations

from collections.abc import Iterator

from echonode.access.roles import Role
from echonode.access.route_table import RULES, WEBSOCKET, DataKind, Rule

_SAYS: tuple[tuple[Role | None, str], ...] = (
    (None, "everyone, also without a log-in"),
    (Role.VIEWER, "viewer, operator, administrator, service"),
    (Role.OPERATOR, "operator, administrator, service"),
    (Role.ADMINISTRATOR, "administrator"),
)


def routes_by_role() -> str:
    """A table: a line for each route, those for most people first."""
    return "\n".join(["| who | route | logged as an access to |", "|---|---|---|", *_rows()])


def _rows() -> Iterator[str]:
    for least, who in _SAYS:
        for rule in RULES:
            if rule.least is least:
                yield f"| {who} | `{_route(rule)}` | {_kind(rule.data)} |"


def _route(rule: Rule) -> str:
    return f"{'WebSocket' if rule.method == WEBSOCKET else rule.method} {rule.path}"


def _kind(data: DataKind) -> str:
    return data.value
