"""`echonode user` with the node stopped; tests/integration/web/test_access.py has it running."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from echonode.access import passwords
from echonode.access.roles import Role
from echonode.cli import app
from echonode.commands.users import RoleName

WORDS = "four words in a row"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "hashed", lambda secret: "hash of it")


class Folder:
    def __init__(self, folder: Path) -> None:
        self.config = folder / "node.yaml"
        self.config.write_text(
            f"ae_title: A\ndata_dir: {folder / 'var'}\nlisten: [{{port: 11112}}]\n"
            "web: {host: 0.0.0.0, port: 8080}\n"
        )

    def run(self, *arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(
            app, ["user", *arguments, "--config", str(self.config)], input=stdin
        )

    def users(self) -> dict[str, tuple[str, bool]]:
        listed = json.loads(self.run("list", "--json").stdout)
        return {user["name"]: (user["role"], user["disabled"]) for user in listed}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_help_names_every_role() -> None:
    """The command has the roles of the rules."""
    assert [role.value for role in RoleName] == [role.value for role in Role]


@pytest.mark.slow
def test_a_user_is_added_changed_and_removed(folder: Folder) -> None:
    """Before the node has ever run as well."""
    added = folder.run("add", "Ada", "--role", "administrator", stdin=WORDS + "\n")
    assert added.exit_code == 0, added.output
    assert folder.run("add", "bob", "--role", "viewer", stdin=WORDS).exit_code == 0
    assert folder.run("set-role", "bob", "--role", "operator").exit_code == 0
    assert folder.run("disable", "bob").exit_code == 0
    assert folder.users() == {"ada": ("administrator", False), "bob": ("operator", True)}
    assert folder.run("enable", "bob").exit_code == 0
    assert folder.run("set-password", "bob", stdin=WORDS + "!\n").exit_code == 0
    assert folder.run("remove", "bob").exit_code == 0
    assert folder.users() == {"ada": ("administrator", False)}


@pytest.mark.slow
def test_a_token_is_alone_on_standard_output(folder: Folder) -> None:
    """So that a script takes it; the second is another."""
    first = folder.run("add", "bot", "--role", "service")
    assert first.stdout.startswith("echonode_")
    assert len(first.stdout.splitlines()) == 1
    second = folder.run("token", "bot")
    assert second.stdout.startswith("echonode_")
    assert second.stdout != first.stdout


@pytest.mark.slow
def test_what_is_refused_says_why(folder: Folder) -> None:
    """Exit status 1 or 2, one sentence, and no password in it."""
    short = folder.run("add", "ada", "--role", "viewer", stdin="tiny\n")
    assert (short.exit_code, "at least 12" in short.output) == (1, True)
    assert "tiny" not in short.output
    missing = folder.run("add", "ada", "--role", "viewer")
    assert (missing.exit_code, "standard input" in missing.output) == (2, True)
    assert folder.run("remove", "eve").exit_code == 2
    folder.run("add", "ada", "--role", "administrator", stdin=WORDS)
    last = folder.run("remove", "ada")
    assert (last.exit_code, "only administrator" in last.output) == (1, True)


@pytest.mark.slow
def test_the_set_up_code_is_shown_until_there_is_a_user(folder: Folder) -> None:
    """The same each time."""
    code = folder.run("setup-code").stdout
    assert len(code.strip()) == 19
    assert folder.run("setup-code").stdout == code
    folder.run("add", "ada", "--role", "administrator", stdin=WORDS)
    over = folder.run("setup-code")
    assert (over.exit_code, "set-up is over" in over.output) == (1, True)
