"""What the configuration says of reports, as values and parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from echonode.config import Config
from echonode.dimse.upper_layer.tls_context import client_context
from echonode.exam.hl7.result_message import ResultHead, result_message
from echonode.exam.hl7.result_sender import Receiver, ResultSender
from echonode.exam.reporting.making import Making, Settings
from echonode.exam.reporting.reporting import Results
from echonode.model.exam import Exam
from echonode.model.exam_document import ExamDocument
from echonode.model.instance import StoredInstance
from echonode.node.settings.parts import node_equipment
from echonode.objects.reports.font_files import Fonts
from echonode.objects.reports.report_templates import templates
from echonode.store.store import Store
from echonode.transcoding.rendered_frames import PictureRequest, RenderedFrames

_QUALITY = 92  # of a JPEG on a page that is printed
_OF_NODE = 8  # characters of the node's id in a control ID, which has 20 at most


def reporting_settings(config: Config, rendered: RenderedFrames) -> Settings:
    """How reports are made on this node."""

    def picture(instance: StoredInstance, frame: int) -> bytes:
        return rendered.picture(instance, PictureRequest(number=frame - 1, quality=_QUALITY))

    return Settings(
        equipment=node_equipment(config),
        fonts=Fonts(config.report.fonts),
        picture=picture,
        reports_steps=config.mpps is not None,
        templates=templates(config.report.templates),
    )


def results(config: Config, store: Store, *, now: Callable[[], datetime]) -> Results:
    """Who gets reports as HL7 results, and how one is kept for them."""
    section = config.report.results
    if section is None:
        return Results()

    def write(document: ExamDocument, exam: Exam, making: Making) -> None:
        if store.hl7_results.has(document.id):
            return
        material = making.material(document, exam)
        head = ResultHead(
            sending_application=config.ae_title,
            sending_facility=config.institution.name,
            receiving_application=section.receiving_application,
            receiving_facility=section.receiving_facility,
            control_id=f"{store.node_id[:_OF_NODE]}{document.id}",
        )
        message = result_message(
            head,
            material.report,
            material.measured,
            material.facts,
            offset=material.offset,
            pdf=making.pages(material) if section.pdf else b"",
        )
        store.hl7_results.add(document.id, control_id=head.control_id, message=message, at=now())

    return Results(receiver=section.host, write=write)


def result_sender(
    config: Config, store: Store, *, now: Callable[[], datetime]
) -> ResultSender | None:
    """What sends them; None where none is configured."""
    section = config.report.results
    if section is None:
        return None
    files = section.tls.value() if section.tls else None
    tls = (lambda: client_context(files, check_name=True)) if files else None
    return ResultSender(
        Receiver(host=section.host, port=section.port, tls=tls), store.hl7_results, now=now
    )


def result_of(store: Store, document_id: str) -> Mapping[str, object] | None:
    """Where the result of a report stands, as the API answers it."""
    row = store.hl7_results.of(document_id)
    if row is None:
        return None
    return {
        "state": row.state.value,
        "attempts": row.attempts,
        "answer": row.answer,
        "last_error": row.last_error,
    }
