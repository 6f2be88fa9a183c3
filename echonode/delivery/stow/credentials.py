"""The Authorization header, from the files that hold what opens the archive.

Rules
- The files are read for each connection: a renewed token counts from the next one on.
- A value is printable ASCII without spaces (RFC 6750 2.1, RFC 7617): nothing else reaches a header.
  It is never logged, and no error quotes it.
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

from echonode.errors import AssociationRejected
from echonode.model.identity import WebAccess
from echonode.system_faults import said_of

LONGEST = 16 * 1024  # of a token; with more, servers refuse the header


def authorization(access: WebAccess) -> str:
    """The value of the header; '' where none is to be sent. Raises AssociationRejected."""
    if access.token_file is not None:
        return f"Bearer {_secret(access.token_file, 'token_file')}"
    if access.password_file is not None:
        pair = f"{access.user}:{_secret(access.password_file, 'password_file')}"
        return f"Basic {b64encode(pair.encode()).decode('ascii')}"
    return ""


def _secret(path: Path, key: str) -> str:
    try:
        with path.open("rb") as file:
            read = file.read(LONGEST + 1)
    except OSError as error:
        raise _unusable(f"`{key}` {path} cannot be read: {said_of(error)}") from None
    text = read.decode("latin-1").strip()
    if not text or len(read) > LONGEST or not all("!" <= each <= "~" for each in text):
        raise _unusable(f"`{key}` {path} does not hold one line of printable ASCII without spaces")
    return text


def _unusable(problem: str) -> AssociationRejected:
    return AssociationRejected(problem, result=1, source=1, reason=1)
