"""Operations of the node, its archives and its preflight."""

from __future__ import annotations

from echonode.web.openapi.operation import Operation
from echonode.web.openapi.schema import (
    TEXT,
    list_of,
    object_of,
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(method="get", path="/api/status", summary="The node at this moment"),
    Operation(
        method="post",
        path="/api/instances/{uid}/{action}",
        summary="hold, release or retry the deliveries of an instance",
        body=object_of(destination=TEXT),
    ),
    Operation(method="get", path="/api/system", summary="The node's parts, alarms and versions"),
    Operation(
        method="get",
        path="/api/report",
        summary="What happened, without patients: of a study, or of the whole node",
        query=("study",),
        media_type="application/zip",
    ),
    Operation(
        method="get",
        path="/api/preflight",
        summary="The preflight that runs, or the last one, step by step",
    ),
    Operation(
        method="post",
        path="/api/preflight/start",
        summary="Begin a preflight of each peer, or of one, and do not wait for it",
        status=202,
        body=object_of(peer=TEXT),
    ),
    Operation(
        method="post",
        path="/api/preflight",
        summary="Prove the connection to each peer, or to one",
        body=object_of(peer=TEXT),
    ),
    Operation(
        method="post",
        path="/api/studies/{uid}/acknowledge",
        summary="A person has seen the conflicts of a study",
    ),
    Operation(
        method="get",
        path="/api/outbox",
        summary="Each archive: what waits, what is held and why, and how fast it goes",
    ),
    Operation(
        method="get",
        path="/api/outbox/{destination}/items",
        summary="What is held, waits, or was sent and is not proved: list is held, waiting or sent",
        query=("list", "after"),
    ),
    Operation(
        method="post",
        path="/api/outbox/{action}",
        summary="hold, release or retry many; goes on with `after` until `next` is null",
        body=object_of(
            uids=list_of(TEXT),
            destination=TEXT,
            study=TEXT,
            all={"type": "boolean"},
            reason=TEXT,
            after={"type": "integer", "minimum": 0},
        ),
    ),
    Operation(method="get", path="/api/openapi.json", summary="This document"),
)
