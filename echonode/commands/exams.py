"""`echonode exam`: the running node is asked, as the HTTP API has it.

`exam open` and the rest name a patient by the options --patient-id, --name, --birth-date and --sex,
or an item of the worklist by --worklist-item.
"""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from echonode.commands.exam_report import report
from echonode.commands.exam_view import view
from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes
from echonode.commands.typed_patient import (
    ANSWER_S,
    BirthOption,
    IdOption,
    JsonOption,
    NameOption,
    SexOption,
    one_line,
    typed_patient,
)
from echonode.commands.worklist import item_line
from echonode.errors import Doubtful, UsageError
from echonode.model.correction import Reason

app = typer.Typer(help="Exams: whose the images are.", no_args_is_help=True)

ExamArgument = Annotated[str, typer.Argument(metavar="EXAM", help="Such as E00000012.")]
ItemOption = Annotated[
    str, typer.Option("--worklist-item", metavar="ID", help="An item of `echonode worklist`.")
]


class Side(StrEnum):
    """Laterality (0020,0060)."""

    RIGHT = "R"
    LEFT = "L"


@app.command("list")
def list_exams(
    only_open: Annotated[bool, typer.Option("--open", metavar="", help="Only open ones.")] = False,
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """The exams, newest first."""
    with outcomes():
        query = "?open=true" if only_open else ""
        exams = _get(config, f"/api/exams{query}")
        if as_json:
            typer.echo(json.dumps(exams, indent=2, ensure_ascii=False))
            return
        for exam in exams:
            typer.echo(_line(exam))
        if not exams:
            typer.echo("There is no exam.")


@app.command("open")
def open_exam(
    probe: Annotated[str, typer.Argument(metavar="PROBE", help="As the configuration calls it.")],
    worklist_item: ItemOption = "",
    patient_id: IdOption = "",
    name: NameOption = "",
    birth_date: BirthOption = "",
    sex: SexOption = "",
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Open an exam at a probe; without a patient it can be identified later."""
    with outcomes():
        body = {"probe": probe, **_whose(worklist_item, patient_id, name, birth_date, sex)}
        _say(_post(config, "/api/exams", body), as_json=as_json)


@app.command()
def identify(
    exam: ExamArgument,
    worklist_item: ItemOption = "",
    patient_id: IdOption = "",
    name: NameOption = "",
    birth_date: BirthOption = "",
    sex: SexOption = "",
    confirmed: Annotated[
        bool,
        typer.Option("--confirmed", metavar="", help="Take what is typed, whatever the worklist."),
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Say whose an exam is; its images then go out."""
    with outcomes():
        body = _whose(worklist_item, patient_id, name, birth_date, sex)
        if confirmed:
            body["confirmed"] = True
        _say(_post(config, f"/api/exams/{quote(exam, safe='')}/identify", body), as_json=as_json)


@app.command()
def end(
    exam: ExamArgument,
    discontinue: Annotated[
        str,
        typer.Option(
            metavar="REASON",
            help="It was given up: a code of PS3.16 CID 9300, such as 110505 (patient refused).",
        ),
    ] = "",
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Close an exam."""
    with outcomes():
        body: dict[str, object] = {"reason": discontinue} if discontinue else {}
        action = "discontinue" if discontinue else "end"
        _say(_post(config, f"/api/exams/{quote(exam, safe='')}/{action}", body), as_json=as_json)


@app.command()
def correct(
    exam: ExamArgument,
    reason: Annotated[Reason, typer.Option(help="What is wrong.")],
    worklist_item: ItemOption = "",
    patient_id: IdOption = "",
    name: NameOption = "",
    birth_date: BirthOption = "",
    sex: SexOption = "",
    laterality: Annotated[
        Side | None, typer.Option(help="With wrong_side: the side that it is.")
    ] = None,
    instance: Annotated[
        list[str] | None,
        typer.Option(metavar="UID", help="Only these; may be given several times."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Reject what was sent of an exam, and send what is right."""
    with outcomes():
        body = {
            "reason": reason.value,
            **_whose(worklist_item, patient_id, name, birth_date, sex),
        }
        if laterality is not None:
            body["laterality"] = laterality.value
        if instance:
            body["instances"] = instance
        _say(_post(config, f"/api/exams/{quote(exam, safe='')}/correct", body), as_json=as_json)


def register(main: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command()(report)
    app.command()(view)
    main.add_typer(app, name="exam")


def _whose(
    worklist_item: str, patient_id: str, name: str, birth_date: str, sex: str
) -> dict[str, object]:
    """The part of a request that says whose it is. Raises UsageError."""
    patient = typed_patient(patient_id, name, birth_date, sex)
    if worklist_item and patient:
        raise UsageError("give --worklist-item or a patient, not both")
    if worklist_item:
        return {"worklist_item": worklist_item}
    return {"patient": patient} if patient else {}


def _get(config: Path, path: str) -> Any:
    from echonode.commands.node_client import get

    return get(load_config(config), path, timeout_s=ANSWER_S)


def _post(config: Path, path: str, body: dict[str, object]) -> Any:
    """Raises what node_client raises; the candidates of a doubtful patient are printed."""
    from echonode.commands.node_client import post

    try:
        return post(load_config(config), path, body, timeout_s=ANSWER_S)
    except Doubtful as doubtful:
        for item in doubtful.candidates:
            typer.echo(item_line(item), err=True)
        raise


def _say(exam: Any, *, as_json: bool) -> None:
    typer.echo(json.dumps(exam, indent=2, ensure_ascii=False) if as_json else _line(exam))


def _line(exam: Any) -> str:
    """One exam, tab-separated, its id first."""
    patient = exam["patient"] or {"id": "", "name": "no patient"}
    return "\t".join(
        one_line(str(value))
        for value in (
            exam["id"],
            exam["probe"],
            exam["progress"],
            exam["identity"],
            exam["opened_at"],
            exam["captures"],
            patient["id"],
            patient["name"],
            exam["study_instance_uid"],
        )
    )
