"""The volume of a tracked sweep over HTTP: made, and kept in the study of its cine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from echonode.errors import FieldRefused, UsageError
from echonode.model.identity import is_valid_uid
from echonode.web.admission import caller_of
from echonode.web.json_requests import Fields, answer, number, only, text

Json = Mapping[str, Any]

_LONGEST_NAME = 64  # of a transform: PLUS names have some twenty characters
_SMALLEST_MM, _LARGEST_MM = 0.01, 100.0  # of a voxel's side


@dataclass(frozen=True, kw_only=True)
class VolumeWish:
    """As copies.source.CopyOptions has them; '' and None choose."""

    transform: str = ""
    image_to_probe: tuple[float, ...] | None = None
    voxel_mm: float | None = None


class VolumeApi(Protocol):
    """What the route needs; node/ gives it."""

    def keep(self, sop_instance_uid: str, wish: VolumeWish, *, by: str) -> Json:
        """{sop_instance_uid, study_instance_uid, is_new}. Raises UsageError, OperatorRefused,
        StoreError.
        """


def volume_routes(api: VolumeApi) -> list[BaseRoute]:
    """/api/instances/UID/volume.

    It stands before the operator's routes, whose POST /api/instances/UID/ACTION takes any word.
    """

    async def keep(request: Request) -> Response:
        return await answer(request, lambda fields: _keep(api, request, fields), status=201)

    return [Route("/api/instances/{uid}/volume", keep, methods=["POST"])]


def _keep(api: VolumeApi, request: Request, fields: Fields) -> Json:
    only(fields, "transform", "image_to_probe", "voxel_mm")
    uid = str(request.path_params["uid"])
    if not is_valid_uid(uid):
        raise UsageError("there is no such image here")
    caller = caller_of(request.scope)
    return api.keep(uid, _wish(fields), by=caller.name if caller else "")


def _wish(fields: Fields) -> VolumeWish:
    """Raises FieldRefused."""
    transform = text(fields, "transform") if fields.get("transform") else ""
    if len(transform) > _LONGEST_NAME:
        raise FieldRefused("transform", "is no transform", "give its name, as ImageToReference")
    voxel_mm = None if fields.get("voxel_mm") is None else number(fields, "voxel_mm")
    if voxel_mm is not None and not _SMALLEST_MM <= voxel_mm <= _LARGEST_MM:
        raise FieldRefused("voxel_mm", "is not the size of a voxel", "give 0.01 to 100 mm")
    return VolumeWish(
        transform=transform,
        image_to_probe=_matrix(fields.get("image_to_probe")),
        voxel_mm=voxel_mm,
    )


def _matrix(value: object) -> tuple[float, ...] | None:
    if value is None:
        return None
    refused = FieldRefused(
        "image_to_probe", "is no matrix", "give sixteen numbers, row by row, pixels to mm"
    )
    if not isinstance(value, list) or len(value) != 16:
        raise refused
    found = []
    for each in value:
        if isinstance(each, bool) or not isinstance(each, int | float) or not abs(each) < 1e9:
            raise refused
        found.append(float(each))
    assert all(map(math.isfinite, found))
    return tuple(found)
