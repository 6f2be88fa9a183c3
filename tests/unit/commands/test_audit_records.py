"""Every command of `echonode` has its row in the audit table, and leaves the record of its row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from echonode.access.roles import Role
from echonode.at_rest.file_cipher import FileCipher
from echonode.at_rest.file_format import MasterKey
from echonode.audit.event import AuditEvent
from echonode.audit.sources.command_records import COMMAND_RECORDS
from echonode.audit.sources.record_rows import Recorded
from echonode.audit.trail.inbox import taken, waiting
from echonode.audit.trail.trail import TrailPaths
from echonode.audit.xml import Source, audit_message
from echonode.cli import app
from echonode.store.store import Store
from tests.support.audit_schema import checked
from tests.unit.store.samples import Clock, put_many

CONFIG = """
ae_title: ECHONODE
data_dir: {folder}/var
peers:
  pacs: {{ae_title: PACS, host: 127.0.0.1, port: 4242, may: [echo, store, commit]}}
destinations:
  - {{peer: pacs, commitment: required}}
"""
STUDY, IMAGE = "1.2.3.1", "1.2.3.4.1"
WORDS = "four words in a row\n"
KEY = "0f" * 32
# Commands whose record a test with a running node looks at.
ELSEWHERE = {
    "import": "tests/integration/copies/test_import.py",
    "patient erase": "tests/acceptance/test_patient_data.py",
    "audit search": "tests/acceptance/test_audit.py",
    "audit verify": "tests/acceptance/test_audit.py",
}


def commands() -> set[str]:
    """The name of each, with its group's."""

    def below(group: Any, names: tuple[str, ...] = ()) -> Iterator[str]:
        for name, found in group.commands.items():
            if hasattr(found, "commands"):
                yield from below(found, (*names, name))
            if not hasattr(found, "commands") or found.invoke_without_command:
                yield " ".join((*names, name))

    return set(below(typer.main.get_command(app)))


class Stopped:
    """A node that is stopped, with three images of one study."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.config = folder, folder / "node.yaml"
        self.config.write_text(CONFIG.format(folder=folder))
        with Store.open(folder / "var", now=Clock()) as store:
            put_many(store, 3, "pacs")
        self.cipher: FileCipher | None = None

    def run(self, *arguments: str | Path, words: str = "") -> None:
        """A command that is done. What came before it is taken out of the inbox."""
        self.events()
        found = CliRunner().invoke(
            app, [*map(str, arguments), "--config", str(self.config)], input=words
        )
        assert found.exit_code == 0, found.output

    def events(self, data_dir: Path | None = None) -> list[AuditEvent]:
        """What waits for the node's trail."""
        inbox = TrailPaths.below(data_dir or self.folder / "var", self.cipher).inbox
        if not inbox.is_dir():
            return []
        found = waiting(inbox, self.cipher)
        taken([path for path, _ in found])
        return [event for _, event in found]


def _user(*arguments: str, words: str = "") -> Callable[[Stopped], None]:
    def work(node: Stopped) -> None:
        with Store.open(node.folder / "var", now=Clock()) as store:
            for name, role in (
                ("ada", "administrator"),
                ("eve", "administrator"),
                ("bot", "service"),
            ):
                store.users.add(
                    name, Role(role), password_hash="" if name == "bot" else "x", at=Clock()()
                )
        node.run("user", *arguments, words=words)

    return work


def _encrypt(node: Stopped) -> None:
    pytest.importorskip("sqlcipher3")
    key = node.folder / "master.key"
    key.touch(0o600)
    key.write_text(KEY)
    with node.config.open("a") as file:
        file.write(f"encryption: {{key: {{file: {key}}}}}\n")
    node.run("encrypt")
    node.cipher = FileCipher(MasterKey(bytes.fromhex(KEY)))


def _restore(node: Stopped) -> None:
    node.run("backup", node.folder / "copy")
    node.config.write_text(CONFIG.format(folder=node.folder / "new"))
    (node.folder / "new").mkdir()
    node.run("restore", node.folder / "copy")


def _move(node: Stopped) -> None:
    other = node.folder / "other.yaml"
    other.write_text(CONFIG.format(folder=node.folder / "new"))
    node.run("move-store", "--to", other)


def _release(node: Stopped) -> None:
    node.run("hold", IMAGE)
    node.run("release", IMAGE)


RUN: dict[str, Callable[[Stopped], None]] = {
    "ledger": lambda node: node.run("ledger", "--study", STUDY),
    "hold": lambda node: node.run("hold", IMAGE),
    "release": _release,
    "retry": lambda node: node.run("retry", IMAGE),
    "export": lambda node: node.run("export", "--study", STUDY, "--media", node.folder / "media"),
    "report": lambda node: node.run("report", STUDY, "--out", node.folder / "bundle.zip"),
    "backup": lambda node: node.run("backup", node.folder / "copy"),
    "restore": _restore,
    "move-store": _move,
    "encrypt": _encrypt,
    "web-certificate": lambda node: node.run("web-certificate", "--host", "echo.example"),
    "patient export": lambda node: node.run("patient", "export", "P1", "--out", node.folder / "p"),
    "user add": _user("add", "max", "--role", "viewer", words=WORDS),
    "user set-role": _user("set-role", "ada", "--role", "viewer"),
    "user set-password": _user("set-password", "ada", words="other words in a row\n"),
    "user disable": _user("disable", "ada"),
    "user enable": _user("enable", "ada"),
    "user remove": _user("remove", "ada"),
    "user token": _user("token", "bot"),
    "user setup-code": lambda node: node.run("user", "setup-code"),
}
# There is no conflict to acknowledge in the store of these tests.
NOT_RUN = {"acknowledge": "operate.py records it as the three others"}


def test_each_command_has_a_row_and_each_row_a_command() -> None:
    """A command without a row fails here; one that records by itself is run below, or elsewhere."""
    assert commands() == set(COMMAND_RECORDS)
    direct = {
        name for name, row in COMMAND_RECORDS.items() if isinstance(row, Recorded) and not row.by
    }
    assert direct == {*RUN, *ELSEWHERE, *NOT_RUN}
    root = Path(__file__).resolve().parents[3]
    for file in ELSEWHERE.values():
        assert "audit" in (root / file).read_text()


@pytest.mark.slow
@pytest.mark.parametrize("command", RUN)
def test_a_command_leaves_its_record(tmp_path: Path, command: str) -> None:
    """In the trail's inbox of the node that is stopped: valid, and of the account that ran it."""
    node, row = Stopped(tmp_path), COMMAND_RECORDS[command]
    RUN[command](node)
    elsewhere = tmp_path / "new" / "var" if command in ("restore", "move-store") else None
    found: Sequence[AuditEvent] = node.events(elsewhere)
    assert isinstance(row, Recorded)
    assert [(each.kind, each.action, each.type) for each in found] == [
        (row.kind, row.action, row.type)
    ]
    checked(audit_message(found[0], Source(id="E")))
    assert found[0].actor
