"""A link begins with the address that its maker has the console at."""

from __future__ import annotations

import pytest

from echonode.errors import FieldRefused
from echonode.web.live.watch_address import LONGEST_ADDRESS, console_address, page_path


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("http://10.0.0.7:8080/", "http://10.0.0.7:8080"),
        ("https://node.example", "https://node.example"),
        ("https://clinic.example/echo/", "https://clinic.example/echo"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_an_address_of_a_browser_is_taken(given: str, address: str) -> None:
    """With the prefix of a proxy; the path of the page follows."""
    assert console_address(given) + page_path("T") == f"{address}/#/watch/T"


@pytest.mark.parametrize(
    "given",
    [
        "javascript:alert(1)",
        "ftp://node",
        "http://",
        "//node",
        "http://node/?a=b",
        "http://node/#x",
        "http://no de",
        "http://node\n",
        "http://nœud",
        "http://" + "x" * LONGEST_ADDRESS,
    ],
)
def test_what_is_no_address_is_refused(given: str) -> None:
    """A link of it would lead elsewhere, or nowhere."""
    with pytest.raises(FieldRefused) as refused:
        console_address(given)
    assert refused.value.field == "address"
