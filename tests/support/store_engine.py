"""The store's tests on PostgreSQL: each data folder that a test names has a database of its own.

`make postgres` sets ECHONODE_TEST_INDEX=postgresql; then every store that a test opens without
saying where its index is has it on one server that lasts as long as the run. What a test says of
SQLite's own file (its pages, its WAL, its migrations) is marked `sqlite`, and left out.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from echonode.store.read_only_store import ReadOnlyStore
from echonode.store.store import Store
from tests.peers.postgres import PostgresServer
from tests.support.memory_folders import memory_folder

ON_POSTGRES = os.environ.get("ECHONODE_TEST_INDEX", "") == "postgresql"
_TEMPLATE = "echonode_template"
_begun: list[StoresOnPostgres] = []


def lose_database(data_dir: Path) -> None:
    """The database of a closed store is gone: no file exists, or the server's is empty."""
    for stores in _begun:
        stores.lose(data_dir)
    for path in data_dir.glob("index.sqlite*"):
        path.unlink()


class StoresOnPostgres:
    """Databases by data folder, made at the folder's first use."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._names: dict[Path, str] = {}
        self._open, self._init = Store.open, ReadOnlyStore.__init__

    def begin(self) -> None:
        """From now on stores have their index there."""
        url = self._server.create_database(_TEMPLATE)
        with memory_folder("echonode-template-") as folder:
            self._open(folder / "var", index_url=url).close()
        _begun.append(self)
        vars_of: Any = Store
        vars_of.open = self._open_there
        init, url_of = self._init, self.url_of

        def read_there(store: ReadOnlyStore, layout: Any, **options: Any) -> None:
            options.setdefault("index_url", "")
            options["index_url"] = options["index_url"] or url_of(layout.data_dir)
            init(store, layout, **options)

        read_only: Any = ReadOnlyStore
        read_only.__init__ = read_there

    def url_of(self, data_dir: Path) -> str:
        """Where the index of a data folder is."""
        folder = data_dir.absolute()
        if folder not in self._names:
            self._names[folder] = name = f"test_{secrets.token_hex(6)}"
            return self._server.create_database(name, template=_TEMPLATE)
        return self._server.url(self._names[folder])

    def _open_there(self, data_dir: Path, **options: Any) -> Store:
        options.setdefault("index_url", self.url_of(data_dir))
        store = self._open(data_dir, **options)
        # What looks whether there is a store looks for this file.
        (data_dir / "index.sqlite").touch()
        return store

    def lose(self, data_dir: Path) -> None:
        """The store's database is an empty one from now on, as an administrator makes it."""
        name = self._names[data_dir.absolute()]
        self._server.drop_database(name)
        self._server.create_database(name)

    def forget(self) -> None:
        """The test is over: its databases go, but for those of stores that are still open."""
        for folder, name in list(self._names.items()):
            with suppress(psycopg.errors.ObjectInUse):
                self._server.drop_database(name)
                del self._names[folder]
