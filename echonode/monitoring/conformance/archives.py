"""What goes to archives: what is created, how it is proposed, and what each answer leads to.

Sources: objects/, delivery/encoding_options.py, delivery/status_table.py with a destination's own
`statuses`, commitment/schedule.py, exam/procedure_step/answers.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from pydicom.uid import KeyObjectSelectionDocumentStorage

from echonode.commitment.schedule import FAILURE_RULES, rule_for
from echonode.config import Config
from echonode.config.destination import DestinationSection
from echonode.delivery.encoding_options import EncodingOptions
from echonode.delivery.status_table import ROWS, UNKNOWN, Treatment
from echonode.dimse.contexts import STORAGE_CLASSES
from echonode.exam.procedure_step.answers import judged
from echonode.model import status as codes
from echonode.model.delivery import DeliveryEvent
from echonode.model.exam_document import DOCUMENT_CLASSES, DocumentPart
from echonode.model.identity import CommitmentPolicy, Peer
from echonode.model.procedure_step import StepMessage
from echonode.monitoring.conformance.claim import Claim, Kind
from echonode.monitoring.conformance.names import attribute_name, syntax_names, tag_text, uid_name
from echonode.monitoring.conformance.network import OPERATION
from echonode.monitoring.conformance.sample import in_image, made, sources
from echonode.objects.ultrasound import UltrasoundObject

CREATED: Final = Kind(
    name="created-class",
    section="1.1",
    title="What is created here",
    columns=("SOP class", "UID", "of what"),
    says="{0} ({1}) is created of {2}.",
)
ATTRIBUTE: Final = Kind(
    name="image-attribute",
    section="A.A",
    title="Attributes of the images that are created, by source",
    columns=("attribute", "tag", "source", "still", "clip"),
    says="{0} {1} comes from {2}; in a still: {3}, in a clip: {4}.",
)
PROPOSED: Final = Kind(
    name="proposed-syntaxes",
    section="5.2.5.1",
    title="Transfer syntaxes that are proposed to each destination",
    columns=("destination", "transfer syntaxes, the preferred one first", "proof that is wanted"),
    says="To {0}, what is created here is proposed in: {1}. Proof that it is kept: {2}.",
)
ANSWER: Final = Kind(
    name="store-answer",
    section="7.3.2",
    title="Answers to our C-STORE, and what becomes of the delivery",
    columns=("status", "meaning", "treatment"),
    says="C-STORE answered {0}: {1}; {2}.",
)
REASON: Final = Kind(
    name="commitment-failure",
    section="7.3.2",
    title="Failure Reasons of commitment reports, and what becomes of the delivery",
    columns=("Failure Reason", "meaning", "what is done"),
    says="An instance that is reported as failed with {0} ({1}): {2}.",
)
STEP_ANSWER: Final = Kind(
    name="mpps-answer",
    section="7.3.2",
    title="First answers to our N-CREATE and N-SET",
    columns=("status", "name", "N-CREATE", "final N-SET"),
    says="A procedure step answered {0} ({1}): the N-CREATE is {2}, the final N-SET is {3}.",
)
KINDS: Final = (CREATED, ATTRIBUTE, PROPOSED, ANSWER, REASON, STEP_ANSWER)

_TREATMENTS: Mapping[str, str] = MappingProxyType(
    {
        Treatment.STORED: "stored; proof is asked for",
        Treatment.PERHAPS_STORED: "perhaps stored; proof shows whether it was",
        Treatment.PAUSE_DESTINATION: "the destination is left alone for a while, then sent again",
        Treatment.RETRY_THEN_HOLD: "sent again after pauses, then held for a person",
        Treatment.OTHER_CONTEXT: "sent once in another transfer syntax, then held for a person",
        Treatment.HOLD: "held for a person at once",
        Treatment.RESEND: "sent again, as nothing is known",
    }
)
_DOCUMENTS: Mapping[DocumentPart, str] = MappingProxyType(
    {
        DocumentPart.SR: "a report of an exam: findings and measurements (TID 1500)",
        DocumentPart.PDF: "a report of an exam: its pages",
        DocumentPart.KEY_OBJECTS: "a report's key images, and images that are rejected",
        DocumentPart.PRESENTATION: "a grey image's window, visible part, notes and measurements",
    }
)
_EVENTS: Mapping[DeliveryEvent, str] = MappingProxyType(
    {
        DeliveryEvent.NOT_COMMITTED: "it is sent again",
        DeliveryEvent.REQUEST_LOST: "commitment is requested again",
        DeliveryEvent.HOLD: "it is held for a person",
    }
)
_OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        "acknowledged": "taken as done",
        "retry": "sent again",
        "begin_again": "followed by a new N-CREATE",
        "given_up": "given up, with an alarm",
    }
)
ALWAYS: Final = "yes"
BY_PACE: Final = "by the pace of the frames"
WHERE_KNOWN: Final = "where it is known"
_NEVER: Final = "no"
_NO_REASON: Final = 0xFFFF  # of no table


def archive_claims(config: Config) -> Iterator[Claim]:
    """Every claim of this module."""
    if config.probes:
        yield from _created(config)
    for destination in config.destinations:
        yield from _destination(destination)
    if config.destinations:
        yield OPERATION.claim(
            "C_FIND/scu/rejections", "C-FIND", "SCU", "whether archives acted on rejection notes"
        )
        yield from _answers()
    if any(each.commitment is CommitmentPolicy.REQUIRED for each in config.destinations):
        yield from _reasons()
    if config.mpps:
        yield from _step_answers()


def _created(config: Config) -> Iterator[Claim]:
    created = {
        str(made(1).SOPClassUID): "a still of a probe",
        str(made(2).SOPClassUID): "a clip of a probe",
    }
    if config.destinations:
        created[str(KeyObjectSelectionDocumentStorage)] = (
            "images that were delivered and whose patient was corrected: they are rejected by it"
        )
    if config.web:
        created |= {str(uid): _DOCUMENTS[part] for part, uid in DOCUMENT_CLASSES.items()}
    assert created.keys() <= STORAGE_CLASSES
    for uid, what in created.items():
        yield CREATED.claim(uid, uid_name(uid), uid, what)
    still, regular, irregular = in_image(1), in_image(2), in_image(3)
    told_still, told_clip = in_image(1, told=True), in_image(2, told=True)
    for keyword, source in sorted(sources().items(), key=lambda each: tag_text(each[0])):
        yield ATTRIBUTE.claim(
            keyword,
            attribute_name(keyword),
            tag_text(keyword),
            source,
            _in(keyword, still, still, told_still),
            _in(keyword, regular, irregular, told_clip),
        )


def _in(
    keyword: str, regular: frozenset[str], irregular: frozenset[str], told: frozenset[str]
) -> str:
    """Whether it stands in an image: of frames at an even pace, at an uneven one, all known."""
    if keyword in regular and keyword in irregular:
        return ALWAYS
    if keyword in regular or keyword in irregular:
        return BY_PACE
    return WHERE_KNOWN if keyword in told else _NEVER


def _destination(destination: DestinationSection) -> Iterator[Claim]:
    name = destination.target
    if destination.peer is not None:
        yield OPERATION.claim(f"C_STORE/scu/{name}", "C-STORE", "SCU", f"instances, to `{name}`")
        if destination.commitment is CommitmentPolicy.REQUIRED:
            yield OPERATION.claim(
                f"N_ACTION/scu/{name}", "N-ACTION", "SCU", f"storage commitment, of `{name}`"
            )
        if destination.commitment is CommitmentPolicy.VERIFY:
            yield OPERATION.claim(
                f"C_FIND/scu/{name}", "C-FIND", "SCU", f"whether instances are kept, of `{name}`"
            )
        options = EncodingOptions(reencoding=True, lossy=destination.lossy is not None)
        syntaxes = [
            syntax
            for _, syntax in options.contexts_of(
                str(made(1).SOPClassUID), UltrasoundObject.transfer_syntax_uid
            )
        ]
        yield PROPOSED.claim(name, name, syntax_names(syntaxes), destination.commitment.value)
    for pattern, rule in destination.statuses.items():
        yield ANSWER.claim(
            f"{pattern}/{name}",
            pattern,
            f"as `{name}` answers it",
            _TREATMENTS[rule.treatment],
        )


def _answers() -> Iterator[Claim]:
    for pattern, verdict in ROWS.items():
        yield ANSWER.claim(pattern, pattern, verdict.meaning, _TREATMENTS[verdict.treatment])
    yield ANSWER.claim("other", "any other", UNKNOWN.meaning, _TREATMENTS[UNKNOWN.treatment])


def _reasons() -> Iterator[Claim]:
    for reason in (*FAILURE_RULES, _NO_REASON):
        rule = rule_for(reason)
        after = f"; after {rule.limit} such reports it is held" if rule.limit else ""
        code = f"{reason:04X}" if reason in FAILURE_RULES else "any other"
        yield REASON.claim(code.replace(" ", "-"), code, rule.meaning, _EVENTS[rule.event] + after)


def step_outcome(message: StepMessage, status: int) -> str:
    """What the first such answer leads to, in words."""
    anyone = Peer(name="ris", ae_title="RIS", host="localhost", port=104, may=frozenset())
    verdict = judged(message, status, attempts=1, unseen_before=False, peer=anyone)
    return _OUTCOMES[verdict.outcome]


def _step_answers() -> Iterator[Claim]:
    for row in codes.GENERAL:
        if row.code in (codes.PENDING, codes.PENDING_UNSUPPORTED_KEYS, codes.CANCELLED):
            continue
        yield STEP_ANSWER.claim(
            row.pattern,
            row.pattern,
            row.name,
            step_outcome(StepMessage.CREATE, row.code),
            step_outcome(StepMessage.FINAL, row.code),
        )
