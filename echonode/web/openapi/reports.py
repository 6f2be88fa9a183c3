"""Operations of reports and kept views."""

from __future__ import annotations

from echonode.web.openapi.operation import Operation
from echonode.web.openapi.schema import COUNT, TEXT, list_of, object_of

_NUMBER = {"type": "number"}
_DOCUMENT = object_of(
    ("id", "exam", "kind", "objects"),
    id=TEXT,
    exam=TEXT,
    kind={"enum": ["report", "presentation"]},
    made_at={"type": "string", "format": "date-time"},
    by=TEXT,
    problem=TEXT,
    content={"type": "object"},
    objects=list_of(
        object_of(
            ("part", "sop_instance_uid"),
            part={"enum": ["sr", "pdf", "key_objects", "presentation"]},
            sop_instance_uid=TEXT,
            stored={"type": "boolean"},
            rejected_by=TEXT,
            deliveries=list_of({"type": "object"}),
        )
    ),
    result={"type": ["object", "null"]},
)

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="get",
        path="/api/report-templates",
        summary="The templates of reports: fields, and the words that are offered in each language",
        answer=list_of({"type": "object"}),
    ),
    Operation(
        method="get",
        path="/api/exams/{exam}/reports",
        summary="Reports and kept views of an exam, each object with where it stands",
        answer=list_of(_DOCUMENT),
    ),
    Operation(
        method="post",
        path="/api/exams/{exam}/report",
        summary="Report an exam: SR, PDF and key objects, answered once they are durable",
        status=201,
        body=object_of(
            ("template",),
            template=TEXT,
            language={"enum": ["en", "fr"]},
            findings={"type": "object", "additionalProperties": TEXT},
            conclusion=TEXT,
            key_images=list_of(
                object_of(("sop_instance_uid",), sop_instance_uid=TEXT, frame=COUNT)
            ),
            measurements=list_of(TEXT),
        ),
        answer=_DOCUMENT,
    ),
    Operation(
        method="get",
        path="/api/exams/{exam}/reports/{document}/pdf",
        summary="The pages of a report",
        media_type="application/pdf",
    ),
    Operation(
        method="post",
        path="/api/instances/{uid}/presentation",
        summary="Keep how a grey image is shown: window, visible part, notes, what was measured",
        status=201,
        body=object_of(
            frame=COUNT,
            description=TEXT,
            window=object_of(("center", "width"), center=_NUMBER, width=_NUMBER),
            area={"type": "array", "items": _NUMBER, "minItems": 4, "maxItems": 4},
            notes=list_of(
                object_of(
                    ("text", "point"),
                    text=TEXT,
                    point={"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2},
                )
            ),
            language={"enum": ["en", "fr"]},
        ),
        answer=_DOCUMENT,
    ),
)
