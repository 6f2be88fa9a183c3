"""Log-ins, locks and tokens on a real store, with a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from echonode.access import passwords
from echonode.access.callers import UNKNOWN, Caller
from echonode.access.passwords import MOST_PIN_TRIES
from echonode.access.random_secrets import digest
from echonode.access.roles import Role
from echonode.access.session_rules import SessionRules
from echonode.errors import FieldRefused, LoginRefused, OperatorRefused, TriedTooOften
from echonode.node.access import NodeAccess
from echonode.node.user_administration import UserAdministration
from echonode.store.store import Store
from tests.support.clock import Clock

WORDS = "four words in a row"
HERE = "10.0.0.1"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules are tested here, and not the hash (tests/unit/access/test_passwords.py)."""
    monkeypatch.setattr(passwords, "hashed", lambda secret: f"hash of {secret}")
    monkeypatch.setattr(
        passwords, "is_right", lambda kept, secret: kept != "" and kept == f"hash of {secret}"
    )
    monkeypatch.setattr("echonode.node.access.is_outdated", lambda kept: False)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    with Store.open(tmp_path / "var", now=clock.now) as opened:
        yield opened


@pytest.fixture
def users(store: Store, clock: Clock) -> UserAdministration:
    return UserAdministration(store.users, now=clock.now)


@pytest.fixture
def access(store: Store, clock: Clock) -> NodeAccess:
    return NodeAccess(
        store.users,
        store.sessions,
        rules=SessionRules(lasts=timedelta(hours=12), locks_after=timedelta(minutes=10)),
        local_key=digest("local"),
        on_loopback=False,
        now=clock.now,
        monotonic=clock.monotonic,
    )


@pytest.fixture
def ada(access: NodeAccess, users: UserAdministration) -> str:
    """A session's secret."""
    users.add("ada", Role.ADMINISTRATOR, password=WORDS, by="")
    return access.log_in(name="Ada ", password=WORDS, address=HERE)


def caller(access: NodeAccess, secret: str) -> Caller:
    found = access.by_session(secret)
    assert found is not None
    return found


def test_the_first_user_is_made_by_the_code_from_the_log(
    access: NodeAccess, users: UserAdministration
) -> None:
    """An administrator, logged in at once; the code is then worth nothing."""
    code = users.setup_code()
    assert access.standing(UNKNOWN, "")["setup"] is True
    with pytest.raises(LoginRefused):
        access.set_up(code="WRONG", name="ada", password=WORDS, address=HERE)
    with pytest.raises(FieldRefused):
        access.set_up(code=code, name="ada", password="short", address=HERE)
    secret = access.set_up(code=code.lower(), name="Ada", password=WORDS, address=HERE)
    who = caller(access, secret)
    assert (who.name, who.role) == ("ada", Role.ADMINISTRATOR)
    assert access.standing(who, secret)["setup"] is False
    with pytest.raises(OperatorRefused):
        access.set_up(code=code, name="eve", password=WORDS, address=HERE)


def test_the_set_up_code_is_not_guessed(access: NodeAccess, users: UserAdministration) -> None:
    """Ten tries of an address, then one every 20 s."""
    users.setup_code()
    for _ in range(10):
        with pytest.raises(LoginRefused):
            access.set_up(code="WRONG", name="ada", password=WORDS, address=HERE)
    with pytest.raises(TriedTooOften):
        access.set_up(code="WRONG", name="ada", password=WORDS, address=HERE)


def test_without_a_code_no_one_sets_up(access: NodeAccess) -> None:
    """An empty code does not fit a code that was never made."""
    with pytest.raises(LoginRefused):
        access.set_up(code="-", name="ada", password=WORDS, address=HERE)


def test_wrong_names_and_wrong_passwords_are_answered_alike(access: NodeAccess, ada: str) -> None:
    """And a disabled user's; what was typed as a name is not logged."""
    with structlog.testing.capture_logs() as logged:
        said = set()
        for name, password in (("ada", "wrong"), ("my secret word", "x"), ("", WORDS)):
            with pytest.raises(LoginRefused) as refused:
                access.log_in(name=name, password=password, address=HERE)
            said.add((str(refused.value), refused.value.remedy))
    assert len(said) == 1
    assert "my secret word" not in repr(logged)


def test_tries_run_out_and_come_back(access: NodeAccess, ada: str, clock: Clock) -> None:
    """The right password is refused as well until then: it cannot be known before it is tried."""
    for _ in range(10):
        with pytest.raises(LoginRefused):
            access.log_in(name="ada", password="wrong", address=HERE)
    with structlog.testing.capture_logs() as logged:
        for _ in range(50):
            with pytest.raises(TriedTooOften) as refused:
                access.log_in(name="ada", password=WORDS, address=HERE)
    assert len(logged) == 1, "a flood of tries is no flood of lines"
    clock.forward(refused.value.wait_s)
    access.log_in(name="ada", password=WORDS, address=HERE)


