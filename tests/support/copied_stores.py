"""New stores of the unit tests are copies of one: to make its tables takes longer than most tests.

A copy has a node id of its own, as a new store has. What is encrypted, on a server, in object
storage or one of several nodes is made as ever, and so is a store of a test with the marker
`new_store`, which is about the making.
"""

from __future__ import annotations

import secrets
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from echonode.store.store import Store

_MADE_AS_EVER: Final = ("cipher", "index_url", "objects", "node")


class CopiedStores:
    """`template`: where the one is made that all are copies of."""

    def __init__(self, template: Path) -> None:
        self._template = template
        self._open = Store.open
        self._open(template).close()
        self.are_copied = True

    def begin(self) -> None:
        """From now on Store.open copies where there is no store."""
        vars_of: Any = Store
        vars_of.open = self._open_copy

    def end(self) -> None:
        vars_of: Any = Store
        vars_of.open = self._open

    def _open_copy(self, data_dir: Path, **options: Any) -> Store:
        is_plain = not any(options.get(name) for name in _MADE_AS_EVER)
        is_new = not data_dir.exists() or (data_dir.is_dir() and not any(data_dir.iterdir()))
        if self.are_copied and is_plain and is_new and data_dir.parent.is_dir():
            shutil.copytree(self._template, data_dir, dirs_exist_ok=True)
            with closing(sqlite3.connect(data_dir / "index.sqlite")) as database, database:
                node_id = (secrets.token_hex(8),)
                database.execute("UPDATE meta SET value = ? WHERE key = 'node_id'", node_id)
        return self._open(data_dir, **options)
