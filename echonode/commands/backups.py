"""`echonode backup` and `echonode restore`: what a dead machine held, on another one.

The work is in store/backup; here is what a person sees of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes
from echonode.errors import UsageError

if TYPE_CHECKING:
    from echonode.store.backup.folder import BackupFolder
    from echonode.store.backup.manifest import Manifest

_STAGES = {"index": "database", "files": "files", "rows": "rows"}
_SHOWN = 20  # instances or files that are listed one by one


def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the backup.")],
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            metavar="",
            help="Also read the copies that are there, and copy again what is not whole.",
        ),
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Copy everything that the node holds to DIR, while it runs or not.

    A second run into the same DIR copies only what is new. A run that is interrupted leaves the
    backup before as it was. Exit status 1 also where a file of the node is damaged or missing.
    """
    with outcomes():
        settings = load_config(config)
        if settings.objects_at() is not None or settings.index.server_url:
            raise UsageError(
                "the configuration keeps instances or rows on a server: back up the bucket and the "
                "database by their own means; this command copies a store on one machine"
            )
        from echonode.audit.sources.commands import exported
        from echonode.commands.recording import record
        from echonode.store.backup.backup import Backup
        from echonode.store.backup.folder import BackupFolder
        from echonode.store.read_only_store import open_read_only

        cipher = settings.encryption.cipher
        open_read_only(
            settings.data_dir, cipher=cipher
        ).close()  # of this version, or says what to do
        with progress_bars() as progress:
            done = Backup(
                settings.data_dir,
                BackupFolder(folder),
                now=_now,
                cipher=cipher,
                config=config.read_bytes(),
                verify=verify,
                progress=progress,
            ).run()
            what = f"backup of {done.manifest.holds.instances} instances"
            event = exported((), folder.absolute().as_uri(), at=_now(), what=what)
            record(settings, event)
        typer.echo(f"The backup in {folder} is complete. It holds:")
        _say(done.manifest)
        typer.echo(f"  new          {done.copied} files, {_size(done.copied_bytes)}")
        if done.removed:
            typer.echo(f"  removed      {done.removed} files that the node has deleted")
        if done.manifest.holds.not_held:
            _say_not_held(done.manifest)
            raise typer.Exit(1)


def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of the backup.")],
    check: Annotated[
        bool,
        typer.Option("--check", metavar="", help="Read the whole backup, and restore nothing."),
    ] = False,
    without_damaged: Annotated[
        bool,
        typer.Option(
            "--without-damaged",
            metavar="",
            help="Restore all else where files of the backup are damaged.",
        ),
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Bring the backup in DIR back into data_dir, which must be empty. The node starts on it then.

    Interrupted, it goes on when it is run again.
    """
    with outcomes():
        from echonode.store.backup.folder import BackupFolder

        if check:
            _check(BackupFolder(folder))
            return
        settings = load_config(config)
        if settings.objects_at() is not None or settings.index.server_url:
            raise UsageError(
                "a backup is restored onto one machine: leave `index` and `objects` out of the "
                "configuration"
            )
        from echonode.audit.sources.commands import imported
        from echonode.commands.recording import record
        from echonode.store.backup.restore import Restore

        with progress_bars() as progress:
            done = Restore(
                BackupFolder(folder),
                settings.data_dir,
                now=_now,
                cipher=settings.encryption.cipher,
                without_damaged=without_damaged,
                progress=progress,
            ).run()
            what = f"restore of {done.manifest.holds.instances} instances"
            event = imported((), folder.absolute().as_uri(), at=_now(), what=what)
            record(settings, event)
        typer.echo(f"The backup is restored into {settings.data_dir}. It holds:")
        _say(done.manifest)
        if done.kept:
            typer.echo(f"  there before {done.kept} files, of an interrupted restore")
        if done.manifest.holds.not_held:
            _say_not_held(done.manifest)
        if done.left_out:
            _say_damaged(done.left_out)
            raise typer.Exit(1)
        typer.echo(
            "Start the node. What it delivered after the backup was made, it delivers again."
        )


def _check(folder: BackupFolder) -> None:
    from echonode.store.backup.checking import checked_manifest, damaged_files

    manifest = checked_manifest(folder)
    with progress_bars() as progress:
        damaged = list(damaged_files(folder, manifest, progress))
    typer.echo(f"The backup in {folder.root} holds:")
    _say(manifest)
    if damaged:
        _say_damaged(damaged)
        raise typer.Exit(1)
    typer.echo("Every file is what was written.")


def _say(manifest: Manifest) -> None:
    from echonode.model.delivery import DeliveryState
    from echonode.store.backup.manifest import deliveries_in_words

    holds = manifest.holds
    states = [str(state) for state in DeliveryState]
    made_at = manifest.made_at.astimezone()
    typer.echo(f"  as of        {made_at:%Y-%m-%d %H:%M:%S %Z}, by EchoNode {manifest.version}")
    typer.echo(f"  instances    {holds.instances}, in {holds.studies} studies; {_size(holds.size)}")
    typer.echo(f"  deliveries   {deliveries_in_words(holds.deliveries, states)}")
    typer.echo(f"  commitments  {holds.commitments} under way")
    typer.echo(f"  exams        {holds.exams}")
    typer.echo(f"  users        {holds.users}")
    if holds.quarantined:
        typer.echo(f"  quarantine   {holds.quarantined} files")


def _say_not_held(manifest: Manifest) -> None:
    not_held = manifest.holds.not_held
    typer.echo(f"{len(not_held)} instances are not in the backup:", err=True)
    for uid, reason in list(not_held.items())[:_SHOWN]:
        typer.echo(f"  {uid}: {reason}", err=True)
    if len(not_held) > _SHOWN:
        typer.echo("  and more: manifest.json lists them all", err=True)


def _say_damaged(paths: Sequence[str]) -> None:
    typer.echo(f"{len(paths)} files of the backup are damaged or missing in it:", err=True)
    for path in paths[:_SHOWN]:
        typer.echo(f"  {path}", err=True)
    if len(paths) > _SHOWN:
        typer.echo("  and more", err=True)


def _size(size: int) -> str:
    from rich.filesize import decimal

    return decimal(size)


@contextmanager
def progress_bars() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each stage, once there is something to count."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bars = {
            stage: progress.add_task(words, total=None, visible=False)
            for stage, words in _STAGES.items()
        }

        def update(stage: str, done: int, total: int) -> None:
            progress.update(bars[stage], completed=done, total=total, visible=total > 0)

        yield update


def _now() -> datetime:
    return datetime.now(UTC)


def register(app: typer.Typer) -> None:
    """Add the commands, in the order in which `--help` lists them."""
    app.command()(backup)
    app.command()(restore)
