"""What an archive's answers to STOW-RS and QIDO-RS say of one instance (PS3.18 10.5.3, 10.6). Pure.

Rules
- What the answer says of the instance counts more than its HTTP status: a Failure Reason
  (0008,1197) and a Warning Reason (0008,1196) are codes of PS3.4 table B.2-1, as of C-STORE.
- One instance was sent, so a failure that names no instance is its failure. An answer that names
  only others says nothing (PS3.7 9.1.1.1.5 for C-STORE): the instance is sent again.
- A failed instance is not stored, whatever its reason: a reason that is a success or a warning is
  taken as 0110.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from echonode.dimse.services import StoreResponse
from echonode.model.status import PROCESSING_FAILURE, SUCCESS, StatusKind, kind_of

_FAILED_SOP_SEQUENCE = "00081198"
_REFERENCED_SOP_SEQUENCE = "00081199"
_REFERENCED_SOP_INSTANCE_UID = "00081155"
_WARNING_REASON = "00081196"
_FAILURE_REASON = "00081197"
_SOP_INSTANCE_UID = "00080018"

Json = Mapping[str, Any]


def store_response(
    http_status: int, body: bytes, sop_instance_uid: str, *, wait_s: float = 0.0
) -> StoreResponse:
    """The answer about `sop_instance_uid`; by the HTTP status alone where it has none."""
    answer = _json(body)
    answer = answer if isinstance(answer, dict) else {}
    failed = list(_items(answer, _FAILED_SOP_SEQUENCE))
    stored = list(_items(answer, _REFERENCED_SOP_SEQUENCE))
    for item in stored:
        if _first(item, _REFERENCED_SOP_INSTANCE_UID) == sop_instance_uid:
            return StoreResponse(status=_warning(item))
    for item in failed:
        if _first(item, _REFERENCED_SOP_INSTANCE_UID) in (sop_instance_uid, None, ""):
            return StoreResponse(status=_failure(item))
    if stored or failed:
        return StoreResponse(status=SUCCESS, names_another=True)
    return StoreResponse(status=PROCESSING_FAILURE, http_status=http_status, wait_s=wait_s)


def names_instance(body: bytes, sop_instance_uid: str) -> bool | None:
    """Whether the results of a query hold the instance; None where they are no DICOM JSON."""
    if not body.strip():
        return False
    answer = _json(body)
    if not isinstance(answer, list):
        return None
    return any(
        isinstance(item, dict) and _first(item, _SOP_INSTANCE_UID) == sop_instance_uid
        for item in answer
    )


def _json(body: bytes) -> object:
    try:
        found: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found


def _items(answer: Json, tag: str) -> Iterator[Json]:
    element = answer.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    for item in values if isinstance(values, list) else ():
        if isinstance(item, dict):
            yield item


def _first(item: Json, tag: str) -> object:
    element = item.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values[0] if isinstance(values, list) and values else None


def _code(item: Json, tag: str) -> int | None:
    value = _first(item, tag)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 5:
        value = int(value)
    is_code = isinstance(value, int) and not isinstance(value, bool)
    return value if is_code and isinstance(value, int) and 0 <= value <= 0xFFFF else None


def _warning(item: Json) -> int:
    code = _code(item, _WARNING_REASON)
    return code if code is not None and kind_of(code) is StatusKind.WARNING else SUCCESS


def _failure(item: Json) -> int:
    code = _code(item, _FAILURE_REASON)
    if code is None or kind_of(code) in (StatusKind.SUCCESS, StatusKind.WARNING):
        return PROCESSING_FAILURE
    return code
