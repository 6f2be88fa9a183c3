"""The console's own files: one route each, made from the folder's listing.

Rules
- The listing is read once, as the routes are made: no path of a request reaches the disk.
- A file of a kind that is not in `MEDIA_TYPES` is an error: it does not belong to the console.
- A browser keeps a file and asks whether it is still the same (ETag, RFC 9110 8.8.3): a tablet that
  comes back loads nothing twice, and never runs an old script with a new node.
- The start page lists the modules that it leads to (module_list.py): they are asked for at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from echonode.web.module_list import with_module_list

MEDIA_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
START = "index.html"


def page_routes() -> list[BaseRoute]:
    """GET / (the start page) and GET /console/PATH for every other file of the folder."""
    files = {path: file.read_bytes() for path, file in console_files()}
    scripts = {path: file.decode() for path, file in files.items() if path.endswith(".js")}
    files[START] = with_module_list(files[START].decode(), "console/", scripts).encode()
    return [
        _route("/" if path == START else f"/console/{path}", content, _media_type(path))
        for path, content in files.items()
    ]


def console_files() -> Iterator[tuple[str, Traversable]]:
    """(path below the folder, file) of each file of the console, by name."""
    return _files(resources.files("echonode.web") / "console", "")


def _files(folder: Traversable, under: str) -> Iterator[tuple[str, Traversable]]:
    for each in sorted(folder.iterdir(), key=lambda file: file.name):
        if each.is_dir():
            yield from _files(each, f"{under}{each.name}/")
        else:
            yield f"{under}{each.name}", each


def _media_type(path: str) -> str:
    suffix = PurePosixPath(path).suffix
    if suffix not in MEDIA_TYPES:
        raise ValueError(f"console/{path}: no media type is known for {suffix or 'this file'}")
    return MEDIA_TYPES[suffix]


def _route(path: str, content: bytes, media_type: str) -> Route:
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache"}

    async def read(request: Request) -> Response:
        known = request.headers.get("if-none-match", "")
        if tag in (each.strip().removeprefix("W/") for each in known.split(",")):
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=media_type, headers=headers)

    return Route(path, read, methods=["GET"])
