"""What machines ask: is the process alive, can the node do its work, and how much has it done.

Ready means that the node can take an exam now. An archive that cannot be reached does not make it
unready, for keeping exams meanwhile is its work; it is an alarm, listed next to the checks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from anyio import CapacityLimiter, to_thread
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from echonode.errors import StoreError

# Of its own: other routes that wait for the database must not keep a monitor waiting with them.
HEALTH_THREADS = 4

Check = Callable[[], str]
"""'' when all is well, else what is wrong, in words for the operator."""


@dataclass(frozen=True, kw_only=True)
class Alarm:
    """Something that a person must see to; `name` stays the same while `text` changes.

    about: UIDs and exam ids that it is about. They lead to a patient: `text` is for everyone,
    `whole` for who may see them.
    """

    name: str
    text: str
    about: tuple[str, ...] = ()

    @property
    def whole(self) -> str:
        """The text with what it is about."""
        return f"{self.text}: {', '.join(self.about)}" if self.about else self.text


def health_routes(
    *,
    checks: Mapping[str, Check],
    registry: CollectorRegistry,
    alarms: Callable[[], Sequence[Alarm]] = tuple,
) -> list[BaseRoute]:
    """GET /health/live, /health/ready and /metrics.

    live: 200 as long as the process answers at all; restart it when it does not.
    ready: 200 when every check is '', else 503; each check by its name, and the alarms, which do
    not change the status. It is for everyone: no UID is in it.
    metrics: `registry` in the format of Prometheus.
    """

    threads = CapacityLimiter(HEALTH_THREADS)

    def in_own_thread(answer: Callable[[], Response]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(_request: Request) -> Response:
            return await to_thread.run_sync(answer, limiter=threads)

        return endpoint

    async def live(_request: Request) -> Response:
        return JSONResponse({"alive": True})

    def standing() -> list[dict[str, str]]:
        try:
            return [{"name": alarm.name, "text": alarm.text} for alarm in alarms()]
        except StoreError as error:
            # What cannot be asked is itself one; the check of the store says so as well.
            return [{"name": "store", "text": f"alarms cannot be read: {type(error).__name__}"}]

    def ready() -> Response:
        problems = {name: check() for name, check in checks.items()}
        is_ready = not any(problems.values())
        body = {
            "ready": is_ready,
            "checks": [
                {"name": name, "ok": not problem, "problem": problem}
                for name, problem in problems.items()
            ],
            "alarms": standing(),
        }
        return JSONResponse(body, status_code=200 if is_ready else 503)

    def metrics() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return [
        Route("/health/live", live, methods=["GET"]),
        Route("/health/ready", in_own_thread(ready), methods=["GET"]),
        Route("/metrics", in_own_thread(metrics), methods=["GET"]),
    ]
