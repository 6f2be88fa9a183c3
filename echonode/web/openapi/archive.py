"""Operations of studies, images, measurements and the ledger."""

from __future__ import annotations

from echonode.web.openapi.operation import Operation
from echonode.web.openapi.schema import (
    NUMBER,
    TEXT,
    Schema,
    list_of,
    object_of,
)

_POINTS: Schema = list_of({"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2})
_STUDIES = object_of(("studies", "next"), studies=list_of({"type": "object"}), next=TEXT)
_MEASURED = object_of(
    ("kind", "points"),
    sop_instance_uid=TEXT,
    frame={"type": "integer", "minimum": 1},
    kind={"enum": ["distance", "ellipse", "area", "angle"]},
    points=_POINTS,
    label={"type": "string", "maxLength": 64},
)
_MEASUREMENT: Schema = {"type": "object"}

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="get",
        path="/api/ledger",
        summary="Each instance at each destination; with last=N the newest",
        query=("last",),
    ),
    Operation(
        method="get",
        path="/api/recent",
        summary="What was stored last, for the page",
        query=("last",),
    ),
    Operation(
        method="get",
        path="/api/instances/{uid}/thumbnail",
        summary="A small picture of an instance",
        media_type="image/jpeg",
    ),
    Operation(
        method="get",
        path="/api/studies",
        summary="Studies, the newest first; `next` is the cursor of the page that follows",
        query=("from", "to", "cursor"),
        answer=_STUDIES,
    ),
    Operation(
        method="post",
        path="/api/studies/search",
        summary="Studies by parts of name, Patient ID or accession number, and by dates",
        body=object_of((), text=TEXT, **{"from": TEXT}, to=TEXT, cursor=TEXT),
        answer=_STUDIES,
    ),
    Operation(
        method="get",
        path="/api/studies/{uid}",
        summary="A study with its series and instances; `row` where a UID has several",
        query=("row",),
        answer={"type": "object"},
    ),
    Operation(
        method="get",
        path="/api/studies/{uid}/media",
        summary="The study as a medium with a DICOMDIR (PS3.10), in one ZIP file",
        query=("anonymise",),
        media_type="application/dicom+zip",
    ),
    Operation(
        method="get",
        path="/api/studies/{uid}/copies",
        summary="The formats and profiles of copies, and which images wait for a person's look",
        answer=object_of(
            ("formats", "profiles", "research_profile", "images"),
            formats=list_of(
                object_of(
                    ("name", "says", "is_research"),
                    name=TEXT,
                    says=TEXT,
                    is_research={"type": "boolean"},
                )
            ),
            profiles=list_of(TEXT),
            research_profile={"type": ["string", "null"]},
            images=list_of(
                object_of(
                    ("sop_instance_uid", "needs_look", "looked_at", "looked_by"),
                    sop_instance_uid=TEXT,
                    needs_look={"type": "boolean"},
                    looked_at={"type": ["string", "null"]},
                    looked_by=TEXT,
                )
            ),
        ),
    ),
    Operation(
        method="get",
        path="/api/studies/{uid}/copies/{format}",
        summary="The study in a format, as `echonode export` writes it, in one ZIP file",
        query=("anonymise",),
        media_type="application/zip",
    ),
    Operation(
        method="post",
        path="/api/instances/{uid}/look",
        summary="A person saw no text in the pixels: anonymised copies may be made",
        answer=object_of(
            ("sop_instance_uid", "looked_at", "looked_by"),
            sop_instance_uid=TEXT,
            looked_at=TEXT,
            looked_by=TEXT,
        ),
    ),
    Operation(
        method="post",
        path="/api/instances/{uid}/volume",
        summary="Keep the volume of a tracked sweep in its study, as an Enhanced US Volume",
        status=201,
        body=object_of(
            (),
            transform=TEXT,
            image_to_probe=list_of({"type": "number"}),
            voxel_mm={"type": "number"},
        ),
        answer=object_of(
            ("sop_instance_uid", "study_instance_uid", "is_new"),
            sop_instance_uid=TEXT,
            study_instance_uid=TEXT,
            is_new={"type": "boolean"},
        ),
    ),
    Operation(
        method="get",
        path="/api/instances/{uid}",
        summary="An image for a viewer: pixels, times of frames, regions, patient, proof",
        answer={"type": "object"},
    ),
    Operation(
        method="get",
        path="/api/instances/{uid}/frames/{frame}",
        summary="A frame, from 1 on, as JPEG; quality 1 to 100; the window of grey images",
        query=("quality", "window_center", "window_width", "display"),
        media_type="image/jpeg",
    ),
    Operation(
        method="get",
        path="/api/instances/{uid}/frames/{frame}.png",
        summary="A frame, from 1 on, as PNG",
        query=("window_center", "window_width", "display"),
        media_type="image/png",
    ),
    Operation(
        method="get",
        path="/api/instances/{uid}/file",
        summary="The DICOM file, its data set as it was stored",
        media_type="application/dicom",
    ),
    *(
        operation
        for path in ("/api/instances/{uid}/measurements", "/api/exams/{exam}/measurements")
        for operation in (
            Operation(
                method="get",
                path=path,
                summary="What was measured, in the order it was made; deleted ones are marked",
                answer=list_of(_MEASUREMENT),
            ),
            Operation(
                method="post",
                path=path,
                summary="Measure on a frame; the node computes the values and keeps them",
                status=201,
                body=_MEASURED,
                answer=_MEASUREMENT,
            ),
            Operation(
                method="delete",
                path=path + "/{measurement}",
                summary="Mark a measurement as deleted; it stays in the history",
                answer=_MEASUREMENT,
            ),
        )
    ),
)
