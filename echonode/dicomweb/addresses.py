"""Which instances a path names, and the addresses that answers give (PS3.18 10.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from echonode.dicomweb.answers import Refused
from echonode.model.criteria import Level, Root, Selection
from echonode.model.identity import is_valid_uid

PREFIX: Final = "/dicom-web"
_KEYS: Final = (
    ("study", "StudyInstanceUID", Level.STUDY),
    ("series", "SeriesInstanceUID", Level.SERIES),
    ("instance", "SOPInstanceUID", Level.IMAGE),
)
# Frames of one request: as many as the cine of a long examination has.
MOST_FRAMES: Final = 20_000


def service_address(request: Request) -> str:
    """The service's, with a slash at its end. Guard has checked that the host is ours.

    dicomweb-client leaves the port out of Host; where Host is the address of the connection itself,
    the connection's port is meant. Behind a proxy it is the proxy's name, and stays as it is.
    """
    place = request.url.netloc
    server = request.scope.get("server")
    if server is not None and request.url.port is None and request.url.hostname == server[0]:
        place = f"{place}:{server[1]}"
    return f"{request.url.scheme}://{place}{PREFIX}/"


def address_of(service: str, study: str, series: str, instance: str) -> str:
    """An instance's, with a slash at its end."""
    return f"{service}studies/{study}/series/{series}/instances/{instance}/"


def named(request: Request) -> list[tuple[str, str]]:
    """Keyword and UID of each level that the path names. Raises Refused."""
    found = []
    for parameter, keyword, _ in _KEYS:
        uid = request.path_params.get(parameter)
        if uid is None:
            continue
        found.append((keyword, checked_uid(keyword, uid)))
    return found


def checked_uid(keyword: str, uid: str) -> str:
    """Raises Refused for what is no UID."""
    if not is_valid_uid(uid):
        raise Refused(400, f"{keyword} is not a UID")
    return uid


def selection(request: Request) -> Selection:
    """What the path names. Raises Refused."""
    return selection_of(dict(named(request)))


def selection_of(uids: Mapping[str, str]) -> Selection:
    """What UIDs name, by their keywords; the study's among them."""
    level = next(each for _, keyword, each in reversed(_KEYS) if keyword in uids)
    return Selection(
        root=Root.STUDY, level=level, keys={keyword: (uid,) for keyword, uid in uids.items()}
    )


def frame_numbers(text: str) -> list[int]:
    """The frames of a path, from 1 on, in the order asked for. Raises Refused."""
    parts = text.split(",", MOST_FRAMES)
    if len(parts) > MOST_FRAMES:
        raise Refused(400, f"over {MOST_FRAMES:,} frames in one request")
    if not all(part.isascii() and part.isdecimal() and len(part) < 10 for part in parts):
        raise Refused(400, "frames are numbers from 1 on, with commas between them")
    numbers = [int(part) for part in parts]
    if 0 in numbers:
        raise Refused(400, "frames are numbered from 1 on")
    return numbers
