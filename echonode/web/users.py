"""Users over HTTP: their list, and changes to them. For administrators (access/route_table.py)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from anyio import CapacityLimiter
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from echonode.access.callers import UNKNOWN
from echonode.access.roles import Role
from echonode.errors import FieldRefused
from echonode.web.admission import caller_of
from echonode.web.json_requests import Fields, answer, only, text

Json = Mapping[str, Any]


class UserApi(Protocol):
    """What the routes call; by: who asks. Raises FieldRefused, UsageError, OperatorRefused,
    StoreError.
    """

    def users(self) -> Json: ...

    def add(self, name: str, role: Role, *, password: str, by: str) -> Json: ...

    def change(
        self, name: str, *, role: Role | None, password: str, disabled: bool | None, by: str
    ) -> Json: ...

    def remove(self, name: str, *, by: str) -> Json: ...

    def new_token(self, name: str, *, by: str) -> Json: ...


def user_routes(api: UserApi) -> list[BaseRoute]:
    """/api/users and below."""
    hashing = CapacityLimiter(1)

    async def users(request: Request) -> Response:
        if request.method == "POST":
            return await answer(
                request, lambda fields: _add(api, fields, _by(request)), status=201, threads=hashing
            )
        return await answer(request, lambda _: api.users())

    async def user(request: Request) -> Response:
        if request.method == "DELETE":
            return await answer(request, lambda _: api.remove(_name(request), by=_by(request)))
        return await answer(
            request,
            lambda fields: _change(api, _name(request), fields, _by(request)),
            threads=hashing,
        )

    async def token(request: Request) -> Response:
        def work(fields: Fields) -> Json:
            only(fields)
            return api.new_token(_name(request), by=_by(request))

        return await answer(request, work, status=201)

    return [
        Route("/api/users", users, methods=["GET", "POST"]),
        Route("/api/users/{name}", user, methods=["POST", "DELETE"]),
        Route("/api/users/{name}/token", token, methods=["POST"]),
    ]


def _add(api: UserApi, fields: Fields, by: str) -> Json:
    only(fields, "name", "role", "password")
    role = _role(fields)
    if role is None:
        raise FieldRefused("role", "is missing", f"give one of {', '.join(Role)}")
    return api.add(
        text(fields, "name", needed=True), role, password=text(fields, "password"), by=by
    )


def _change(api: UserApi, name: str, fields: Fields, by: str) -> Json:
    only(fields, "role", "password", "disabled")
    disabled = fields.get("disabled")
    if disabled is not None and not isinstance(disabled, bool):
        raise FieldRefused("disabled", "is neither true nor false", "give one of them")
    return api.change(
        name, role=_role(fields), password=text(fields, "password"), disabled=disabled, by=by
    )


def _role(fields: Fields) -> Role | None:
    named = text(fields, "role")
    if not named:
        return None
    if named not in set(Role):
        raise FieldRefused("role", "is not a role", f"give one of {', '.join(Role)}")
    return Role(named)


def _name(request: Request) -> str:
    return str(request.path_params["name"])[:64].lower()


def _by(request: Request) -> str:
    return (caller_of(request.scope) or UNKNOWN).name
