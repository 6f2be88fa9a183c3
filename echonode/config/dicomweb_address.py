"""The base URL of a DICOMweb server: checked, and taken apart. Pure.

A URL holds no secret: one with a user or a query is refused, for addresses are shown and logged.
"""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator

from echonode.config.fields import Allowed, checked_host

_PATH = re.compile(r"(/([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*")
_PORTS = {"http": 80, "https": 443}


class ParsedAddress(NamedTuple):
    """path: without a slash at its end."""

    is_encrypted: bool
    host: str
    port: int
    path: str


def parsed(url: str) -> ParsedAddress:
    """Take a base URL apart. Raises ValueError, which does not quote it."""
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("an address is like https://archive.example/dicom-web")
    if "@" in parts.netloc:
        raise ValueError("no user or password goes into the address: give `user`, `password_file`")
    if parts.query or parts.fragment or not _PATH.fullmatch(parts.path):
        raise ValueError("the address is a base URL, without `?`, `#` and spaces")
    return ParsedAddress(
        is_encrypted=parts.scheme == "https",
        host=checked_host(parts.hostname),
        port=parts.port or _PORTS[parts.scheme],
        path=parts.path.rstrip("/"),
    )


def _checked(url: str) -> str:
    parsed(url)
    return url


WebAddress = Annotated[
    str, AfterValidator(_checked), Allowed("base URL, https://HOST[:PORT]/PATH or http://")
]
