"""The one table of who may call which route, and whose data the route gives.

Rules
- Every route of the node has a row; the server refuses to start with one that has none.
- A path is written as the route has it: {name} stands for one part. `/*` at the end stands for
  every path below it.
- A row without a role is for everyone, also while the node has no user yet: the pages themselves,
  logging in, the checks of health, and the watch link, which a token opens. Nothing of a patient
  is behind another.
- A viewer changes nothing: what a viewer may do is read, but for their own session.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from echonode.access.roles import Role

WEBSOCKET = "WEBSOCKET"
READING = frozenset({"GET", "HEAD", "OPTIONS", WEBSOCKET})


class DataKind(StrEnum):
    """Which of a patient's data a route gives or changes; '' where it is about no patient."""

    NONE = ""
    WORKLIST = "worklist"
    EXAM = "exam"
    STUDY = "study"
    INSTANCE = "instance"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """Who may call a method of a path. least: None is everyone. data: see DataKind.

    when_locked: it answers a session that is locked too. search: a POST that reads.
    """

    method: str
    path: str
    least: Role | None
    data: DataKind = DataKind.NONE
    when_locked: bool = False
    search: bool = False

    @property
    def needs_caller(self) -> bool:
        """Whether it matters who asks. Pages and health checks wait for no database."""
        return self.least is not None or self.path.startswith("/api/")

    @property
    def is_change(self) -> bool:
        """Whether a browser must prove that a page of ours asks for it."""
        return self.method not in READING

    @property
    def changes_data(self) -> bool:
        """Whether it is an access that changes the data, and not one that reads it."""
        return self.is_change and not self.search


def _everyone(*routes: str) -> Iterable[Rule]:
    for route in routes:
        method, path = route.split()
        yield Rule(method=method, path=path, least=None, when_locked=True)


def _for(least: Role, *routes: str, data: DataKind = DataKind.NONE) -> Iterable[Rule]:
    for route in routes:
        method, path = route.split()
        yield Rule(method=method, path=path, least=least, data=data)


def _search(least: Role, path: str, data: DataKind) -> Rule:
    return Rule(method="POST", path=path, least=least, data=data, search=True)


