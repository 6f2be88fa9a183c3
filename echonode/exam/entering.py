"""What a person enters into the worklist, where neither a RIS nor an HL7 sender orders it.

Rules
- An entered item is one of ours: it is shown here, and served to other modalities (serving/). So it
  has all that is of type 1 in an answer (PS3.4 table K.6-1): what is requested, a Study Instance
  UID, a start, a modality and stations.
- A wrong value is refused with its field named, and nothing is entered. What may be left out is as
  it is planned here, and now.
- A person takes back what a person entered. What a RIS or a message ordered is theirs to cancel.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo

from echonode.errors import FieldRefused, OperatorRefused, UsageError
from echonode.log import get_logger
from echonode.model.identity import derive_uid, is_valid_ae_title
from echonode.model.patient import Identifier, Patient
from echonode.model.worklist_item import (
    ScheduledStep,
    WorklistItem,
    WorklistSource,
    worklist_item_id,
)
from echonode.store.exams.worklist_items import WorklistItems

log = get_logger(__name__)

# PS3.5 6.2: SH, LO, and a group of PN.
_LONGEST = {"accession_number": 16, "requested_procedure": 64, "referring_physician": 64}
FIELDS = (*_LONGEST, "start_date", "start_time", "modality", "station_ae_titles")
MOST_STATIONS = 16  # a step is for a room or two; Scheduled Station AE Title is 1-n
_DAY = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})", re.ASCII)
_TIME = re.compile(r"(\d{1,2}):?(\d{2}):?(\d{2})?", re.ASCII)
_CS = re.compile(r"[A-Z0-9 _]{1,16}", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What an entry is for where it does not say so."""

    modality: str
    station_ae_titles: tuple[str, ...]


class Entering:
    """Thread-safe. local: the zone whose days and times people type.

    next_number: never the same twice on this node; node_id: random, of this node.
    """

    def __init__(
        self,
        worklist: WorklistItems,
        *,
        planned: Planned,
        node_id: str,
        next_number: Callable[[], int],
        now: Callable[[], datetime],
        local: tzinfo,
    ) -> None:
        self._worklist, self._planned = worklist, planned
        self._node_id, self._next_number = node_id, next_number
        self._now, self._local = now, local

    def enter(self, patient: Patient, values: Mapping[str, object]) -> WorklistItem:
        """The new item, durable. values: FIELDS. Raises FieldRefused, StoreError."""
        at = self._now()
        local = at.astimezone(self._local)
        step = _step(values, self._planned, local)
        made = {name: _text(name, values.get(name), most) for name, most in _LONGEST.items()}
        if not made["requested_procedure"]:
            raise FieldRefused("requested_procedure", "is missing", "say what is to be examined")
        number = str(self._next_number())
        item = WorklistItem(
            id=worklist_item_id(WorklistSource.ENTERED, "", self._node_id, number),
            source=WorklistSource.ENTERED,
            fetched_at=at,
            patient=patient,
            step=ScheduledStep(
                description=made["requested_procedure"],
                station_ae_titles=step.station_ae_titles,
                modality=step.modality,
                start_date=step.start_date,
                start_time=step.start_time,
            ),
            study_instance_uid=derive_uid("entered item", self._node_id, number),
            accession_number=Identifier(value=made["accession_number"]),
            requested_procedure_description=made["requested_procedure"],
            referring_physician_name=made["referring_physician"],
        )
        self._worklist.put([item])
        log.info("worklist_item_entered", item=item.id)
        return item

    def take_back(self, item_id: str) -> WorklistItem:
        """What it was; it is on no list any more. Raises UsageError, OperatorRefused, StoreError.

        An exam that was opened with it keeps its own copy.
        """
        shown = (item for item in self._worklist.items() if item.id == item_id)
        item = next(shown, None)
        if item is None:
            raise UsageError("there is no such item on the worklist")
        if item.source is not WorklistSource.ENTERED:
            raise OperatorRefused(f"it was ordered by `{item.source_name}`: cancel it there")
        self._worklist.withdraw([item_id], now=self._now())
        log.info("worklist_item_taken_back", item=item_id)
        return item


def _step(values: Mapping[str, object], planned: Planned, now: datetime) -> ScheduledStep:
    """When, where and by what. now: local."""
    for field in values:
        if field not in FIELDS:
            raise FieldRefused(field[:64], "is not known here", f"give {', '.join(FIELDS)}")
    day = _day(_text("start_date", values.get("start_date"), 10))
    moment = _moment(_text("start_time", values.get("start_time"), 8))
    modality = _text("modality", values.get("modality"), 16).upper()
    if modality and not _CS.fullmatch(modality):
        raise FieldRefused("modality", "is no code string", "give one such as US (PS3.5 6.2, CS)")
    return ScheduledStep(
        station_ae_titles=_stations(values.get("station_ae_titles")) or planned.station_ae_titles,
        modality=modality or planned.modality,
        start_date=day or now.strftime("%Y%m%d"),
        # Type 1: an order for a day without a time is for its beginning.
        start_time=moment or ("000000" if day else now.strftime("%H%M%S")),
    )


def _text(field: str, value: object, longest: int) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FieldRefused(field, "is not text", "give it as a string")
    text = value.strip()
    if "\\" in text or not text.isprintable():
        raise FieldRefused(
            field, "holds a backslash or a control character", "take it out (PS3.5 6.2)"
        )
    if len(text) > longest:
        raise FieldRefused(
            field, f"has {len(text)} characters", f"give at most {longest} (PS3.5 6.2)"
        )
    return text


def _day(text: str) -> str:
    if not text:
        return ""
    parts = _DAY.fullmatch(text)
    if parts is None:
        raise FieldRefused("start_date", "is not a day", "type it as YYYYMMDD")
    try:
        return date(*(int(part) for part in parts.groups())).strftime("%Y%m%d")
    except ValueError:
        raise FieldRefused("start_date", "is not in the calendar", "type it as YYYYMMDD") from None


def _moment(text: str) -> str:
    if not text:
        return ""
    parts = _TIME.fullmatch(text)
    if parts is None:
        raise FieldRefused("start_time", "is not a time", "type it as HH:MM")
    try:
        hour, minute, second = (int(part or 0) for part in parts.groups())
        made = time(hour, minute, second)
    except ValueError:
        raise FieldRefused("start_time", "is not of a day", "type it as HH:MM") from None
    return made.strftime("%H%M%S")


def _stations(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    field = "station_ae_titles"
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise FieldRefused(field, "is not a list of AE titles", "give them as [CART1]")
    if len(value) > MOST_STATIONS:
        raise FieldRefused(
            field, f"has more than {MOST_STATIONS} titles", "name those that it is for"
        )
    titles = tuple(each.strip() for each in value)
    if not all(is_valid_ae_title(title) for title in titles):
        raise FieldRefused(
            field, "holds what is no AE title", "1 to 16 printable ASCII characters, no backslash"
        )
    return titles
