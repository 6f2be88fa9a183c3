"""Users in the store: the last administrator stays, and rights end at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from echonode.access.roles import Role
from echonode.errors import OperatorRefused, UsageError
from echonode.store.access.users import NO_CREDENTIALS, Users
from echonode.store.read_only_store import open_read_only
from echonode.store.store import Store
from tests.unit.store.samples import Clock

NOON = Clock()()


@pytest.fixture
def users(store: Store) -> Users:
    store.users.add("ada", Role.ADMINISTRATOR, password_hash="hash", at=NOON)
    store.users.add("bob", Role.OPERATOR, password_hash="hash", at=NOON)
    store.users.add("bot", Role.SERVICE, password_hash="", at=NOON)
    store.users.set_token("bot", b"token", at=NOON)
    return store.users


def test_users_are_listed_without_their_secrets(users: Users, store: Store) -> None:
    """By name; also by a command while the node runs."""
    with open_read_only(store.data_dir) as beside:
        assert beside.users.all() == users.all()
    listed = {user.name: (user.role, user.tokens) for user in users.all()}
    assert listed == {
        "ada": (Role.ADMINISTRATOR, 0),
        "bob": (Role.OPERATOR, 0),
        "bot": (Role.SERVICE, 1),
    }
    assert "hash" not in repr(users.all())


def test_a_name_is_given_once(users: Users) -> None:
    """The second is refused, and nothing changes."""
    with pytest.raises(OperatorRefused, match="already"):
        users.add("bob", Role.VIEWER, password_hash="other", at=NOON)
    assert users.credentials("bob").password_hash == "hash"


@pytest.mark.parametrize(
    "lose",
    [
        lambda users: users.remove("ada"),
        lambda users: users.set_disabled("ada", True, at=NOON),
        lambda users: users.set_role("ada", Role.OPERATOR, at=NOON),
    ],
)
def test_the_last_administrator_stays(users: Users, lose: Callable[[Users], None]) -> None:
    """Until there is another who can log in."""
    with pytest.raises(OperatorRefused, match="only administrator"):
        lose(users)
    users.add("eve", Role.ADMINISTRATOR, password_hash="hash", at=NOON)
    users.set_disabled("eve", True, at=NOON)
    with pytest.raises(OperatorRefused, match="only administrator"):
        lose(users)
    users.set_disabled("eve", False, at=NOON)
    lose(users)


def test_a_disabled_user_has_neither_password_nor_token(users: Users) -> None:
    """From that moment on; enabled, both are as before."""
    users.set_disabled("bob", True, at=NOON)
    users.set_disabled("bot", True, at=NOON)
    assert users.credentials("bob") == NO_CREDENTIALS
    assert users.of_token(b"token") is None
    users.set_disabled("bot", False, at=NOON)
    assert users.of_token(b"token") == ("bot", Role.SERVICE)


def test_a_new_token_replaces_the_old_one(users: Users) -> None:
    """And only services have one."""
    users.set_token("bot", b"newer", at=NOON)
    assert users.of_token(b"token") is None
    assert users.of_token(b"newer") == ("bot", Role.SERVICE)
    with pytest.raises(OperatorRefused, match="no service"):
        users.set_token("bob", b"x", at=NOON)


def test_a_service_stays_one(users: Users) -> None:
    """It has no password by which another role could log in."""
    for name, role in (("bot", Role.OPERATOR), ("bob", Role.SERVICE)):
        with pytest.raises(OperatorRefused):
            users.set_role(name, role, at=NOON)
    with pytest.raises(OperatorRefused):
        users.set_password("bot", "hash", at=NOON)


def test_a_new_password_forgets_the_pin(users: Users) -> None:
    """Who was given a new password chooses a new PIN."""
    users.set_pin("bob", "pin")
    assert users.credentials("bob").pin_hash == "pin"
    users.set_password("bob", "new", at=NOON)
    assert users.credentials("bob").pin_hash == ""


def test_an_unknown_name_is_an_error_in_words(users: Users) -> None:
    """The same for each change."""
    with pytest.raises(UsageError, match="no user"):
        users.remove("eve")
    with pytest.raises(UsageError, match="no user"):
        users.set_role("eve", Role.VIEWER, at=NOON)
    with pytest.raises(UsageError, match="no user"):
        users.set_pin("eve", "")


def test_the_set_up_ends_with_the_first_user(store: Store) -> None:
    """One code until then, none afterwards; of two who set up, the second is refused."""
    users = store.users
    assert users.current_setup_code() == ""
    assert users.setup_code("CODE") == "CODE"
    assert users.setup_code("OTHER") == "CODE"
    assert users.current_setup_code() == "CODE"
    users.add_first("ada", password_hash="hash", at=NOON)
    assert users.current_setup_code() == ""
    assert users.setup_code("AGAIN") == ""
    with pytest.raises(OperatorRefused, match="set-up is over"):
        users.add_first("eve", password_hash="hash", at=NOON)


@pytest.mark.sqlite
def test_a_removed_user_leaves_no_session_and_no_token(users: Users, data_dir: Path) -> None:
    """Nothing that could be used again."""
    users.remove("bot")
    connection = sqlite3.connect(data_dir / "index.sqlite")
    assert connection.execute("SELECT count(*) FROM api_token").fetchone() == (0,)
    connection.close()
