"""A patient on the command line: the options that name one, and lines that a terminal shows."""

from __future__ import annotations

from typing import Annotated

import typer

ANSWER_S = 60.0  # an exam of large cines is rewritten within it, or goes on by itself
JsonOption = Annotated[bool, typer.Option("--json", metavar="", help="As JSON.")]
IdOption = Annotated[str, typer.Option("--patient-id", metavar="ID", help="The Patient ID.")]
NameOption = Annotated[
    str, typer.Option("--name", metavar="NAME", help="Family^Given, groups separated by =.")
]
BirthOption = Annotated[str, typer.Option("--birth-date", metavar="YYYYMMDD")]
SexOption = Annotated[str, typer.Option("--sex", metavar="M|F|O")]


def typed_patient(patient_id: str, name: str, birth_date: str, sex: str) -> dict[str, object]:
    """What was given of a patient, as the API takes it."""
    typed = {"id": patient_id, "name": name, "birth_date": birth_date, "sex": sex}
    return {key: value for key, value in typed.items() if value}


def one_line(text: str) -> str:
    """What would end the line, or drive a terminal, is escaped."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
