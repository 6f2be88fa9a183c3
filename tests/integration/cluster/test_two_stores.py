"""Two nodes on one PostgreSQL, as their stores: what they do at the same moment, many times.

The processes around them are in test_two_nodes.py. `make faults` runs the full numbers.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa

from echonode.commitment.report_scp import ReportSCP
from echonode.errors import IllegalTransition, OutOfSpace
from echonode.model.attributes import ATTRIBUTES
from echonode.model.commitment import CommitmentReport, ReferencedInstance, TransactionEvent
from echonode.model.criteria import Level, Query, Root
from echonode.model.delivery import DeliveryEvent
from echonode.model.instance import InstanceRecord
from echonode.query_retrieve.matching import criterion_for, matches
from echonode.store.database import schema
from echonode.store.nodes.membership import LEASE_S
from echonode.store.store import Store
from echonode.store.values import DeliveryJob
from tests.faults.programme import (
    FROZEN_DELIVERIES,
    QUERIES_ON_BOTH,
    REPORTS_ELSEWHERE,
    STUDIES_AT_BOTH,
)
from tests.peers.fixtures import require_program
from tests.peers.postgres import PostgresServer
from tests.unit.commitment.doubles import peer
from tests.unit.store.index import test_find_superset as superset
from tests.unit.store.samples import NOON, US_IMAGE, Clock, dataset, put, send_all

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

MODALITIES = ("CT", "OT", "SR", "US")
_node = schema.cluster_node.c
_LATER = NOON + timedelta(hours=1)  # what was taken over is due by then


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    require_program("initdb")
    with PostgresServer() as running:
        yield running


@pytest.fixture
def nodes(
    server: PostgresServer, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[tuple[Store, Store]]:
    """Nodes `one` and `two` on one database and one folder."""
    url = server.create_database(f"db_{abs(hash(request.node.name))}")
    with ExitStack() as stack:
        one, two = (
            stack.enter_context(Store.open(tmp_path / "var", now=Clock(), index_url=url, node=name))
            for name in ("one", "two")
        )
        yield one, two


def test_a_query_has_the_same_answers_on_both_engines(
    server: PostgresServer, tmp_path: Path
) -> None:
    """C-FIND, random keys over rows whose values meet in many ways: SQLite and PostgreSQL alike."""
    url = server.create_database("queries")
    with (
        Store.open(tmp_path / "file", now=Clock()) as on_file,
        Store.open(tmp_path / "server", now=Clock(), index_url=url) as on_server,
    ):
        for store in (on_file, on_server):
            superset.fill(store)
        chance = random.Random(20_000)
        answered = 0
        for number in range(QUERIES_ON_BOTH.count):
            keywords = chance.sample(superset.KEYWORDS, k=chance.randint(1, 2))
            values = {keyword: _value(chance, keyword) for keyword in keywords}
            query = _query(values, below=chance.randint(0, 3))
            first, second = (_answers(store, query) for store in (on_file, on_server))
            assert first == second, (number, query)
            answered += bool(first)
    assert answered > QUERIES_ON_BOTH.count / 20


def _held(record: InstanceRecord, keyword: str) -> str:
    """A record's value of an attribute, at whichever level it is."""
    levels = (record.patient, record.study, record.series, record.image)
    return next((each[keyword] for each in levels if keyword in each), "")


# What the rows hold, by keyword.
_HELD = {
    keyword: sorted({value for each in superset.records() if (value := _held(each, keyword))})
    for keyword in superset.KEYWORDS
}


def _value(chance: random.Random, keyword: str) -> str:
    """What a row holds, the beginning of that, or pieces that fit nothing much."""
    held_values = _HELD[keyword]
    if held_values and chance.random() < 0.7:
        value = chance.choice(held_values)
        return value if chance.random() < 0.6 else value[: chance.randint(1, len(value))] + "*"
    return "".join(chance.choices(superset.TEXT_PIECES, k=chance.randint(1, 3)))


