"""`echonode exam report`: the running node reports an exam, as the HTTP API has it."""

from __future__ import annotations

import json
from typing import Annotated, Any
from urllib.parse import quote

import typer

from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes
from echonode.errors import UsageError

_ANSWER_S = 60.0  # pictures are drawn, and three objects are stored


def report(
    exam: Annotated[str, typer.Argument(metavar="EXAM", help="Such as E00000012.")],
    template: Annotated[
        str,
        typer.Option(metavar="CODE", help="fast, obstetric, bladder, vascular_access, lung, free."),
    ] = "free",
    finding: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=TEXT", help="A finding; may be given several times."),
    ] = None,
    conclusion: Annotated[str, typer.Option(metavar="TEXT", help="The conclusion.")] = "",
    language: Annotated[str, typer.Option(metavar="en|fr", help="Of the report's words.")] = "en",
    image: Annotated[
        list[str] | None,
        typer.Option(
            metavar="UID[/FRAME]",
            help="A key image; several times for several. Without it, what was measured.",
        ),
    ] = None,
    templates: Annotated[
        bool, typer.Option("--templates", metavar="", help="List templates and their fields.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", metavar="", help="As JSON.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Report an exam: a PDF, a structured report and its key images, sent like the images.

    EXAM is not looked at with --templates.
    """
    from echonode.commands.node_client import get, post

    with outcomes():
        if templates:
            found = get(load_config(config), "/api/report-templates", timeout_s=_ANSWER_S)
            _say_templates(found, language, as_json=as_json)
            return
        body: dict[str, object] = {
            "template": template,
            "language": language,
            "findings": dict(_finding(each) for each in finding or ()),
            "conclusion": conclusion,
        }
        if image:
            body["key_images"] = [_key_image(each) for each in image]
        path = f"/api/exams/{quote(exam, safe='')}/report"
        made = post(load_config(config), path, body, timeout_s=_ANSWER_S)
        if as_json:
            typer.echo(json.dumps(made, indent=2, ensure_ascii=False))
            return
        typer.echo(f"{made['id']}\t{made['content']['title']}")
        for each in made["objects"]:
            stored = "stored" if each["stored"] else "is being made"
            typer.echo(f"{each['part']}\t{each['sop_instance_uid']}\t{stored}")


def _finding(text: str) -> tuple[str, str]:
    """FIELD=TEXT. Raises UsageError."""
    field, mark, said = text.partition("=")
    if not mark or not field:
        raise UsageError("a finding is FIELD=TEXT; echonode exam report E --templates lists fields")
    return field.strip(), said.strip()


def _key_image(text: str) -> dict[str, object]:
    """UID, or UID/FRAME. Raises UsageError."""
    uid, mark, frame = text.partition("/")
    if mark and not (frame.isascii() and frame.isdecimal() and len(frame) <= 9):
        raise UsageError("a key image is UID, or UID/FRAME with frames from 1 on")
    return {"sop_instance_uid": uid, "frame": int(frame) if mark else 1}


def _say_templates(templates: Any, language: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(templates, indent=2, ensure_ascii=False))
        return
    for template in templates:
        typer.echo(f"{template['code']}\t{template['title'].get(language, '')}")
        for field in template["fields"]:
            offered = " | ".join(choice.get(language, "") for choice in field["choices"])
            typer.echo(f"  {field['code']}\t{field['label'].get(language, '')}\t{offered}")
