"""Operations of printing."""

from __future__ import annotations

from echonode.web.openapi.operation import Operation
from echonode.web.openapi.schema import COUNT, TEXT, list_of, object_of

_TIME = {"type": ["string", "null"], "format": "date-time"}
_JOB = object_of(
    ("id", "printer", "state"),
    id=COUNT,
    printer=TEXT,
    study_instance_uid=TEXT,
    state={"enum": ["waiting", "printing", "printed", "held", "unknown", "cancelled"]},
    layout=TEXT,
    copies=COUNT,
    pictures=COUNT,
    films=COUNT,
    films_done=COUNT,
    film_in_doubt={"type": ["integer", "null"], "minimum": 1},
    problem=TEXT,
    next_attempt_at=_TIME,
    made_at=_TIME,
    ended_at=_TIME,
    by=TEXT,
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="get",
        path="/api/prints",
        summary="The printers, and the newest print jobs with where each stands",
        answer=object_of(
            ("printers", "jobs"),
            printers=list_of(object_of(("name",), name=TEXT, ae_title=TEXT)),
            jobs=list_of(_JOB),
        ),
    ),
    Operation(
        method="post",
        path="/api/studies/{uid}/print",
        summary="Queue the images of a study for a printer; layout is COLUMNSxROWS, up to 3x4",
        status=201,
        body=object_of(("printer",), printer=TEXT, layout=TEXT, copies=COUNT),
        answer=_JOB,
    ),
    Operation(
        method="post",
        path="/api/prints/{job}/{action}",
        summary="retry, came-out (the film in doubt is printed) or cancel a print job",
        answer=_JOB,
    ),
)
