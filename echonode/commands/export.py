"""`echonode export`: copies of stored images, read while a node runs or without one.

What each format makes is in copies/; here are the options, the progress and what is printed.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes
from echonode.errors import UsageError

if TYPE_CHECKING:
    from echonode.config import Config
    from echonode.copies.choosing import Wanted
    from echonode.copies.exporting import CopyJob, Progress
    from echonode.copies.source import CopyOptions
    from echonode.transcoding.picture import Window

_MOST_SAID = 10  # instances that are left out, by their UIDs; the rest is counted


def export(
    study: Annotated[
        list[str] | None,
        typer.Option("--study", metavar="UID", help="A study; may be given several times."),
    ] = None,
    series: Annotated[
        list[str] | None, typer.Option("--series", metavar="UID", help="A series, likewise.")
    ] = None,
    instance: Annotated[
        list[str] | None, typer.Option("--instance", metavar="UID", help="An image, likewise.")
    ] = None,
    media: Annotated[
        Path | None,
        typer.Option(
            "--media",
            metavar="PATH",
            help="A medium for other viewers, with a DICOMDIR: a folder, FILE.iso or FILE.zip.",
        ),
    ] = None,
    profile: Annotated[
        str,
        typer.Option(
            "--profile",
            metavar="NAME",
            help="Of the medium: general (USB, DVD), cd (all uncompressed) or ultrasound.",
        ),
    ] = "general",
    format_: Annotated[
        str, typer.Option("--format", metavar="NAME", help="png or jpeg, written to --out.")
    ] = "",
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help="Of --format: a folder; or a file, where one instance becomes one file.",
        ),
    ] = None,
    frame: Annotated[
        int | None, typer.Option("--frame", metavar="N", help="Only this frame, from 1 on.")
    ] = None,
    quality: Annotated[int, typer.Option("--quality", metavar="1-100", help="Of JPEG.")] = 90,
    window: Annotated[
        str,
        typer.Option("--window", metavar="CENTER,WIDTH", help="Instead of the image's own."),
    ] = "",
    force: Annotated[
        bool, typer.Option("--force", metavar="", help="Replace what has the same names.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Copy stored images: as a medium for other viewers, or as files of a format.

    The node may run meanwhile. A copy is whole or not there; what is there is not overwritten.
    """
    with outcomes():
        if (media is None) == (not format_):
            raise UsageError("give --media PATH, or --format NAME with --out PATH")
        if media is not None and out is not None:
            raise UsageError("--out is for --format: --media PATH says where the medium goes")
        from echonode.copies.choosing import Wanted
        from echonode.copies.source import CopyOptions

        options = CopyOptions(frame=frame, quality=quality, window=_window(window))
        job = _files(format_, out, options) if media is None else _medium(media, profile)
        wanted = Wanted(studies=study or (), series=series or (), instances=instance or ())
        _copy(job, wanted, load_config(config), force=force)


def _files(format_: str, out: Path | None, options: CopyOptions) -> CopyJob:
    from echonode.copies.exporting import Export
    from echonode.copies.formats import format_named

    if out is None:
        raise UsageError("give --out PATH: where the copies go")
    return Export(out=out, make=format_named(format_), options=options)


def _medium(media: Path, profile: str) -> CopyJob:
    from echonode.copies.media.profiles import Profile
    from echonode.copies.media.writing_media import MediumCopy

    if profile not in set(Profile):
        raise UsageError(f"there is no profile `{profile}`: give one of {', '.join(Profile)}")
    return MediumCopy(out=media, profile=Profile(profile), now=datetime.now(UTC))


def _copy(job: CopyJob, wanted: Wanted, config: Config, *, force: bool) -> None:
    from echonode import log
    from echonode.copies.choosing import choose
    from echonode.copies.exporting import codecs_in
    from echonode.store.objects.opening import opened_storage
    from echonode.store.read_only_store import open_read_only

    log.configure(format="console", level="error")
    with (
        _ended_in_order(),
        open_read_only(
            config.data_dir, remote=opened_storage(config.objects_at(), to_write=False)
        ) as store,
        tempfile.TemporaryDirectory(prefix="echonode-export-") as scratch,
        codecs_in(Path(scratch)) as codecs,
        _progress() as on_progress,
    ):
        chosen = choose(store.index, wanted)
        made = job.write(chosen.instances, codecs, force=force, on_progress=on_progress)
    for line in made.said:
        typer.echo(line)
    if chosen.waiting:
        typer.echo(f"left out: {chosen.waiting}, whose exam has no patient yet", err=True)
    for uid, why in list(made.left_out.items())[:_MOST_SAID]:
        typer.echo(f"left out: {uid}: {why}", err=True)
    if (more := len(made.left_out) - _MOST_SAID) > 0:
        typer.echo(f"left out: {more} more", err=True)


def _window(text: str) -> Window | None:
    if not text:
        return None
    from echonode.transcoding.picture import Window

    try:
        center, width = map(float, text.split(","))
    except ValueError:
        raise UsageError(f"--window {text}: give two numbers, such as 40,400") from None
    return Window(center=center, width=width)


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on the terminal's error stream, so that standard output has the result alone."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("instances copied", total=None, visible=False)

        def on_progress(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total, visible=total > 1)

        yield on_progress


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """SIGTERM ends the command as Ctrl-C does: what is half written is removed."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(export)
