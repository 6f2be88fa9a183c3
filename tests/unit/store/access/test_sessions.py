"""Sessions in the store: bounded, revocable, and locked by their own row."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from echonode.access.roles import Role
from echonode.errors import UsageError
from echonode.store.access.sessions import MOST_PER_USER
from echonode.store.store import Store
from tests.unit.store.samples import Clock

NOON = Clock()()


@pytest.fixture
def store_with_ada(store: Store) -> Store:
    store.users.add("ada", Role.ADMINISTRATOR, password_hash="hash", at=NOON)
    store.users.add("bob", Role.OPERATOR, password_hash="hash", at=NOON)
    return store


def test_a_session_is_found_by_its_digest_alone(store_with_ada: Store) -> None:
    """With whose it is, and their role as it is now."""
    store_with_ada.sessions.begin("bob", b"1", at=NOON)
    found = store_with_ada.sessions.find(b"1")
    assert found is not None
    assert (found.user, found.role, found.locked) == ("bob", Role.OPERATOR, False)
    assert store_with_ada.sessions.find(b"2") is None


@pytest.mark.parametrize(
    "end",
    [
        lambda users: users.set_disabled("bob", True, at=NOON),
        lambda users: users.set_role("bob", Role.VIEWER, at=NOON),
        lambda users: users.set_password("bob", "new", at=NOON),
        lambda users: users.remove("bob"),
    ],
)
def test_what_changes_a_users_rights_ends_their_sessions(
    store_with_ada: Store, end: Callable[[object], None]
) -> None:
    """In the same transaction; another user's go on."""
    store_with_ada.sessions.begin("bob", b"1", at=NOON)
    store_with_ada.sessions.begin("ada", b"2", at=NOON)
    end(store_with_ada.users)
    assert store_with_ada.sessions.find(b"1") is None
    assert store_with_ada.sessions.find(b"2") is not None


def test_ones_own_new_password_keeps_the_session_in_hand(store_with_ada: Store) -> None:
    """The others end."""
    sessions = store_with_ada.sessions
    here, _ = sessions.begin("bob", b"1", at=NOON), sessions.begin("bob", b"2", at=NOON)
    store_with_ada.users.set_password("bob", "new", at=NOON, keep_session=here)
    assert sessions.find(b"1") is not None
    assert sessions.find(b"2") is None


def test_who_logs_in_everywhere_loses_the_oldest_session(store_with_ada: Store) -> None:
    """Their number is bounded."""
    for n in range(MOST_PER_USER + 1):
        store_with_ada.sessions.begin("bob", bytes([n]), at=NOON)
    assert store_with_ada.sessions.find(bytes([0])) is None
    assert store_with_ada.sessions.find(bytes([1])) is not None
    assert [user.sessions for user in store_with_ada.users.all()] == [0, MOST_PER_USER]


def test_the_tries_of_a_pin_are_counted_before_they_are_made(store_with_ada: Store) -> None:
    """A right one forgets them."""
    sessions = store_with_ada.sessions
    key = sessions.begin("bob", b"1", at=NOON)
    sessions.lock(key)
    assert [sessions.count_pin_try(key, 2) for _ in range(3)] == [True, True, False]
    sessions.unlock(key, NOON)
    assert sessions.count_pin_try(key, 2)


def test_old_and_ended_sessions_are_gone(store_with_ada: Store) -> None:
    """Logged out, or begun too long ago; a disabled user begins none."""
    sessions = store_with_ada.sessions
    sessions.begin("bob", b"old", at=NOON - timedelta(days=2))
    key = sessions.begin("bob", b"out", at=NOON)
    sessions.begin("bob", b"new", at=NOON)
    sessions.end(key)
    sessions.prune(before=NOON - timedelta(days=1))
    assert [sessions.find(d) is not None for d in (b"old", b"out", b"new")] == [False, False, True]
    store_with_ada.users.set_disabled("bob", True, at=NOON)
    with pytest.raises(UsageError):
        sessions.begin("bob", b"late", at=NOON)
