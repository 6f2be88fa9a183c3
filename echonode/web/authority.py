"""The certificate of the authority that issued the server's own, for a tablet to install.

A public certificate: without it a browser warns, and gives the page no camera and no wake lock.
"""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route


def authority_routes(pem: bytes | None) -> list[BaseRoute]:
    """GET /ca.crt; 404 where the certificate is of an authority that is not ours to give."""

    async def read(_request: Request) -> Response:
        if pem is None:
            raise HTTPException(404, "the certificate of this node came without its authority's")
        headers = {"Content-Disposition": 'attachment; filename="echonode-ca.crt"'}
        return Response(pem, media_type="application/x-x509-ca-cert", headers=headers)

    return [Route("/ca.crt", read, methods=["GET"])]
