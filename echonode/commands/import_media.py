"""`echonode import`: a medium, a folder or a ZIP file into the archive, through the intake."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes

if TYPE_CHECKING:
    from echonode.config import Config
    from echonode.copies.media.importing import Imported


def import_(
    medium: Annotated[
        Path,
        typer.Argument(
            metavar="PATH",
            help="A disc, a stick or a folder, with or without a DICOMDIR; or a ZIP file.",
        ),
    ],
    without_dicomdir: Annotated[
        bool,
        typer.Option(
            "--without-dicomdir",
            metavar="",
            help="Take every DICOM file of a folder, whatever its DICOMDIR names.",
        ),
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Take the images of a medium into the archive, each checked as one that is sent.

    A node that runs takes them by its web port; without one they go into the store. Exit status 1
    where a file that is DICOM did not come in.
    """
    with outcomes():
        settings = load_config(config)
        from echonode import log
        from echonode.commands.import_ways import way_in
        from echonode.commands.progress import instances_progress
        from echonode.copies.media.importing import import_files
        from echonode.copies.media.reading import opened_medium

        log.configure(format="console", level="critical")
        with (
            opened_medium(medium, use_directory=not without_dicomdir) as found,
            way_in(settings) as take,
            instances_progress("files") as on_progress,
        ):
            done = import_files(found.files, len(found.files), take, on_progress)
        _record(settings, medium, done)
        _say(done, list(found.missing))
        if done.failed or found.missing:
            raise typer.Exit(1)


def _record(config: Config, medium: Path, done: Imported) -> None:
    """In the audit trail: what came in, and from where."""
    from echonode.audit.sources.commands import imported
    from echonode.commands.recording import record

    if done.stored:
        source = medium.absolute().as_uri()
        event = imported(done.stored, source, at=datetime.now(UTC), what="import")
        record(config, event)


def _say(done: Imported, missing: list[str]) -> None:
    """The counts, and the failures by their names on the medium."""
    for taken, count in done.counts.items():
        typer.echo(f"{taken}: {count}")
    if not done.counts and not missing:
        typer.echo("There is no file in it.")
    if missing:
        typer.echo(f"named by the DICOMDIR and not there, or a link: {len(missing)}")
    for name, why in (*done.failures, *((name, "it is not there") for name in missing[:20])):
        typer.echo(f"{_one_line(name)}: {why}", err=True)


def _one_line(text: str) -> str:
    """What would end the line, or drive a terminal, is escaped."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import")(import_)
