"""What the console shows: the node's state as values, the ledger, and the page itself.

No patient data passes here: probes, destinations, counts, UIDs and states.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from echonode.model.identity import is_valid_uid
from echonode.web.encoding import Row, Rows, json_array
from echonode.web.health import Alarm
from echonode.web.page import page_routes

MAX_LAST = 1000
DEFAULT_RECENT = 60


@dataclass(frozen=True, kw_only=True)
class ProbeStatus:
    """One probe: whether it is there, and its frames since the node started.

    dropped: frames that came and could not be used; dropped_by: the same by their reason
    (frames/source/source_counts.py). partial: frames used with lines missing.
    refusal: why nothing of it is captured, or stored, just now; '' when it is. problem: why no
    frame comes from it, where that is not as it should be; ''.
    on_request: an open exam takes stills and clips on request.
    viewers: who watch its live picture. pictures_skipped: pictures that a viewer was too slow for;
    pictures_unmade: frames that came while a picture of another was made. Both since the start.
    state, battery_percent, temperature_c: what the probe says of itself; '' and None where it does
    not, or is not there.
    """

    name: str
    connected: bool
    frames_received: int
    frames_dropped: int
    frames_partial: int
    frames_dropped_by: Mapping[str, int] = field(default_factory=dict)
    refusal: str = ""
    problem: str = ""
    on_request: bool = False
    state: str = ""
    battery_percent: int | None = None
    temperature_c: float | None = None
    viewers: int = 0
    pictures_skipped: int = 0
    pictures_unmade: int = 0


@dataclass(frozen=True, kw_only=True)
class DestinationStatus:
    """One destination and where its deliveries stand.

    deliveries: state of the ledger -> number of instances in it.
    problem: everything that is wrong with it just now, in words; '' when all is well.
    contact: what came of the last call, `not_tried` (since the start), `reached` or `not_reached`;
    heard_s: how long ago it last answered anything, None where it never did.
    associations: open to it just now. accepts: SOP class -> transfer syntaxes that it was found to
    take; none of a class that it refuses.
    backlog: deliveries that do not have the proof wanted. oldest_unproved_s: how long ago the
    oldest picture among them was taken. last_report_s: how long ago this archive last reported a
    commitment. retries: repetitions, ever. lossy_copies: instances of which it has only a copy
    derived with loss; the originals are kept here.
    commitment_problem: why it does not commit to what it has stored, which `problem` says too; ''.
    """

    name: str
    ae_title: str
    commitment: str
    deliveries: Mapping[str, int]
    problem: str = ""
    contact: str = "not_tried"
    heard_s: float | None = None
    associations: int = 0
    accepts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    backlog: int = 0
    oldest_unproved_s: float | None = None
    last_report_s: float | None = None
    retries: int = 0
    lossy_copies: int = 0
    commitment_problem: str = ""


@dataclass(frozen=True, kw_only=True)
class NodeStatus:
    """The node at one moment. `now`, `started_at`: aware. disk_free_percent: of data_dir's disk.

    minutes_of_cine: how long a cine may run before new exams are refused. refusing: why nothing can
    be stored just now, '' when it can. alarms: what needs a person. problems: why the node is not
    ready, in words. captures_lost: captures since the start that could not be kept, or were no
    valid object. viewer_port: of the viewer, None where none is served or it is not installed.
    """

    ae_title: str
    version: str
    now: datetime
    started_at: datetime
    disk_free_percent: float
    probes: tuple[ProbeStatus, ...]
    destinations: tuple[DestinationStatus, ...]
    minutes_of_cine: float = 0.0
    refusing: str = ""
    alarms: tuple[Alarm, ...] = ()
    problems: tuple[str, ...] = ()
    captures_lost: int = 0
    viewer_port: int | None = None


def console_routes(
    *,
    status: Callable[[], NodeStatus],
    ledger: Rows,
    recent: Callable[[int], Sequence[Row]],
    thumbnail: Callable[[str], bytes | None],
) -> list[BaseRoute]:
    """GET / (the page), /console/FILE, /api/status, /api/ledger, /api/recent and thumbnails.

    ledger: the rows of `echonode ledger --json`. /api/ledger?last=N gives only the N rows stored
    last, newest first. recent: so many rows for the page (/api/recent?last=N). thumbnail: a JPEG of
    an instance by its UID, None where there is none (/api/instances/UID/thumbnail).
    """

    def read_status(_request: Request) -> Response:
        now = status()
        body = asdict(now)
        body["now"], body["started_at"] = now.now.isoformat(), now.started_at.isoformat()
        body["alarms"] = [{"name": each.name, "text": each.whole} for each in now.alarms]
        return JSONResponse(body)

    async def read_ledger(request: Request) -> Response:
        last = _last(request)
        rows = ledger if last is None else lambda: newest(ledger(), last)
        return StreamingResponse(json_array(rows), media_type="application/json")

    def read_recent(request: Request) -> Response:
        return JSONResponse(list(recent(_last(request) or DEFAULT_RECENT)))

    def read_thumbnail(request: Request) -> Response:
        uid = request.path_params["uid"]
        jpeg = thumbnail(uid) if is_valid_uid(uid) else None
        if jpeg is None:
            raise HTTPException(404, "it has no thumbnail")
        return Response(jpeg, media_type="image/jpeg")

    return [
        Route("/api/status", read_status, methods=["GET"]),
        Route("/api/recent", read_recent, methods=["GET"]),
        Route("/api/instances/{uid}/thumbnail", read_thumbnail, methods=["GET"]),
        Route("/api/ledger", read_ledger, methods=["GET"]),
        *page_routes(),
    ]


def newest(rows: Iterable[Row], count: int) -> list[Row]:
    """The `count` rows that were stored last, newest first."""
    return heapq.nlargest(count, rows, key=lambda row: str(row["stored_at"]))


def _last(request: Request) -> int | None:
    """The query's `last`, None where it has none."""
    text = request.query_params.get("last")
    if text is None:
        return None
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(MAX_LAST))
    if not is_number or not 0 < int(text) <= MAX_LAST:
        raise HTTPException(400, f"last is a number from 1 to {MAX_LAST}")
    return int(text)
