"""Which pages of other origins may use DICOMweb in a browser (Fetch standard, 3.2: CORS).

Rules
- None, unless the configuration names their origin; and then DICOMweb alone, never the console.
- A browser's cookies do not count: such a page brings a token of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope

_METHODS = "GET, HEAD, POST, OPTIONS"
_REQUEST_HEADERS = "Accept, Authorization, Content-Type, If-None-Match, If-Range, Range"
_ANSWER_HEADERS = "Accept-Ranges, Content-Range, ETag, Retry-After, Warning"
_MAX_AGE_S = 600  # a browser asks again after so long


class SharedOrigins:
    """origins: as a browser sends them. prefix: of the paths that they may use."""

    def __init__(self, origins: Collection[str], *, prefix: str) -> None:
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)
        self._prefix = prefix

    def allows(self, scope: Scope) -> bool:
        """Whether a request comes from one of them, for one of these paths."""
        if not self._origins or not self._is_shared(scope):
            return False
        return Headers(scope=scope).get("origin", "").lower() in self._origins

    def preflight(self, scope: Scope) -> Response | None:
        """The answer to what a browser asks before a request; None for any other request."""
        asked = Headers(scope=scope).get("access-control-request-method")
        if scope.get("method") != "OPTIONS" or asked is None or not self.allows(scope):
            return None
        return Response(
            status_code=204,
            headers={
                "Access-Control-Allow-Methods": _METHODS,
                "Access-Control-Allow-Headers": _REQUEST_HEADERS,
                "Access-Control-Max-Age": str(_MAX_AGE_S),
            },
        )

    def headers(self, scope: Scope) -> Mapping[str, str]:
        """What an answer carries, so that the browser gives it to the page."""
        if not self._origins or not self._is_shared(scope):
            return {}
        if not self.allows(scope):
            return {"Vary": "Origin"}
        return {
            "Access-Control-Allow-Origin": Headers(scope=scope).get("origin", ""),
            "Access-Control-Expose-Headers": _ANSWER_HEADERS,
            "Cross-Origin-Resource-Policy": "cross-origin",
            "Vary": "Origin",
        }

    def _is_shared(self, scope: Scope) -> bool:
        path: str = scope.get("path", "")
        return path == self._prefix or path.startswith(f"{self._prefix}/")
