"""`echonode export`: copies of stored images, read while a node runs or without one.

What each format makes is in copies/; here are the options, the progress and what is printed.
"""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes
from echonode.errors import UsageError

if TYPE_CHECKING:
    from echonode.at_rest.writing import Scratch
    from echonode.config import Config
    from echonode.copies.choosing import Chosen, Wanted
    from echonode.copies.exporting import Export
    from echonode.copies.media.writing_media import MediumCopy
    from echonode.copies.source import CopyOptions
    from echonode.transcoding.grayscale_display import Display
    from echonode.transcoding.picture import Window

_FORMATS = (
    "dicom; png, jpeg; mp4, gif, apng, webp; npz, nifti, mha, nrrd; lines, uff; volume-mha, "
    "volume-nifti, volume-dicom or volume-slices: into --out."
)
_MOST_RECORDED = 1000  # instances by their UIDs in the audit trail; of more, their studies
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
    format_: Annotated[str, typer.Option("--format", metavar="NAME", help=_FORMATS)] = "",
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
    quality: Annotated[
        int, typer.Option("--quality", metavar="1-100", help="Of JPEG, MP4 or WebP.")
    ] = 90,
    window: Annotated[
        str,
        typer.Option("--window", metavar="CENTER,WIDTH", help="Instead of the image's own."),
    ] = "",
    display: Annotated[
        str,
        typer.Option(
            "--display",
            metavar="DARKEST,BRIGHTEST",
            help="Grey pictures for an sRGB screen by PS3.14: its luminance in cd/m2, as 1,250.",
        ),
    ] = "",
    size: Annotated[
        int | None,
        typer.Option("--size", metavar="PIXELS", help="The longer side of a picture, at most."),
    ] = None,
    banner: Annotated[
        bool,
        typer.Option("--banner", metavar="", help="Burn the patient and the date into it."),
    ] = False,
    frame_time: Annotated[
        float | None,
        typer.Option(
            "--frame-time", metavar="MS", help="Of a film, instead of what the cine records."
        ),
    ] = None,
    transform: Annotated[
        str,
        typer.Option("--transform", metavar="NAME", help="Of a volume: such as ImageToReference."),
    ] = "",
    image_to_probe: Annotated[
        str,
        typer.Option(
            "--image-to-probe",
            metavar="NUMBERS",
            help="Of a volume: the calibration, sixteen numbers, pixels to mm.",
        ),
    ] = "",
    voxel: Annotated[
        float | None, typer.Option("--voxel", metavar="MM", help="Of a volume: its voxels' size.")
    ] = None,
    anonymise: Annotated[
        str,
        typer.Option(
            "--anonymise",
            metavar="NAME",
            help="Without the patient: `basic`, or a profile of the configuration.",
        ),
    ] = "",
    looked_at: Annotated[
        bool,
        typer.Option(
            "--looked-at",
            metavar="",
            help="With --anonymise: a person has seen that no text is in the pictures.",
        ),
    ] = False,
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
        from echonode.copies.formats import profile_for
        from echonode.copies.source import CopyOptions

        options = CopyOptions(
            frame=frame,
            quality=quality,
            window=_window(window),
            display=_display(display),
            banner=banner,
            size=size,
            frame_time_ms=frame_time,
            transform=transform,
            image_to_probe=_matrix(image_to_probe),
            voxel_mm=voxel,
        )
        wanted = Wanted(studies=study or (), series=series or (), instances=instance or ())
        settings = load_config(config)
        job = _files(format_, out, options, settings) if media is None else _medium(media, profile)
        anonymise = profile_for(format_, anonymise, settings.research.anonymise)
        if looked_at and not anonymise:
            raise UsageError("--looked-at goes with --anonymise")
        _copy(job, wanted, settings, anonymise, looked_at=looked_at, force=force)


def _files(format_: str, out: Path | None, options: CopyOptions, config: Config) -> Export:
    from echonode.copies.exporting import Export
    from echonode.copies.formats import format_named
    from echonode.store.files.kept_lines import KeptLines

    if out is None:
        raise UsageError("give --out PATH: where the copies go")
    make = format_named(format_)
    lines = KeptLines(config.data_dir, config.encryption.cipher)
    return Export(out=out, make=make, options=options, lines_of=lines.lines_of)


