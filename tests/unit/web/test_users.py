"""The routes of the users' administration: their fields, and who is said to have asked."""

from __future__ import annotations

import http.client
import json
from typing import Any

import pytest

from echonode.access.roles import Role
from echonode.errors import OperatorRefused
from echonode.web.users import user_routes
from tests.unit.web.conftest import Serve


class Administration:
    """Remembers what was asked."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []

    def users(self) -> dict[str, object]:
        return {"users": []}

    def add(self, name: str, role: Role, *, password: str, by: str) -> dict[str, object]:
        self.done.append(("add", name, role, password, by))
        return {"name": name, "role": role}

    def change(
        self, name: str, *, role: Role | None, password: str, disabled: bool | None, by: str
    ) -> dict[str, object]:
        self.done.append(("change", name, role, password, disabled))
        return {}

    def remove(self, name: str, *, by: str) -> dict[str, object]:
        raise OperatorRefused("ada is the only administrator who can log in")

    def new_token(self, name: str, *, by: str) -> dict[str, object]:
        return {"token": "t"}


def ask(serve: Serve, method: str, path: str, **fields: object) -> tuple[int, Any, list[Any]]:
    api = Administration()
    browser = serve(user_routes(api))
    connection = http.client.HTTPConnection(*browser.server.address, timeout=10)
    try:
        connection.request(method, path, json.dumps(fields) if method == "POST" else None)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read()), api.done
    finally:
        connection.close()


def test_users_are_added_and_changed(serve: Serve) -> None:
    """By role and name; a change names only what it changes."""
    status, _, done = ask(serve, "POST", "/api/users", name="bob", role="viewer", password="p")
    assert (status, done) == (201, [("add", "bob", Role.VIEWER, "p", "")])
    status, _, done = ask(serve, "POST", "/api/users/Bob", disabled=True)
    assert (status, done) == (200, [("change", "bob", None, "", True)])
    assert ask(serve, "POST", "/api/users/bot/token")[:2] == (201, {"token": "t"})
    assert ask(serve, "GET", "/api/users")[:2] == (200, {"users": []})


def test_what_may_not_be_is_said_in_words(serve: Serve) -> None:
    """409, as of every refusal."""
    status, body, _ = ask(serve, "DELETE", "/api/users/ada")
    assert (status, body["error"]) == (409, "ada is the only administrator who can log in")


@pytest.mark.parametrize(
    ("path", "fields", "field"),
    [
        ("/api/users", {"name": "bob"}, "role"),
        ("/api/users", {"name": "bob", "role": "king"}, "role"),
        ("/api/users", {"role": "viewer"}, "name"),
        ("/api/users/bob", {"disabled": "yes"}, "disabled"),
        ("/api/users/bob", {"other": 1}, "other"),
    ],
)
def test_a_field_at_fault_is_named(
    serve: Serve, path: str, fields: dict[str, object], field: str
) -> None:
    """400, and nothing is done."""
    status, body, done = ask(serve, "POST", path, **fields)
    assert (status, body["field"], done) == (400, field, [])
