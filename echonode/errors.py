"""Every error EchoNode raises on purpose, and whose fault each one is.

EchoNodeError
├── ConfigError              the configuration; the operator corrects the file
├── ProtocolUnusable         a probe protocol of an installed distribution; becomes a ConfigFault
├── UsageError               a command's arguments; the operator calls again
├── OperatorRefused          what an operator asked cannot be done; nothing was changed
│   └── Doubtful             more than one thing may be meant; carries the candidates
├── FieldRefused             a value that was typed or sent to us; names the field; give another
├── NodeNotAsked             a node runs here, and cannot be asked over HTTP
├── OutOfResources           the system gives too few threads or too little memory to start
├── IllegalTransition        our own: a state machine was given an event it has no row for
├── ProbeError               the probe or the line to it
│   ├── ProtocolError        bytes that are not of the configured protocol
│   ├── CaptureRefused       a still or a clip of what there is not; nothing was taken
│   └── ProbeUnreachable     nothing listens, or the connection broke
├── InvalidObject            a dataset that would not be valid; it is not built
│   ├── Unreadable           received bytes that cannot be parsed: answer C000
│   │   └── TrailingBytes    bytes behind the end of a dataset; carries where that is
│   └── Mismatch             a received dataset is not what its command said: answer A900
├── StoreError               our disk or database
│   ├── StoreLocked          another node runs on this data_dir
│   ├── SchemaTooNew         the database was written by a later EchoNode
│   ├── RestoreUnfinished    a backup is being restored into this data_dir
│   ├── BackupUnusable       a backup cannot be made, or is not whole; nothing wrong is restored
│   ├── OutOfSpace           ENOSPC, EDQUOT, EIO, EROFS: answer A700, keep going
│   ├── StepKnown            a performed step's UID is taken: answer 0111
│   ├── StepUnknown          no such step of this peer: answer 0112
│   ├── StepIsOver           it was completed or discontinued: answer 0110
│   ├── ControlIdReused      another HL7 message under a known MSH-10: the first is kept
│   ├── InstanceConflict     same SOP Instance UID, other bytes: the first is kept
│   └── Damaged              the bytes on disk are not the bytes that were stored
│       └── IndexDamaged     those of the database, not of an instance's file: answer A700
├── NetworkError             the peer or the line to it; try again later
│   ├── PeerUnreachable      no TCP connection, or TLS failed
│   ├── AssociationRejected  A-ASSOCIATE-RJ; carries result, source and reason
│   ├── AssociationLost      abort, reset or time-out: what was under way is unknown
│   ├── QueryRefused         the peer answered a query with a failure; carries the status
│   ├── ContextNotAccepted   the peer takes no presentation context that fits
│   └── Hl7BlockFault        what an HL7 sender sends is not MLLP, or goes beyond a limit
├── Hl7Refused               an HL7 message that has no effect: the error to answer
└── DimseFailure             raised by a service's handler: the status to answer
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from echonode.system_faults import said_of


class EchoNodeError(Exception):
    """Root of the tree; never raised itself."""


@dataclass(frozen=True, kw_only=True)
class ConfigFault:
    """One thing wrong with a configuration: where it is, what it is and how to correct it.

    line: of the file, from 1. variable: of the environment, where the value came from there.
    """

    path: str
    problem: str
    remedy: str
    line: int | None = None
    variable: str | None = None

    def __str__(self) -> str:
        origin = ""
        if self.variable is not None:
            origin = f" (from {self.variable})"
        elif self.line is not None:
            origin = f" (line {self.line})"
        return f"{self.path}{origin}: {self.problem}. {self.remedy}"


class ConfigError(EchoNodeError):
    """The configuration cannot be used; carries every fault found, not only the first."""

    def __init__(self, faults: Sequence[ConfigFault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


class ProtocolUnusable(EchoNodeError):
    """A probe protocol that an installed distribution brings, and that cannot be used.

    problem, remedy: as in ConfigFault.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}. {remedy}")
        self.problem, self.remedy = problem, remedy


class UsageError(EchoNodeError):
    """A command was called with arguments that do not fit."""


class OperatorRefused(EchoNodeError):
    """What an operator asked cannot be done just now; the message says why. Nothing was changed."""


class Doubtful(OperatorRefused):
    """More than one may be meant, and a person must choose; `candidates` as JSON takes them."""

    def __init__(self, message: str, candidates: Sequence[Mapping[str, object]]) -> None:
        super().__init__(message)
        self.candidates = tuple(candidates)


class FieldRefused(EchoNodeError):
    """A value that a person or another system gave cannot be taken. Never quotes the value."""

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{field} {problem}: {remedy}")
        self.field, self.problem, self.remedy = field, problem, remedy


class LoginRefused(EchoNodeError):
    """A name, password, PIN or code that is not right; the message does not say which one."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class TriedTooOften(EchoNodeError):
    """Too many tries of a password or code; one may be made again in `wait_s` seconds."""

    def __init__(self, wait_s: float) -> None:
        super().__init__(f"tried too often: the next try is in {wait_s:.0f} s")
        self.wait_s = wait_s


class NodeNotAsked(EchoNodeError):
    """A node runs on this data_dir, and it did not answer over HTTP."""


class OutOfResources(EchoNodeError):
    """The system gives this process too few threads or too little memory to start."""

    def __init__(self) -> None:
        super().__init__(
            "the system gives this process too little memory or too few threads to start: raise "
            "its limits (MemoryMax, LimitAS and TasksMax of systemd, ulimit -v and -u, memory and "
            "pids of the container)"
        )


class IllegalTransition(EchoNodeError):
    """An event that the state's row of the transition table does not name; nothing was changed."""


