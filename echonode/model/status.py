"""The statuses of DIMSE responses: each code, its name, its meaning and its class, once.

Rules
- Code that sends or reads a status uses a name of this module. No other module has the numbers.
- A service's own table comes before the general one, and an exact code before a range: A702 ends a
  C-MOVE as "unable to perform sub-operations" and a C-STORE as one of the range A7xx.
- The class of a code is the same for every service (PS3.7 C.1 to C.5), so `kind_of` needs no table.

Sources: PS3.7 annex C (general), PS3.4 B.2.3 (storage), C.4.1.1.4 (query), C.4.2.1.5 (move),
C.4.3.1.4 (get), J.3 (storage commitment), PS3.3 C.14.1.1 (0131).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

# PS3.7 C.1 to C.3
SUCCESS: Final = 0x0000
CANCELLED: Final = 0xFE00
PENDING: Final = 0xFF00
PENDING_UNSUPPORTED_KEYS: Final = 0xFF01
# PS3.7 C.4: warnings
OPTIONAL_ATTRIBUTES_NOT_SUPPORTED: Final = 0x0001
ATTRIBUTE_LIST_ERROR: Final = 0x0107
ATTRIBUTE_VALUE_OUT_OF_RANGE: Final = 0x0116
# PS3.7 C.5: failures
NO_SUCH_ATTRIBUTE: Final = 0x0105
INVALID_ATTRIBUTE_VALUE: Final = 0x0106
PROCESSING_FAILURE: Final = 0x0110
DUPLICATE_SOP_INSTANCE: Final = 0x0111
NO_SUCH_SOP_INSTANCE: Final = 0x0112
NO_SUCH_EVENT_TYPE: Final = 0x0113
NO_SUCH_ARGUMENT: Final = 0x0114
INVALID_ARGUMENT_VALUE: Final = 0x0115
INVALID_SOP_INSTANCE: Final = 0x0117
NO_SUCH_SOP_CLASS: Final = 0x0118
CLASS_INSTANCE_CONFLICT: Final = 0x0119
MISSING_ATTRIBUTE: Final = 0x0120
MISSING_ATTRIBUTE_VALUE: Final = 0x0121
SOP_CLASS_NOT_SUPPORTED: Final = 0x0122
NO_SUCH_ACTION: Final = 0x0123
NOT_AUTHORISED: Final = 0x0124
DUPLICATE_INVOCATION: Final = 0x0210
UNRECOGNISED_OPERATION: Final = 0x0211
MISTYPED_ARGUMENT: Final = 0x0212
RESOURCE_LIMITATION: Final = 0x0213
# PS3.4: statuses of the services
OUT_OF_RESOURCES: Final = 0xA700
CANNOT_CALCULATE_MATCHES: Final = 0xA701
CANNOT_PERFORM_SUB_OPERATIONS: Final = 0xA702
MOVE_DESTINATION_UNKNOWN: Final = 0xA801
DATASET_DOES_NOT_MATCH_SOP_CLASS: Final = 0xA900
IDENTIFIER_DOES_NOT_MATCH_SOP_CLASS: Final = 0xA900
ELEMENTS_COERCED: Final = 0xB000
SUB_OPERATIONS_FAILED: Final = 0xB000
ELEMENTS_DISCARDED: Final = 0xB006
STORED_WITHOUT_MATCHING_SOP_CLASS: Final = 0xB007
CANNOT_UNDERSTAND: Final = 0xC000
UNABLE_TO_PROCESS: Final = 0xC000
DUPLICATE_TRANSACTION_UID: Final = 0x0131


class StatusKind(StrEnum):
    """The class of a status (PS3.7 annex C)."""

    SUCCESS = "success"
    PENDING = "pending"
    CANCEL = "cancel"
    WARNING = "warning"
    FAILURE = "failure"


# Of every warning Bxxx; the others have numbers of their own.
FIRST_WARNING: Final = 0xB000
LAST_WARNING: Final = 0xBFFF
_OTHER_WARNINGS: Final = frozenset(
    {OPTIONAL_ATTRIBUTES_NOT_SUPPORTED, ATTRIBUTE_LIST_ERROR, ATTRIBUTE_VALUE_OUT_OF_RANGE}
)


def kind_of(code: int) -> StatusKind:
    """The class of any code. A code that the standard does not define is a failure."""
    if code == SUCCESS:
        return StatusKind.SUCCESS
    if code in (PENDING, PENDING_UNSUPPORTED_KEYS):
        return StatusKind.PENDING
    if code == CANCELLED:
        return StatusKind.CANCEL
    if FIRST_WARNING <= code <= LAST_WARNING or code in _OTHER_WARNINGS:
        return StatusKind.WARNING
    return StatusKind.FAILURE


@dataclass(frozen=True, kw_only=True)
class Status:
    """One row: a code, or a range of codes from `code` to `last` (both included)."""

    code: int
    name: str
    meaning: str
    last: int

    @property
    def kind(self) -> StatusKind:
        """The class of each of its codes."""
        return kind_of(self.code)

    @property
    def pattern(self) -> str:
        """Four hexadecimal digits; `x` is any digit: 0122, A7xx, Cxxx."""
        digits = f"{self.code:04X}"
        free = f"{self.last - self.code:X}" if self.last > self.code else ""
        return digits[: len(digits) - len(free)] + "x" * len(free)


def _row(code: int, name: str, meaning: str, *, last: int | None = None) -> Status:
    return Status(code=code, name=name, meaning=meaning, last=code if last is None else last)


GENERAL: Final = (
    _row(SUCCESS, "Success", "the operation was performed"),
    _row(
        OPTIONAL_ATTRIBUTES_NOT_SUPPORTED,
        "Optional Attributes Not Supported",
        "requested optional attributes are not supported",
    ),
    _row(NO_SUCH_ATTRIBUTE, "No Such Attribute", "an attribute is not of the SOP class"),
    _row(INVALID_ATTRIBUTE_VALUE, "Invalid Attribute Value", "an attribute's value is not valid"),
    _row(ATTRIBUTE_LIST_ERROR, "Attribute List Error", "some attributes were left out"),
    _row(PROCESSING_FAILURE, "Processing Failure", "a failure while the request was processed"),
    _row(DUPLICATE_SOP_INSTANCE, "Duplicate SOP Instance", "the SOP Instance UID is in use"),
    _row(NO_SUCH_SOP_INSTANCE, "No Such SOP Instance", "the SOP instance is not known"),
    _row(NO_SUCH_EVENT_TYPE, "No Such Event Type", "the event type is not known"),
    _row(NO_SUCH_ARGUMENT, "No Such Argument", "the event or action information is not known"),
    _row(INVALID_ARGUMENT_VALUE, "Invalid Argument Value", "an argument's value is out of range"),
    _row(
        ATTRIBUTE_VALUE_OUT_OF_RANGE,
        "Attribute Value Out of Range",
        "an attribute's value is out of range",
    ),
    _row(INVALID_SOP_INSTANCE, "Invalid SOP Instance", "the SOP Instance UID is not a valid UID"),
    _row(NO_SUCH_SOP_CLASS, "No Such SOP Class", "the SOP class is not known"),
    _row(
        CLASS_INSTANCE_CONFLICT,
        "Class-Instance Conflict",
        "the SOP instance is of another SOP class",
    ),
    _row(MISSING_ATTRIBUTE, "Missing Attribute", "a required attribute is missing"),
    _row(MISSING_ATTRIBUTE_VALUE, "Missing Attribute Value", "a required value is missing"),
    _row(SOP_CLASS_NOT_SUPPORTED, "SOP Class Not Supported", "the SOP class is not supported"),
    _row(NO_SUCH_ACTION, "No Such Action", "the action type is not supported"),
    _row(NOT_AUTHORISED, "Not Authorised", "the requestor is not authorised"),
    _row(DUPLICATE_INVOCATION, "Duplicate Invocation", "the Message ID is in use"),
    _row(UNRECOGNISED_OPERATION, "Unrecognised Operation", "the operation is not supported"),
    _row(MISTYPED_ARGUMENT, "Mistyped Argument", "a parameter is not of the agreed type"),
    _row(RESOURCE_LIMITATION, "Resource Limitation", "resources are exhausted"),
    _row(CANCELLED, "Cancel", "the operation ended because the requestor cancelled it"),
    _row(PENDING, "Pending", "more responses follow"),
    _row(
        PENDING_UNSUPPORTED_KEYS,
        "Pending, Optional Keys Not Supported",
        "more responses follow; an optional key was not supported",
    ),
)
STORAGE: Final = (
    _row(
        ELEMENTS_COERCED,
        "Coercion of Data Elements",
        "stored, the receiver changed attributes of its copy",
    ),
    _row(ELEMENTS_DISCARDED, "Elements Discarded", "stored, the receiver left attributes out"),
    _row(
        STORED_WITHOUT_MATCHING_SOP_CLASS,
        "Data Set Does Not Match SOP Class",
        "stored, the data set does not match its SOP class",
    ),
    _row(OUT_OF_RESOURCES, "Out of Resources", "the receiver is out of resources", last=0xA7FF),
    _row(
        DATASET_DOES_NOT_MATCH_SOP_CLASS,
        "Data Set Does Not Match SOP Class",
        "refused, the data set does not match its SOP class",
        last=0xA9FF,
    ),
    _row(
        CANNOT_UNDERSTAND,
        "Cannot Understand",
        "the receiver cannot parse the data set",
        last=0xCFFF,
    ),
)
_IDENTIFIER: Final = (
    _row(
        IDENTIFIER_DOES_NOT_MATCH_SOP_CLASS,
        "Identifier Does Not Match SOP Class",
        "the identifier does not fit the service",
    ),
    _row(UNABLE_TO_PROCESS, "Unable to Process", "the request cannot be processed", last=0xCFFF),
)
FIND: Final = (
    _row(OUT_OF_RESOURCES, "Out of Resources", "the provider is out of resources"),
    *_IDENTIFIER,
)
GET: Final = (
    _row(
        CANNOT_CALCULATE_MATCHES,
        "Out of Resources - Unable to Calculate Number of Matches",
        "the provider cannot tell what matches",
    ),
    _row(
        CANNOT_PERFORM_SUB_OPERATIONS,
        "Out of Resources - Unable to Perform Sub-operations",
        "no sub-operation succeeded",
    ),
    _row(
        SUB_OPERATIONS_FAILED,
        "Sub-operations Complete - One or More Failures or Warnings",
        "complete, some sub-operations failed or ended with a warning",
    ),
    *_IDENTIFIER,
)
MOVE: Final = (
    _row(
        MOVE_DESTINATION_UNKNOWN,
        "Move Destination Unknown",
        "the provider does not know the move destination",
    ),
    *GET,
)
COMMITMENT: Final = (
    _row(
        DUPLICATE_TRANSACTION_UID,
        "Duplicate Transaction UID",
        "the Transaction UID was used before",
    ),
)


def look_up(code: int, service: Iterable[Status] = ()) -> Status | None:
    """The row of a code in a service's table, else in GENERAL; None where neither has it."""
    rows = [row for row in (*service, *GENERAL) if row.code <= code <= row.last]
    return min(rows, key=lambda row: row.last - row.code, default=None)
