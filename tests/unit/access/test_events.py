"""What an audit trail takes of an access."""

from __future__ import annotations

from dataclasses import replace

from echonode.access.events import PatientDataAccess
from echonode.access.roles import Role
from echonode.access.route_table import DataKind
from tests.support.clock import START

ACCESS = PatientDataAccess(
    at=START,
    user="ada",
    role=Role.OPERATOR,
    address="10.0.0.1",
    kind=DataKind.EXAM,
    uid="E00000001",
    method="GET",
    path="/api/exams/{exam}",
    change=False,
    status=200,
)


def test_whether_it_was_granted_is_the_answers_status() -> None:
    """A WebSocket's 101 as well."""
    assert ACCESS.granted
    assert replace(ACCESS, status=101).granted
    assert not replace(ACCESS, status=403).granted
