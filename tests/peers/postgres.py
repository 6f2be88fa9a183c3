"""A real PostgreSQL server of the tests' own: a folder of its own, a free port on loopback.

Rules
- `initdb` and `postgres` refuse to run as root: then they run as Debian's user `postgres`.
- Databases are made with the order of a language (ICU, de-DE): an index that leans on code points
  without saying so finds too little there.
- It does not synchronise its disk unless a test asks: what a test counts on is the order of events.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

import psycopg
from psycopg import sql

from tests.peers.part import Part
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import STOP_DEADLINE_S, ChildProcess
from tests.peers.programs import find_program

USER = "echonode"
_SYSTEM_USER = "postgres"  # of Debian's package


class PostgresServer(Part):
    """A server that survives `stop`, `kill` and `restart` with its folder."""

    def __init__(
        self, *, port: int | None = None, folder: Path | None = None, durable: bool = False
    ) -> None:
        """durable: it synchronises its disk, as an installed one does."""
        super().__init__(prefix="postgres", folder=folder)
        self.port = port or free_port()
        self._durable = durable

    def start(self) -> Self:
        """Make the cluster where there is none, and start it. Raises PeerMissing or NotReady."""
        data = self.folder / "data"
        if not data.exists():
            self._make(data)
        settings = {
            "listen_addresses": LOOPBACK,
            "port": self.port,
            "unix_socket_directories": self.folder,
            "fsync": "on" if self._durable else "off",
            "shared_buffers": "32MB",
            "max_wal_size": "128MB",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command: list[str | Path] = [*_as_system_user(), find_program("postgres"), "-D", data]
        self._child = ChildProcess([*command, *options], folder=self.folder, name="postgres")
        self._child.start(ports=[self.port])
        self._wait_until_it_answers()
        return self

    def _make(self, data: Path) -> None:
        if prefix := _as_system_user():
            account = pwd.getpwnam(_SYSTEM_USER)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        else:
            prefix = []
        made = subprocess.run(
            [
                *prefix,
                *(find_program("initdb"), "-D", data, "-U", USER, "-A", "trust", "--no-sync"),
                *("--encoding=UTF8", "--locale=C.UTF-8"),
                *("--locale-provider=icu", "--icu-locale=de-DE"),
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
        )
        if made.returncode:
            shutil.rmtree(data, ignore_errors=True)
            raise RuntimeError(f"initdb: {made.stderr}")

    def _wait_until_it_answers(self) -> None:
        """It listens a moment before it takes connections."""
        while True:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                if not self.running:
                    raise
            else:
                return

    def stop(self) -> int:
        """SIGINT, which does not wait for clients; the exit code."""
        if self.running:
            self.child.popen.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.child.popen.wait(STOP_DEADLINE_S)
        return self.child.kill()

    def url(self, database: str) -> str:
        """Of a database, as the configuration names it."""
        return f"postgresql+psycopg://{USER}@{LOOPBACK}:{self.port}/{database}"

    def execute(self, statement: str, *, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run SQL; the rows it gives, if any."""
        with psycopg.connect(
            host=LOOPBACK, port=self.port, user=USER, dbname=database, autocommit=True
        ) as connection:
            found = connection.execute(statement.encode())
            return found.fetchall() if found.description else []

    def create_database(self, name: str, *, template: str = "template1") -> str:
        """Make a database; its URL."""
        self.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            .format(sql.Identifier(name), sql.Identifier(template))
            .as_string()
        )
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Remove a database. Raises ObjectInUse while anything is connected to it."""
        drop = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name))
        self.execute(drop.as_string())


def _as_system_user() -> list[str]:
    """What a command begins with, so that it does not run as root."""
    if os.geteuid() != 0:
        return []
    user = f"--reuid={_SYSTEM_USER}", f"--regid={_SYSTEM_USER}", "--clear-groups"
    return [find_program("setpriv"), *user]
