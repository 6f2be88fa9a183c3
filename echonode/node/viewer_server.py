"""The viewer's server: its files and DICOMweb, at `web.viewer_port`.

The same users, sessions and certificate as the console's; its own limits of connections, so that
viewers that load many frames leave the console its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from starlette.routing import BaseRoute
from starlette.types import Scope

from echonode.access.callers import Refusal
from echonode.access.events import AccessEvents
from echonode.access.route_table import VIEWER_PAGE, VIEWER_RULES
from echonode.config import Config, Web
from echonode.node.access import NodeAccess
from echonode.node.settings.web import WebIdentity
from echonode.web.admission import Admission
from echonode.web.server import WebServer, is_loopback
from echonode.web.viewer.package import folders, installed_in
from echonode.web.viewer.routes import viewer_routes


def viewer_server(
    web: Web,
    port: int,
    *,
    config: Config,
    access: NodeAccess,
    identity: WebIdentity,
    dicomweb: Sequence[BaseRoute],
    told: AccessEvents,
    now: Callable[[], datetime],
) -> WebServer:
    """Not yet started. dicomweb: routes of its own, for the server guards them. told: takes the
    accesses, on this server's event loop.
    """
    admission = Admission(
        access,
        told,
        on_loopback=is_loopback(web.host),
        origin_proves=True,
        table=VIEWER_RULES,
        now=now,
    )

    async def may_open(scope: Scope) -> tuple[int, str, str] | None:
        outcome = await admission.ask(VIEWER_PAGE, scope)
        if isinstance(outcome, Refusal):
            return outcome.status, outcome.error, outcome.remedy
        return None

    return WebServer(
        host=web.host,
        port=port,
        tls=identity.certificate,
        allowed_hosts=identity.names,
        admission=admission,
        routes=[
            *dicomweb,
            *viewer_routes(viewer_folders(config), may_open=may_open, console_port=web.port),
        ],
    )


def served_at(config: Config) -> int | None:
    """The port of the viewer; None where there is none, or it is not installed."""
    port = config.web.viewer_port if config.web else None
    return port if port and installed_in(viewer_folders(config)) else None


def viewer_folders(config: Config) -> tuple[Path, ...]:
    """Where this node looks for the viewer's files."""
    return folders(config.web.viewer_dir if config.web else None, config.data_dir)
