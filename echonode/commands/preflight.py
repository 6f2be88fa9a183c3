"""`echonode preflight`: by the running node, or with an acceptor of its own while none runs.

An archive reports where it is configured to: at our AE title, host and port. While a node runs,
that is the node, so it is the node that does the preflight (POST /api/preflight). While none runs,
the command listens there itself for as long as it lasts, takes reports, and refuses all else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NoReturn

from rich.console import Console
from rich.markup import escape

from echonode.commands.node_client import post
from echonode.commands.user_store import has_users
from echonode.config import Config
from echonode.dimse.acceptor import Acceptor
from echonode.dimse.requestor import Requestor
from echonode.dimse.services import Services
from echonode.errors import DimseFailure, StoreLocked, UsageError
from echonode.model.commitment import CommitmentReport
from echonode.model.identity import Peer, Service
from echonode.model.status import INVALID_ARGUMENT_VALUE, OUT_OF_RESOURCES
from echonode.monitoring.preflight.outcome import as_json
from echonode.monitoring.preflight.pending_reports import PendingReports
from echonode.monitoring.preflight.preflight import Preflight
from echonode.node.settings.listeners import call_back_address, listener_addresses
from echonode.store.files.lock import FolderLock

# As many peers as a clinic has, each with a report that never comes.
_ANSWER_S = 600.0
_STOP_S = 5.0


def run_preflight(config: Config, peer: str | None) -> dict[str, Any]:
    """The outcome, as `echonode preflight --json` prints it.

    Raises UsageError for an unknown peer or an address that is taken; NodeNotAsked.
    """
    try:
        with _lock(config):
            return _by_ourselves(config, peer)
    except StoreLocked:
        body: dict[str, object] = {} if peer is None else {"peer": peer}
        answer: dict[str, Any] = post(config, "/api/preflight", body, timeout_s=_ANSWER_S)
        return answer


@contextmanager
def _lock(config: Config) -> Iterator[None]:
    """The store's lock for as long as it lasts, so that no node starts in between. StoreLocked."""
    path = config.own_dir / "lock"
    if not path.exists():  # no node has ever run there
        with nullcontext():
            yield
        return
    lock = FolderLock(path)
    try:
        yield
    finally:
        lock.release()


def _by_ourselves(config: Config, peer: str | None) -> dict[str, Any]:
    awaited = PendingReports()

    def take(caller: Peer, report: CommitmentReport) -> int:
        status = awaited.take(caller, report)
        return INVALID_ARGUMENT_VALUE if status is None else status

    acceptor = Acceptor(
        ae_title=config.ae_title,
        listeners=listener_addresses(config.listen),
        # Reports only: what else they may ask is the node's to serve.
        peers=[
            replace(known, may=known.may & {Service.ECHO, Service.COMMIT})
            for known in config.peer_values()
        ],
        services=_only_reports(take),
    )
    requestor = Requestor(ae_title=config.ae_title, commit_report=take)
    preflight = Preflight(
        config,
        associate=requestor.associate,
        awaited=awaited,
        us=call_back_address(config),
        now=lambda: datetime.now(UTC),
        has_users=lambda: has_users(config),
    )
    try:
        acceptor.start()
    except OSError as error:
        raise UsageError(f"{error}: stop the program that has the port") from error
    try:
        return as_json(preflight.run(peer))
    finally:
        acceptor.stop(_STOP_S)


def _only_reports(take: Any) -> Services:
    def refuse(*_: object) -> NoReturn:
        # A700: the sender keeps what it has, and may try again later.
        raise DimseFailure(OUT_OF_RESOURCES, "EchoNode is not running")

    return Services(
        open_incoming=refuse,
        store=refuse,
        find=refuse,
        move=refuse,
        get=refuse,
        commit_request=refuse,
        commit_report=take,
    )


_MARKS = {True: "[green]ok[/]  ", False: "[bold red]FAIL[/]", None: "[dim]--[/]  "}


def print_outcome(outcome: dict[str, Any]) -> None:
    """For people: a line a step, and under each failure its remedy."""
    console = Console(highlight=False, soft_wrap=True)
    for peer in outcome["peers"]:
        # A DICOMweb server has no AE title: its name stands there.
        title = "" if peer["ae_title"] == peer["peer"] else f"{peer['ae_title']} "
        where = escape(f"{title}at {peer['address']}")
        console.print(f"[bold]{escape(peer['peer'])}[/] {where}: {escape(peer['purpose'])}")
        for step in peer["steps"]:
            console.print(f"  {_MARKS[step['ok']]} {step['name']:<12} {escape(step['detail'])}")
            if step["remedy"]:
                console.print(f"       [yellow]->[/] {escape(step['remedy'])}")
    console.print("All checks passed." if outcome["ok"] else "[bold red]Some checks failed.[/]")
