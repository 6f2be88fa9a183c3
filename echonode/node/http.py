"""What the node answers over HTTP: its routes, and the callables behind each."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from echonode.config import Web
from echonode.delivery.operator_actions import acknowledge, act
from echonode.monitoring.ledger import plain_rows
from echonode.monitoring.monitor import NodeMonitor
from echonode.monitoring.recent import recent_rows
from echonode.node.exam_api import NodeExams
from echonode.node.exams import ExamParts
from echonode.node.local_timezone import local_zone
from echonode.node.ris import RisParts
from echonode.node.worklist_api import NodeWorklist
from echonode.preflight.outcome import as_json
from echonode.preflight.preflight import Preflight
from echonode.store.store import Store
from echonode.transcoding.thumbnails import Thumbnails
from echonode.web.exams import exam_routes
from echonode.web.health import health_routes
from echonode.web.openapi import openapi_routes
from echonode.web.operator import operator_routes
from echonode.web.patients import patient_routes
from echonode.web.server import WebServer
from echonode.web.status import console_routes
from echonode.web.worklist import worklist_routes


def web_server(
    web: Web,
    *,
    store: Store,
    monitor: NodeMonitor,
    preflight: Preflight,
    exams: ExamParts,
    ris: RisParts,
    now: Callable[[], datetime],
) -> WebServer:
    """The server of a node, not yet started."""
    exam_api = NodeExams(store, exams, now=now, local=local_zone(), list_status=lambda: ris.status)
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
                act=lambda action, uid, name: act(store, action, uid, now=now(), destination=name),
                acknowledge=lambda uid: acknowledge(store, uid, now=now()),
                preflight=lambda peer: as_json(preflight.run(peer)),
            ),
            *exam_routes(exam_api),
            *patient_routes(exam_api.patients),
            *worklist_routes(NodeWorklist(ris, now=now)),
            *openapi_routes(),
        ],
    )
