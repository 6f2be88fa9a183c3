"""What an HTTP status means for a delivery where the answer says nothing of the instance. Pure.

Rules
- PS3.18 table 10.5.3-1 lists the statuses of STOW-RS; RFC 9110 15 and RFC 6585 all of HTTP.
- A status is the instance's failure only where another instance would be answered otherwise: 400,
  409, 413, 415, 422. Access, address, load and faults of a gateway are the archive's: it is paused,
  and no attempt is counted.
- 500 may be either: the instance is tried again some times, and the others go on meanwhile.
- Retry-After is obeyed up to LONGEST_WAIT_S: an archive that names a day is asked before.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from types import MappingProxyType

from echonode.delivery.status_table import Treatment, Verdict

LONGEST_WAIT_S = 3600.0
_TRIED_AGAIN_S = (30.0, 60.0, 120.0, 240.0, 480.0)  # as after 0110
_OVER_A_DAY_S = (3600.0, 23 * 3600.0)  # as after Cxxx


def _paused(meaning: str, *, alarm: bool = False) -> Verdict:
    return Verdict(treatment=Treatment.PAUSE_DESTINATION, meaning=meaning, alarm=alarm)


def _tried_again(meaning: str, delays_s: tuple[float, ...] = _TRIED_AGAIN_S) -> Verdict:
    return Verdict(treatment=Treatment.RETRY_THEN_HOLD, meaning=meaning, retry_delays_s=delays_s)


ROWS: Mapping[int, Verdict] = MappingProxyType(
    {
        200: Verdict(treatment=Treatment.STORED, meaning="stored"),
        202: Verdict(
            treatment=Treatment.PERHAPS_STORED,
            meaning="the archive took it with a warning that does not name the instance",
        ),
        400: _tried_again("the archive cannot understand the request", _OVER_A_DAY_S),
        401: _paused(
            "the archive does not accept our token or password: renew the file that has it",
            alarm=True,
        ),
        403: _paused(
            "the archive does not authorise us to store: its administrator must permit it",
            alarm=True,
        ),
        404: _paused(
            "there is no STOW-RS at this address: check `dicomweb` of the destination", alarm=True
        ),
        405: _paused(
            "the archive takes nothing at this address: check `dicomweb` of the destination",
            alarm=True,
        ),
        409: _tried_again("the archive could not store the instance, and does not say why"),
        413: Verdict(
            treatment=Treatment.HOLD,
            meaning="the archive takes no instance of this size: its administrator can raise the "
            "limit",
            alarm=True,
        ),
        415: Verdict(
            treatment=Treatment.OTHER_CONTEXT,
            meaning="the archive does not take this transfer syntax",
            alarm=True,
        ),
        422: _tried_again("the archive cannot process the instance", _OVER_A_DAY_S),
        429: _paused("the archive takes no more requests for now"),
        500: _tried_again("the archive failed to process the instance"),
        501: _paused("the archive has no STOW-RS", alarm=True),
        502: _paused("the gateway of the archive does not reach it"),
        503: _paused("the archive is busy or out of resources"),
        504: _paused("the gateway of the archive got no answer in time"),
        507: _paused("the archive is out of storage", alarm=True),
    }
)


def verdict_of(http_status: int, wait_s: float = 0.0) -> Verdict:
    """The row of a status, with the wait that the archive asked for."""
    found = ROWS.get(http_status) or _of_its_class(http_status)
    return Verdict(
        treatment=found.treatment,
        meaning=f"HTTP {http_status}: {found.meaning}",
        retry_delays_s=found.retry_delays_s,
        alarm=found.alarm,
        wait_s=wait_s,
    )


def _of_its_class(http_status: int) -> Verdict:
    match http_status // 100:
        case 2:
            return ROWS[200]
        case 3:
            return _paused(
                "the archive redirects, which is not followed: give its own address in `dicomweb`",
                alarm=True,
            )
        case 5:
            return ROWS[500]
        case _:
            return _tried_again("the archive refuses the request", _OVER_A_DAY_S)


def wait_of(retry_after: str, date: str) -> float:
    """Seconds that Retry-After asks for (RFC 9110 10.2.3); 0 where it says nothing of use.

    date: the Date of the same answer: a moment is taken by the archive's clock, not by ours.
    """
    retry_after = retry_after.strip()
    if retry_after.isascii() and retry_after.isdigit():
        return min(float(retry_after[:9]), LONGEST_WAIT_S)
    until, at = _moment(retry_after), _moment(date)
    if until is None or at is None:
        return 0.0
    return min(max(0.0, (until - at).total_seconds()), LONGEST_WAIT_S)


def _moment(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    return found if found.tzinfo is not None else None