def _query(values: dict[str, str], *, below: int) -> Query:
    """Keys of any levels, asked at the lowest of them or so many levels below."""
    levels = list(Level)
    lowest = max(levels.index(ATTRIBUTES[keyword].level) for keyword in values)
    criteria = {
        keyword: criterion_for(ATTRIBUTES[keyword].vr, value) for keyword, value in values.items()
    }
    return Query(root=Root.PATIENT, level=levels[min(lowest + below, 3)], criteria=criteria)


def _answers(store: Store, query: Query) -> list[list[tuple[str, str]]]:
    """What C-FIND answers, in no order: the rows of the index that match."""
    return sorted(
        sorted(row.items())
        for row in store.index.find(query)
        if all(
            matches(criterion, ATTRIBUTES[keyword].vr, row[keyword])
            for keyword, criterion in query.criteria.items()
        )
    )


def test_every_report_that_comes_to_the_other_node_counts(nodes: tuple[Store, Store]) -> None:
    """Node one asks for each instance by itself; all reports come to node two, each twice and
    several at the same time: each instance is committed once, as either node sees it.
    """
    one, two = nodes
    jobs = _sent(one, REPORTS_ELSEWHERE.count)
    for number, job in enumerate(jobs, 1):
        uid = f"2.25.{number}"
        one.commitment.transactions.create("pacs", uid, [job.id], peer_ae_title="PACS", now=NOON)
        one.commitment.transactions.apply_event(uid, TransactionEvent.ACCEPTED, now=NOON)
    committed: Counter[str] = Counter()
    scp = ReportSCP(
        store=two.commitment.reports,
        wake=lambda destination: None,
        now=lambda: NOON,
        random=lambda: 0.0,
        committed=lambda destination, seconds: committed.update([destination]),
    )

    def report(number: int) -> int:
        instance = ReferencedInstance(
            sop_class_uid=US_IMAGE,
            sop_instance_uid=jobs[number - 1].instance.sop_instance_uid,
        )
        kept = CommitmentReport(transaction_uid=f"2.25.{number}", committed=(instance,), failed={})
        return scp(peer(), kept)

    with ThreadPoolExecutor(4) as pool:
        numbers = [number for number in range(1, REPORTS_ELSEWHERE.count + 1) for _ in (0, 1)]
        assert set(pool.map(report, numbers)) == {0x0000}
    assert committed["pacs"] == REPORTS_ELSEWHERE.count
    for store in nodes:
        assert Counter(row.state for row in store.ledger.rows()) == {
            "committed": REPORTS_ELSEWHERE.count
        }
    assert one.commitment.transactions.list_open("pacs") == []


def test_look_ups_that_lose_their_database_say_so(
    nodes: tuple[Store, Store], server: PostgresServer
) -> None:
    """The audit asks whose many instances are, and its connection ends in the middle: the error
    says that the database does not answer, and the next look-up connects again.
    """
    one, _ = nodes
    [uid] = _stored(one, 1)
    with one.whose.together([]) as look_up:
        assert look_up(uid) is not None
        _end_connections(server)
        for _ in range(2):  # each of the images that came together
            with pytest.raises(OutOfSpace, match="does not answer"):
                look_up(uid)
    assert one.whose(uid) is not None


def test_many_look_ups_at_once_that_lose_their_database_say_so(
    nodes: tuple[Store, Store], server: PostgresServer
) -> None:
    """The connection ends under the statement for all of them: each look-up says that the database
    does not answer, so that each image has its record.
    """
    one, _ = nodes
    [uid] = _stored(one, 1)

    def end(_: object, __: object, statement: str, *___: object) -> None:
        if " IN (" in statement:
            _end_connections(server)

    sa.event.listen(one._readers, "before_cursor_execute", end)
    try:
        with one.whose.together([uid]) as look_up:
            for _ in range(2):
                with pytest.raises(OutOfSpace, match="does not answer"):
                    look_up(uid)
    finally:
        sa.event.remove(one._readers, "before_cursor_execute", end)
    assert one.whose(uid) is not None


def _end_connections(server: PostgresServer) -> None:
    server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'db%'"
    )


