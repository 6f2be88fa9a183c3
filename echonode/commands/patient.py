"""`echonode patient`: all that is held of one person, given out or erased (GDPR articles 15, 17).

Erasing is the node's work where one runs; where none runs, the command opens the store itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes
from echonode.errors import OutOfSpace, UsageError

if TYPE_CHECKING:
    from echonode.config import Config

app = typer.Typer(help="One patient's data: all of it given out, or erased.", no_args_is_help=True)
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The Patient ID, exactly.")]
JsonOption = Annotated[bool, typer.Option("--json", metavar="", help="As JSON.")]
_ANSWER_S = 3600.0  # a database of gigabytes is written again


@app.command("export")
def export(
    patient_id: IdArgument,
    out: Annotated[
        Path, typer.Option("--out", metavar="PATH", help="A new folder, or a new .zip file.")
    ],
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Write all that is held of a patient: images, exams, orders, measurements, audit records."""
    with outcomes():
        settings = load_config(config)
        from echonode.audit.sources.commands import patient_exported
        from echonode.commands.recording import record
        from echonode.copies.patient_export import export_patient
        from echonode.store.read_only_store import open_read_only

        now = datetime.now(UTC)
        with open_read_only(
            settings.data_dir,
            index_url=settings.index.server_url,
            cipher=settings.encryption.cipher,
        ) as store:
            try:
                index = export_patient(
                    store, patient_id, out, audit=_audit_records(settings, patient_id), now=now
                )
            except OSError as error:
                raise UsageError(f"{out} cannot be written: {error.strerror}") from None
        try:
            event = patient_exported(patient_id, out.absolute().as_uri(), at=now)
            record(settings, event)
        except OutOfSpace:
            typer.echo("That the data was exported could not be recorded.", err=True)
        typer.echo(json.dumps(index, ensure_ascii=False) if as_json else _exported(index, out))


@app.command("erase")
def erase(
    patient_id: IdArgument,
    yes: Annotated[
        bool, typer.Option("--yes", metavar="", help="Do it without asking; for scripts.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Erase all that is held here of a patient. It cannot be undone.

    Refused while deliveries, commitments or an exam of the patient are under way. What archives and
    receivers hold is theirs.
    """
    with outcomes():
        settings = load_config(config)
        if not yes:
            typer.confirm("Erase all that is held here of this patient, for good?", abort=True)
        from echonode import log
        from echonode.commands.patient_erasure import erase_patient

        log.configure(level="critical")
        done = erase_patient(settings, patient_id, timeout_s=_ANSWER_S)
        typer.echo(json.dumps(done) if as_json else _erased(done))
        if not done["done"]:
            raise typer.Exit(1)


def register(main: typer.Typer) -> None:
    """Add the commands to the program."""
    main.add_typer(app, name="patient")


def _audit_records(settings: Config, patient_id: str) -> Iterator[Mapping[str, Any]]:
    from echonode.audit.trail.search import Wanted, plain, search
    from echonode.audit.trail.trail import TrailPaths
    from echonode.store.database.sqlite_engine import reader_engine

    paths = TrailPaths.below(settings.own_dir.absolute(), settings.encryption.cipher)
    if not paths.database.exists():
        return
    readers = reader_engine(paths.database, paths.secret)
    try:
        for record in search(readers, Wanted(patient=patient_id)):
            yield plain(record)
    finally:
        readers.dispose()


def _exported(index: Mapping[str, Any], out: Path) -> str:
    records = ", ".join(f"{count} {name}" for name, count in index["records"].items())
    return (
        f"{out}: {len(index['images'])} images"
        + (f", {records}" if records else "")
        + f", {index['audit_records']} audit records"
    )


def _erased(done: Mapping[str, Any]) -> str:
    said = ", ".join(f"{count} {name}" for name, count in done["erased"].items())
    lines = [f"erasure {done['number']}: {said}"]
    if not done["done"]:
        lines.append("It is not finished: the node goes on with it; `erasure_stalled` in the log")
    if done["unreadable_in_quarantine"]:
        lines.append(
            f"{done['unreadable_in_quarantine']} files in quarantine cannot be read: look at them"
        )
    lines += [
        f"{name} is the copy of a damaged database and may hold the patient: delete it"
        for name in done["databases_set_aside"]
    ]
    return "\n".join(lines)
