"""A statement that is used again and again is compiled once, by either library."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from echonode.store.database.sqlite_engine import driver_connection, writer_engine

pytest.importorskip("sqlcipher3")
SECRET = b"\x11" * 32
_OF_A_START = 130  # statements that run once: migrations, checks, the first reading of settings


@pytest.mark.parametrize("secret", [None, SECRET], ids=["plain", "encrypted"])
def test_what_runs_for_each_instance_is_compiled_once(tmp_path: Path, secret: bytes | None) -> None:
    """However many statements the start needed before. SQLite asks its authorizer about each
    statement that it compiles, and about none that it runs.
    """
    engine = writer_engine(tmp_path / "index.sqlite", secret)
    compiled: list[str | None] = []

    def authorize(action: int, one: str | None, *_: str | None) -> int:
        compiled.append(one)
        return sqlite3.SQLITE_OK

    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT)")
        driver_connection(connection).set_authorizer(authorize)
        for number in range(_OF_A_START):
            connection.execute(sa.text(f"SELECT {number} FROM t"))
        of_an_instance = [
            "INSERT INTO t (word) VALUES (:word)",
            "SELECT id FROM t WHERE word = :word",
            "UPDATE t SET word = word WHERE word = :word",
        ]
        for word in ("a", "b", "c"):
            for statement in of_an_instance:
                connection.execute(sa.text(statement), {"word": word}).close()
            if word == "a":
                compiled.clear()
    engine.dispose()
    assert compiled == []
