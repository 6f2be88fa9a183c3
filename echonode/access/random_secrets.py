"""Random secrets: session cookies, API tokens, set-up codes; and the digests that are kept of them.

Rules
- A session and a token are 256 random bits, so their SHA-256 can be kept without salt or delay:
  no one guesses one. Who reads the database learns none.
- The CSRF token is made of the session's secret and kept nowhere; /api/session gives it to our
  page.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

# Without 0, 1, I and O: it is read from a log and typed on a tablet.
_CODE_ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
_CODE_GROUPS, _CODE_GROUP = 4, 4  # 80 bits, and the tries are limited
# By which a person, or a scanner of repositories, sees what it is.
TOKEN_PREFIX = "echonode_"


def new_session() -> str:
    """The value of a cookie."""
    return secrets.token_urlsafe(32)


def new_token() -> str:
    """A bearer token of a service."""
    return TOKEN_PREFIX + secrets.token_urlsafe(32)


def new_code() -> str:
    """A set-up code: XXXX-XXXX-XXXX-XXXX."""
    return "-".join(
        "".join(secrets.choice(_CODE_ALPHABET) for _ in range(_CODE_GROUP))
        for _ in range(_CODE_GROUPS)
    )


def digest(secret: str) -> bytes:
    """What is kept of a session or a token."""
    return hashlib.sha256(secret.encode()).digest()


def csrf_of(session: str) -> str:
    """The CSRF token of a session."""
    made = hmac.new(session.encode(), b"csrf", hashlib.sha256).digest()
    return base64.urlsafe_b64encode(made).decode().rstrip("=")


def is_same_code(typed: str, code: str) -> bool:
    """Whether they are the same but for case, spaces and hyphens; takes equally long for any."""
    plain = [
        "".join(char for char in text.upper() if char.isascii() and char.isalnum()).encode()
        for text in (typed, code)
    ]
    return bool(plain[1]) and hmac.compare_digest(*plain)
