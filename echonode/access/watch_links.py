"""What a watch link is: a permission for a time to see the live picture of one probe. Pure.

Rules
- A link is a token of 256 random bits. Its hash alone is kept, in the database: a start of the node
  ends no link, and who reads the database can watch by none.
- It gives the live picture of one probe and nothing else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime

TOKEN_BYTES = 32
# More than the people who help with one exam; an old link is ended, or expires.
MOST_LINKS = 16
LONGEST_MINUTES = 24 * 60


@dataclass(frozen=True, kw_only=True)
class WatchLink:
    """id: for lists and for ending it; it opens nothing. expires_at: aware."""

    id: str
    probe: str
    expires_at: datetime


def token_digest(token: str) -> bytes:
    """256 random bits need no salt and no slow hash; a look-up by the hash tells no timing."""
    return hashlib.sha256(token.encode()).digest()
