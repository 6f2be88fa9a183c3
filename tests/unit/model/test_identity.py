"""Who this node says that it is."""

from __future__ import annotations

from echonode import __version__
from echonode.model.identity import IMPLEMENTATION_VERSION_NAME


def test_the_implementation_version_name_is_the_version() -> None:
    """A peer's log shows which version called, and the name fits (PS3.7 D.3.3.2)."""
    major, minor, *_ = __version__.split(".")
    assert f"ECHONODE_{major}_{minor}" == IMPLEMENTATION_VERSION_NAME
    assert 1 <= len(IMPLEMENTATION_VERSION_NAME) <= 16
