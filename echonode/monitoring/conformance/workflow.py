"""The RIS: worklist keys, procedure steps, HL7 messages; and what the order leaves in an image.

Sources: exam/worklist/query.py, exam/serving/item_values.py, exam/procedure_step/,
objects/order_table.py, exam/hl7/events.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from echonode.config import Config
from echonode.exam.hl7.events import EVENTS, PLACING, WITHDRAWING
from echonode.exam.serving.item_values import ITEM_KEYWORDS
from echonode.exam.worklist.query import NEEDED_KEYS, OPTIONAL_KEYS
from echonode.model.hl7_character_sets import CODECS
from echonode.model.identity import Service
from echonode.monitoring.conformance.claim import Claim, Kind
from echonode.monitoring.conformance.names import attribute_name, tag_text
from echonode.monitoring.conformance.network import OPERATION, granted
from echonode.monitoring.conformance.sample import step_attributes
from echonode.objects.order_table import ROWS

ASKED_KEY: Final = Kind(
    name="worklist-key",
    section="5.2.1",
    title="Keys of our worklist queries (SCU)",
    columns=("attribute", "tag", "use"),
    says="Our worklist query holds {0} {1}: {2}.",
)
SERVED_KEY: Final = Kind(
    name="served-worklist-key",
    section="5.2.1",
    title="Keys of the worklist that is served (SCP)",
    columns=("attribute", "tag"),
    says="{0} {1} is a key of the worklist that is served: matched, and returned.",
)
STEP_ATTRIBUTE: Final = Kind(
    name="mpps-attribute",
    section="5.2.2",
    title="Attributes of reported procedure steps (SCU)",
    columns=("attribute", "tag", "N-CREATE", "final N-SET"),
    says="{0} {1} in a reported procedure step: N-CREATE {2}, final N-SET {3}.",
)
MAPPING: Final = Kind(
    name="order-mapping",
    section="A.D",
    title="From the worklist item to the image and the procedure step",
    columns=("attribute", "place in the image", "place in the procedure step", "reference"),
    says="{0} of the order goes to {1} of the image and to {2} of the procedure step ({3}).",
)
MESSAGE: Final = Kind(
    name="hl7-message",
    section="5.6",
    title="HL7 v2 messages that are taken (MLLP)",
    columns=("message", "order control"),
    says="The HL7 message {0} is taken; order control (ORC-1): {1}.",
)
HL7_SET: Final = Kind(
    name="hl7-character-set",
    section="5.6",
    title="Character sets of HL7 messages (MSH-18)",
    columns=("table 0211",),
    says="An HL7 message in {0} is read.",
)
KINDS: Final = (ASKED_KEY, SERVED_KEY, STEP_ATTRIBUTE, MAPPING, MESSAGE, HL7_SET)

_NOWHERE: Final = "-"
# Basic Grayscale Print Management (PS3.4 annex H).
_PRINTING: Mapping[str, str] = MappingProxyType(
    {
        "N_GET": "Printer, of",
        "N_CREATE": "Basic Film Session, Basic Film Box and Presentation LUT, at",
        "N_SET": "Basic Grayscale Image Box, at",
        "N_ACTION": "Basic Film Box, to print at",
    }
)


def _printing(config: Config) -> Iterator[Claim]:
    for printer in config.prints:
        for name, of in _PRINTING.items():
            yield OPERATION.claim(
                f"{name}/scu/{printer.peer}",
                name.replace("_", "-"),
                "SCU",
                f"{of} `{printer.peer}`",
            )


def workflow_claims(config: Config) -> Iterator[Claim]:
    """Every claim of this module."""
    yield from _printing(config)
    if config.worklist:
        yield OPERATION.claim(
            "C_FIND/scu/worklist",
            "C-FIND",
            "SCU",
            f"Modality Worklist, to `{config.worklist.peer}`",
        )
        for path in NEEDED_KEYS:
            yield _asked(path, "always")
        for path in OPTIONAL_KEYS:
            yield _asked(path, "asked back, and left out where a server refuses it")
    if Service.WORKLIST in granted(config):
        for keyword in sorted(ITEM_KEYWORDS):
            yield SERVED_KEY.claim(keyword, attribute_name(keyword), tag_text(keyword))
    if config.mpps:
        yield from _steps(config.mpps.peer)
    if config.worklist or config.hl7:
        yield from _mapping()
    if config.hl7:
        yield from _messages()


def _messages() -> Iterator[Claim]:
    controls = ", ".join(sorted(PLACING | WITHDRAWING))
    for kind, event in EVENTS:
        of_orders = "none" if kind == "ADT" else controls
        yield MESSAGE.claim(f"{kind}^{event}", f"{kind}^{event}", of_orders)
    for term in CODECS:
        yield HL7_SET.claim(term.replace(" ", "_"), term)


def _asked(path: str, use: str) -> Claim:
    return ASKED_KEY.claim(path, attribute_name(path), tag_text(path.split(">")[-1]), use)


def _steps(peer: str) -> Iterator[Claim]:
    for name in ("N-CREATE", "N-SET"):
        yield OPERATION.claim(
            f"{name.replace('-', '_')}/scu", name, "SCU", f"procedure steps, to `{peer}`"
        )
    for keyword, in_create, in_set in step_attributes():
        yield STEP_ATTRIBUTE.claim(
            keyword,
            attribute_name(keyword),
            tag_text(keyword),
            "yes" if in_create else "no",
            "yes" if in_set else "no",
        )


def _mapping() -> Iterator[Claim]:
    for row in ROWS:
        yield MAPPING.claim(
            f"{row.keyword}/{row.image or _NOWHERE}/{row.step or _NOWHERE}",
            attribute_name(row.keyword),
            attribute_name(row.image) if row.image else _NOWHERE,
            attribute_name(row.step) if row.step else _NOWHERE,
            row.reference,
        )
