"""`echonode move-store`: a store goes to another database, or to or from object storage."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes

if TYPE_CHECKING:
    from echonode.config import Config
    from echonode.store.moving.place import Place

_SHOWN = 20  # instances that are listed one by one


def move_store(
    to: Annotated[Path, typer.Option("--to", metavar="CONFIG", help="Where it goes.")],
    without_damaged: Annotated[
        bool,
        typer.Option(
            "--without-damaged",
            metavar="",
            help="Move all else where files are damaged or missing.",
        ),
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Copy the store of --config to the places that the configuration CONFIG names.

    Those are its data_dir, which must be another one, `index` and `objects`. Stop the nodes first.
    The old store stays as it is. Interrupted, the move goes on when it is run again.
    """
    with outcomes():
        source, target = load_config(config), load_config(to)
        from echonode.audit.sources.commands import exported
        from echonode.commands.backups import progress_bars
        from echonode.commands.recording import record
        from echonode.store.moving.move import move

        with progress_bars() as progress:
            moved = move(
                _place(source),
                _place(target),
                now=datetime.now(UTC),
                without_damaged=without_damaged,
                progress=progress,
            )
        place, what = target.own_dir.absolute().as_uri(), f"the store, moved from {source.data_dir}"
        record(target, exported((), place, at=datetime.now(UTC), what=what))
        typer.echo(f"The store is moved, as {to} says:")
        typer.echo(f"  files  {moved.files} copied, {moved.there} there already")
        typer.echo(f"  rows   {moved.rows}")
        if moved.left_out:
            typer.echo(f"{len(moved.left_out)} instances are damaged or missing:", err=True)
            for uid in moved.left_out[:_SHOWN]:
                typer.echo(f"  {uid}", err=True)
            raise typer.Exit(1)
        typer.echo(f"Start the node with --config {to}, and never again with {config}.")


def _place(config: Config) -> Place:
    from echonode.store.moving.place import Place

    return Place(
        data_dir=config.data_dir,
        index_url=config.index.server_url,
        objects=config.objects_at(),
        cipher=config.encryption.cipher,
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("move-store")(move_store)
