"""`echonode viewer`: the OHIF viewer that `web.viewer_port` serves."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes

app = typer.Typer(help="The OHIF viewer that web.viewer_port serves.", no_args_is_help=True)


@app.callback()
def _viewer() -> None:
    """A group, though it has one command yet."""


@app.command()
def install(
    file: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FILE",
            help="Take the package from this file, for a machine without internet.",
        ),
    ] = None,
    registry: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="The npm registry. Default: as npm_config_registry says, else registry.npmjs.org.",
        ),
    ] = "",
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The folder. Default: web.viewer_dir, else `viewer` in data_dir.",
        ),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Fetch the OHIF viewer (50 MB), check it, and unpack it for web.viewer_port.

    A node that runs serves it from the next request on. Once it is there, nothing is fetched again.
    """
    with outcomes():
        from echonode.web.viewer.package import VERSION, folders, installed_in

        settings = None if to else load_config(config)
        if settings:
            viewer_dir = settings.web.viewer_dir if settings.web else None
            to = folders(viewer_dir, settings.data_dir)[0]
        assert to is not None
        if there := installed_in([to]):
            typer.echo(f"OHIF {VERSION} is installed already: {there}")
        else:
            typer.echo(f"OHIF {VERSION} is installed: {_installed(file, registry, to)}")
        if settings and (settings.web is None or settings.web.viewer_port is None):
            typer.echo("To serve it, give web.viewer_port in the configuration, then restart.")


def _installed(file: Path | None, registry: str, folder: Path) -> Path:
    """Take the package from the file or the registry, and unpack it. Raises UsageError."""
    import tempfile

    from echonode.commands import viewer_install as package
    from echonode.errors import UsageError
    from echonode.web.viewer.package import BYTES

    if file is not None:
        try:
            with file.open("rb") as given:
                return package.install(given, folder, str(file))
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}") from None
    address = package.registry_address(registry, dict(os.environ))
    with tempfile.TemporaryFile() as content:
        with typer.progressbar(length=BYTES, label="Fetching", width=30) as bar:
            seen = 0

            def progress(came: int, _all: int) -> None:
                nonlocal seen
                bar.update(came - seen)
                seen = came

            package.fetch(address, content, progress)
        typer.echo("Unpacking")
        return package.install(content, folder, address)


def register(main: typer.Typer) -> None:
    """Add the command to the program."""
    main.add_typer(app, name="viewer")
