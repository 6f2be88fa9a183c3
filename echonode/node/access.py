"""Who asks over HTTP: sessions and tokens looked up, and log-ins.

Rules
- A wrong name, a wrong password and a user that is disabled are answered alike, and as late.
- Tries are counted before they are computed (access/login_limits.py).
- A session that slept is locked when it is seen again, by its own row and not by a timer.
"""

from __future__ import annotations

import hmac
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from echonode.access.callers import LOCAL_COMMAND, Caller
from echonode.access.events import Authentication, AuthenticationEvents
from echonode.access.login_limits import LoginLimits
from echonode.access.passwords import (
    MOST_PIN_TRIES,
    checked_name,
    checked_password,
    checked_pin,
    is_outdated,
)
from echonode.access.random_secrets import csrf_of, digest, is_same_code, new_session
from echonode.access.roles import Role
from echonode.access.session_rules import SessionRules
from echonode.errors import LoginRefused, OperatorRefused, StoreError, TriedTooOften
from echonode.log import get_logger
from echonode.node.hashing import hashed, is_right
from echonode.store.access.sessions import Session, Sessions
from echonode.store.access.users import Users

log = get_logger(__name__)
_WRONG = "the name or the password is wrong"
_ASK = "try again, or have an administrator set a new password"
_SAY_EVERY_S = 10.0  # how often it is logged that tries are refused, however many they are
_SET_UP = "set-up"  # whose tries those of the set-up code are


