"""`echonode lying-pacs`: runs the archive until Ctrl-C, a line of output for each event."""

from __future__ import annotations

import signal
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from echonode.commands.invocation import outcomes
from echonode.errors import UsageError

if TYPE_CHECKING:
    from echonode.commands.lying_pacs.conduct import Conduct

# Small, so that an archive that stops reading is felt soon: the kernel takes no megabytes for it.
_RECEIVE_BUFFER = 65_536


def lying_pacs(
    behaviour: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:KEY=VALUE,...]",
            help="What it does; may be given several times. Default: honest.",
            show_default=False,
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The TCP port; 0 takes a free one.")
    ] = 11113,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    ae_title: Annotated[str, typer.Option(help="Its AE title, in reports.")] = "PACS",
    report_to: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT",
            help="The sender's address. With it, reports have associations of their own; "
            "without, they are on the association that asked.",
            show_default=False,
        ),
    ] = "",
    report_ae_title: Annotated[
        str,
        typer.Option(
            metavar="AE",
            help="The AE title that reports call. Default: the one that asked.",
            show_default=False,
        ),
    ] = "",
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print each event as a JSON object.")
    ] = False,
    list_all: Annotated[
        bool, typer.Option("--list", metavar="", help="Print all behaviours, and end.")
    ] = False,
) -> None:
    """Run an archive that misbehaves as you say, to test a DICOM sender against it.

    It takes any AE title and keeps no dataset: never give it the only copy of an image. It prints
    a line for each event, without patient data. Ctrl-C ends it.
    """
    with outcomes():
        from echonode.commands.lying_pacs import choosing, script

        if list_all:
            typer.echo("\n".join(choosing.listing()))
            return
        _check_ae_title(ae_title)
        sender = _address(report_to) if report_to else None
        ways = (script.Way.SEPARATE,) if sender else (script.Way.SAME_ASSOCIATION,)
        names = behaviour or ["honest"]
        from echonode.commands.lying_pacs.conduct import Conduct

        conduct = choosing.conduct_of(names, start=replace(Conduct(), ways=ways))
        if conduct.calls_the_sender and sender is None:
            raise UsageError(
                f"{', '.join(names)}: a report goes on an association of its own; "
                "give the sender's address with --report-to HOST:PORT"
            )
        node = (*(sender or ("127.0.0.1", 0)), report_ae_title)
        _serve(conduct, names, (host, port), ae_title=ae_title, node=node, as_json=as_json)


def _serve(
    conduct: Conduct,
    names: list[str],
    listen: tuple[str, int],
    *,
    ae_title: str,
    node: tuple[str, int, str],
    as_json: bool,
) -> None:
    from echonode.commands.lying_pacs import event_lines
    from echonode.commands.lying_pacs.archive import LyingArchive
    from echonode.commands.lying_pacs.conduct import follow

    line = event_lines.as_json if as_json else event_lines.as_text
    printing = threading.Lock()

    def tell(kind: str, fields: dict[str, Any]) -> None:
        with printing:
            typer.echo(line(kind, fields, datetime.now(UTC)))

    try:
        archive = LyingArchive(
            host=listen[0],
            port=listen[1],
            ae_title=ae_title,
            node_host=node[0],
            node_port=node[1],
            node_ae_title=node[2],
            tell=tell,
            receive_buffer=_RECEIVE_BUFFER,
        )
    except OSError as error:
        raise UsageError(f"cannot listen on {listen[0]}:{listen[1]}: {error.strerror}") from None
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    follow(archive, conduct)
    archive.start()
    typer.echo(
        f"lying-pacs: {ae_title} on {listen[0]}:{archive.port}, {' + '.join(names)}", err=as_json
    )
    over.wait()
    archive.close()
    typer.echo(
        f"lying-pacs: ended. Instances kept: {len(archive.kept)}, "
        f"unreadable messages: {archive.failures}",
        err=as_json,
    )


def _check_ae_title(value: str) -> None:
    """PS3.5 table 6.2-1. Raises UsageError."""
    if not (0 < len(value) <= 16 and value.isascii() and value.isprintable() and value.strip()):
        raise UsageError(f"--ae-title {value!r} is not 1 to 16 printable ASCII characters")


def _address(value: str) -> tuple[str, int]:
    """HOST:PORT. Raises UsageError."""
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise UsageError(f"--report-to {value!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


def register(main: typer.Typer) -> None:
    """Add the command to the program."""
    main.command("lying-pacs")(lying_pacs)
