"""What the node answers over HTTP: its routes, and the callables behind each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from echonode.config import Config, Web
from echonode.config.forwarding import WEB_SENDER
from echonode.copies.exporting import Codecs
from echonode.delivery.delivery_status import DeliveryStatus
from echonode.delivery.operator_actions import acknowledge, act
from echonode.dicomweb.addresses import PREFIX
from echonode.dicomweb.routes import DicomWeb, dicomweb_routes
from echonode.dicomweb.search import Searcher
from echonode.intake.storage_scp import StorageSCP
from echonode.maintenance.erasing import Erasing
from echonode.model.identity import Destination, Peer
from echonode.monitoring.ledger import plain_rows
from echonode.monitoring.monitor import NodeMonitor
from echonode.monitoring.preflight.outcome import as_json
from echonode.monitoring.preflight.preflight import Preflight
from echonode.monitoring.preflight.runs import PreflightRuns
from echonode.monitoring.recent import recent_rows
from echonode.node.access import NodeAccess
from echonode.node.access_log import AccessLog, Told
from echonode.node.anonymising import NodeAnonymising
from echonode.node.audit import NodeAudit
from echonode.node.copies_api import NodeCopies
from echonode.node.exam_api import NodeExams
from echonode.node.exams import ExamParts
from echonode.node.live_api import NodeLive
from echonode.node.local_key import write_local_key
from echonode.node.local_timezone import local_zone
from echonode.node.outbox_api import NodeOutbox
from echonode.node.patient_data import NodePatientData
from echonode.node.prints import PrintParts
from echonode.node.report_api import NodeReports
from echonode.node.review_api import NodeReview
from echonode.node.ris import RisParts
from echonode.node.settings.reports import result_of
from echonode.node.settings.web import opened_routes, session_rules, web_identity
from echonode.node.system_api import NodeSystem
from echonode.node.trail_api import NodeTrail
from echonode.node.user_administration import UserAdministration
from echonode.node.viewer_server import viewer_server
from echonode.node.volumes import NodeVolumes
from echonode.node.worklist_api import NodeWorklist
from echonode.store.index.attribute_reader import AttributeReader
from echonode.store.store import Store
from echonode.transcoding.reencoder import Reencoder
from echonode.transcoding.rendered_frames import RenderedFrames
from echonode.transcoding.single_frame import FrameReader
from echonode.transcoding.thumbnails import Thumbnails
from echonode.web.admission import Admission
from echonode.web.archive import archive_routes
from echonode.web.audit import audit_routes
from echonode.web.authority import authority_routes
from echonode.web.copies import copy_routes
from echonode.web.cross_origin import SharedOrigins
from echonode.web.exams import exam_routes
from echonode.web.health import health_routes
from echonode.web.live.routes import live_routes
from echonode.web.live.viewing import Viewing
from echonode.web.openapi.document import openapi_routes
from echonode.web.operator import operator_routes
from echonode.web.outbox import outbox_routes
from echonode.web.patients import patient_routes
from echonode.web.prints import print_routes
from echonode.web.reports import report_routes
from echonode.web.server import WebServer, is_loopback
from echonode.web.sessions import session_routes
from echonode.web.status import console_routes
from echonode.web.system import system_routes
from echonode.web.users import user_routes
from echonode.web.volumes import volume_routes
from echonode.web.worklist import worklist_routes

# What DICOMweb stores names it as its sender, and `forwarding` may.
WEB_CALLER = Peer(name=WEB_SENDER, ae_title=WEB_SENDER.upper(), host="", port=80, may=frozenset())


def web_servers(
    web: Web,
    *,
    config: Config,
    store: Store,
    monitor: NodeMonitor,
    preflight: Preflight,
    exams: ExamParts,
    ris: RisParts,
    reencoder: Reencoder,
    anonymising: NodeAnonymising,
    storage: StorageSCP,
    ae_title: str,
    live: NodeLive,
    viewing: Viewing,
    frames: FrameReader,
    destinations: Sequence[Destination],
    delivery_status: Callable[[str], DeliveryStatus],
    call_now: Callable[[str], None],
    call_back: str,
    audit: NodeAudit,
    prints: PrintParts,
    erasing: Erasing,
    now: Callable[[], datetime],
) -> tuple[WebServer, WebServer | None]:
    """The servers of a node, not yet started: the console's, and the viewer's where there is one.

    call_now: ends the pause of a destination.

    Raises OSError where its certificate is unusable.
    """
    identity = web_identity(web)
    on_loopback = is_loopback(web.host)
    access = NodeAccess(
        store.users,
        store.sessions,
        rules=session_rules(web),
        local_key=write_local_key(store.own_dir),
        on_loopback=on_loopback,
        now=now,
        monotonic=time.monotonic,
        authenticated=audit.callers.authenticated,
    )

    def operate(action: str, uid: str, name: str | None) -> Mapping[str, object]:
        return act(
            store,
            action,
            uid,
            now=now(),
            destination=name,
            call_now=call_now,
            wait=time.sleep,
        )

    codecs = Codecs(reader=frames, lossless=reencoder.lossless)
    exam_api = NodeExams(
        store,
        exams,
        now=now,
        local=local_zone(),
        list_status=lambda: ris.status,
        gain_curves=live.gain_curves,
    )

    dicomweb = DicomWeb(
        searcher=Searcher(
            store.index.find_in_order,
            read_file=AttributeReader(store.index.select),
            ae_title=ae_title,
        ),
        descriptions=store.descriptions,
        reencoder=reencoder,
        frames=frames,
        intake=storage,
        caller=WEB_CALLER,
    )
    console = WebServer(
        host=web.host,
        port=web.port,
        tls=identity.certificate,
        allowed_hosts=identity.names,
        shared=SharedOrigins(web.cors_origins, prefix=PREFIX),
        admission=Admission(
            access,
            Told([AccessLog(), audit.accesses()]),
            on_loopback=on_loopback,
            for_everyone=opened_routes(web),
            now=now,
        ),
        routes=[
            # First: routes are tried in order, and these are asked for hundreds of times a second.
            *dicomweb_routes(dicomweb),
            *session_routes(access),
            *user_routes(UserAdministration(store.users, now=now)),
            *authority_routes(identity.authority),
            *health_routes(
                checks=monitor.checks(), registry=monitor.registry(), alarms=monitor.alarms
            ),
            *console_routes(
                status=monitor.status,
                ledger=lambda: plain_rows(store),
                recent=lambda last: recent_rows(store, last),
                thumbnail=Thumbnails(store.index.instance).jpeg,
            ),
            *archive_routes(
                NodeReview(store, RenderedFrames(frames), check=store.files.check_bytes, now=now)
            ),
            *report_routes(NodeReports(store, exams.reporting, result=partial(result_of, store))),
            *print_routes(prints),
            *copy_routes(NodeCopies(config, store, codecs, anonymising, now=now)),
            *volume_routes(NodeVolumes(config, store, codecs, now=now)),
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
            *exam_routes(exam_api),
            *patient_routes(exam_api.patients, NodePatientData(store, audit, erasing, now=now)),
            *audit_routes(NodeTrail(audit)),
            *worklist_routes(
                NodeWorklist(ris, exams.entering, audit.orders, now=now, local=local_zone())
            ),
            *live_routes(live, viewing),
            *openapi_routes(),
        ],
        on_stop=viewing.stop,
    )
    if web.viewer_port is None:
        return console, None
    return console, viewer_server(
        web,
        web.viewer_port,
        config=config,
        access=access,
        identity=identity,
        dicomweb=dicomweb_routes(dicomweb),
        told=Told([AccessLog(), audit.accesses()]),
        now=now,
    )
