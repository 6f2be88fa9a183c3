"""`echonode accept-look`: a person has looked at images and saw no text in their pixels."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes
from echonode.errors import StoreLocked, UsageError

if TYPE_CHECKING:
    from echonode.config import Config

_ANSWER_S = 30.0


def accept_look(
    uids: Annotated[
        list[str], typer.Argument(metavar="UID...", help="SOP Instance UIDs of the images.")
    ],
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Say that a person saw no text in the pixels of images, so anonymised copies may be made.

    Deliveries that were held for the look go on.
    """
    with outcomes():
        from echonode import log
        from echonode.model.identity import is_valid_uid

        log.configure(level="critical")
        settings = load_config(config)
        for uid in uids:
            if not is_valid_uid(uid):
                raise UsageError(f"{uid!r} is not a UID")
        for uid in uids:
            look = _accept(settings, uid)
            typer.echo(f"{uid}: looked at by {look['looked_by'] or 'a person'}")


def _accept(settings: Config, uid: str) -> dict[str, Any]:
    """By the node that runs, or in the store. Raises UsageError, OperatorRefused, StoreError."""
    from echonode.access.callers import LOCAL_COMMAND
    from echonode.commands.node_client import post
    from echonode.commands.operate import opened_store

    try:
        store = opened_store(settings)
    except StoreLocked:
        path = f"/api/instances/{quote(uid)}/look"
        answer: dict[str, Any] = post(settings, path, {}, timeout_s=_ANSWER_S)
        return answer
    with store:
        look = store.looks.accept(uid, by=LOCAL_COMMAND, now=datetime.now(UTC))
        return {"looked_by": look.by}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("accept-look")(accept_look)
