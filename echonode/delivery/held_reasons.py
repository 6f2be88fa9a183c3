"""Why a delivery is held, in words for a person, and what may be done about it. Pure.

The store keeps the words of the event that held it, and the last status of the archive. This tells
which of the two speaks, and puts those that have one remedy into one group.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from echonode.delivery.status_table import StatusTable
from echonode.model import remedies
from echonode.model.delivery import DAMAGED_HERE, WAITS_FOR_LOOK
from echonode.model.status import STORAGE, look_up
from echonode.store.database.exam_holds import REJECTED, WAITS_FOR_NAMING, WAITS_FOR_PATIENT
from echonode.store.deliveries.outbox import HeldGroup

HELD_BY_OPERATOR = "held by the operator"
_RELEASE = ("release",)
_REASON_CODE = re.compile(r"\(([0-9A-F]{4})\)")
_HTTP_STATUS = re.compile(r"HTTP (\d{3}):")  # stow/verdicts.py
_TABLE = StatusTable()
# Of a status whose meaning the configuration gives (node/settings/destinations.py).
_CONFIGURED = "status "


@dataclass(frozen=True, kw_only=True)
class HeldReason:
    """key: the same for all that have one cause and one remedy.

    status: of the archive, as four hexadecimal digits, '' where none led to it; status_name: the
    standard's name for it. actions: what an operator may do with it here. needs_person: whether it
    stays until someone acts.
    """

    key: str
    meaning: str
    remedy: str
    status: str = ""
    status_name: str = ""
    actions: Sequence[str] = _RELEASE
    needs_person: bool = True


@dataclass(frozen=True, kw_only=True)
class HeldFor:
    """A reason, and how many deliveries of a destination are held for it."""

    reason: HeldReason
    count: int


def held_reason(ae_title: str, last_status: int | None, last_error: str) -> HeldReason:
    """The reason of one held delivery. ae_title: of the archive."""
    for words, reason in _exact(last_error):
        if last_error == words:
            return reason
    if last_error.startswith("not committed:"):
        code = _REASON_CODE.search(last_error)
        return HeldReason(
            key=f"not_committed:{code[1] if code else ''}",
            meaning=last_error,
            remedy=remedies.held_for_commitment(ae_title),
        )
    if last_status is not None and _is_of_status(last_error, last_status):
        return _for_status(ae_title, last_status, last_error)
    if code := _HTTP_STATUS.match(last_error):
        return HeldReason(
            key=f"http:{code[1]}",
            meaning=last_error,
            remedy=remedies.held_for_http(ae_title, int(code[1])),
        )
    for begin, key, remedy in (
        ("not sent, " + DAMAGED_HERE, "damaged", remedies.DAMAGED),
        ("it cannot be anonymised", "not_anonymised", remedies.held_for_anonymising(ae_title)),
        ("it cannot be re-encoded", "not_accepted", remedies.held_for_context(ae_title)),
        ("the archive takes SOP class", "not_accepted", remedies.held_for_context(ae_title)),
        ("the archive breaks off", "breaks_off", remedies.held_for_breaking_off(ae_title)),
        ("this node failed", "fault_here", remedies.held_for_fault_here()),
    ):
        if last_error.startswith(begin):
            return HeldReason(key=key, meaning=last_error, remedy=remedy)
    return HeldReason(
        key=f"other:{last_error}",
        meaning=last_error or "no reason is on record",
        remedy=remedies.held_for_fault_here(),
    )


def grouped(ae_title: str, groups: Sequence[HeldGroup]) -> Sequence[HeldFor]:
    """One entry for each key, with the words of its largest group; the largest first."""
    found: dict[str, HeldFor] = {}
    for group in groups:
        reason = held_reason(ae_title, group.last_status, group.last_error)
        known = found.get(reason.key)
        count = group.count + (known.count if known else 0)
        found[reason.key] = HeldFor(reason=known.reason if known else reason, count=count)
    return sorted(found.values(), key=lambda each: -each.count)


def _exact(last_error: str) -> Iterator[tuple[str, HeldReason]]:
    yield (
        HELD_BY_OPERATOR,
        HeldReason(key="operator", meaning=last_error, remedy=remedies.RELEASE_TO_SEND),
    )
    yield (
        WAITS_FOR_LOOK,
        HeldReason(key="look", meaning=last_error, remedy=remedies.LOOK, actions=()),
    )
    waits = HeldReason(key="patient", meaning=last_error, remedy=remedies.IDENTIFY, actions=())
    yield WAITS_FOR_PATIENT, waits
    yield (
        WAITS_FOR_NAMING,
        replace(waits, key="naming", remedy=remedies.NAMING, needs_person=False),
    )
    yield (
        REJECTED,
        replace(waits, key="rejected", remedy=remedies.NOTHING_TO_DO, needs_person=False),
    )


def _is_of_status(last_error: str, last_status: int) -> bool:
    meaning = _TABLE.verdict(last_status).meaning
    return last_error.startswith((meaning, _CONFIGURED))


def _for_status(ae_title: str, last_status: int, last_error: str) -> HeldReason:
    row = look_up(last_status, STORAGE)
    return HeldReason(
        key=f"status:{last_status:04X}",
        status=f"{last_status:04X}",
        status_name=row.name if row else "",
        meaning=last_error,
        remedy=remedies.held_for_status(ae_title, last_status),
    )
