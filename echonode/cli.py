"""The `echonode` command. Each command imports what it needs, so that help answers at once.

Exit codes: 0 done, 1 the job failed, 2 bad usage or configuration.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from echonode import __version__
from echonode.errors import ConfigError, EchoNodeError, UsageError

if TYPE_CHECKING:
    from echonode.config import Config

app = typer.Typer(
    name="echonode",
    help="A DICOM network node for an open ultrasound probe.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigOption = Annotated[
    Path, typer.Option("--config", metavar="FILE", help="The configuration, in YAML.")
]
DEFAULT_CONFIG = Path("config/echonode.yaml")


def _fail(code: int, message: str) -> NoReturn:
    typer.echo(message, err=True)
    raise typer.Exit(code)


@contextmanager
def _outcomes() -> Iterator[None]:
    """Our own errors become one clear message and the right exit code."""
    try:
        yield
    except ConfigError as error:
        _fail(2, "\n".join(f"{fault}" for fault in error.faults))
    except UsageError as error:
        _fail(2, str(error))
    except EchoNodeError as error:
        _fail(1, f"{type(error).__name__}: {error}")


def _load(path: Path) -> Config:
    from echonode.config import load

    return load(path, os.environ)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(f"echonode {__version__}")
        raise typer.Exit


@app.command()
def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the node until SIGTERM or SIGINT, then drain and exit."""
    with _outcomes():
        settings = _load(config)
        from echonode import log
        from echonode.node import run_until_signalled

        log.configure(format=settings.logging.format, level=settings.logging.level)
        run_until_signalled(settings)


@app.command("check-config")
def check_config(file: Annotated[Path, typer.Argument(metavar="FILE")]) -> None:
    """Check a configuration: 0 when valid, 2 with every fault listed."""
    with _outcomes():
        settings = _load(file)
        typer.echo(
            f"{file} is valid: {len(settings.peers)} peers, "
            f"{len(settings.destinations)} destinations, {len(settings.probes)} probes."
        )


@app.command()
def ledger(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON list.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """One row per instance and destination: what is proved of each."""
    with _outcomes():
        from echonode.ledger import print_json, print_table

        (print_json if as_json else print_table)(_load(config).data_dir)


@app.command("probe-sim")
def probe_sim(
    protocol: Annotated[str, typer.Option(help="echopen")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")],
    dialect: Annotated[str, typer.Option(help="kit")] = "kit",
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    recording: Annotated[
        Path | None, typer.Option(help="A recording; without one, a synthetic phantom.")
    ] = None,
    fps: Annotated[float, typer.Option(min=0.1, max=1000.0)] = 20.0,
    frames: Annotated[int, typer.Option(min=0, help="Stop after so many; 0 never.")] = 0,
    loop: Annotated[bool, typer.Option("--loop", help="Begin the recording again.")] = False,
) -> None:
    """Act as a probe on the wire, from a recording or from a synthetic phantom."""
    with _outcomes():
        from echonode.probe_sim import simulate

        simulate(
            protocol=protocol,
            dialect=dialect,
            host=host,
            port=port,
            recording=recording,
            fps=fps,
            frames=frames or None,
            loop=loop,
        )


@app.command()
def demo(
    recording: Annotated[
        Path | None, typer.Option(help="Stream this instead of the phantom.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running.")] = False,
) -> None:
    """The main job on loopback: probe, node and an embedded PACS; ends with a table of proof."""
    with _outcomes():
        from echonode.demo import run_demo

        if not run_demo(recording=recording, keep=keep):
            raise typer.Exit(1)


def main() -> None:
    """Entry point of `echonode` and `python -m echonode`."""
    try:
        app()
    except BrokenPipeError:
        # `echonode ledger | head`: the reader left; nothing is wrong with us.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
