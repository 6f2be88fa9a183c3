"""Where an order says what: readings of ORC, OBR, IPC and their kind, each a function.

Rules
- A reading gives None, '' or nothing of its kind where the segment is not there or says nothing:
  the next source of the row is asked then.
- Numbers and UIDs that an attribute cannot hold are refused, descriptions are made to fit.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TypeVar

from echonode.exam.hl7 import data_types
from echonode.exam.hl7.data_types import LONG, SHORT
from echonode.exam.hl7.message import TABLE_VALUE_NOT_FOUND, Segment
from echonode.exam.hl7.patient_fields import PatientSegments
from echonode.model.patient import Identifier
from echonode.model.worklist_item import Code

_CODE_STRING = re.compile(r"[A-Z0-9 _]{1,16}")
# Table 0074, Diagnostic Service Section, as Modality (PS3.3 C.7.3.1.1.1).
_MODALITIES = {
    **dict.fromkeys(("RUS", "CUS", "VUS", "OUS"), "US"),
    "NMR": "MR",
    "NMS": "NM",
    "NRS": "NM",
    "ICU": "",
    "LAB": "",
    "RAD": "",
}
# Tables 0027 and 0485 -> (0040,1003).
_PRIORITIES = {"S": "STAT", "A": "HIGH", "R": "ROUTINE", "P": "HIGH", "C": "HIGH", "T": "MEDIUM"}


@dataclass(frozen=True)
class OrderDefaults:
    """What the configuration says where an order does not.

    station_ae_titles, modality: of steps that name none. zone: this place's. uid_scope: of this
    node alone; goes into the Study Instance UID of an order that names none.
    """

    zone: tzinfo
    modality: str = "US"
    station_ae_titles: tuple[str, ...] = ()
    uid_scope: str = ""


@dataclass(frozen=True)
class OrderSegments:
    """The segments of one step of one order; `now` is when the message came, aware."""

    patient: PatientSegments | None
    orc: Segment
    defaults: OrderDefaults
    now: datetime
    obr: Segment | None = None
    tq1: Segment | None = None
    ipc: Segment | None = None
    zds: Segment | None = None
    diagnosis: Segment | None = None
    notes: Sequence[Segment] = ()


Read = Callable[[OrderSegments], object | None]
T = TypeVar("T")


def _in(name: str, take: Callable[[Segment], T | None]) -> Callable[[OrderSegments], T | None]:
    """A reading of one of an order's segments; None where the message has none such."""

    def read(of: OrderSegments) -> T | None:
        segment: Segment | None = getattr(of, name)
        return None if segment is None else take(segment)

    return read


def ei(name: str, field: int, longest: int = LONG) -> Read:
    """A number with who issued it."""
    return _in(name, lambda segment: data_types.ei(segment, field, longest))


def id_text(name: str, field: int) -> Read:
    """An identifier of SH."""
    return _in(
        name,
        lambda segment: data_types.identifier(segment, field, segment.text(field), SHORT, 1),
    )


def short_filler(of: OrderSegments) -> Identifier | None:
    """The filler's order number where it may be an accession number (SH)."""
    found = data_types.ei(of.orc, 3)
    return found if len(found.value) <= SHORT else None


def uid(name: str, field: int) -> Read:
    """A UID."""
    return _in(name, lambda segment: data_types.uid(segment, field, segment.text(field)))


def words(name: str, field: int, component: int = 1) -> Read:
    """A description."""
    return _in(name, lambda segment: data_types.clean(segment.text(field, component)))


def meaning(name: str, field: int, first: int = 1) -> Read:
    """A coded entry in words."""
    return _in(name, lambda segment: data_types.meaning(segment, field, first=first))


def codes(name: str, field: int, first: int = 1) -> Read:
    """A coded entry as a sequence of one."""

    def take(segment: Segment) -> tuple[Code, ...] | None:
        code = data_types.ce(segment, field, first=first)
        return None if code is None else (code,)

    return _in(name, take)


def modality(name: str, field: int) -> Read:
    """A modality, or a section of a department that has one."""

    def take(segment: Segment) -> str:
        text = segment.text(field).upper()
        text = _MODALITIES.get(text, text)
        if text and not _CODE_STRING.fullmatch(text):
            raise segment.fault("is no modality", field, 1, code=TABLE_VALUE_NOT_FOUND)
        return text

    return _in(name, take)


def priority(name: str, field: int, component: int) -> Read:
    """Requested Procedure Priority; None for a word that is of neither table."""
    return _in(name, lambda segment: _PRIORITIES.get(segment.text(field, component)[:1].upper()))


def stations(of: OrderSegments) -> tuple[str, ...] | None:
    """IPC-9, every repetition."""
    if of.ipc is None:
        return None
    told = [
        data_types.ae_title(of.ipc, 9, of.ipc.text(9, repetition=number))
        for number in of.ipc.repetitions(9)
    ]
    return tuple(title for title in told if title)


def technician(of: OrderSegments) -> str | None:
    """OBR-34, an NDL: its first component is a name behind an identifier, in subcomponents."""
    if of.obr is None:
        return None
    parts = [of.obr.text(34, 1, subcomponent=number) for number in (2, 3, 4)]
    return data_types.clean("^".join(part.replace("^", " ") for part in parts).rstrip("^"))


def person(name: str, field: int) -> Read:
    """A person's name."""
    return _in(name, lambda segment: data_types.xcn(segment, field))


def recipients(of: OrderSegments) -> tuple[str, ...] | None:
    """OBR-28, every repetition."""
    return None if of.obr is None else data_types.xcn_list(of.obr, 28)


def visit(take: Callable[[Segment], object | None], name: str = "pv1") -> Read:
    """A reading of PV1 or PID."""

    def read(of: OrderSegments) -> object | None:
        segment: Segment | None = getattr(of.patient, name, None)
        return None if segment is None else take(segment)

    return read


# (segment, field, component) of the moment that the step is for, in the order they are asked.
_START = (("tq1", 7, 1), ("obr", 27, 4), ("orc", 7, 4), ("obr", 36, 1))


def start(of: OrderSegments) -> tuple[str, str]:
    """Scheduled Procedure Step Start Date and Time."""
    for name, field, component in _START:
        segment: Segment | None = getattr(of, name)
        if segment is None:
            continue
        found = data_types.moment(segment, field, of.defaults.zone, component=component)
        if found:
            return found
    now = of.now.astimezone(of.defaults.zone)
    return now.strftime("%Y%m%d"), now.strftime("%H%M%S")