RULES: tuple[Rule, ...] = (
    *_everyone(
        "GET /",
        "GET /console/*",
        "GET /ca.crt",
        "GET /health/live",
        "GET /health/ready",
        "GET /api/session",
        "POST /api/setup",
        "POST /api/login",
    ),
    # One's own session. A user may leave it, lock it and come back to it.
    Rule(method="POST", path="/api/logout", least=Role.VIEWER, when_locked=True),
    Rule(method="POST", path="/api/session/lock", least=Role.VIEWER, when_locked=True),
    Rule(method="POST", path="/api/session/unlock", least=Role.VIEWER, when_locked=True),
    *_for(Role.VIEWER, "POST /api/session/pin", "POST /api/session/password"),
    # The node itself, without patients.
    *_for(
        Role.VIEWER,
        "GET /metrics",
        "GET /api/openapi.json",
        "GET /api/status",
        "GET /api/outbox",
        "GET /api/report-templates",
        "GET /api/system",
        "GET /api/preflight",
    ),
    *_for(
        Role.OPERATOR,
        "POST /api/preflight",
        "POST /api/preflight/start",
        "POST /api/worklist/refresh",
        "GET /api/probes/{probe}/watch",
        "POST /api/probes/{probe}/watch",
        "DELETE /api/probes/{probe}/watch",
        "DELETE /api/probes/{probe}/watch/{link}",
    ),
    # Patients, to look at. Who has a watch link shows it when the connection opens.
    Rule(method=WEBSOCKET, path="/api/watch", least=None, data=DataKind.EXAM),
    *_for(
        Role.VIEWER,
        "GET /api/probes",
        "GET /api/probes/{probe}/live",
        f"{WEBSOCKET} /api/probes/{{probe}}/frames",
        "GET /api/exams/{exam}/freeze/{freeze}/frames/{sequence}",
        data=DataKind.EXAM,
    ),
    *_for(Role.VIEWER, "GET /api/exams", "GET /api/exams/{exam}", data=DataKind.EXAM),
    *_for(Role.VIEWER, "GET /api/worklist", data=DataKind.WORKLIST),
    *_for(
        Role.VIEWER,
        "GET /api/ledger",
        "GET /api/recent",
        "GET /api/outbox/{destination}/items",
        "GET /api/instances/{uid}/thumbnail",
        "GET /api/instances/{uid}",
        "GET /api/instances/{uid}/frames/{frame}",
        "GET /api/instances/{uid}/frames/{frame}.png",
        "GET /api/instances/{uid}/file",
        data=DataKind.INSTANCE,
    ),
    *_for(
        Role.VIEWER,
        "GET /api/studies",
        "GET /api/studies/{uid}",
        "GET /api/studies/{uid}/media",
        "GET /api/studies/{uid}/copies",
        "GET /api/studies/{uid}/copies/{format}",
        data=DataKind.STUDY,
    ),
    # A search is a POST, as its text may be a name, and names are kept out of addresses.
    _search(Role.VIEWER, "/api/studies/search", DataKind.STUDY),
    *_for(
        Role.VIEWER,
        "GET /api/exams/{exam}/measurements",
        "GET /api/exams/{exam}/reports",
        "GET /api/exams/{exam}/reports/{document}/pdf",
        data=DataKind.EXAM,
    ),
    *_for(Role.VIEWER, "GET /api/instances/{uid}/measurements", data=DataKind.INSTANCE),
    # Patients, to work with. A search goes to the RIS, beyond what is here to look at.
    _search(Role.OPERATOR, "/api/worklist/search", DataKind.WORKLIST),
    _search(Role.OPERATOR, "/api/patients/search", DataKind.EXAM),
    *_for(
        Role.OPERATOR,
        "POST /api/worklist",
        "DELETE /api/worklist/{item}",
        data=DataKind.WORKLIST,
    ),
    # The report holds no name; its rows are a patient's images by their UIDs, and its log too.
    *_for(Role.OPERATOR, "GET /api/report", data=DataKind.INSTANCE),
    *_for(
        Role.OPERATOR,
        "POST /api/exams",
        "POST /api/exams/{exam}/stills",
        "POST /api/exams/{exam}/clips",
        "POST /api/exams/{exam}/identify",
        "POST /api/exams/{exam}/correct",
        "POST /api/exams/{exam}/end",
        "POST /api/exams/{exam}/discontinue",
        "POST /api/exams/{exam}/reopen",
        "POST /api/exams/{exam}/freeze",
        "POST /api/exams/{exam}/report",
        "POST /api/exams/{exam}/measurements",
        "DELETE /api/exams/{exam}/measurements/{measurement}",
        "DELETE /api/exams/{exam}/freeze/{freeze}",
        data=DataKind.EXAM,
    ),
    *_for(
        Role.OPERATOR,
        "POST /api/instances/{uid}/measurements",
        "POST /api/instances/{uid}/presentation",
        "POST /api/instances/{uid}/look",
        "POST /api/instances/{uid}/volume",
        "DELETE /api/instances/{uid}/measurements/{measurement}",
        "POST /api/instances/{uid}/{action}",
        "POST /api/outbox/{action}",
        data=DataKind.INSTANCE,
    ),
    # DICOMweb: what it can do (PS3.18 8.9), to search and retrieve, and to store. What a browser
    # asks before a request of another origin is answered before any row (web/cross_origin.py).
    *_for(Role.VIEWER, "GET /dicom-web", "OPTIONS /dicom-web", "OPTIONS /dicom-web/*"),
    *_for(Role.VIEWER, "GET /dicom-web/*", data=DataKind.STUDY),
    *_for(Role.OPERATOR, "POST /dicom-web/*", data=DataKind.STUDY),
    *_for(
        Role.OPERATOR,
        "POST /api/studies/{uid}/acknowledge",
        "POST /api/studies/{uid}/print",
        data=DataKind.STUDY,
    ),
    *_for(Role.VIEWER, "GET /api/prints", data=DataKind.STUDY),
    *_for(Role.OPERATOR, "POST /api/prints/{job}/{action}"),
    # A patient's erasure: for good, and for every exam of theirs; and all that is held of them. The
    # number stands in the body.
    *_for(Role.ADMINISTRATOR, "POST /api/patients/erase", data=DataKind.EXAM),
    _search(Role.ADMINISTRATOR, "/api/patients/held", DataKind.EXAM),
    _search(Role.ADMINISTRATOR, "/api/patients/export", DataKind.EXAM),
    # The audit trail names patients; that it was read is in it.
    _search(Role.ADMINISTRATOR, "/api/audit/search", DataKind.EXAM),
    _search(Role.ADMINISTRATOR, "/api/audit/export", DataKind.EXAM),
    _search(Role.ADMINISTRATOR, "/api/audit/verify", DataKind.EXAM),
    # Users.
    *_for(
        Role.ADMINISTRATOR,
        "GET /api/users",
        "POST /api/users",
        "POST /api/users/{name}",
        "DELETE /api/users/{name}",
        "POST /api/users/{name}/token",
    ),
)


# The viewer's port: DICOMweb by the same rows, and the viewer's files, which hold no patient. Every
# path that is no file is its start page, which asks who is there before it is given.
VIEWER_RULES: tuple[Rule, ...] = (
    *(row for row in RULES if row.path.startswith("/dicom-web")),
    *_everyone("GET /{path:path}"),
)
# Who may have the start page: who may search.
VIEWER_PAGE = next(row for row in RULES if (row.method, row.path) == ("GET", "/dicom-web/*"))


class Unlisted(LookupError):
    """A route without a row."""


def rules_of(
    methods: Iterable[str], path: str, table: Iterable[Rule] = RULES
) -> Mapping[str, Rule]:
    """The row of each method of a route; HEAD goes as GET. Raises Unlisted."""
    rows = list(table)
    found = {}
    for method in methods:
        asked = "GET" if method == "HEAD" else method
        row = next((row for row in rows if row.method == asked and _covers(row.path, path)), None)
        if row is None:
            raise Unlisted(f"{method} {path} has no row in access/route_table.py")
        found[method] = row
    return found


def _covers(row: str, path: str) -> bool:
    return path.startswith(row[:-1]) if row.endswith("/*") else row == path
