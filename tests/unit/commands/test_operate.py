"""`hold`, `release` and `retry` of many instances, with the node stopped and with it running."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner, Result

from echonode.cli import app
from echonode.delivery.operator_actions import act
from echonode.store.read_only_store import open_read_only
from echonode.store.store import Store
from echonode.web.operator import operator_routes
from echonode.web.server import WebServer
from tests.peers.ports import free_port
from tests.unit.store.samples import NOON, Clock, put_many

CONFIG = """
ae_title: ECHONODE
data_dir: {folder}/var
peers:
  pacs: {{ae_title: PACS, host: 127.0.0.1, port: 4242, may: [echo, store, commit]}}
  backup: {{ae_title: BACKUP, host: 127.0.0.1, port: 4243, may: [echo, store, commit]}}
destinations:
  - {{peer: pacs, commitment: required}}
  - {{peer: backup, commitment: required}}
web: {{host: 127.0.0.1, port: {port}, viewer_port: {viewer_port}}}
"""
ALL_THREE = ["1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.3"]


@pytest.fixture(autouse=True)
def _no_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an operator does is logged; here no test reads it."""
    monkeypatch.setattr("echonode.delivery.operator_actions.log", Mock())


class OperatedFolder:
    """A folder with a store of three instances for two archives, and its configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.config = folder / "node.yaml"
        self.config.write_text(
            CONFIG.format(folder=folder, port=self.port, viewer_port=free_port())
        )
        with self.store() as store:
            put_many(store, 3, "backup", "pacs")

    def store(self) -> Store:
        return Store.open(self.folder / "var", now=Clock())

    @contextmanager
    def running(self) -> Iterator[None]:
        """A node as the command meets it: it has the store's lock, and answers over HTTP."""
        with self.store() as store:
            routes = operator_routes(
                act=lambda action, uid, name: act(store, action, uid, now=NOON, destination=name),
                preflight=lambda peer: {},
                acknowledge=lambda study: {},
            )
            server = WebServer(host="127.0.0.1", port=self.port, routes=routes)
            server.start()
            try:
                yield
            finally:
                server.stop(5)

    def run(self, *arguments: str, stdin: str = "") -> Result:
        return CliRunner().invoke(app, [*arguments, "--config", str(self.config)], input=stdin)

    def states(self, destination: str) -> list[str]:
        with open_read_only(self.folder / "var") as store:
            return [row.state for row in store.ledger.rows() if row.destination == destination]


@pytest.fixture(params=["stopped", "running"])
def operated(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OperatedFolder]:
    """Both ways in which the commands reach the store."""
    made = OperatedFolder(tmp_path)
    if request.param == "stopped":
        yield made
        return
    with made.running():
        yield made


@pytest.mark.slow
def test_every_delivery_to_one_destination(operated: OperatedFolder) -> None:
    """`--destination NAME --all`: the other archive is not touched; the count is printed."""
    done = operated.run("hold", "--destination", "pacs", "--all")
    assert (done.exit_code, done.output) == (0, "hold: 3 instances done, 0 failed.\n")
    assert operated.states("pacs") == ["held"] * 3
    assert operated.states("backup") == ["queued"] * 3
    done = operated.run("release", "--destination", "pacs", "--all")
    assert (done.exit_code, done.output) == (0, "release: 3 instances done, 0 failed.\n")
    assert operated.states("pacs") == ["queued"] * 3


@pytest.mark.slow
def test_what_there_is_nothing_to_do_to_is_no_failure(operated: OperatedFolder) -> None:
    """A script may call it again: exit status 0."""
    done = operated.run("release", "--destination", "pacs", "--all")
    assert (done.exit_code, done.output) == (0, "release: nothing to do.\n")


@pytest.mark.slow
def test_every_instance_of_a_study(operated: OperatedFolder) -> None:
    """At all its archives."""
    assert operated.run("hold", "--study", "1.2.3.1").exit_code == 0
    assert operated.states("pacs") + operated.states("backup") == ["held"] * 6
    assert "3 instances done" in operated.run("retry", "--study", "1.2.3.1").output


@pytest.mark.slow
def test_uids_from_standard_input(operated: OperatedFolder) -> None:
    """One that fails is named with its reason, the others are done, and the exit status is 1."""
    lines = "sop_instance_uid\tstate\n1.2.3.4.1\tqueued\n1.2.3.4.9\tqueued\n1.2.3.4.3\tqueued\n"
    done = operated.run("hold", "-", "--destination", "pacs", stdin=lines)
    assert done.exit_code == 1
    assert "1.2.3.4.9: the store has no delivery of 1.2.3.4.9 to pacs" in done.output
    assert "hold: 2 instances done, 1 failed." in done.output
    assert operated.states("pacs") == ["held", "queued", "held"]


@pytest.mark.slow
def test_one_instance_is_answered_with_its_deliveries(operated: OperatedFolder) -> None:
    """As before: a line for each archive."""
    assert operated.run("hold", "1.2.3.4.1").output == (
        "backup: held (held by the operator)\npacs: held (held by the operator)\n"
    )
    done = operated.run("hold", "1.2.3.4.1")
    assert done.exit_code == 1
    assert "nothing to hold" in done.output


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--all",),
        ("1.2.3", "--destination", "pacs", "--all"),
        ("--study", "1.2.3", "--destination", "pacs", "--all"),
        ("-", "--study", "1.2.3"),
        ("-",),
        ("no-uid",),
        ("--study", "no-uid"),
        ("--study", "1.2.3.9"),
        ("--destination", "elsewhere", "--all"),
    ],
)
def test_what_names_nothing_or_two_things_is_bad_usage(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Exit status 2, and nothing is changed."""
    operated = OperatedFolder(tmp_path)
    done = operated.run("hold", *arguments)
    assert done.exit_code == 2, done.output
    assert operated.states("pacs") == ["queued"] * 3
