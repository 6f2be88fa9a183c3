"""`echonode keep-volume`: the running node keeps the volume of a tracked sweep in its study."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import typer

from echonode.commands.invocation import DEFAULT_CONFIG, ConfigOption, load_config, outcomes
from echonode.errors import UsageError

_ANSWER_S = 600.0  # a sweep of some hundred frames takes seconds, on a small machine a minute


def keep_volume(
    cine: Annotated[str, typer.Argument(metavar="UID", help="The cine of a tracked sweep.")],
    transform: Annotated[str, typer.Option(metavar="NAME", help="Such as ImageToReference.")] = "",
    image_to_probe: Annotated[
        str, typer.Option(metavar="NUMBERS", help="The calibration: sixteen numbers, pixels to mm.")
    ] = "",
    voxel: Annotated[float | None, typer.Option(metavar="MM", help="The voxels' size.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make the volume of a tracked sweep, and keep it in the study as an Enhanced US Volume.

    It is stored, delivered and proved like an image.
    """
    from echonode.commands.node_client import post

    with outcomes():
        body: dict[str, object] = {"transform": transform, "voxel_mm": voxel}
        if image_to_probe:
            body["image_to_probe"] = _matrix(image_to_probe)
        path = f"/api/instances/{quote(cine, safe='')}/volume"
        made = post(load_config(config), path, body, timeout_s=_ANSWER_S)
        said = "stored" if made["is_new"] else "here already"
        typer.echo(f"{made['sop_instance_uid']}\t{said}")


def _matrix(given: str) -> list[float]:
    """Raises UsageError."""
    try:
        return [float(each) for each in given.replace(",", " ").split()]
    except ValueError:
        raise UsageError("--image-to-probe needs sixteen numbers, row by row") from None


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("keep-volume")(keep_volume)
