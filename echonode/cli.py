"""The `echonode` command. Each command imports what it needs, so that help answers at once.

Exit codes: 0 done, 1 the job failed, 2 bad usage or configuration.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from echonode import __version__
from echonode.commands import (
    accept_look,
    audit,
    backups,
    conformance,
    deliveries,
    encrypt,
    exams,
    export,
    import_media,
    keep_volume,
    move_store,
    patient,
    printing,
    simulations,
    users,
    viewer,
    worklist,
)
from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes
from echonode.commands.lying_pacs import command as lying_pacs
from echonode.errors import ConfigFault, OutOfResources, UsageError

if TYPE_CHECKING:
    from echonode.config import Config

app = typer.Typer(
    name="echonode",
    help=(
        "A DICOM network node for an open ultrasound probe.\n\n"
        "To see it work: demo. To set it up: init, check-config, preflight, then run.\n\n"
        "Exit status: 0 done, 1 the job failed, 2 bad usage or configuration."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _doubts(settings: Config) -> Iterator[ConfigFault]:
    from echonode.commands.user_store import has_users
    from echonode.config import doubts
    from echonode.config.doubts import is_passed_on

    users = is_passed_on(settings) and has_users(settings)
    return doubts(settings, os.environ, datetime.now(UTC), has_users=users)


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[
        bool, typer.Option("--version", metavar="", help="Print the version.")
    ] = False,
) -> None:
    if version:
        typer.echo(f"echonode {__version__}")
        raise typer.Exit


@app.command()
def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Run the node until SIGTERM or SIGINT, then drain and exit."""
    # Modules are no garbage: to look for it while they are loaded takes an eighth of a start.
    gc.disable()
    with outcomes():
        settings = load_config(config)
        from echonode import log
        from echonode.commands.run import run_until_signalled

        log.configure(format=settings.logging.format, level=settings.logging.level)
        for doubt in _doubts(settings):
            log.get_logger(__name__).warning(
                "config_doubtful", path=doubt.path, reason=doubt.problem, remedy=doubt.remedy
            )
        gc.freeze()
        gc.enable()
        run_until_signalled(settings)


@app.command("check-config")
def check_config(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help=f"The configuration. Default: {DEFAULT_CONFIG}.",
            show_default=False,
        ),
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", metavar="", help="Print the configuration in force, as YAML.")
    ] = False,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="The same as FILE.", show_default=False),
    ] = None,
) -> None:
    """Check a configuration, and list every error with its location and a fix.

    Exit status: 0 when it is valid, 2 when it is not. Warnings do not count as errors.
    """
    with outcomes():
        if file is not None and config is not None:
            raise UsageError("give FILE or --config FILE, not both")
        file = file or config or DEFAULT_CONFIG
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


@app.command()
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder. A missing one is made.")
    ] = DEFAULT_CONFIG.parent,
    clinic: Annotated[
        bool,
        typer.Option("--clinic", metavar="", help="The example with a PACS, TLS and two probes."),
    ] = False,
) -> None:
    """Write a commented example configuration, DIR/echonode.yaml, to start from.

    A file that is there already is left as it is.
    """
    with outcomes():
        from echonode.commands.init import write_example

        written = write_example(folder, clinic=clinic)
        option = "" if written == DEFAULT_CONFIG else f" --config {written}"
        typer.echo(f"{written} is written. Change the addresses in it, then:")
        typer.echo(f"  echonode check-config {written}")
        typer.echo(f"  echonode preflight{option}")
        typer.echo(f"  echonode run{option}")


audit.register(app)
conformance.register(app)
deliveries.register(app)
patient.register(app)
exams.register(app)
worklist.register(app)
export.register(app)
accept_look.register(app)
import_media.register(app)
keep_volume.register(app)
users.register(app)
viewer.register(app)
lying_pacs.register(app)
printing.register(app)


