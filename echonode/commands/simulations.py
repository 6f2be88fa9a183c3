"""What shows the node at work without a clinic: `probe-sim` and `demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from echonode.commands.invocation import outcomes


def probe_sim(
    protocol: Annotated[str, typer.Option(help="echopen or openigtlink.")],
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The TCP port; 0 picks a free one to listen on.")
    ],
    dialect: Annotated[
        str, typer.Option(help="Of echopen: sweeping, kit, lounger or epf.")
    ] = "kit",
    host: Annotated[
        str, typer.Option(help="The address to listen on; with --connect, the receiver's.")
    ] = "127.0.0.1",
    recording: Annotated[
        Path | None,
        typer.Option(help="Send this recording. Default: a synthetic phantom, endlessly."),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            min=0.1, max=1000.0, help="Frames per second. Default: recorded timing, or 20."
        ),
    ] = None,
    frames: Annotated[
        int, typer.Option(min=0, help="End after this many frames; 0 is no limit.")
    ] = 0,
    loop: Annotated[bool, typer.Option("--loop", metavar="", help="Repeat the recording.")] = False,
    connect: Annotated[
        bool,
        typer.Option(
            "--connect", metavar="", help="Connect to a receiver that listens (openigtlink only)."
        ),
    ] = False,
    line_port: Annotated[
        int, typer.Option(min=1, max=65535, help="UDP port of the receiver (epf).")
    ] = 51000,
) -> None:
    """Simulate a probe on the network, from a recording or a synthetic phantom."""
    with outcomes():
        from echonode.commands.probe_sim import simulate

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


def demo(
    recording: Annotated[
        Path | None, typer.Option(help="Stream this recording instead of a synthetic phantom.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", metavar="", help="Leave it running; Ctrl-C ends it.")
    ] = False,
) -> None:
    """Run a self-contained demonstration: probe, node and archive on this machine.

    It ends with a table of what was checked; --keep leaves it running with its status page.
    """
    with outcomes():
        from echonode.commands.demo import run_demo

        if not run_demo(recording=recording, keep=keep):
            raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the commands, in the order in which `--help` lists them."""
    app.command("probe-sim")(probe_sim)
    app.command()(demo)
