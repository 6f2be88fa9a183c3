"""The statuses that the node answers, by service.

Which status stands for what is decided where the request is served. This table says when each is
sent; a test compares it with every place of the code that names a status, and provokes each row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from echonode.config import Config
from echonode.model import status as codes
from echonode.model.identity import Service
from echonode.monitoring.conformance.claim import Claim, Kind
from echonode.monitoring.conformance.network import granted

RETURNED: Final = Kind(
    name="returned-status",
    section="7.3.2",
    title="Statuses that are answered",
    columns=("service", "status", "name", "when"),
    says="{0} is answered {1} ({2}): {3}.",
)
KINDS: Final = (RETURNED,)

# (service, status, when); the service's table of model/status.py has the name.
_TABLES: Final = {
    "C-STORE": codes.STORAGE,
    "C-FIND": codes.FIND,
    "C-MOVE": codes.MOVE,
    "C-GET": codes.GET,
    "N-ACTION": codes.COMMITMENT,
}
ANSWERED: Final[tuple[tuple[Service, str, int, str], ...]] = (
    (Service.ECHO, "C-ECHO", codes.SUCCESS, "the peer may call"),
    (Service.STORE, "C-STORE", codes.SUCCESS, "file, index and deliveries are on the disk"),
    (Service.STORE, "C-STORE", codes.OUT_OF_RESOURCES, "the disk is full, or below its reserve"),
    (
        Service.STORE,
        "C-STORE",
        codes.DATASET_DOES_NOT_MATCH_SOP_CLASS,
        "the data set is not what the request says, or other bytes are kept under its UID",
    ),
    (Service.STORE, "C-STORE", codes.CANNOT_UNDERSTAND, "the data set cannot be read"),
    (Service.STORE, "C-STORE", codes.INVALID_SOP_INSTANCE, "the SOP Instance UID is no UID"),
    (
        Service.STORE,
        "C-STORE",
        codes.SOP_CLASS_NOT_SUPPORTED,
        "the SOP class is not that of its presentation context",
    ),
    (
        Service.GET,
        "C-STORE",
        codes.NOT_AUTHORISED,
        "the peer may get and not store: the presentation context is for C-GET alone",
    ),
    (Service.FIND, "C-FIND", codes.SUCCESS, "all matches were sent"),
    (Service.FIND, "C-FIND", codes.PENDING, "a match, every key supported"),
    (
        Service.FIND,
        "C-FIND",
        codes.PENDING_UNSUPPORTED_KEYS,
        "a match, a key of which is not supported and comes back empty",
    ),
    (
        Service.FIND,
        "C-FIND",
        codes.IDENTIFIER_DOES_NOT_MATCH_SOP_CLASS,
        "the level or a unique key is missing or wrong, or a limit of keys is passed",
    ),
    (Service.FIND, "C-FIND", codes.CANCELLED, "the peer cancelled it"),
    (Service.MOVE, "C-MOVE", codes.SUCCESS, "every instance was sent"),
    (Service.MOVE, "C-MOVE", codes.MOVE_DESTINATION_UNKNOWN, "the destination is no peer"),
    (Service.MOVE, "C-MOVE", codes.CANNOT_CALCULATE_MATCHES, "the index cannot be read"),
    (Service.MOVE, "C-MOVE", codes.CANNOT_PERFORM_SUB_OPERATIONS, "no instance could be sent"),
    (
        Service.MOVE,
        "C-MOVE",
        codes.IDENTIFIER_DOES_NOT_MATCH_SOP_CLASS,
        "the level or a unique key is missing or wrong",
    ),
    (Service.GET, "C-GET", codes.CANNOT_CALCULATE_MATCHES, "the index cannot be read"),
    (Service.GET, "C-GET", codes.SUCCESS, "every instance was sent"),
    (Service.GET, "C-GET", codes.CANNOT_PERFORM_SUB_OPERATIONS, "no instance could be sent"),
    (Service.GET, "C-GET", codes.SUB_OPERATIONS_FAILED, "some instances could not be sent"),
    (
        Service.GET,
        "C-GET",
        codes.IDENTIFIER_DOES_NOT_MATCH_SOP_CLASS,
        "the level or a unique key is missing or wrong",
    ),
    (Service.COMMIT, "N-ACTION", codes.SUCCESS, "the request is on the disk; a report follows"),
    (Service.COMMIT, "N-ACTION", codes.NO_SUCH_ACTION, "the Action Type ID is not 1"),
    (Service.COMMIT, "N-ACTION", codes.NO_SUCH_SOP_CLASS, "it is for another SOP class"),
    (
        Service.COMMIT,
        "N-ACTION",
        codes.NO_SUCH_SOP_INSTANCE,
        "it is not for the well-known SOP instance",
    ),
    (Service.COMMIT, "N-ACTION", codes.MISSING_ATTRIBUTE, "an attribute of type 1 is missing"),
    (Service.COMMIT, "N-ACTION", codes.INVALID_ATTRIBUTE_VALUE, "a UID of it is no UID"),
    (Service.COMMIT, "N-EVENT-REPORT", codes.NO_SUCH_EVENT_TYPE, "the Event Type ID is unknown"),
    (
        Service.COMMIT,
        "N-EVENT-REPORT",
        codes.INVALID_ARGUMENT_VALUE,
        "the Transaction UID is not of a request of ours to this peer",
    ),
    (Service.WORKLIST, "N-CREATE", codes.SUCCESS, "the step is on the disk"),
    (
        Service.WORKLIST,
        "N-CREATE",
        codes.INVALID_ATTRIBUTE_VALUE,
        "the status is not IN PROGRESS",
    ),
    (Service.WORKLIST, "N-CREATE", codes.MISSING_ATTRIBUTE, "an attribute of type 1 is missing"),
    (Service.WORKLIST, "N-CREATE", codes.DUPLICATE_SOP_INSTANCE, "the step exists"),
    (Service.WORKLIST, "N-CREATE", codes.INVALID_SOP_INSTANCE, "the SOP Instance UID is no UID"),
    (Service.WORKLIST, "N-SET", codes.SUCCESS, "the change is on the disk"),
    (Service.WORKLIST, "N-SET", codes.NO_SUCH_SOP_INSTANCE, "there is no such step of this peer"),
    (
        Service.WORKLIST,
        "N-SET",
        codes.PROCESSING_FAILURE,
        "the step is over (Error ID A710), or something failed here",
    ),
    (
        Service.ECHO,
        "any service",
        codes.UNRECOGNISED_OPERATION,
        "the request is of a DIMSE service that is not served",
    ),
)


def status_claims(config: Config) -> Iterator[Claim]:
    """Every claim of this module."""
    may = granted(config)
    for service, operation, code, when in ANSWERED:
        if service in may:
            row = codes.look_up(code, _TABLES.get(operation, ()))
            assert row is not None
            yield RETURNED.claim(
                f"{operation.replace(' ', '-')}/{code:04X}",
                operation,
                f"{code:04X}",
                row.name,
                when,
            )
