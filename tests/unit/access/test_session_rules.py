"""When a session is over, and when it locks by itself."""

from __future__ import annotations

from datetime import timedelta

from echonode.access.session_rules import SessionRules
from tests.support.clock import START

RULES = SessionRules(lasts=timedelta(hours=12), locks_after=timedelta(minutes=10))


def after(**delta: float) -> bool:
    return RULES.is_over(created_at=START, now=START + timedelta(**delta))


def test_a_session_lasts_so_long_whatever_happens() -> None:
    """Then, or when the clock went back before it began, the user logs in again."""
    assert not after(hours=11.9)
    assert after(hours=12)
    assert after(hours=-1)


def test_a_tablet_that_slept_is_locked() -> None:
    """Half a minute later than the rule, for that is how exactly a request is noted."""

    def locked(**delta: float) -> bool:
        return RULES.is_locked(locked=False, seen_at=START, now=START + timedelta(**delta))

    assert not locked(minutes=10)
    assert locked(minutes=11)
    never = SessionRules(lasts=timedelta(hours=12), locks_after=None)
    assert not never.is_locked(locked=False, seen_at=START, now=START + timedelta(hours=9))
    assert never.is_locked(locked=True, seen_at=START, now=START)


def test_requests_are_noted_now_and_then() -> None:
    """A page that asks each second writes twice a minute."""
    assert not RULES.is_to_note(seen_at=START, now=START + timedelta(seconds=29))
    assert RULES.is_to_note(seen_at=START, now=START + timedelta(seconds=30))
