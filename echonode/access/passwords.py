"""Passwords and PINs: which ones are taken, and how they are kept.

Rules
- Length is what counts (NIST SP 800-63B 3.1.1.2): 12 characters, any of them, and not the name.
  A password is never changed because of its age.
- Kept as argon2id with 64 MiB and three passes, the second choice of RFC 9106 section 4, with one
  lane for its four: a log-in takes one core some 0.15 s and leaves the others to the probes.
- Only one is computed at a time (node/access.py), so that log-ins cost 64 MiB in all.
- A PIN has four to eight digits. It returns to a session that is there already, on its own tablet,
  and MOST_PIN_TRIES wrong ones ask for the password.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import pairwise

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from echonode.errors import FieldRefused

SHORTEST, LONGEST = 12, 256
MOST_PIN_TRIES = 5
_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
_PIN = re.compile(r"[0-9]{4,8}")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}")
_NOT_OF_NAME = 4  # characters that a password must have apart from the user's name


@cache
def _nobodys() -> str:
    """So that a log-in under an unknown name takes as long as one under a known name."""
    return _HASHER.hash("a password that no user has")


def checked_name(name: str) -> str:
    """A user's name as it is kept, in small letters. Raises FieldRefused."""
    folded = name.strip().lower()
    if not _NAME.fullmatch(folded):
        raise FieldRefused(
            "name",
            "is not a user's name",
            "use 1 to 32 small letters, digits, `.`, `_` or `-`, a letter or digit first",
        )
    return folded


def checked_password(password: str, *, name: str) -> str:
    """A password that may be kept. Raises FieldRefused."""
    if len(password) < SHORTEST:
        raise FieldRefused(
            "password", "is too short", f"use at least {SHORTEST} characters, such as four words"
        )
    if len(password) > LONGEST:
        raise FieldRefused("password", "is too long", f"use at most {LONGEST} characters")
    if len(password.lower().replace(name, "")) < _NOT_OF_NAME:
        raise FieldRefused("password", "is the user's name", "use something else")
    if len(set(password)) < 4:
        raise FieldRefused("password", "repeats a few characters", "use several words")
    return password


def checked_pin(pin: str) -> str:
    """A PIN that may be kept. Raises FieldRefused."""
    if not _PIN.fullmatch(pin):
        raise FieldRefused("pin", "is not a PIN", "use four to eight digits")
    steps = {int(after) - int(before) for before, after in pairwise(pin)}
    if len(steps) == 1 and steps <= {-1, 0, 1}:
        raise FieldRefused("pin", "is a row of digits", "use digits that are hard to guess")
    return pin


def hashed(secret: str) -> str:
    """What is kept of a password or PIN. Takes 0.1 s or more, and 64 MiB."""
    return _HASHER.hash(_normal(secret))


def is_right(kept: str, secret: str) -> bool:
    """Whether it is the password or PIN that was kept; '' is of no user, and takes as long."""
    try:
        _HASHER.verify(kept or _nobodys(), _normal(secret))
    except (VerificationError, InvalidHashError):
        return False
    return bool(kept)


def is_outdated(kept: str) -> bool:
    """Whether it was made with other parameters than today's."""
    return bool(kept) and _HASHER.check_needs_rehash(kept)


def _normal(secret: str) -> str:
    """One form of what two keyboards write in two (SP 800-63B 3.1.1.2)."""
    return unicodedata.normalize("NFKC", secret[:LONGEST])
