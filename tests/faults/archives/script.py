"""What a lying archive does: values, and the scripts that tests use often.

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

from tests.benchmarks.wire import IMPLICIT_LITTLE
from tests.faults.archives.association_wire import ACCEPTED, CLASS_REFUSED, SYNTAXES_REFUSED
from tests.faults.archives.commitment_wire import Item, Report

SUCCESS = 0x0000


class Break(Enum):
    """How an association ends before its time."""

    ABORT = "A-ABORT"
    RESET = "RST"
    FINISH = "FIN"


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A C-STORE-RQ, its dataset still to come.

    number: of all that this archive was sent, from 1; of_association: of those on this one.
    """

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    calling_ae_title: str
    number: int
    of_association: int


@dataclass(frozen=True, kw_only=True)
class StoreAnswer:
    """What becomes of a C-STORE.

    status: None for silence. keeps: whether the archive has the instance from then on.
    reads: bytes of the dataset's PDUs that are read before `then`; None for all of them, after
    which the answer goes out. answer_bytes: of the answer, before `then`; None for all.
    message_id_added: how far the answer's Message ID is from the request's. then: how the
    association ends.
    """

    status: int | None = SUCCESS
    keeps: bool = True
    reads: int | None = None
    answer_bytes: int | None = None
    message_id_added: int = 0
    then: Break | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An N-ACTION that was answered or is about to be."""

    transaction_uid: str
    items: tuple[Item, ...]
    calling_ae_title: str


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
    """What becomes of an N-ACTION. status: None for silence. reports: each in its way, in order."""

    status: int | None = SUCCESS
    reports: tuple[tuple[Way, Report], ...] = ()


Accepts = Callable[[str, str], int]  # (abstract syntax, transfer syntax) -> result
Store = Callable[[Arrival], StoreAnswer]
Commit = Callable[[Asked], Promise]


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
    """A promise for everything that was asked."""
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
