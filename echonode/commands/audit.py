"""`echonode audit`: the audit trail searched and verified, while the node runs or without it.

Who reads the trail leaves a record in it (PS3.15 A.5.3.2), which the node takes in.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes
from echonode.errors import UsageError

if TYPE_CHECKING:
    import sqlalchemy as sa

    from echonode.audit.event import AuditEvent
    from echonode.audit.trail.chain import Record
    from echonode.audit.trail.trail import TrailPaths
    from echonode.audit.trail.verification import Verified

app = typer.Typer(
    help="The audit trail: who did what to whose data, and whether its records are whole.",
    no_args_is_help=True,
)
JsonOption = Annotated[bool, typer.Option("--json", metavar="", help="As JSON, one a line.")]
_AGO = re.compile(r"(\d{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@app.command()
def search(
    since: Annotated[
        str, typer.Option(metavar="TIME", help="2026-03-01, 2026-03-01T08:30, or 30m, 8h, 7d ago.")
    ] = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="As --since.")] = "",
    user: Annotated[
        str, typer.Option(metavar="NAME", help="A login, a peer's name or its AE title.")
    ] = "",
    patient: Annotated[str, typer.Option(metavar="ID", help="A Patient ID.")] = "",
    kind: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="start, stop, login, logout, query, access, begin-transfer, transfer, delete, "
            "export, import, alert, order, patient, procedure or audit.",
        ),
    ] = "",
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List records, oldest first. Without options, all of them."""
    with outcomes():
        from echonode.audit.codes import Kind
        from echonode.audit.trail.search import Wanted, plain
        from echonode.audit.trail.search import search as find

        if kind and kind not in set(Kind):
            raise UsageError(f"no kind of record: {kind}; there are {', '.join(Kind)}")
        wanted = Wanted(
            since=_time(since),
            until=_time(until),
            user=user,
            patient=patient,
            kind=Kind(kind) if kind else None,
        )
        with _readers(config) as (readers, paths):
            count = 0
            for record in find(readers, wanted):
                count += 1
                said = json.dumps(plain(record), ensure_ascii=False) if as_json else _line(record)
                typer.echo(said)
        if not count and not as_json:
            typer.echo("There is no such record.", err=True)
        _note_use(paths, "searched")


@app.command()
def verify(
    checkpoint: Annotated[
        str,
        typer.Option(
            metavar="NUMBER:HASH", help="A checkpoint from the log (event audit_checkpoint)."
        ),
    ] = "",
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Read every record and say whether each is as it was written, and none is missing.

    Exit status 1 when a record was changed, taken out or cut off: the first one is named.
    """
    with outcomes():
        from echonode.audit.trail.checkpoint import from_text, read_checkpoint
        from echonode.audit.trail.verification import verify as read_all

        anchor = from_text(checkpoint) if checkpoint else None
        with _readers(config) as (readers, paths):
            known = read_checkpoint(paths.checkpoint)
            found = read_all(readers, checkpoint=known, anchor=anchor)
        typer.echo(json.dumps(found.as_plain()) if as_json else _words(found, known is not None))
        _note_use(paths, "verified")
        if found.broken is not None:
            raise typer.Exit(1)


def register(main: typer.Typer) -> None:
    """Add the commands to the program."""
    main.add_typer(app, name="audit")


@contextmanager
def _readers(config: Path) -> Iterator[tuple[sa.Engine, TrailPaths]]:
    """The trail of a configuration's data_dir. Raises UsageError where there is none."""
    from echonode.audit.trail.trail import TrailPaths
    from echonode.store.database.sqlite_engine import reader_engine

    settings = load_config(config)
    paths = TrailPaths.below(settings.own_dir.absolute(), settings.encryption.cipher)
    if not paths.database.exists():
        raise UsageError(f"there is no audit trail in {paths.folder}: has the node run there?")
    readers = reader_engine(paths.database, paths.secret)
    try:
        yield readers, paths
    finally:
        readers.dispose()


def _note_use(paths: TrailPaths, done: str) -> None:
    """A record that the trail was read; nothing where this user may not write into data_dir."""
    from echonode.audit.sources.commands import trail_used
    from echonode.audit.trail.inbox import put
    from echonode.errors import OutOfSpace

    try:
        used = trail_used(paths.folder, done, at=datetime.now(UTC))
        put(paths.folder.parent, used, paths.cipher)
    except OutOfSpace:
        typer.echo("That the trail was read could not be recorded.", err=True)


def _time(text: str) -> datetime | None:
    """A time of this machine's zone, or so long ago. Raises UsageError."""
    if not text:
        return None
    if ago := _AGO.fullmatch(text):
        return datetime.now(UTC) - timedelta(**{_UNITS[ago.group(2)]: int(ago.group(1))})
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise UsageError(
            f"not a time: {text}; give 2026-03-01, 2026-03-01T08:30, or 30m, 8h, 7d"
        ) from None


def _line(record: Record) -> str:
    """One record, tab-separated: number, time, kind, outcome, user, patient, what."""
    from echonode.audit.codes import EVENT_TYPES
    from echonode.audit.trail.search import event_of

    event = event_of(record)
    patient = "(erased)" if record.is_erased else event.patient.id if event.patient else ""
    count = sum(len(uids) for study in event.studies for uids in study.instances.values())
    words = (
        EVENT_TYPES[event.type] if event.type else "",
        event.subject,
        event.description,
        _asked(event),
        ", ".join(study.uid for study in event.studies),
        f"{count} instances" if count else "",
    )
    columns = (
        str(record.seq),
        record.at.astimezone().isoformat(timespec="seconds"),
        record.kind,
        "ok" if not record.outcome else f"failed {record.outcome}",
        record.actor,
        patient,
        "; ".join(filter(None, words)),
    )
    return "\t".join(_one_line(column) for column in columns)


def _asked(event: AuditEvent) -> str:
    """Of a query the request, or the class of what was asked for."""
    if event.query is None:
        return ""
    by_path = event.query.sop_class.startswith("/")
    return event.query.keys.decode("utf-8", "replace") if by_path else event.query.sop_class


def _one_line(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _words(found: Verified, has_checkpoint: bool) -> str:
    if found.broken is not None:
        whole = f"records {found.first} to {found.last.seq} are whole; " if found.records else ""
        return f"{whole}record {found.broken.seq}: {found.broken.reason}"
    erased = f", a patient was erased from {found.erased} of them" if found.erased else ""
    unseen = "" if has_checkpoint else "; there is no checkpoint, so a missing end would not show"
    return f"{found.records} records are whole, to number {found.last.seq}{erased}{unseen}"
