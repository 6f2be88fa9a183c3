"""The authority's certificate is downloaded, or there is none."""

from __future__ import annotations

from echonode.web.authority import authority_routes
from tests.unit.web.conftest import Serve


def test_a_tablet_downloads_the_authority(serve: Serve) -> None:
    """As a file that it offers to install."""
    answer = serve(authority_routes(b"PEM")).ask("/ca.crt")
    assert (answer.status, answer.body) == (200, b"PEM")
    assert answer.headers["content-type"] == "application/x-x509-ca-cert"
    assert "echonode-ca.crt" in answer.headers["content-disposition"]


def test_without_an_authority_of_ours_there_is_none(serve: Serve) -> None:
    """404."""
    assert serve(authority_routes(None)).ask("/ca.crt").status == 404
