"""Where the page of a watch link is, as the person who shares it has the console open.

Rules
- Pure. The address is given by the browser: behind a proxy the node does not know it.
- It is one that a browser writes: a host in ASCII, perhaps a port and the prefix of a proxy.
"""

from __future__ import annotations

import re

from echonode.errors import FieldRefused

# With the path of a link it fits a QR code that a phone reads from a screen (qr_code.py).
LONGEST_ADDRESS = 200
_ADDRESS = re.compile(r"https?://[!-~]+")


def page_path(token: str) -> str:
    """Of the page; the token is behind #, which no server and no proxy sees."""
    return f"/#/watch/{token}"


def console_address(given: str) -> str:
    """The address of a console, without a slash at its end. Raises FieldRefused."""
    address = given.rstrip("/")
    is_one = len(address) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(address)
    if not is_one or "?" in address or "#" in address:
        may_be = f"give http://HOST or https://HOST, at most {LONGEST_ADDRESS} characters"
        raise FieldRefused("address", "is not the address of a console", may_be)
    return address