class ProbeError(EchoNodeError):
    """The probe, or the line to it."""


class ProtocolError(ProbeError):
    """Bytes that cannot be of the configured probe protocol."""


class CaptureRefused(ProbeError):
    """A capture that cannot be: no frame yet, or the probe left; nothing was taken."""


class ProbeUnreachable(ProbeError):
    """Nothing listens at the probe's address, or the connection broke."""


class InvalidObject(EchoNodeError):
    """A dataset that would break its IOD; the message names the attribute and the rule."""


class NotAnonymised(InvalidObject):
    """An instance of which no anonymised copy can be made; the message says why."""


class NeedsLook(NotAnonymised):
    """The image may carry text in its pixels, and no person has said that it does not."""


class Unreadable(InvalidObject):
    """Received bytes that cannot be parsed as a dataset in their transfer syntax."""


class TrailingBytes(Unreadable):
    """Bytes follow the end of a dataset. end: of the dataset as it is encoded, in bytes."""

    def __init__(self, message: str, end: int) -> None:
        super().__init__(message)
        self.end = end


class Mismatch(InvalidObject):
    """A received dataset whose class or UIDs are missing, malformed or not those of its command."""


class StoreError(EchoNodeError):
    """Our disk or database."""


class StoreLocked(StoreError):
    """Another node already runs on this data_dir."""


class SchemaTooNew(StoreError):
    """The database was written by a later EchoNode; it is left untouched."""


class RestoreUnfinished(StoreError):
    """A restore into this data_dir was interrupted, or is going on: no node may start on it."""


class BackupUnusable(StoreError):
    """A backup that is damaged, incomplete or could not be made; the message says what to do."""


class OutOfSpace(StoreError):
    """The disk refused the bytes (ENOSPC, EDQUOT, EIO, EROFS); nothing was acknowledged."""


class StepKnown(StoreError):
    """A performed procedure step of this SOP Instance UID exists; nothing was changed."""


class StepUnknown(StoreError):
    """No performed procedure step of this SOP Instance UID, or another peer's."""


class StepIsOver(StoreError):
    """A performed procedure step that was completed or discontinued; nothing was changed."""


class ControlIdReused(StoreError):
    """An HL7 message under the control ID of another one; it has no effect."""


class InstanceConflict(StoreError):
    """A second instance with a known SOP Instance UID and other bytes; the first is kept."""


class Damaged(StoreError):
    """A stored file no longer has the bytes that were stored."""


class IndexDamaged(Damaged):
    """The database cannot be read as it was written; the files know nothing of it."""


class NetworkError(EchoNodeError):
    """The peer, or the line to it."""


class PeerUnreachable(NetworkError):
    """No TCP connection, or the TLS handshake failed."""


class AssociationRejected(NetworkError):
    """The peer answered A-ASSOCIATE-RJ (PS3.8 9.3.4).

    `transient` is result 2: the peer may accept later; otherwise its operator must act first. A
    DICOMweb server that does not let us in, or not for now, is one too. `wait_s`: how long it wants
    to be left alone.
    """

    def __init__(
        self, message: str, *, result: int, source: int, reason: int, wait_s: float = 0.0
    ) -> None:
        super().__init__(message)
        self.result, self.source, self.reason = result, source, reason
        self.wait_s = wait_s

    @property
    def transient(self) -> bool:
        return self.result == 2


class AssociationLost(NetworkError):
    """Abort, reset or time-out. What was under way may or may not have been done.

    `by_peer`: the peer ended it (A-ABORT, or it closed the connection); otherwise nothing came in
    time, or the end was ours.
    """

    def __init__(self, message: str, *, by_peer: bool = False) -> None:
        super().__init__(message)
        self.by_peer = by_peer


class QueryRefused(NetworkError):
    """The peer answered our C-FIND with a failure; nothing can be said of what it holds."""

    def __init__(self, status: int) -> None:
        super().__init__(f"the query was answered {status:04X}")
        self.status = status


class ContextNotAccepted(NetworkError):
    """The peer accepted no presentation context that fits the instance or the service."""


class Hl7BlockFault(NetworkError):
    """Bytes that are no MLLP, or beyond a limit: the connection is closed without an answer."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


class Hl7Refused(EchoNodeError):
    """An HL7 message that is not taken: what its ERR segment says (HL7 v2.5.1 2.15.5).

    code: of table 0357. segment, sequence, field, component: where the fault is, counted from 1;
    0 where that is not known. reject: AR and not AE, for what no correction of the content helps.
    The message quotes no value.
    """

    def __init__(
        self,
        message: str,
        *,
        code: int,
        segment: str = "MSH",
        sequence: int = 1,
        field: int = 0,
        component: int = 0,
        reject: bool = False,
    ) -> None:
        super().__init__(message)
        self.code, self.reject = code, reject
        self.segment, self.sequence = segment, sequence
        self.field, self.component = field, component


class DimseFailure(EchoNodeError):
    """Raised by a service's handler: the DIMSE status to answer, and a comment for the peer.

    The comment goes out as Error Comment (0000,0902), 64 characters at most, without patient data.
    error_id: goes out as Error ID (0000,0903), where the service defines one.
    """

    def __init__(self, status: int, comment: str = "", *, error_id: int | None = None) -> None:
        super().__init__(f"0x{status:04X} {comment}".strip())
        self.status, self.comment, self.error_id = status, comment[:64], error_id


def described(error: BaseException) -> str:
    """An unexpected error's class, and the system's own words of it.

    For logs and the ledger: the error's text may quote the data that it arose from.
    """
    name = type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {said_of(error)}"
    return name
