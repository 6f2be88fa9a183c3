"""Password hashes, one at a time: each takes 64 MiB and a core (access/passwords.py)."""

from __future__ import annotations

import threading

from echonode.access import passwords

_one = threading.Lock()


def hashed(secret: str) -> str:
    """See passwords.hashed."""
    with _one:
        return passwords.hashed(secret)


def is_right(kept: str, secret: str) -> bool:
    """See passwords.is_right."""
    with _one:
        return passwords.is_right(kept, secret)