class NodeAccess:
    """What web/admission.py and web/sessions.py ask. Thread-safe.

    local_key: digest of the key of this machine's commands. on_loopback: the server listens for
    this machine alone, so that no set-up is needed. monotonic: seconds.
    """

    def __init__(
        self,
        users: Users,
        sessions: Sessions,
        *,
        rules: SessionRules,
        local_key: bytes,
        on_loopback: bool,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        authenticated: AuthenticationEvents = lambda event: None,
    ) -> None:
        """authenticated: takes log-ins, those that failed too, and log-outs."""
        self._authenticated = authenticated
        self._users, self._sessions, self._rules = users, sessions, rules
        self._local_key, self._on_loopback = local_key, on_loopback
        self._now, self._monotonic = now, monotonic
        self._limits = LoginLimits()
        self._counting = threading.Lock()
        self._said_until = 0.0

    # --- who asks ---

    def has_users(self) -> bool:
        """Raises StoreError."""
        return self._users.any()

    def by_session(self, secret: str) -> Caller | None:
        """Whose session it is; None where it is over. Raises StoreError."""
        session, now = self._sessions.find(digest(secret)), self._now()
        if session is None:
            return None
        if self._rules.is_over(created_at=session.created_at, now=now):
            return None
        locked = self._rules.is_locked(locked=session.locked, seen_at=session.seen_at, now=now)
        # A disk that takes no more must not keep anyone from looking.
        with suppress(StoreError):
            if locked and not session.locked:
                self._sessions.lock(session.key)
            elif not locked and self._rules.is_to_note(seen_at=session.seen_at, now=now):
                self._sessions.seen(session.key, now)
        return _caller(session, secret, locked=locked)

    def by_token(self, secret: str) -> Caller | None:
        """Whose token it is; None where it is of no user (any more). Raises StoreError."""
        shown = digest(secret)
        if hmac.compare_digest(shown, self._local_key):
            return Caller(name=LOCAL_COMMAND, role=Role.ADMINISTRATOR)
        found = self._users.of_token(shown)
        return None if found is None else Caller(name=found[0], role=found[1])

    # --- log-in and log-out ---

    @property
    def lasts_s(self) -> int:
        """How long a session lasts, in seconds."""
        return int(self._rules.lasts.total_seconds())

    def standing(self, caller: Caller, secret: str) -> Mapping[str, Any]:
        """What a page must know before it shows anything. Raises StoreError."""
        users = self.has_users()
        locks_after = self._rules.locks_after
        user = {"name": caller.name, "role": caller.role.value} if caller.name else None
        return {
            "users": users,
            "setup": not users and not self._on_loopback,
            "user": user,
            "csrf": csrf_of(secret) if caller.session is not None else "",
            "locked": caller.locked,
            "has_pin": caller.has_pin,
            "lock_after_s": None if locks_after is None else int(locks_after.total_seconds()),
        }

    def set_up(self, *, code: str, name: str, password: str, address: str) -> str:
        """The first user, and a session of theirs. Raises LoginRefused, TriedTooOften,
        FieldRefused, OperatorRefused, StoreError.
        """
        self._count_try(address, _SET_UP)
        if self.has_users():
            raise OperatorRefused("there is a user already, so the set-up is over: log in")
        if not is_same_code(code, self._users.current_setup_code()):
            log.warning("login_refused", reason="set-up code", address=address)
            self._tell_failed("", address, "the set-up code was wrong")
            raise LoginRefused(
                "the set-up code is not right",
                "read it again: it is in the log (setup_code), and `echonode user setup-code` "
                "shows it",
            )
        self._forget_try(address, _SET_UP)
        name = checked_name(name)
        kept = hashed(checked_password(password, name=name))
        self._users.add_first(name, password_hash=kept, at=self._now())
        log.info(
            "user_changed", user=name, change="added", role=Role.ADMINISTRATOR, by="set-up code"
        )
        return self._begin(name, address)

    def log_in(self, *, name: str, password: str, address: str) -> str:
        """A session's secret. Raises LoginRefused, TriedTooOften, StoreError."""
        name = name.strip().lower()[:64]
        self._check_password(name, password, address)
        return self._begin(name, address)

    def log_out(self, caller: Caller, *, address: str) -> None:
        """Raises StoreError."""
        if caller.session is not None:
            self._sessions.end(caller.session)
            self._authenticated(
                Authentication(at=self._now(), user=caller.name, address=address, entered=False)
            )

    def lock(self, caller: Caller) -> None:
        """Raises OperatorRefused, StoreError."""
        self._sessions.lock(_session_of(caller))

    def unlock(self, caller: Caller, *, pin: str, password: str, address: str) -> None:
        """Raises LoginRefused, TriedTooOften, OperatorRefused, StoreError."""
        session = _session_of(caller)
        if password:
            self._check_password(caller.name, password, address)
        else:
            if not self._sessions.count_pin_try(session, MOST_PIN_TRIES):
                raise LoginRefused("the PIN was wrong too often", "give the password")
            if not is_right(self._users.credentials(caller.name).pin_hash, pin):
                log.warning("login_refused", reason="PIN", user=caller.name, address=address)
                self._tell_failed(caller.name, address, "the PIN was wrong")
                raise LoginRefused("the PIN is wrong", "try again, or give the password")
        now = self._now()
        self._sessions.unlock(session, now)
        self._authenticated(Authentication(at=now, user=caller.name, address=address, entered=True))

    def set_pin(self, caller: Caller, *, pin: str) -> None:
        """Raises FieldRefused, OperatorRefused, StoreError."""
        _session_of(caller)
        self._users.set_pin(caller.name, hashed(checked_pin(pin)))

    def set_password(self, caller: Caller, *, old: str, new: str, address: str) -> None:
        """Their own; their other sessions end. Raises LoginRefused, TriedTooOften, FieldRefused,
        OperatorRefused, StoreError.
        """
        session = _session_of(caller)
        new = checked_password(new, name=caller.name)
        self._check_password(caller.name, old, address)
        self._users.set_password(caller.name, hashed(new), at=self._now(), keep_session=session)
        log.info("user_changed", user=caller.name, change="password", role=None, by=caller.name)

    # --- of all of them ---

    def _check_password(self, name: str, password: str, address: str) -> None:
        self._count_try(address, name)
        kept = self._users.credentials(name).password_hash
        if not is_right(kept, password):
            known = name if kept else "unknown"
            log.warning("login_refused", reason="password", user=known, address=address)
            self._tell_failed(known, address, "the name or the password was wrong")
            raise LoginRefused(_WRONG, _ASK)
        self._forget_try(address, name)
        if is_outdated(kept):
            with suppress(StoreError):
                self._users.refresh_hash(name, old=kept, new=hashed(password))

    def _begin(self, name: str, address: str) -> str:
        secret, now = new_session(), self._now()
        self._sessions.prune(before=now - self._rules.lasts)
        self._sessions.begin(name, digest(secret), at=now)
        log.info("user_logged_in", user=name, address=address)
        self._authenticated(Authentication(at=now, user=name, address=address, entered=True))
        return secret

    def _tell_failed(self, user: str, address: str, reason: str) -> None:
        self._authenticated(
            Authentication(
                at=self._now(),
                user=user,
                address=address,
                entered=True,
                granted=False,
                reason=reason,
            )
        )

    def _count_try(self, address: str, name: str) -> None:
        with self._counting:
            wait = self._limits.wait_s(address, name, self._monotonic())
            is_new = self._monotonic() >= self._said_until
            if wait and is_new:
                self._said_until = self._monotonic() + _SAY_EVERY_S
        if wait:
            if is_new:
                log.warning("login_refused", reason="tried too often", address=address)
                self._tell_failed(name, address, "tried too often")
            raise TriedTooOften(wait)

    def _forget_try(self, address: str, name: str) -> None:
        with self._counting:
            self._limits.succeeded(address, name)


def _caller(session: Session, secret: str, *, locked: bool) -> Caller:
    return Caller(
        name=session.user,
        role=session.role,
        session=session.key,
        csrf=csrf_of(secret),
        locked=locked,
        has_pin=session.has_pin and session.pin_failures < MOST_PIN_TRIES,
    )


def _session_of(caller: Caller) -> int:
    if caller.session is None:
        raise OperatorRefused("this is of a session in a browser, and there is none here")
    return caller.session
