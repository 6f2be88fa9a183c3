"""What the node answers over HTTP: its routes, and the callables behind each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from echonode.config import Config, Web
from echonode.delivery.delivery_status import DeliveryStatus
from echonode.delivery.operator_actions import acknowledge, act
from echonode.model.identity import Destination
from echonode.monitoring.ledger import plain_rows
from echonode.monitoring.monitor import NodeMonitor
from echonode.monitoring.recent import recent_rows
from echonode.node.exam_api import NodeExams
from echonode.node.exams import ExamParts
from echonode.node.local_timezone import local_zone
from echonode.node.outbox_api import NodeOutbox
from echonode.node.ris import RisParts
from echonode.node.system_api import NodeSystem
from echonode.node.worklist_api import NodeWorklist
from echonode.preflight.outcome import as_json
from echonode.preflight.preflight import Preflight
from echonode.preflight.runs import PreflightRuns
from echonode.store.store import Store
from echonode.transcoding.thumbnails import Thumbnails
from echonode.web.exams import exam_routes
from echonode.web.health import health_routes
from echonode.web.openapi import openapi_routes
from echonode.web.operator import operator_routes
from echonode.web.outbox import outbox_routes
from echonode.web.server import WebServer
from echonode.web.status import console_routes
from echonode.web.system import system_routes
from echonode.web.worklist import worklist_routes


def web_server(
    web: Web,
    *,
    config: Config,
    store: Store,
    monitor: NodeMonitor,
    preflight: Preflight,
    exams: ExamParts,
    ris: RisParts,
    destinations: Sequence[Destination],
    delivery_status: Callable[[str], DeliveryStatus],
    call_now: Callable[[str], None],
    call_back: str,
    now: Callable[[], datetime],
) -> WebServer:
    """The server of a node, not yet started. call_now: ends the pause of a destination."""

    def operate(action: str, uid: str, name: str | None) -> Mapping[str, object]:
        return act(store, action, uid, now=now(), destination=name, call_now=call_now)

    return WebServer(
        host=web.host,
        port=web.port,
        routes=[
            *health_routes(
                checks=monitor.checks(), registry=monitor.registry(), alarms=monitor.alarms
            ),
            *console_routes(
                status=monitor.status,
                ledger=lambda: plain_rows(store),
                recent=lambda last: recent_rows(store, last),
                thumbnail=Thumbnails(store.index.instance).jpeg,
            ),
            *operator_routes(
                act=operate,
                acknowledge=lambda uid: acknowledge(store, uid, now=now()),
                preflight=lambda peer: as_json(preflight.run(peer)),
            ),
            *outbox_routes(
                NodeOutbox(
                    store,
                    monitor,
                    destinations,
                    delivery_status=delivery_status,
                    call_now=call_now,
                    now=now,
                    local=local_zone(),
                )
            ),
            *system_routes(
                NodeSystem(
                    config,
                    store,
                    monitor,
                    ris,
                    PreflightRuns(preflight, now=now),
                    call_back=call_back,
                    now=now,
                )
            ),
            *exam_routes(
                NodeExams(store, exams, now=now, local=local_zone(), list_status=lambda: ris.status)
            ),
            *worklist_routes(NodeWorklist(ris, now=now)),
            *openapi_routes(),
        ],
    )
