"""Pages of other origins: the configured ones may use the shared paths, no other one anything."""

from __future__ import annotations

import pytest

from echonode.web.cross_origin import SharedOrigins

VIEWER = "https://viewer.example"
SHARED = SharedOrigins([VIEWER], prefix="/dicom-web")


def scope(path: str, method: str = "GET", **headers: str) -> dict[str, object]:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "path": path, "method": method, "headers": fields}


@pytest.mark.parametrize(
    ("path", "origin", "allowed"),
    [
        ("/dicom-web/studies", VIEWER, True),
        ("/dicom-web", VIEWER, True),
        ("/dicom-web/studies", "HTTPS://VIEWER.example", True),
        ("/dicom-web/studies", "https://viewer.example.evil", False),
        ("/dicom-web/studies", "null", False),
        ("/dicom-web/studies", "", False),
        ("/dicom-webs", VIEWER, False),
        ("/api/status", VIEWER, False),
    ],
)
def test_who_may_use_what(path: str, origin: str, allowed: bool) -> None:
    """By the whole origin, and below the prefix alone."""
    asked = scope(path, origin=origin)
    assert SHARED.allows(asked) is allowed
    given = SHARED.headers(asked)
    assert ("Access-Control-Allow-Origin" in given) is allowed
    assert "Access-Control-Allow-Credentials" not in given


def test_none_is_shared_where_none_is_configured() -> None:
    """And then no answer changes."""
    nothing = SharedOrigins([], prefix="/dicom-web")
    assert not nothing.allows(scope("/dicom-web", origin=VIEWER))
    assert nothing.headers(scope("/dicom-web", origin=VIEWER)) == {}


def test_a_preflight_is_answered() -> None:
    """Of a configured origin; any other OPTIONS goes on to the route."""
    asked = scope("/dicom-web", "OPTIONS", origin=VIEWER, access_control_request_method="POST")
    answer = SHARED.preflight(asked)
    assert answer is not None
    assert answer.status_code == 204
    assert SHARED.preflight(scope("/dicom-web", "OPTIONS", origin=VIEWER)) is None
