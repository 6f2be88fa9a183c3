"""The store on PostgreSQL: what several nodes on one database need, and what its failures mean."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from echonode.errors import OutOfSpace
from echonode.model.criteria import Level, Query, Root
from echonode.query_retrieve.matching import criterion_for
from echonode.store.database import schema
from echonode.store.database.migrations import (
    FIRST_ON_POSTGRES,
    POSTGRES_STEPS,
    SCHEMA_VERSION,
)
from echonode.store.store import Store
from tests.peers.fixtures import require_program
from tests.peers.postgres import PostgresServer
from tests.support.waiting import wait_until
from tests.unit.store.samples import Clock, dataset, put

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    require_program("initdb")
    with PostgresServer() as running:
        yield running


@pytest.fixture
def url(server: PostgresServer, request: pytest.FixtureRequest) -> str:
    return server.create_database(f"db_{abs(hash(request.node.name))}")


@pytest.fixture
def store(tmp_path: Path, url: str) -> Iterator[Store]:
    with Store.open(tmp_path / "one", now=Clock(), index_url=url) as opened:
        yield opened


def test_names_are_found_whatever_the_language_of_the_database(store: Store) -> None:
    """The tests' databases are ordered as German; a prefix finds every name all the same."""
    for number, name in enumerate(["Müller^Ada", "Mulder^Ben", "Murphy^Cy", "Zoë^Dan"], 1):
        put(store, dataset(number, PatientName=name, PatientID=f"P{number}"))
    query = Query(
        root=Root.PATIENT,
        level=Level.PATIENT,
        criteria={"PatientName": criterion_for("PN", "mu*")},
    )
    found = {row["PatientName"] for row in store.index.find(query)}
    assert found == {"Müller^Ada", "Mulder^Ben", "Murphy^Cy"}


def test_every_text_is_ordered_by_code_points(store: Store) -> None:
    """No column of text has the order of a language."""
    with store._readers.connect() as connection:
        found = connection.execute(
            sa.text(
                "SELECT table_name, column_name FROM information_schema.columns WHERE "
                "table_schema = 'public' AND data_type IN ('text', 'character varying') "
                "AND collation_name IS DISTINCT FROM 'C'"
            )
        ).all()
    assert found == []


def test_a_nul_in_a_name_stops_nothing(store: Store) -> None:
    """PostgreSQL takes no NUL in a text: the instance is stored, and its name is without it."""
    put(store, dataset(1, StudyDescription="Left\0heart"))
    query = Query(root=Root.STUDY, level=Level.STUDY, criteria={})
    assert [row["StudyDescription"] for row in store.index.find(query)] == ["Leftheart"]


def test_nodes_that_start_together_make_the_tables_once(tmp_path: Path, url: str) -> None:
    """Of four nodes on an empty database one makes it, and all of them run."""
    ready = threading.Barrier(4)

    def start(number: int) -> Store:
        ready.wait(30)
        return Store.open(tmp_path / str(number), now=Clock(), index_url=url)

    with ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        stores = [stack.enter_context(store) for store in pool.map(start, range(4))]
        assert len({store.node_id for store in stores}) == 1


def test_two_nodes_that_store_into_one_study_lose_nothing(tmp_path: Path, url: str) -> None:
    """OT, SR and US of one study from two nodes at once: counts and modalities hold all of them."""
    per_modality, modalities = 8, ("OT", "SR", "US", "CT")
    with ExitStack() as stack:
        stores = [
            stack.enter_context(Store.open(tmp_path / name, now=Clock(), index_url=url))
            for name in ("one", "two")
        ]

        def send(task: int) -> None:
            modality = modalities[task % 4]
            series = f"1.2.3.1.{task % 4}"
            ds = dataset(100 + task, Modality=modality, SeriesInstanceUID=series)
            put(stores[task % 2 if task < 16 else (task + 1) % 2], ds, destinations=["pacs"])

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(send, range(per_modality * 4)))
        query = Query(root=Root.STUDY, level=Level.STUDY, criteria={})
        [row] = stores[0].index.find(query)
        assert row["ModalitiesInStudy"] == "CT\\OT\\SR\\US"
        assert row["NumberOfStudyRelatedInstances"] == str(per_modality * 4)
        assert row["NumberOfStudyRelatedSeries"] == "4"


