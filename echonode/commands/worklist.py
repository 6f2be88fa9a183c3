"""`echonode worklist`: the list as the running node has it, and what a person enters into it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Annotated, Any
from urllib.parse import quote

import typer

from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes
from echonode.commands.typed_patient import (
    ANSWER_S,
    BirthOption,
    JsonOption,
    NameOption,
    SexOption,
    one_line,
    typed_patient,
)

listing = typer.Typer(help="The worklist as the node has it, and what a person enters into it.")

# As the API calls them; the id is first, so that a script finds it.
_COLUMNS = (
    *("id", "start_date", "start_time", "patient_id", "patient_name", "birth_date"),
    *("accession_number", "scheduled_step", "status", "source"),
)
_A_MINUTE, _AN_HOUR = 60, 3600


@listing.callback(invoke_without_command=True)
def worklist(
    context: typer.Context,
    every: Annotated[
        bool, typer.Option("--all", metavar="", help="Of every day, not only of today.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """The worklist as the node has it, and how old it is."""
    if context.invoked_subcommand:
        return
    from echonode.commands.node_client import get

    with outcomes():
        path = "/api/worklist" + ("?all=true" if every else "")
        found = get(load_config(config), path, timeout_s=ANSWER_S)
        if as_json:
            typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
            return
        if found["configured"]:
            age = found["age_s"]
            when = "was never fetched" if age is None else f"was fetched {_span(age)} ago"
            typer.echo(f"The list of the RIS {when}.")
        if found["problem"]:
            typer.echo(f"not fetched now: {found['problem']}", err=True)
        if found["missing"]:
            typer.echo(f"{found['missing']} answers of the RIS are missing: see the log", err=True)
        for line in _lines(found["items"]):
            typer.echo(line)


@listing.command("add")
def add_item(
    patient_id: Annotated[str, typer.Option("--patient-id", metavar="ID")],
    name: NameOption,
    procedure: Annotated[str, typer.Option(metavar="TEXT", help="What is to be examined.")],
    birth_date: BirthOption = "",
    sex: SexOption = "",
    accession_number: Annotated[str, typer.Option(metavar="NUMBER")] = "",
    date: Annotated[str, typer.Option(metavar="YYYYMMDD", help="Today, if not given.")] = "",
    time: Annotated[str, typer.Option(metavar="HH:MM", help="Now, if no day is given.")] = "",
    modality: Annotated[str, typer.Option(metavar="CODE", help="Such as US.")] = "",
    station: Annotated[
        list[str] | None,
        typer.Option(metavar="AE", help="Whose it is; may be given several times."),
    ] = None,
    referring_physician: Annotated[str, typer.Option(metavar="NAME")] = "",
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Enter an item of our own worklist, for this node's exams and for other modalities."""
    from echonode.commands.node_client import post

    with outcomes():
        order = {
            "requested_procedure": procedure,
            "accession_number": accession_number,
            "start_date": date,
            "start_time": time,
            "modality": modality,
            "station_ae_titles": station,
            "referring_physician": referring_physician,
        }
        body: dict[str, object] = {
            "patient": typed_patient(patient_id, name, birth_date, sex),
            **{field: value for field, value in order.items() if value},
        }
        item = post(load_config(config), "/api/worklist", body, timeout_s=ANSWER_S)
        typer.echo(json.dumps(item, indent=2, ensure_ascii=False) if as_json else item_line(item))


@listing.command("remove")
def remove_item(
    item: Annotated[str, typer.Argument(metavar="ITEM", help="Its id, of `echonode worklist`.")],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Take back an item that a person entered."""
    from echonode.commands.node_client import delete

    with outcomes():
        path = f"/api/worklist/{quote(item, safe='')}"
        delete(load_config(config), path, timeout_s=ANSWER_S)
        typer.echo(f"{item} is taken back.")


def register(main: typer.Typer) -> None:
    """Add the commands to the program."""
    main.add_typer(listing, name="worklist")


def item_line(item: Any) -> str:
    """One item, tab-separated, its id first."""
    return "\t".join(one_line(str(item.get(key, ""))) for key in _COLUMNS)


def _lines(items: Sequence[Any]) -> Iterator[str]:
    """The names of the columns, and an item a line."""
    if not items:
        yield "There is nothing on the worklist."
        return
    yield "\t".join(_COLUMNS)
    for item in items:
        yield item_line(item)


def _span(seconds: float) -> str:
    """As a person says how old a list is."""
    if seconds < 2 * _A_MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * _AN_HOUR:
        return f"{seconds / _A_MINUTE:.0f} min"
    return f"{seconds / _AN_HOUR:.0f} h"