@pytest.mark.slow
def test_a_session_ends_after_its_hours_and_when_it_is_left(
    access: NodeAccess, ada: str, clock: Clock
) -> None:
    """Its secret is then no one's."""
    again = access.log_in(name="ada", password=WORDS, address=HERE)
    access.log_out(caller(access, again), address=HERE)
    assert access.by_session(again) is None
    for _ in range(12 * 12):
        caller(access, ada)
        clock.forward(300)
    assert access.by_session(ada) is None


def test_a_tablet_that_slept_asks_for_the_pin(access: NodeAccess, ada: str, clock: Clock) -> None:
    """And one that is used does not."""
    access.set_pin(caller(access, ada), pin="2580")
    clock.forward(590)
    assert not caller(access, ada).locked
    clock.forward(640)
    assert caller(access, ada).locked
    clock.forward(1)
    assert caller(access, ada).locked, "that it was seen locked does not unlock it"
    access.unlock(caller(access, ada), pin="2580", password="", address=HERE)
    assert not caller(access, ada).locked


def test_a_wrong_pin_asks_for_the_password_in_the_end(access: NodeAccess, ada: str) -> None:
    """A right PIN is then refused, too; the password brings the PIN back."""
    access.set_pin(caller(access, ada), pin="2580")
    access.lock(caller(access, ada))
    assert caller(access, ada).has_pin
    for _ in range(MOST_PIN_TRIES):
        with pytest.raises(LoginRefused):
            access.unlock(caller(access, ada), pin="1111", password="", address=HERE)
    assert not caller(access, ada).has_pin
    with pytest.raises(LoginRefused, match="too often"):
        access.unlock(caller(access, ada), pin="2580", password="", address=HERE)
    access.unlock(caller(access, ada), pin="", password=WORDS, address=HERE)
    assert caller(access, ada).has_pin


def test_a_session_without_a_pin_is_unlocked_by_the_password(access: NodeAccess, ada: str) -> None:
    """An empty PIN fits none."""
    access.lock(caller(access, ada))
    with pytest.raises(LoginRefused):
        access.unlock(caller(access, ada), pin="", password="", address=HERE)
    access.unlock(caller(access, ada), pin="", password=WORDS, address=HERE)


def test_ones_own_password_is_changed_by_the_old_one(access: NodeAccess, ada: str) -> None:
    """The session goes on; another of the same user ends."""
    other = access.log_in(name="ada", password=WORDS, address=HERE)
    with pytest.raises(LoginRefused):
        access.set_password(caller(access, ada), old="wrong", new=WORDS + "!", address=HERE)
    access.set_password(caller(access, ada), old=WORDS, new=WORDS + "!", address=HERE)
    assert access.by_session(other) is None
    caller(access, ada)
    access.log_in(name="ada", password=WORDS + "!", address=HERE)


def test_a_disabled_user_is_out_at_once(
    access: NodeAccess, users: UserAdministration, ada: str
) -> None:
    """Session and token."""
    users.add("eve", Role.ADMINISTRATOR, password=WORDS, by="ada")
    token = str(users.add("bot", Role.SERVICE, password="", by="ada")["token"])
    found = access.by_token(token)
    assert found is not None
    assert found.role is Role.SERVICE
    users.change("bot", role=None, password="", disabled=True, by="eve")
    users.change("ada", role=None, password="", disabled=True, by="eve")
    assert access.by_token(token) is None
    assert access.by_session(ada) is None


def test_the_key_of_this_machine_is_an_administrators(access: NodeAccess) -> None:
    """So that the commands need no user; no other text is one."""
    found = access.by_token("local")
    assert found is not None
    assert (found.name, found.role) == ("local command", Role.ADMINISTRATOR)
    assert access.by_token("") is None


def test_each_change_of_a_user_is_logged_without_a_secret(users: UserAdministration) -> None:
    """Who changed what."""
    with structlog.testing.capture_logs() as logged:
        users.add("ada", Role.ADMINISTRATOR, password=WORDS, by="local command")
        token = users.add("bot", Role.SERVICE, password="", by="ada")["token"]
        users.new_token("bot", by="ada")
        users.change("bot", role=None, password="", disabled=True, by="ada")
        users.remove("bot", by="ada")
    assert [(each["change"], each["by"]) for each in logged] == [
        ("added", "local command"),
        ("added", "ada"),
        ("token", "ada"),
        ("disabled", "ada"),
        ("removed", "ada"),
    ]
    assert WORDS not in repr(logged)
    assert str(token) not in repr(logged)
