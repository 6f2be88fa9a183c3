"""What machines ask: is the process alive, can the node do its work, and how much has it done."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

Check = Callable[[], str]
"""'' when all is well, else what is wrong, in words for the operator."""


def health_routes(*, checks: Mapping[str, Check], registry: CollectorRegistry) -> list[BaseRoute]:
    """GET /health/live, /health/ready and /metrics.

    live: 200 as long as the process answers at all; restart it when it does not.
    ready: 200 when every check is '', else 503; each check by its name.
    metrics: `registry` in the format of Prometheus.
    """

    async def live(_request: Request) -> Response:
        return JSONResponse({"alive": True})

    def ready(_request: Request) -> Response:
        problems = {name: check() for name, check in checks.items()}
        is_ready = not any(problems.values())
        body = {
            "ready": is_ready,
            "checks": [
                {"name": name, "ok": not problem, "problem": problem}
                for name, problem in problems.items()
            ],
        }
        return JSONResponse(body, status_code=200 if is_ready else 503)

    def metrics(_request: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return [
        Route("/health/live", live, methods=["GET"]),
        Route("/health/ready", ready, methods=["GET"]),
        Route("/metrics", metrics, methods=["GET"]),
    ]
