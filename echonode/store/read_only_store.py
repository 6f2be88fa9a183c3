"""What may be read of a store while a node runs, or without one.

Commands that only read import this module and not store.py, which imports pydicom: a monitoring
script that asks for the ledger every minute pays only for what it uses.
"""

from __future__ import annotations

from pathlib import Path

from echonode.at_rest.file_cipher import FileCipher
from echonode.errors import UsageError
from echonode.store.access.users import UserReader
from echonode.store.database import postgres_engine, sqlite_engine
from echonode.store.database.connections import reading
from echonode.store.database.migrations import SCHEMA_VERSION, refuse_newer
from echonode.store.database.opening import has_wal
from echonode.store.deliveries.ledger import Ledger
from echonode.store.deliveries.outbox import Outbox
from echonode.store.files.database_key import with_keys
from echonode.store.files.disk import is_read_only
from echonode.store.files.layout import Layout
from echonode.store.files.remote import RemoteStorage
from echonode.store.index.reader import IndexReader
from echonode.store.index.study_list import StudyList
from echonode.store.index.whose import Whose
from echonode.store.patients.holdings import Holdings
from echonode.store.statistics import Statistics


def open_read_only(
    data_dir: Path,
    *,
    index_url: str = "",
    remote: RemoteStorage | None = None,
    cipher: FileCipher | None = None,
) -> ReadOnlyStore:
    """Raises UsageError where there is no store, SchemaTooNew.

    index_url: of the database on a PostgreSQL server; '' the file in data_dir.
    remote: where instances are that are read; None: files in data_dir. cipher: of an encrypted
    store; another one than its own, or none, is a ConfigError.
    """
    layout = Layout(data_dir.absolute(), remote=remote)
    if index_url:
        return ReadOnlyStore(layout, index_url=index_url)
    if not layout.database.exists():
        raise UsageError(f"there is no store in {data_dir}: has the node run there?")
    layout = with_keys(layout, cipher)
    unchanging = is_read_only(data_dir) and not has_wal(layout)
    return ReadOnlyStore(layout, unchanging=unchanging)


class ReadOnlyStore:
    """The parts that only read; no lock. Thread-safe.

    index: queries and single instances. studies: lists for a person. ledger: what is proved of
    each instance, and its history. outbox: what waits at each destination, and why.
    statistics: figures for metrics, status and alarms. users: who may log in. holdings: all
    that is held of a patient. whose: the patient
    and study of a UID.
    """

    def __init__(self, layout: Layout, *, unchanging: bool = False, index_url: str = "") -> None:
        """Use open_read_only. Raises SchemaTooNew; UsageError for an older one."""
        self.data_dir = layout.data_dir
        self._layout = layout
        if index_url:
            self._readers = postgres_engine.reader_engine(index_url)
        else:
            self._readers = sqlite_engine.reader_engine(
                layout.database, layout.database_secret, unchanging=unchanging
            )
        self.index = IndexReader(self._readers, layout)
        self.studies = StudyList(self._readers)
        self.ledger = Ledger(self._readers)
        self.outbox = Outbox(self._readers)
        self.statistics = Statistics(self._readers, layout)
        self.holdings = Holdings(self._readers, layout)
        self.whose = Whose(self._readers)
        self.users = UserReader(self._readers)
        try:
            with reading(self._readers) as connection:
                version = refuse_newer(connection)
            if version < SCHEMA_VERSION:
                raise UsageError(
                    f"the database has version {version}, older than this EchoNode: start the "
                    "node once, and it is brought up to date"
                )
        except BaseException:
            self._readers.dispose()
            raise

    def __enter__(self) -> ReadOnlyStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; streams that are being read reach their end first."""
        self._readers.dispose()
