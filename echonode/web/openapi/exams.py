"""Operations of exams, the worklist and patients."""

from __future__ import annotations

from echonode.web.openapi.operation import Operation
from echonode.web.openapi.schema import (
    COUNT,
    EXAM,
    PATIENT,
    TEXT,
    list_of,
    object_of,
    reference,
)

_CAPTURED = reference("Captured")

OPERATIONS: tuple[Operation, ...] = (
    Operation(
        method="get",
        path="/api/exams",
        summary="The newest exams; with open=true those that are open",
        query=("open",),
        answer=list_of(EXAM),
    ),
    Operation(
        method="post",
        path="/api/exams",
        summary="Open an exam at a probe",
        status=201,
        body=object_of(
            ("probe",),
            probe=TEXT,
            worklist_item=TEXT,
            patient=PATIENT,
            on_request={"type": "boolean"},
        ),
        answer=EXAM,
    ),
    Operation(
        method="get",
        path="/api/exams/{exam}",
        summary="An exam with its history and instances",
        answer=EXAM,
    ),
    Operation(
        method="post",
        path="/api/exams/{exam}/stills",
        summary="A still, the frame of that number or the latest; answered once it is durable",
        status=201,
        body=object_of(sequence=COUNT, freeze=TEXT),
        answer=_CAPTURED,
    ),
    Operation(
        method="post",
        path="/api/exams/{exam}/clips",
        summary="A clip of the last or the next seconds; answered once it is durable",
        status=201,
        body=object_of(
            ("seconds",),
            seconds={"type": "number", "exclusiveMinimum": 0, "maximum": 600},
            last_sequence=COUNT,
            freeze=TEXT,
            **{"from": {"enum": ["past", "now"]}},
        ),
        answer=_CAPTURED,
    ),
    Operation(
        method="post",
        path="/api/exams/{exam}/freeze",
        summary="Keep the frames of the last seconds, for stills and clips of the past",
        status=201,
        body=object_of(),
        answer=object_of(
            ("freeze", "frames"),
            freeze=TEXT,
            frames=list_of(
                object_of(
                    ("sequence", "at_s"),
                    sequence=COUNT,
                    at_s={"type": "number"},
                    captured_at=TEXT,
                )
            ),
            geometry={"type": "object"},
        ),
    ),
    Operation(
        method="delete",
        path="/api/exams/{exam}/freeze/{freeze}",
        summary="End a freeze; its frames are forgotten",
    ),
    Operation(
        method="get",
        path="/api/exams/{exam}/freeze/{freeze}/frames/{sequence}",
        summary="The picture of a frame of a freeze",
        media_type="image/jpeg",
    ),
    Operation(
        method="post",
        path="/api/exams/{exam}/identify",
        summary="Say whose an exam is; 409 with candidates where that is doubtful",
        body=object_of(worklist_item=TEXT, patient=PATIENT, confirmed={"type": "boolean"}),
        answer=EXAM,
    ),
    Operation(
        method="post",
        path="/api/exams/{exam}/correct",
        summary="Reject what was sent, and send what is right",
        body=object_of(
            ("reason",),
            reason={"enum": ["wrong_patient", "wrong_side", "quality", "withdrawn"]},
            worklist_item=TEXT,
            patient=PATIENT,
            instances=list_of(TEXT),
            laterality={"enum": ["R", "L"]},
        ),
        answer=EXAM,
    ),
    Operation(method="post", path="/api/exams/{exam}/end", summary="Close an exam", answer=EXAM),
    Operation(
        method="post",
        path="/api/exams/{exam}/discontinue",
        summary="Close an exam that is given up; reason: a code value of PS3.16 CID 9300",
        body=object_of(("reason",), reason=TEXT),
        answer=EXAM,
    ),
    Operation(
        method="post", path="/api/exams/{exam}/reopen", summary="It ended too early", answer=EXAM
    ),
    Operation(
        method="get",
        path="/api/worklist",
        summary="Today's worklist as it was last fetched; with all=true every day's",
        query=("all",),
        answer=reference("Worklist"),
    ),
    Operation(
        method="post",
        path="/api/worklist",
        summary="Enter an item of our own worklist, for this node's exams and for other modalities",
        status=201,
        body=object_of(
            ("patient", "requested_procedure"),
            patient=PATIENT,
            requested_procedure=TEXT,
            accession_number=TEXT,
            start_date=TEXT,
            start_time=TEXT,
            modality=TEXT,
            station_ae_titles=list_of(TEXT),
            referring_physician=TEXT,
        ),
        answer=reference("WorklistItem"),
    ),
    Operation(
        method="delete",
        path="/api/worklist/{item}",
        summary="Take back an item that a person entered",
    ),
    Operation(
        method="post",
        path="/api/worklist/search",
        summary="What the RIS has of a patient or an order, whatever the day; * and ? in a name; "
        "with Accept: application/x-ndjson a line for each item as it comes, then how it ended",
        body=object_of(patient_id=TEXT, patient_name=TEXT, accession_number=TEXT),
        answer=object_of(
            ("items", "more", "missing"),
            items=list_of(reference("WorklistItem")),
            more={"type": "boolean"},
            missing={"type": "integer"},
        ),
    ),
    Operation(
        method="post",
        path="/api/worklist/refresh",
        summary="Ask the RIS now; how the list stands afterwards",
        body=object_of(),
        answer=object_of(
            ("age_s", "problem", "missing"),
            age_s={"type": ["number", "null"]},
            problem=TEXT,
            missing={"type": "integer"},
        ),
    ),
    Operation(
        method="post",
        path="/api/patients/held",
        summary="What is held of a patient, and why it cannot be erased now",
        body=object_of(("patient_id",), patient_id=TEXT),
        answer=object_of(
            ("names", "images", "records", "reasons"),
            names=list_of(TEXT),
            images=COUNT,
            studies=COUNT,
            quarantined=COUNT,
            records={"type": "object"},
            reasons=list_of(TEXT),
        ),
    ),
    Operation(
        method="post",
        path="/api/patients/export",
        summary="All that is held of a patient, as a ZIP file (docs/patients.md)",
        body=object_of(("patient_id",), patient_id=TEXT),
        media_type="application/zip",
    ),
    Operation(
        method="post",
        path="/api/patients/erase",
        summary="Erase all that is held of a patient; refused while something of it is under way",
        body=object_of(("patient_id",), patient_id=TEXT),
        answer=object_of(
            ("number", "done", "erased"),
            number=COUNT,
            done={"type": "boolean"},
            erased={"type": "object"},
            unreadable_in_quarantine=COUNT,
            databases_set_aside=list_of(TEXT),
        ),
    ),
    Operation(
        method="post",
        path="/api/patients/search",
        summary="Patients seen before, by beginnings of their names or IDs; more: type on",
        body=object_of(("text",), text=TEXT),
        answer=object_of(
            ("patients", "more"), patients=list_of(reference("Patient")), more={"type": "boolean"}
        ),
    ),
)
