"""`echonode exam view`: the running node keeps how an image is shown, as the HTTP API has it."""

from __future__ import annotations

import json
from typing import Annotated
from urllib.parse import quote

import typer

from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes
from echonode.errors import UsageError

_ANSWER_S = 30.0  # one small object is made and stored


def view(
    image: Annotated[str, typer.Argument(metavar="UID", help="An image of an exam.")],
    frame: Annotated[int, typer.Option(min=1, help="Of a cine: the frame that is annotated.")] = 1,
    window: Annotated[
        str, typer.Option(metavar="C,W", help="Window center and width. Default: the image's own.")
    ] = "",
    area: Annotated[
        str,
        typer.Option(metavar="L,T,R,B", help="What is visible, in pixels. Default: all of it."),
    ] = "",
    note: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y,TEXT", help="A text at a point; several times for several."),
    ] = None,
    description: Annotated[str, typer.Option(metavar="TEXT", help="Of the view.")] = "",
    language: Annotated[str, typer.Option(metavar="en|fr", help="Of what was measured.")] = "en",
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="As JSON.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Keep how an image is shown: a Grayscale Softcopy Presentation State, sent like the images.

    What was measured on the frame is drawn in it.
    """
    from echonode.commands.node_client import post

    with outcomes():
        body: dict[str, object] = {"frame": frame, "description": description, "language": language}
        if window:
            center, width = _numbers("--window", window, 2)
            body["window"] = {"center": center, "width": width}
        if area:
            body["area"] = _numbers("--area", area, 4)
        if note:
            body["notes"] = [_note(each) for each in note]
        path = f"/api/instances/{quote(image, safe='')}/presentation"
        made = post(load_config(config), path, body, timeout_s=_ANSWER_S)
        if as_json:
            typer.echo(json.dumps(made, indent=2, ensure_ascii=False))
            return
        for each in made["objects"]:
            stored = "stored" if each["stored"] else "is being made"
            typer.echo(f"{made['id']}\t{each['sop_instance_uid']}\t{stored}")


def _note(given: str) -> dict[str, object]:
    """X,Y,TEXT, in which the text may have commas. Raises UsageError."""
    x, _, rest = given.partition(",")
    y, comma, text = rest.partition(",")
    if not comma or not text.strip():
        raise UsageError("--note is X,Y,TEXT, such as 60,70,stone")
    return {"text": text.strip(), "point": _numbers("--note", f"{x},{y}", 2)}


def _numbers(option: str, given: str, count: int) -> list[float]:
    """Raises UsageError."""
    try:
        found = [float(each) for each in given.split(",")]
    except ValueError:
        found = []
    if len(found) != count:
        raise UsageError(f"{option} {given}: give {count} numbers with commas between them")
    return found
