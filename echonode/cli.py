"""The `echonode` command. Each command imports what it needs, so that help answers at once.

Exit codes: 0 done, 1 the job failed, 2 bad usage or configuration.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echonode import __version__, cli_deliveries
from echonode.cli_frame import DEFAULT_CONFIG, ConfigOption, load_config, outcomes
from echonode.errors import ConfigFault

if TYPE_CHECKING:
    from echonode.config import Config

app = typer.Typer(
    name="echonode",
    help="A DICOM network node for an open ultrasound probe.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _doubts(settings: Config) -> Iterator[ConfigFault]:
    from echonode.config import doubts

    return doubts(settings, os.environ, datetime.now(UTC))


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
    with outcomes():
        settings = load_config(config)
        from echonode import log
        from echonode.node_signals import run_until_signalled

        log.configure(format=settings.logging.format, level=settings.logging.level)
        for doubt in _doubts(settings):
            log.get_logger(__name__).warning(
                "config_doubtful", path=doubt.path, reason=doubt.problem, remedy=doubt.remedy
            )
        run_until_signalled(settings)


@app.command("check-config")
def check_config(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    show: Annotated[
        bool, typer.Option("--show", help="Print the configuration in force, as YAML.")
    ] = False,
) -> None:
    """Check a configuration: 0 when valid, 2 with every fault listed."""
    with outcomes():
        settings = load_config(file)
        from echonode.config import as_yaml, summary

        for doubt in _doubts(settings):
            typer.echo(f"warning: {doubt}", err=True)
        if show:
            typer.echo(as_yaml(settings), nl=False)
            return
        typer.echo(f"{file} is valid. EchoNode")
        for line in summary(settings):
            typer.echo(f"  {line}")


cli_deliveries.register(app)


@app.command()
def reindex(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Read the index again from the files, while no node runs; shows its progress."""
    with outcomes():
        settings = load_config(config)
        from echonode import log
        from echonode.reindexing import reindex as read_again

        log.configure(format="console", level="error")
        names = [destination.name for destination in settings.destination_values()]
        forwarding = settings.forwarding_by_ae_title()
        if not read_again(settings.data_dir, destinations=names, forwarding=forwarding):
            raise typer.Exit(1)


@app.command()
def preflight(
    peer: Annotated[str | None, typer.Option(metavar="NAME", help="Only this one.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Prove each peer both ways, to the archive's promise; exit 1 names what to mend."""
    with outcomes():
        from echonode import log
        from echonode.preflight_command import print_outcome, run_preflight

        log.configure(level="critical")
        outcome = run_preflight(load_config(config), peer)
        if as_json:
            typer.echo(json.dumps(outcome, indent=2))
        else:
            print_outcome(outcome)
        if not outcome["ok"]:
            raise typer.Exit(1)


@app.command()
def report(
    exam: Annotated[str, typer.Argument(metavar="EXAM", help="Its Study Instance UID.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The bundle, a ZIP file.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Bundle what befell one exam on its way to the archives, without patient data."""
    with outcomes():
        from echonode.flight_report import write_report

        events = write_report(load_config(config), exam, out)
        typer.echo(f"{out}: {events} events")


@app.command("probe-sim")
def probe_sim(
    protocol: Annotated[str, typer.Option(help="echopen or openigtlink")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")],
    dialect: Annotated[
        str, typer.Option(help="Of echopen: sweeping, kit, lounger or epf.")
    ] = "kit",
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    recording: Annotated[
        Path | None, typer.Option(help="A recording; without one, a synthetic phantom.")
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(min=0.1, max=1000.0, help="Else the recorded times, or 20 a second."),
    ] = None,
    frames: Annotated[int, typer.Option(min=0, help="Stop after so many; 0 never.")] = 0,
    loop: Annotated[bool, typer.Option("--loop", help="Begin the recording again.")] = False,
    connect: Annotated[
        bool, typer.Option("--connect", help="To a receiver that listens (openigtlink).")
    ] = False,
    line_port: Annotated[
        int, typer.Option(min=1, max=65535, help="UDP port of the receiver (epf).")
    ] = 51000,
) -> None:
    """Act as a probe on the wire, from a recording or from a synthetic phantom."""
    with outcomes():
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
            connect=connect,
            line_port=line_port,
        )


@app.command()
def demo(
    recording: Annotated[
        Path | None, typer.Option(help="Stream this instead of the phantom.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running.")] = False,
) -> None:
    """The main job on loopback: probe, node and an embedded PACS; ends with a table of proof."""
    with outcomes():
        from echonode.demo import run_demo

        if not run_demo(recording=recording, keep=keep):
            raise typer.Exit(1)


def _end_at_signals() -> None:
    """Until the node's own handlers are there (node_signals.py) nothing is open: end in order.

    os._exit, as an exception could be raised within an import or a callback that swallows it.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))


def main() -> None:
    """Entry point of `echonode` and `python -m echonode`."""
    if sys.argv[1:2] == ["run"]:
        _end_at_signals()
    try:
        app()
    except BrokenPipeError:
        # `echonode ledger | head`: the reader left; nothing is wrong with us.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
