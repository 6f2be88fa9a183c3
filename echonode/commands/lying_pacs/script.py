"""What a lying archive does: values, and the scripts that are used often.

    archive.store = lambda arrival: StoreAnswer(status=0xA700)
    archive.accepts = implicit_only
    archive.commit = reporting(commits, ways=(Way.BEFORE_ANSWER,))

A script is a function of what arrived; it is called on the association's thread, and holds for
what arrives from the moment it is set.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

from echonode.commands.lying_pacs.association_wire import ACCEPTED, CLASS_REFUSED, SYNTAXES_REFUSED
from echonode.commands.lying_pacs.commitment_wire import Item, Report
from echonode.commands.lying_pacs.wire import IMPLICIT_LITTLE, OUR_MAXIMUM_PDU

SUCCESS = 0x0000


class Break(Enum):
    """How an association ends before its time; DEAF keeps it open and reads nothing more."""

    ABORT = "A-ABORT"
    RESET = "RST"
    FINISH = "FIN"
    DEAF = "no more reading"


@dataclass(frozen=True, kw_only=True)
class Caller:
    """An A-ASSOCIATE-RQ. number: of all that came, from 1. age_s: since the archive began."""

    calling_ae_title: str
    called_ae_title: str
    number: int
    age_s: float


@dataclass(frozen=True, kw_only=True)
class Greeting:
    """What becomes of an A-ASSOCIATE-RQ.

    rejected: result, source and reason of A-ASSOCIATE-RJ (PS3.8 9.3.4). silent: no answer at all.
    maximum_pdu: bytes of a P-DATA-TF that the archive says it receives (PS3.8 D.1).
    then: how the connection ends in place of an answer.
    """

    rejected: tuple[int, int, int] | None = None
    silent: bool = False
    maximum_pdu: int = OUR_MAXIMUM_PDU
    then: Break | None = None


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A C-STORE-RQ, its dataset still to come.

    number: of all that this archive was sent, from 1; of_association: of those on this one.
    age_s: since the archive began.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    calling_ae_title: str
    number: int
    of_association: int
    age_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class StoreAnswer:
    """What becomes of a C-STORE.

    status: None for silence. keeps: whether the archive has the instance from then on.
    reads: bytes of the dataset's PDUs that are read before `then`; None for all of them, after
    which the answer goes out. answer_bytes: of the answer, before `then`; None for all.
    message_id_added: how far the answer's Message ID is from the request's. delay_s: before the
    answer. then: how the association ends.
    """

    status: int | None = SUCCESS
    keeps: bool = True
    reads: int | None = None
    answer_bytes: int | None = None
    message_id_added: int = 0
    delay_s: float = 0.0
    then: Break | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An N-ACTION that was answered or is about to be.

    held: the SOP Instance UIDs of these items that the archive has. earlier: the items of the
    request before this one.
    """

    transaction_uid: str
    items: tuple[Item, ...]
    calling_ae_title: str
    held: frozenset[str] = frozenset()
    earlier: tuple[Item, ...] = ()


class Way(Enum):
    """Which association brings a report, and when."""

    SAME_ASSOCIATION = "same association"
    BEFORE_ANSWER = "before the N-ACTION answer"
    ANSWERED_FIRST = "before the N-ACTION answer, which waits for the report's"
    DURING_RELEASE = "during release"
    SEPARATE = "an association of its own, with the role"
    WITHOUT_ROLE = "an association of its own, without a role"
    IMPLICIT_ONLY = "an association of its own, Implicit LE only"


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What becomes of an N-ACTION. status: None for silence. reports: each in its way, in order.

    delay_s: before the reports that go on associations of their own.
    """

    status: int | None = SUCCESS
    reports: tuple[tuple[Way, Report], ...] = ()
    delay_s: float = 0.0


Greet = Callable[[Caller], Greeting]
Accepts = Callable[[str, str], int]  # (abstract syntax, transfer syntax) -> result
Store = Callable[[Arrival], StoreAnswer]
Commit = Callable[[Asked], Promise]


def welcomes(caller: Caller) -> Greeting:
    """Every caller."""
    return Greeting()


# --- which presentation contexts ---


def everything(abstract_syntax: str, transfer_syntax: str) -> int:
    """All that is proposed."""
    return ACCEPTED


def implicit_only(abstract_syntax: str, transfer_syntax: str) -> int:
    """Implicit VR Little Endian, whatever the class."""
    return ACCEPTED if transfer_syntax == IMPLICIT_LITTLE else SYNTAXES_REFUSED


def without_class(*sop_class_uids: str) -> Accepts:
    """All but these classes."""
    return lambda abstract, syntax: CLASS_REFUSED if abstract in sop_class_uids else ACCEPTED


# --- what to a C-STORE ---


def stores(arrival: Arrival) -> StoreAnswer:
    """Keep it and say so."""
    return StoreAnswer()


def answers(status: int | None, *, keeps: bool = False) -> Store:
    """One answer to all."""
    return lambda arrival: StoreAnswer(status=status, keeps=keeps)


# --- what to an N-ACTION ---


def commits(asked: Asked) -> Report:
    """A commitment for everything that was asked."""
    return Report(transaction_uid=asked.transaction_uid, committed=asked.items)


def refuses(reason: int) -> Callable[[Asked], Report]:
    """A Failure Reason for everything that was asked."""
    return lambda asked: Report(
        transaction_uid=asked.transaction_uid, failed=tuple((item, reason) for item in asked.items)
    )


def reporting(
    report: Callable[[Asked], Report] = commits, *, ways: Sequence[Way] = (Way.SEPARATE,)
) -> Commit:
    """Success to the N-ACTION, and the report once in each way."""
    return lambda asked: Promise(reports=tuple((way, report(asked)) for way in ways))


def never_reports(asked: Asked) -> Promise:
    """Success to the N-ACTION, and no more; the test may report when it likes."""
    return Promise()
