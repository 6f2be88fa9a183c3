"""What is done to users: by an administrator over HTTP, and by `echonode user`.

Each change is a log event with who made it; never with a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from echonode.access.passwords import checked_name, checked_password
from echonode.access.random_secrets import digest, new_code, new_token
from echonode.access.roles import Role
from echonode.errors import FieldRefused, StoreError
from echonode.log import get_logger
from echonode.node.hashing import hashed
from echonode.store.access.users import User, Users

log = get_logger(__name__)
Json = Mapping[str, Any]


class UserAdministration:
    """Users of one store. Each raises FieldRefused, UsageError, OperatorRefused, StoreError."""

    def __init__(
        self,
        users: Users,
        *,
        now: Callable[[], datetime],
        on_change: Callable[[str, str], None] = lambda name, change: None,
    ) -> None:
        """on_change: called with a user's name and what changed, once it is durable."""
        self._users, self._now, self._on_change = users, now, on_change

    def users(self) -> Json:
        """Every user, by name."""
        return {"users": [as_json(user) for user in self._users.all()]}

    def add(self, name: str, role: Role, *, password: str, by: str) -> Json:
        """A new user; of a service also its token, which is shown this once."""
        name = checked_name(name)
        if role is Role.SERVICE:
            if password:
                raise FieldRefused("password", "is of no use to a service", "leave it out")
            self._users.add(name, role, password_hash="", at=self._now())
            self._log(name, "added", by, role)
            return {"name": name, "role": role.value, **self._token(name)}
        kept = hashed(checked_password(password, name=name))
        self._users.add(name, role, password_hash=kept, at=self._now())
        self._log(name, "added", by, role)
        return {"name": name, "role": role.value}

    def change(
        self, name: str, *, role: Role | None, password: str, disabled: bool | None, by: str
    ) -> Json:
        """What is not None or '' is changed; the user's sessions end with it."""
        if role is None and not password and disabled is None:
            raise FieldRefused("role", "is missing", "give role, password or disabled")
        kept = hashed(checked_password(password, name=name)) if password else ""
        if role is not None:
            self._users.set_role(name, role, at=self._now())
            self._log(name, "role", by, role)
        if kept:
            self._users.set_password(name, kept, at=self._now())
            self._log(name, "password", by)
        if disabled is not None:
            self._users.set_disabled(name, disabled, at=self._now())
            self._log(name, "disabled" if disabled else "enabled", by)
        return {}

    def remove(self, name: str, *, by: str) -> Json:
        """The user is gone, with sessions and tokens."""
        self._users.remove(name)
        self._log(name, "removed", by)
        return {}

    def new_token(self, name: str, *, by: str) -> Json:
        """The token of a service in place of the one that it had; it is shown this once."""
        made = self._token(name)
        self._log(name, "token", by)
        return made

    def setup_code(self) -> str:
        """The code by which the first user is made; '' where there is a user."""
        return self._users.setup_code(new_code())

    def _token(self, name: str) -> Json:
        token = new_token()
        self._users.set_token(name, digest(token), at=self._now())
        return {"token": token}

    def _log(self, name: str, change: str, by: str, role: Role | None = None) -> None:
        log.info("user_changed", user=name, change=change, role=role, by=by or "no users yet")
        self._on_change(name, change)


def as_json(user: User) -> Json:
    """A user as the API and `echonode user list --json` have it."""
    return {
        "name": user.name,
        "role": user.role.value,
        "disabled": user.disabled,
        "has_pin": user.has_pin,
        "created_at": user.created_at.isoformat(),
        "sessions": user.sessions,
        "tokens": user.tokens,
    }


def show_setup_code(users: Users, *, now: Callable[[], datetime]) -> None:
    """Log the code that makes the first user of a node that is reached from beyond its machine."""
    try:
        code = UserAdministration(users, now=now).setup_code()
    except StoreError as error:
        log.warning("setup_code_not_made", reason=str(error))
        return
    if code:
        log.warning("setup_code", code=code)