def test_modalities_that_come_to_two_nodes_at_once_are_all_in_their_study(
    nodes: tuple[Store, Store],
) -> None:
    """Four modalities of a new patient's new study, two instances of each, at both nodes at the
    same moment, study after study: none is lost, and none is counted twice.
    """
    with ThreadPoolExecutor(8) as pool:
        for study in range(STUDIES_AT_BOTH.count):
            list(pool.map(lambda task, n=study: _send(nodes, n, task), range(8)))
    query = Query(root=Root.STUDY, level=Level.STUDY, criteria={})
    for store in nodes:
        found = list(store.index.find(query))
        assert len(found) == STUDIES_AT_BOTH.count
        assert {
            (
                row["ModalitiesInStudy"],
                row["NumberOfStudyRelatedSeries"],
                row["NumberOfStudyRelatedInstances"],
                row["NumberOfPatientRelatedInstances"],
            )
            for row in found
        } == {("\\".join(MODALITIES), "4", "8", "8")}


def _send(nodes: tuple[Store, Store], study: int, task: int) -> None:
    modality = task % 4
    ds = dataset(
        study * 8 + task,
        PatientID=f"P{study}",
        StudyInstanceUID=f"1.2.3.{study}",
        SeriesInstanceUID=f"1.2.3.{study}.{modality}",
        Modality=MODALITIES[modality],
    )
    put(nodes[(task // 4 + modality) % 2], ds, destinations=["pacs"])


def test_a_node_that_was_frozen_past_its_lease_changes_no_state_twice(
    nodes: tuple[Store, Store],
) -> None:
    """Node one claims and freezes; node two takes over while node one wakes and says what it sent:
    one of the two is heard for each delivery, and the other is refused. In every second round it
    wakes only when node two is sending: then nothing that it says is heard.
    """
    one, two = nodes
    uids = _stored(one, FROZEN_DELIVERIES.count)
    for round_number in count():
        frozen = one.deliveries.claim("pacs", now=_LATER, limit=20)
        if not frozen:
            break
        _lease_is_over(one)
        if round_number % 2:
            taken = _take_over(two)
            assert {job.id for job in frozen} <= {job.id for job in taken}
            assert _say_each(one, frozen) == len(frozen)
            assert _say_each(two, taken) == 0
        else:
            with ThreadPoolExecutor(3) as pool:
                words = [pool.submit(_say_each, one, frozen[half::2]) for half in (0, 1)]
                words.append(pool.submit(lambda: _say_each(two, _take_over(two))))
                assert sum(word.result() for word in words) <= len(frozen)
        one.nodes.beat()
    for store in nodes:
        assert Counter(row.state for row in store.ledger.rows()) == {
            "sent": FROZEN_DELIVERIES.count
        }
    stored = Counter(
        event.sop_instance_uid for event in one.ledger.events("1.2.3.1") if event.kind == "stored"
    )
    assert stored == dict.fromkeys(uids, 1)


def _say_each(store: Store, jobs: list[DeliveryJob]) -> int:
    """Say of each that it was stored; how many were refused."""
    refused = 0
    for job in jobs:
        try:
            store.deliveries.record_attempt(job.id, DeliveryEvent.STORED, now=NOON, status=0)
        except IllegalTransition:
            refused += 1
    return refused


def _take_over(store: Store) -> list[DeliveryJob]:
    """Claim what the dead node was sending, and perhaps more."""
    store.nodes.beat()
    store.deliveries.requeue_interrupted()
    return store.deliveries.claim("pacs", now=_LATER, limit=20)


def _lease_is_over(store: Store) -> None:
    """By the database's clock it was not seen for its lease."""
    store._writer.execute(
        sa.update(schema.cluster_node)
        .where(_node.incarnation == store.nodes.incarnation)
        .values(
            seen_at=sa.type_coerce(_node.seen_at, sa.BigInteger)
            - timedelta(seconds=LEASE_S + 1) // timedelta(microseconds=1)
        )
    )


def _stored(store: Store, number_of: int) -> list[str]:
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(
                lambda number: put(store, dataset(number), destinations=["pacs"]),
                range(1, number_of + 1),
            )
        )
    return [f"1.2.3.4.{number}" for number in range(1, number_of + 1)]


def _sent(store: Store, number_of: int) -> list[DeliveryJob]:
    """Instances that the archive has, each to be asked for."""
    _stored(store, number_of)
    return send_all(store, "pacs", NOON)