def _medium(media: Path, profile: str) -> MediumCopy:
    from echonode.copies.media.profiles import Profile
    from echonode.copies.media.writing_media import MediumCopy

    if profile not in set(Profile):
        raise UsageError(f"there is no profile `{profile}`: give one of {', '.join(Profile)}")
    return MediumCopy(out=media, profile=Profile(profile), now=datetime.now(UTC))


def _copy(
    job: Export | MediumCopy,
    wanted: Wanted,
    config: Config,
    anonymise: str,
    *,
    looked_at: bool,
    force: bool,
) -> None:
    from echonode import log
    from echonode.commands.export_anonymised import anonymising_as
    from echonode.commands.progress import instances_progress
    from echonode.copies.choosing import choose
    from echonode.copies.exporting import codecs_in
    from echonode.store.objects.opening import opened_storage
    from echonode.store.read_only_store import open_read_only

    log.configure(format="console", level="error")
    with (
        _ended_in_order(),
        open_read_only(
            config.data_dir,
            index_url=config.index.server_url,
            remote=opened_storage(config.objects_at(), to_write=False),
            cipher=config.encryption.cipher,
        ) as store,
        _scratch(config) as scratch,
        codecs_in(scratch) as codecs,
        anonymising_as(anonymise, config, store.index, scratch, looked_at) as prepare,
        instances_progress("instances copied") as on_progress,
    ):
        chosen = choose(store.index, wanted)
        _record(config, wanted, chosen, job.out)
        if anonymise:
            job = replace(job, prepare=prepare)
        made = job.write(chosen.instances, codecs, force=force, on_progress=on_progress)
    for line in made.said:
        typer.echo(line)
    if chosen.waiting:
        typer.echo(f"left out: {chosen.waiting}, whose exam has no patient yet", err=True)
    for uid, why in list(made.left_out.items())[:_MOST_SAID]:
        typer.echo(f"left out: {uid}: {why}", err=True)
    if (more := len(made.left_out) - _MOST_SAID) > 0:
        typer.echo(f"left out: {more} more", err=True)


@contextmanager
def _scratch(config: Config) -> Iterator[Scratch]:
    """A folder of the system's for temporary files; they are sealed as the store is."""
    from echonode.at_rest.writing import Scratch

    with tempfile.TemporaryDirectory(prefix="echonode-export-") as folder:
        yield Scratch(Path(folder), config.encryption.cipher)


def _record(config: Config, wanted: Wanted, chosen: Chosen, out: Path) -> None:
    """In the audit trail, before anything is written: no copy leaves without a record."""
    from echonode.audit.sources.commands import exported
    from echonode.commands.recording import record

    uids = {each.sop_instance_uid for each in chosen.instances}
    if len(uids) > _MOST_RECORDED or not (wanted.series or wanted.instances):
        uids = {each.study_instance_uid for each in chosen.instances}
    target = out.absolute().as_uri()
    event = exported(sorted(uids), target, at=datetime.now(UTC), what="export")
    record(config, event)


def _matrix(text: str) -> tuple[float, ...] | None:
    try:
        return tuple(map(float, text.replace(",", " ").split())) or None
    except ValueError:
        raise UsageError("--image-to-probe needs sixteen numbers, row by row") from None


def _window(text: str) -> Window | None:
    if not text:
        return None
    from echonode.transcoding.picture import Window

    try:
        center, width = map(float, text.split(","))
    except ValueError:
        raise UsageError(f"--window {text}: give two numbers, such as 40,400") from None
    return Window(center=center, width=width)


def _display(text: str) -> Display | None:
    if not text:
        return None
    from echonode.transcoding.grayscale_display import Display

    try:
        darkest, brightest = map(float, text.split(","))
        return Display(darkest=darkest, brightest=brightest)
    except ValueError:
        raise UsageError(
            f"--display {text}: give its darkest and its brightest luminance in cd/m2, such as "
            "1,250; from 0.05 to 3,993.4 at most"
        ) from None


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
