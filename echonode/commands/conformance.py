"""`echonode conformance`: the DICOM conformance statement of a configuration."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes
from echonode.errors import UsageError


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(conformance)


def conformance(
    as_json: Annotated[
        bool,
        typer.Option("--json", metavar="", help="Print the claims: id, section, claim and test."),
    ] = False,
    as_html: Annotated[bool, typer.Option("--html", metavar="", help="Print a web page.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Print the DICOM conformance statement of this configuration (PS3.2 annex N).

    Without --json or --html it is Markdown. The node need not run.
    """
    with outcomes():
        if as_json and as_html:
            raise UsageError("give --json or --html, not both")
        settings = load_config(config)
        from echonode.monitoring.conformance.document import html, markdown
        from echonode.monitoring.conformance.statement import claims

        found = claims(settings)
        if as_json:
            text = json.dumps([claim.row() for claim in found], indent=1, ensure_ascii=False) + "\n"
        else:
            text = html(found) if as_html else markdown(found)
        sys.stdout.write(text)
