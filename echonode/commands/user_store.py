"""Where `echonode user` does its work: in the store, or by the node that runs and has its lock.

As with the commands on deliveries (operate.py): the store is one process's at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

from echonode.access.callers import LOCAL_COMMAND
from echonode.access.passwords import checked_name
from echonode.access.roles import Role
from echonode.audit.sources.commands import users_changed
from echonode.commands.node_client import delete, post
from echonode.commands.recording import record
from echonode.config import Config
from echonode.errors import OperatorRefused, StoreError, StoreLocked, UsageError
from echonode.node.settings.stores import open_store
from echonode.node.user_administration import UserAdministration, as_json
from echonode.store.read_only_store import open_read_only

_ANSWER_S = 60.0
Json = Mapping[str, Any]
T = TypeVar("T")


def list_users(config: Config) -> list[Json]:
    """Every user, by name; also while a node runs. Raises UsageError, StoreError."""
    with open_read_only(
        config.data_dir,
        index_url=config.index.server_url,
        cipher=config.encryption.cipher,
    ) as store:
        return [as_json(user) for user in store.users.all()]


def has_users(config: Config) -> bool:
    """Whether a user may log in; also while a node runs. Of a store that cannot be read, no."""
    try:
        return bool(list_users(config))
    except (UsageError, StoreError):
        return False


def setup_code(config: Config) -> str:
    """The code by which the first user is made; made where there is none yet.

    Raises OperatorRefused where there is a user, or the node that runs asks for no code.
    """
    try:
        code = _in_store(config, UserAdministration.setup_code)
    except StoreLocked:
        with open_read_only(
            config.data_dir,
            index_url=config.index.server_url,
            cipher=config.encryption.cipher,
        ) as store:
            code = store.users.current_setup_code()
            if not code and not store.users.any():
                raise OperatorRefused(
                    "the node that runs listens for this machine alone, and asks for no code: add "
                    "the first user by `echonode user add NAME --role administrator`"
                ) from None
    if not code:
        raise OperatorRefused("there is a user already, so the set-up is over")
    record(config, users_changed("set-up", "the set-up code was shown", at=datetime.now(UTC)))
    return code


def add(config: Config, name: str, role: Role, password: str) -> Json:
    """A new user; `token` in what is returned is a service's."""
    return _either(
        config,
        lambda users: users.add(name, role, password=password, by=LOCAL_COMMAND),
        lambda: post(
            config,
            "/api/users",
            {"name": name, "role": role.value, **({"password": password} if password else {})},
            timeout_s=_ANSWER_S,
        ),
    )


def change(
    config: Config,
    name: str,
    *,
    role: Role | None = None,
    password: str = "",
    disabled: bool | None = None,
) -> None:
    """What is given is changed; the user's sessions end."""
    name = checked_name(name)
    body: dict[str, object] = {}
    if role is not None:
        body["role"] = role.value
    if password:
        body["password"] = password
    if disabled is not None:
        body["disabled"] = disabled
    _either(
        config,
        lambda users: users.change(
            name, role=role, password=password, disabled=disabled, by=LOCAL_COMMAND
        ),
        lambda: post(config, _path(name), body, timeout_s=_ANSWER_S),
    )


def remove(config: Config, name: str) -> None:
    """With sessions and tokens."""
    name = checked_name(name)
    _either(
        config,
        lambda users: users.remove(name, by=LOCAL_COMMAND),
        lambda: delete(config, _path(name), timeout_s=_ANSWER_S),
    )


def new_token(config: Config, name: str) -> str:
    """Of a service, in place of the one that it had."""
    name = checked_name(name)
    made = _either(
        config,
        lambda users: users.new_token(name, by=LOCAL_COMMAND),
        lambda: post(config, f"{_path(name)}/token", {}, timeout_s=_ANSWER_S),
    )
    return str(made["token"])


def _path(name: str) -> str:
    return f"/api/users/{quote(name, safe='')}"


def _either(
    config: Config, in_store: Callable[[UserAdministration], Json], by_node: Callable[[], Json]
) -> Json:
    try:
        return _in_store(config, in_store)
    except StoreLocked:
        return by_node()


def _in_store(config: Config, work: Callable[[UserAdministration], T]) -> T:
    with open_store(config) as store:

        def changed(name: str, change: str) -> None:
            record(config, users_changed(name, f"user {change}", at=datetime.now(UTC)))

        return work(
            UserAdministration(store.users, now=lambda: datetime.now(UTC), on_change=changed)
        )