@app.command("web-certificate")
def web_certificate(
    host: Annotated[
        list[str],
        typer.Option(
            metavar="NAME",
            help="A name or address by which browsers call this node; may be given several times.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="The folder. Default: tls, next to the configuration."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make the console's certificate, and show how to bring its authority to a tablet.

    Run it again before the certificate expires: the authority stays, so the tablets need nothing.
    """
    with outcomes():
        from echonode.commands.recording import record_certificate
        from echonode.commands.web_certificate import make_certificate, steps

        settings = load_config(config) if config.exists() else None
        web = settings.web if settings else None
        made = make_certificate(out or config.parent / "tls", host, now=datetime.now(UTC))
        record_certificate(settings, made.folder / "web.pem")
        typer.echo(steps(made, port=web.port if web else 8080), nl=False)


@app.command()
def reindex(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Rebuild the index from the stored files. Stop the node first."""
    with outcomes():
        settings = load_config(config)
        from echonode import log
        from echonode.commands.reindex import reindex as read_again

        log.configure(format="console", level="error")
        if not read_again(settings):
            raise typer.Exit(1)


@app.command()
def preflight(
    peer: Annotated[str | None, typer.Option(metavar="NAME", help="Test this peer only.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", metavar="", help="Print one JSON object.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Test every connection in both directions, storage commitment included.

    Exit status 1 on failure; each failure is printed with its remedy.
    """
    with outcomes():
        from echonode import log
        from echonode.commands.preflight import print_outcome, run_preflight

        log.configure(level="critical")
        outcome = run_preflight(load_config(config), peer)
        if as_json:
            typer.echo(json.dumps(outcome, indent=2))
        else:
            print_outcome(outcome)
        if not outcome["ok"]:
            raise typer.Exit(1)


@app.command()
def acknowledge(
    study: Annotated[str, typer.Argument(metavar="STUDY", help="A Study Instance UID.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """End the alarm of a study whose UID or Patient ID is also another patient's."""
    with outcomes():
        from echonode import log
        from echonode.commands.operate import acknowledge_study

        log.configure(level="critical")
        done = acknowledge_study(load_config(config), study)["acknowledged"]
        typer.echo(f"{study}: {done} acknowledged")


@app.command()
def report(
    study: Annotated[str, typer.Argument(metavar="STUDY_UID", help="A Study Instance UID.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The bundle, a ZIP file.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Create a support bundle for one exam, without patient data."""
    with outcomes():
        from echonode.audit.sources.commands import exported
        from echonode.commands.recording import record
        from echonode.commands.report import write_report

        settings = load_config(config)
        events = write_report(settings, study, out)
        target = out.absolute().as_uri()
        record(settings, exported((study,), target, at=datetime.now(UTC), what="support bundle"))
        typer.echo(f"{out}: {events} events")


backups.register(app)
move_store.register(app)
encrypt.register(app)
simulations.register(app)


def _end_at_signals() -> None:
    """Until the node's own handlers are there (run.py) nothing is open: end in order.

    os._exit, as an exception could be raised within an import or a callback that swallows it.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(0))


# A node that serves takes 600 MiB of addresses: stacks, libraries and the index's maps. With less,
# whichever library asks first fails, and some of them end the process in no words at all.
_LEAST_ADDRESS_SPACE = 768 * 1024 * 1024


def _short_of_addresses() -> bool:
    """Whether the limit of address space is too low for a node to start."""
    import resource  # not on Windows, which is refused before this

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return limit != resource.RLIM_INFINITY and limit < _LEAST_ADDRESS_SPACE


def unsupported(system: str) -> str:
    """Why EchoNode does not run on a system, by its os.name; '' where it does."""
    if system == "posix":
        return ""
    return (
        "EchoNode runs on Linux, and without promises on macOS. It does not run on Windows: the "
        "locks, limits and durable writes that its store depends on are not there. Use WSL 2, a "
        "container, or a Linux machine."
    )


def main() -> None:
    """Entry point of `echonode` and `python -m echonode`."""
    if reason := unsupported(os.name):
        sys.exit(reason)
    if sys.argv[1:2] == ["run"]:
        _end_at_signals()
        if _short_of_addresses():
            sys.exit(str(OutOfResources()))
    try:
        app()
    except BrokenPipeError:
        # `echonode ledger | head`: the reader left; nothing is wrong with us.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
