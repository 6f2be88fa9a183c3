"""Operations of sessions and users."""

from __future__ import annotations

from echonode.access.roles import Role
from echonode.web.openapi.operation import Operation
from echonode.web.openapi.schema import (
    TEXT,
    Schema,
    list_of,
    object_of,
    reference,
)

_ROLE: Schema = {"enum": [role.value for role in Role]}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="get",
        path="/api/session",
        summary="Who is logged in, and what a page must know before it shows anything",
        answer=reference("Session"),
    ),
    Operation(
        method="post",
        path="/api/setup",
        summary="Make the first user, an administrator, by the set-up code; logged in by a cookie",
        status=201,
        body=object_of(("code", "name", "password"), code=TEXT, name=TEXT, password=TEXT),
    ),
    Operation(
        method="post",
        path="/api/login",
        summary="Log in; the session is in a cookie, its CSRF token in /api/session",
        body=object_of(("name", "password"), name=TEXT, password=TEXT),
    ),
    Operation(method="post", path="/api/logout", summary="End the session", body=object_of()),
    Operation(
        method="post",
        path="/api/session/lock",
        summary="Lock the session until its PIN or password is given",
        body=object_of(),
    ),
    Operation(
        method="post",
        path="/api/session/unlock",
        summary="Return to a locked session",
        body=object_of(pin=TEXT, password=TEXT),
    ),
    Operation(
        method="post",
        path="/api/session/pin",
        summary="Choose the PIN that unlocks one's sessions",
        body=object_of(("pin",), pin=TEXT),
    ),
    Operation(
        method="post",
        path="/api/session/password",
        summary="Change one's own password; one's other sessions end",
        body=object_of(("old", "new"), old=TEXT, new=TEXT),
    ),
    Operation(
        method="get",
        path="/api/users",
        summary="The users",
        answer=object_of(("users",), users=list_of(reference("User"))),
    ),
    Operation(
        method="post",
        path="/api/users",
        summary="Add a user; of a service the answer has its token, this once",
        status=201,
        body=object_of(("name", "role"), name=TEXT, role=_ROLE, password=TEXT),
        answer=object_of(("name", "role"), name=TEXT, role=_ROLE, token=TEXT),
    ),
    Operation(
        method="post",
        path="/api/users/{name}",
        summary="Change a user; the user's sessions end",
        body=object_of(role=_ROLE, password=TEXT, disabled={"type": "boolean"}),
    ),
    Operation(method="delete", path="/api/users/{name}", summary="Remove a user"),
    Operation(
        method="post",
        path="/api/users/{name}/token",
        summary="A new token of a service, shown this once; the one before is refused",
        status=201,
        body=object_of(),
        answer=object_of(("token",), token=TEXT),
    ),
)
