"""The commands on deliveries: `ledger`, and `hold`, `release` and `retry` of one or of many."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes
from echonode.errors import UsageError
from echonode.model.delivery import DeliveryState

if TYPE_CHECKING:
    from echonode.commands.operate import Result, Wanted

FROM_STDIN = "-"


def ledger(
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print one JSON list.")
    ] = False,
    state: Annotated[DeliveryState | None, typer.Option(help="Only rows in this state.")] = None,
    study: Annotated[
        str | None, typer.Option(metavar="STUDY_UID", help="Only rows of this study.")
    ] = None,
    last: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Only the N newest rows, newest first.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show the delivery status of each instance at each destination.

    In a pipe or a file the rows are tab-separated and complete. To release all that is held:
    echonode ledger --state held | echonode release -
    """
    with outcomes():
        from echonode.audit.sources.commands import ledger_shown
        from echonode.commands.recording import record_look
        from echonode.monitoring.ledger import print_json, print_rows
        from echonode.store.values import LedgerChoice

        choice = LedgerChoice(state=state, study_instance_uid=study, last=last)
        settings = load_config(config)
        show = print_json if as_json else print_rows
        show(
            settings.data_dir,
            choice,
            index_url=settings.index.server_url,
            cipher=settings.encryption.cipher,
        )
        keys = {key: value for key, value in asdict(choice).items() if value is not None}
        record_look(settings, ledger_shown(json.dumps(keys), at=datetime.now(UTC)))


UIDArgument = Annotated[
    str | None,
    typer.Argument(metavar="UID", help="A SOP Instance UID; `-` reads UIDs from standard input."),
]
DestinationOption = Annotated[
    str | None,
    typer.Option("--destination", metavar="NAME", help="Only the delivery to this destination."),
]
AllOption = Annotated[
    bool, typer.Option("--all", metavar="", help="Every delivery to --destination NAME.")
]
StudyOption = Annotated[
    str | None, typer.Option("--study", metavar="STUDY_UID", help="Every instance of this study.")
]


class Action(StrEnum):
    """What may be done; the words are those of the results."""

    HOLD = "hold"
    RELEASE = "release"
    RETRY = "retry"


def hold(
    uid: UIDArgument = None,
    destination: DestinationOption = None,
    every: AllOption = False,
    study: StudyOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Hold deliveries until they are released.

    Give one of: UID, --study, or --destination with --all.
    """
    _operate(Action.HOLD, uid, destination, every, study, config)


def release(
    uid: UIDArgument = None,
    destination: DestinationOption = None,
    every: AllOption = False,
    study: StudyOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Queue held deliveries again.

    Give one of: UID, --study, or --destination with --all.

    Where the archive stored with a warning (B006, B007), the local copy is kept until it is
    released: then retention may delete it.
    """
    _operate(Action.RELEASE, uid, destination, every, study, config)


def retry(
    uid: UIDArgument = None,
    destination: DestinationOption = None,
    every: AllOption = False,
    study: StudyOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Try now what is held or waits for its next attempt.

    Give one of: UID, --study, or --destination with --all.
    """
    _operate(Action.RETRY, uid, destination, every, study, config)


def _operate(
    action: Action,
    uid: str | None,
    destination: str | None,
    every: bool,
    study: str | None,
    config: Path,
) -> None:
    with outcomes():
        from echonode import log
        from echonode.commands.operate import operate

        log.configure(level="critical")
        wanted = _wanted(uid, destination, every, study)
        settings = load_config(config)
        if uid not in (None, FROM_STDIN):
            _print_one(next(iter(operate(settings, action, wanted))))
            return
        done = failed = 0
        for result in operate(settings, action, wanted):
            if result.failure:
                failed += 1
                typer.echo(f"{result.sop_instance_uid}: {result.failure}", err=True)
            else:
                done += 1
        typer.echo(_summary(action, done, failed))
        if failed:
            raise typer.Exit(1)


def _wanted(uid: str | None, destination: str | None, every: bool, study: str | None) -> Wanted:
    """What the command line names; exactly one way of naming it. Raises UsageError."""
    from echonode.commands.operate import Wanted, uids_in

    if (uid is not None) + every + (study is not None) != 1:
        raise UsageError(
            "give one of: a UID, `-` for UIDs on standard input, --study UID, or "
            "--destination NAME --all"
        )
    if every and destination is None:
        raise UsageError("--all needs --destination NAME")
    if uid == FROM_STDIN:
        uids = uids_in(sys.stdin)
        if not uids:
            raise UsageError("there is no UID on standard input")
        return Wanted(uids=uids, destination=destination)
    if uid is not None:
        return Wanted(uids=(uid,), destination=destination)
    return Wanted(destination=destination, study_instance_uid=study)


def _print_one(result: Result) -> None:
    """The deliveries of the one instance; exit status 1 with the reason where nothing was done."""
    if result.failure:
        typer.echo(result.failure, err=True)
        raise typer.Exit(1)
    for at in result.deliveries:
        reason = f" ({at['last_error']})" if at["last_error"] else ""
        typer.echo(f"{at['destination']}: {at['state']}{reason}")


def _summary(action: Action, done: int, failed: int) -> str:
    if not done + failed:
        return f"{action}: nothing to do."
    instances = "1 instance" if done == 1 else f"{done} instances"
    return f"{action}: {instances} done, {failed} failed."


def register(app: typer.Typer) -> None:
    """Add the commands, in the order in which `--help` lists them."""
    for command in (ledger, hold, release, retry):
        app.command()(command)
