"""What a message asks for: its type and event, its segments, and the changes that it makes.

Rules
- Only the messages in EVENTS are taken; another type is answered AR 200, another event AR 201.
- A08 has the structure of A01 (HL7 v2.5.1 3.3.8), and so have A04 and A28; A31 that of A05. Of all
  of them PID and PV1 are read, wherever they stand.
- A message has its whole effect or none: one order of ten that is wrong refuses the ten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from types import MappingProxyType

from echonode.errors import Hl7Refused
from echonode.exam.hl7 import data_types
from echonode.exam.hl7.message import (
    REQUIRED_FIELD_MISSING,
    SEGMENT_SEQUENCE_ERROR,
    TABLE_VALUE_NOT_FOUND,
    UNSUPPORTED_EVENT_CODE,
    UNSUPPORTED_MESSAGE_TYPE,
    UNSUPPORTED_PROCESSING_ID,
    UNSUPPORTED_VERSION_ID,
    Message,
    Segment,
)
from echonode.exam.hl7.order_fields import item_of
from echonode.exam.hl7.order_sources import OrderDefaults, OrderSegments
from echonode.exam.hl7.patient_fields import PatientSegments, patient_id, said_of
from echonode.model.order_change import (
    Change,
    OrderPlaced,
    OrderWithdrawn,
    PatientMerge,
    PatientUpdate,
    is_same,
)
from echonode.model.patient import Identifier

# ORC-1 Order Control (table 0119).
PLACING = frozenset({"NW", "XO"})
WITHDRAWING = frozenset({"CA", "DC"})
# ORC-5 Order Status (table 0038) with which a change says that there is nothing left to do.
_ENDED = frozenset({"CA", "DC", "CM"})
_VERSIONS = frozenset(
    {"2.1", "2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1"}
    | {"2.8", "2.8.1", "2.8.2", "2.9", "2.9.1"}
)


def changes_of(message: Message, *, defaults: OrderDefaults, now: datetime) -> list[Change]:
    """The changes of a message that is for us. Raises Hl7Refused. now: aware."""
    check_head(message.msh)
    known = EVENTS[message.type, message.event]
    return known(message, defaults, now)


def check_head(msh: Segment) -> None:
    """Whether we take such a message at all. Raises Hl7Refused, with `reject`."""
    kind, event = msh.text(9, 1), msh.text(9, 2)
    if not msh.text(10):
        raise _rejected(msh, "is missing: a message has a control ID", 10, REQUIRED_FIELD_MISSING)
    if not any(kind == each for each, _ in EVENTS):
        raise _rejected(msh, "is a message type that is not taken", 9, UNSUPPORTED_MESSAGE_TYPE)
    if (kind, event) not in EVENTS:
        raise _rejected(msh, "is an event that is not taken", 9, UNSUPPORTED_EVENT_CODE, 2)
    if msh.text(11) != "P":
        raise _rejected(msh, "is not P: only production is taken", 11, UNSUPPORTED_PROCESSING_ID)
    if msh.text(12) not in _VERSIONS:
        raise _rejected(msh, "is a version that is not taken", 12, UNSUPPORTED_VERSION_ID)


def _rejected(msh: Segment, problem: str, field: int, code: int, component: int = 1) -> Hl7Refused:
    return Hl7Refused(
        f"MSH-{field} {problem}", code=code, field=field, component=component, reject=True
    )


def _patient(message: Message, defaults: OrderDefaults, now: datetime) -> list[Change]:
    """A04, A08, A28, A31: what is known of a patient."""
    of = PatientSegments(message.required("PID"), message.first("PV1"), tuple(message.of("OBX")))
    return [PatientUpdate(patient_id=patient_id(of.pid), said=said_of(of))]


def _merge(message: Message, defaults: OrderDefaults, now: datetime) -> list[Change]:
    """A40: each PID with the MRG behind it; the prior identifier is used no more."""
    found: list[Change] = []
    pid: Segment | None = None
    for segment in message.segments:
        if segment.name == "PID":
            pid = segment
        elif segment.name == "MRG":
            if pid is None:
                raise Hl7Refused(
                    "MRG stands before PID", code=SEGMENT_SEQUENCE_ERROR, segment="MRG"
                )
            found += _merges(pid, segment)
            pid = None
    if not found:
        message.required("PID")
        message.required("MRG")
    return found


def _merges(pid: Segment, mrg: Segment) -> Iterator[Change]:
    remaining = patient_id(pid)
    prior = patient_id(mrg, 1)
    if is_same(remaining, prior):
        raise mrg.fault("is the patient that remains", 1, 1)
    yield PatientMerge(patient_id=remaining, prior=prior, said=said_of(PatientSegments(pid)))


def _orders(message: Message, defaults: OrderDefaults, now: datetime) -> list[Change]:
    """ORM^O01, OMG^O19, OMI^O23: each ORC with the segments behind it."""
    source = source_name(message.msh)
    groups = list(_groups(message, defaults, now))
    if not groups:
        message.required("ORC")
    return [change for of in groups for change in _change(of, source)]


def source_name(msh: Segment) -> str:
    """The sending application, by whose numbers an order is known."""
    return data_types.clean(msh.text(3)) or data_types.clean(msh.text(4))


def _groups(message: Message, defaults: OrderDefaults, now: datetime) -> Iterator[OrderSegments]:
    pid, pv1 = message.first("PID"), message.first("PV1")
    patient = PatientSegments(pid, pv1, tuple(message.of("OBX"))) if pid is not None else None
    studies = list(message.of("ZDS"))
    for group in _steps(message):
        own = group.get("ZDS", [])
        # IHE RAD TF-2 4.4: one ZDS is of all orders of the message.
        zds = own[0] if own else (studies[0] if len(studies) == 1 else None)
        steps: list[Segment | None] = list(group.get("IPC", [])) or [None]
        for ipc in steps:
            yield OrderSegments(
                patient=patient,
                orc=group["ORC"][0],
                defaults=defaults,
                now=now,
                obr=_first(group, "OBR"),
                tq1=_first(group, "TQ1"),
                ipc=ipc,
                zds=zds,
                diagnosis=_first(group, "DG1"),
                notes=group.get("NTE", []),
            )


def _steps(message: Message) -> Iterator[dict[str, list[Segment]]]:
    """The segments of each ORC and OBR by name. An OBR without an ORC has the one before it."""
    group: dict[str, list[Segment]] = {}
    for segment in message.segments:
        if segment.name == "ORC":
            if group:
                yield group
            group = {"ORC": [segment]}
        elif segment.name == "OBR" and "OBR" in group:
            yield group
            group = {"ORC": group["ORC"], "OBR": [segment], "TQ1": group.get("TQ1", [])}
        elif segment.name == "OBR" and not group:
            raise Hl7Refused("OBR stands before ORC", code=SEGMENT_SEQUENCE_ERROR, segment="OBR")
        elif group:
            group.setdefault(segment.name, []).append(segment)
    if group:
        yield group


def _first(group: dict[str, list[Segment]], name: str) -> Segment | None:
    return next(iter(group.get(name, [])), None)


def _change(of: OrderSegments, source: str) -> Iterator[Change]:
    control = of.orc.text(1).upper()
    if control in WITHDRAWING or (control == "XO" and of.orc.text(5).upper() in _ENDED):
        yield _withdrawal(of, source)
    elif control in PLACING:
        if of.patient is None:
            raise Hl7Refused(
                "the segment PID is missing", code=SEGMENT_SEQUENCE_ERROR, segment="PID"
            )
        if of.obr is None:
            raise Hl7Refused(
                "the segment OBR is missing", code=SEGMENT_SEQUENCE_ERROR, segment="OBR"
            )
        yield OrderPlaced(item=item_of(of, source), is_change=control == "XO")
    elif not control:
        raise of.orc.fault("is missing: nothing says what to do", 1, code=REQUIRED_FIELD_MISSING)
    else:
        raise of.orc.fault("is not NW, XO, CA or DC", 1, code=TABLE_VALUE_NOT_FOUND)


def _withdrawal(of: OrderSegments, source: str) -> Change:
    numbers = {
        name: _number(of, field, longest)
        for name, field, longest in (("placer", 2, 64), ("filler", 3, 64))
    }
    if not any(numbers.values()):
        raise of.orc.fault("and ORC-3 are empty", 2, code=REQUIRED_FIELD_MISSING)
    step = of.ipc.text(4) if of.ipc else of.obr.text(20) if of.obr else ""
    return OrderWithdrawn(
        source_name=source,
        patient_id=patient_id(of.patient.pid) if of.patient else Identifier(),
        placer_order_number=numbers["placer"],
        filler_order_number=numbers["filler"],
        step_id=step,
    )


def _number(of: OrderSegments, field: int, longest: int) -> str:
    found = data_types.ei(of.orc, field, longest).value
    return found or (data_types.ei(of.obr, field, longest).value if of.obr else "")


_Take = Callable[[Message, OrderDefaults, datetime], list[Change]]
EVENTS: MappingProxyType[tuple[str, str], _Take] = MappingProxyType(
    {
        ("ADT", "A04"): _patient,
        ("ADT", "A08"): _patient,
        ("ADT", "A28"): _patient,
        ("ADT", "A31"): _patient,
        ("ADT", "A40"): _merge,
        ("ORM", "O01"): _orders,
        ("OMG", "O19"): _orders,
        ("OMI", "O23"): _orders,
    }
)
