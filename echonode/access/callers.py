"""Who asks, as far as it is known, and whether they may."""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from echonode.access.roles import Role, is_at_least
from echonode.access.route_table import Rule

# Callers that are not users: the commands on this machine, and every caller without a name.
LOCAL_COMMAND = "local command"
NO_NAME = ""


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks. name: of the user, LOCAL_COMMAND or NO_NAME.

    session: the row of the session; None where it is a token or none is needed. csrf: what a change
    by a session must bring along. locked: the session waits for its PIN or password.
    """

    name: str
    role: Role
    session: int | None = None
    csrf: str = ""
    locked: bool = False
    has_pin: bool = False


# On this machine while there are no users; and a caller that is not logged in.
ANYONE_HERE = Caller(name=NO_NAME, role=Role.ADMINISTRATOR)
UNKNOWN = Caller(name=NO_NAME, role=Role.VIEWER)


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a request is not answered, for who sent it. status: of HTTP."""

    status: int
    error: str
    remedy: str


_NO_USER = Refusal(
    status=403,
    error="this node has no user yet, so beyond its own machine it serves its set-up page alone",
    remedy="open the page and make the first user with the set-up code from the log, or by "
    "`echonode user add`",
)
_LOG_IN = Refusal(
    status=401,
    error="not logged in, or the log-in has ended",
    remedy="log in; a program sends `Authorization: Bearer TOKEN` of a service user",
)
_TOKEN = Refusal(
    status=401,
    error="the token is not valid (any more)",
    remedy="make another one by `echonode user token NAME`",
)
_LOCKED = Refusal(status=423, error="the session is locked", remedy="give the PIN or the password")
_CSRF = Refusal(
    status=403,
    error="the request does not come from a page of this node",
    remedy="load the page again",
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a request brought along, and what it found.

    token: it has one. caller: whose the token or session is; None where it is of no user. csrf: of
    its header. same_origin: the browser says, where its word is taken for it, that a page of this
    server asks. users: there is a user. on_loopback: the server listens for this machine alone.
    """

    caller: Caller | None
    token: bool = False
    csrf: str = ""
    same_origin: bool = False
    users: bool = True
    on_loopback: bool = False


def decide(rule: Rule, asked: Asked) -> Caller | Refusal:
    """Who the request is answered as, or why it is not.

    Where there is no user, the server's own address decides and not the caller's: a container's
    engine and a proxy on this machine make every caller one of this machine.
    """
    caller = asked.caller
    if rule.least is None:
        return caller or UNKNOWN
    if caller is None and asked.token:
        return _TOKEN
    if caller is None and not asked.users:
        return ANYONE_HERE if asked.on_loopback else _NO_USER
    if caller is None:
        return _LOG_IN
    if caller.locked and not rule.when_locked:
        return _LOCKED
    if not is_at_least(caller.role, rule.least):
        return Refusal(
            status=403,
            error=f"this is for the role {rule.least}, and {caller.name} is {caller.role}",
            remedy="ask an administrator to do it, or for the role",
        )
    of_session = caller.session is not None and rule.is_change
    is_ours = asked.same_origin or hmac.compare_digest(asked.csrf.encode(), caller.csrf.encode())
    if of_session and not is_ours:
        return _CSRF
    return caller
