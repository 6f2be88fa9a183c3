"""`echonode encrypt`: a store that exists is encrypted, or its files get another master key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes
from echonode.errors import UsageError

if TYPE_CHECKING:
    from echonode.store.encrypting.encrypting import Encrypted

_SHOWN = 20  # files that are listed one by one


def encrypt(
    rotate: Annotated[
        bool,
        typer.Option(
            "--rotate",
            metavar="",
            help="Give every file the present key; the node may run meanwhile.",
        ),
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Encrypt the store with the key that the configuration names. Stop the node first.

    Interrupted, it goes on when it is run again; until it has ended no node starts on the store.
    """
    with outcomes():
        settings = load_config(config)
        cipher = settings.encryption.cipher
        if cipher is None:
            raise UsageError("the configuration names no key: give `encryption.key` first")
        from echonode.audit.sources.commands import store_sealed
        from echonode.commands.backups import progress_bars
        from echonode.commands.recording import record
        from echonode.store.encrypting import encrypting

        work = encrypting.rotate if rotate else encrypting.encrypt
        with progress_bars() as progress:
            done = work(
                settings.data_dir, cipher, lambda count, total: progress("files", count, total)
            )
        if not done.failed:
            key_id, at = cipher.current.id, datetime.now(UTC)
            record(settings, store_sealed(settings.data_dir, key_id, rotated=rotate, at=at))
        _say(done, rotate=rotate, key_id=cipher.current.id)


def _say(done: Encrypted, *, rotate: bool, key_id: str) -> None:
    if done.failed:
        typer.echo(f"{len(done.failed)} files could not be read, and are as they were:", err=True)
        for path, reason in list(done.failed.items())[:_SHOWN]:
            typer.echo(f"  {path}: {reason}", err=True)
        if len(done.failed) > _SHOWN:
            typer.echo("  and more", err=True)
        ending = (
            "Keep the earlier key for them, or remove them, and run this again."
            if rotate
            else "The store is not encrypted to its end, and no node starts on it. Restore these "
            "files from a backup, or move them away; then run this again."
        )
        typer.echo(ending, err=True)
        raise typer.Exit(1)
    if rotate:
        typer.echo(f"Every file is sealed under the key {key_id}: {done.sealed} changed.")
        typer.echo("Take `encryption.earlier_keys` out of the configuration, and restart the node.")
    else:
        typer.echo(f"The store is encrypted under the key {key_id}.")
        typer.echo(f"  files      {done.sealed} sealed, {done.there} before")
        typer.echo(f"  databases  {done.databases} encrypted")
        typer.echo("Keep a copy of the key elsewhere: without it nothing can be read any more.")
    for path in done.left:
        typer.echo(f"Left in plain, for you to remove: {path}", err=True)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(encrypt)