def test_the_same_instance_at_two_nodes_is_stored_once(tmp_path: Path, url: str) -> None:
    """A sender that tries the other node again gets success, and there is one row."""
    with ExitStack() as stack:
        stores = [
            stack.enter_context(Store.open(tmp_path / name, now=Clock(), index_url=url))
            for name in ("one", "two")
        ]
        for number in range(6):
            with ThreadPoolExecutor(2) as pool:
                list(pool.map(lambda each, n=number: put(each, dataset(n + 1)), stores))
        with stores[0]._readers.connect() as connection:
            count = connection.scalar(sa.select(sa.func.count()).select_from(schema.instance))
        assert count == 6


def test_a_server_that_is_gone_refuses_and_comes_back(tmp_path: Path) -> None:
    """Nothing is acknowledged while PostgreSQL is down; the same store works once it is there."""
    with PostgresServer() as server:
        url = server.create_database("clinic")
        with Store.open(tmp_path / "one", now=Clock(), index_url=url) as store:
            put(store, dataset(1))
            server.kill()
            with pytest.raises(OutOfSpace, match="does not answer"):
                put(store, dataset(2))
            assert store.durability.problem == "the database does not answer"
            server.start()
            put(store, dataset(2))
            assert store.durability.problem == ""
            assert store.index.instance("1.2.3.4.1") is not None
            assert store.index.instance("1.2.3.4.2") is not None


def test_a_reading_after_a_restart_of_the_server_finds_a_new_connection(tmp_path: Path) -> None:
    """Readers keep connections; those that ended with the server are not used again."""
    with PostgresServer() as server:
        url = server.create_database("clinic")
        with Store.open(tmp_path / "one", now=Clock(), index_url=url) as store:
            put(store, dataset(1))
            assert store.index.instance("1.2.3.4.1") is not None
            server.kill()
            server.start()
            assert store.index.instance("1.2.3.4.1") is not None


def test_an_instance_costs_four_ways_to_the_server(store: Store) -> None:
    """BEGIN with its locks, one look-up, one insertion, COMMIT: the ways are most of its time."""
    put(store, dataset(1), destinations=["pacs", "cloud"])
    statements: list[str] = []
    sa.event.listen(
        store._writer._engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, *rest: statements.append(statement),
    )
    put(store, dataset(2), destinations=["pacs", "cloud"])
    assert len(statements) == 4, statements
    due = {job.destination for job in store.deliveries.of_instance("1.2.3.4.2")}
    assert due == {"pacs", "cloud"}


def test_a_reading_is_one_way_to_the_server(store: Store) -> None:
    """No BEGIN, no ROLLBACK, and no question whether the server is there."""
    put(store, dataset(1))
    assert store.index.instance("1.2.3.4.1") is not None
    statements: list[str] = []
    with store._readers.connect() as connection:
        driver = connection.connection.driver_connection
        assert driver is not None
        assert driver.autocommit
    sa.event.listen(
        store._readers,
        "before_cursor_execute",
        lambda connection, cursor, statement, *rest: statements.append(statement),
    )
    assert store.index.instance("1.2.3.4.1") is not None
    assert len(statements) == 1, statements


def test_two_nodes_that_begin_a_patient_together_take_turns(tmp_path: Path, url: str) -> None:
    """The lock is of the patient, also while it has no row: neither has to try again."""
    with ExitStack() as stack:
        one, two = (
            stack.enter_context(Store.open(tmp_path / name, now=Clock(), index_url=url))
            for name in ("one", "two")
        )
        put(two, dataset(9, PatientID="P9"))  # its folder is written down by work that is alone
        inside, go = threading.Event(), threading.Event()

        def hold(connection: sa.Connection) -> None:
            inside.set()
            assert go.wait(30)

        with ThreadPoolExecutor(2) as pool:
            first = pool.submit(one._writer.run, hold, locking="id\x1f\x1fP1")
            assert inside.wait(30)
            other = pool.submit(put, two, dataset(1, PatientID="P2"))
            other.result(30)
            same = pool.submit(put, two, dataset(2))
            assert not same.done()
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            wait_until(
                lambda: _scalar(one, waiting) == 1, what="the second node waits for the patient"
            )
            go.set()
            first.result(30)
            same.result(30)


def _scalar(store: Store, statement: str) -> object:
    with store._readers.connect() as connection:
        return connection.exec_driver_sql(statement).scalar()


def test_each_later_version_has_its_step_on_postgresql() -> None:
    """Until the first release with PostgreSQL no database of it is older than today's.

    A new step before that release moves FIRST_ON_POSTGRES with it. After it, the step's words for
    PostgreSQL go into POSTGRES_STEPS, and a database made by the release is compared here with one
    that is made now, as test_migrations.py does for SQLite.
    """
    later = range(FIRST_ON_POSTGRES + 1, SCHEMA_VERSION + 1)
    assert sorted(POSTGRES_STEPS) == list(later)
