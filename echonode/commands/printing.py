"""`echonode print`: a study queued for a printer by the running node, and the queue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes
from echonode.errors import UsageError

_ANSWER_S = 30.0  # a study of a thousand images is looked through


def print_study(
    study: Annotated[
        str, typer.Option("--study", metavar="UID", help="The study; all its images.")
    ] = "",
    printer: Annotated[
        str,
        typer.Option(metavar="NAME", help="The printer. Default: the only one that is configured."),
    ] = "",
    layout: Annotated[
        str, typer.Option(metavar="CxR", help="Columns x rows of a film, 1x1 to 3x4.")
    ] = "1x1",
    copies: Annotated[int, typer.Option(min=1, max=10, help="Of each film.")] = 1,
    retry: Annotated[
        int | None,
        typer.Option(
            "--retry", metavar="JOB", help="Try a job again, now; a film in doubt is printed again."
        ),
    ] = None,
    came_out: Annotated[
        int | None,
        typer.Option(
            "--came-out", metavar="JOB", help="The film in doubt is printed: go on with the next."
        ),
    ] = None,
    cancel: Annotated[
        int | None, typer.Option("--cancel", metavar="JOB", help="Take a job off the queue.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="As JSON.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Print a study on a DICOM printer; without --study, list the print jobs.

    The running node queues the job durably and prints it as soon as the printer can. Of a clip,
    its middle frame is printed.
    """
    with outcomes():
        actions = {"retry": retry, "came-out": came_out, "cancel": cancel}
        asked = [(action, job) for action, job in actions.items() if job is not None]
        if len(asked) + bool(study) > 1:
            raise UsageError("give one of --study, --retry, --came-out and --cancel")
        if asked:
            [(action, job)] = asked
            shown = [_asked(config, f"/api/prints/{job}/{action}", {})]
        elif study:
            body: dict[str, object] = {
                "printer": printer or _the_printer(config),
                "layout": layout,
                "copies": copies,
            }
            shown = [_asked(config, f"/api/studies/{quote(study)}/print", body)]
        else:
            shown = _asked(config, "/api/prints", None)["jobs"]
        if as_json:
            typer.echo(json.dumps(shown, indent=2))
            return
        for each in shown:
            typer.echo(_line(each))
        if not shown:
            typer.echo("There is no print job.")


def _asked(config: Path, path: str, body: dict[str, object] | None) -> Any:
    from echonode.commands import node_client

    settings = load_config(config)
    if body is None:
        return node_client.get(settings, path, timeout_s=_ANSWER_S)
    return node_client.post(settings, path, body, timeout_s=_ANSWER_S)


def _the_printer(config: Path) -> str:
    """Raises UsageError where there is not one."""
    names = [each.peer for each in load_config(config).prints]
    if len(names) != 1:
        known = ", ".join(names) or "none is configured (`prints`)"
        raise UsageError(f"name the printer with --printer: {known}")
    return names[0]


def _line(job: dict[str, Any]) -> str:
    line = (
        f"job {job['id']}: {job['state']}, {job['films_done']} of {job['films']} films of "
        f"{job['layout']} on {job['printer']}"
    )
    return f"{line}: {job['problem']}" if job["problem"] else line


def register(main: typer.Typer) -> None:
    """Add the command to the program."""
    main.command("print")(print_study)
