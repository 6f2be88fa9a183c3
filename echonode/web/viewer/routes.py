"""The viewer's files over HTTP.

Rules
- A folder's listing is read once, when the viewer is there for the first time: no path of a request
  reaches the disk. It may be installed while the node runs.
- A path without a file is the start page, for the viewer has paths of its own (/viewer?...); but
  what looks like a file, DICOMweb or the API is 404, so that a mistake is seen.
- The start page is given to who may search; anyone else is led to the console's log-in.
- Its scripts are this origin's files, those few within the start page by their hash, and compiled
  WebAssembly: codecs. They connect to nothing but this origin.
- A script that runs as a worker has the policy that it came with, and the page's is not its own.
  The codecs of JPEG, JPEG-LS and JPEG 2000 compile in workers (Emscripten calls Function), so
  there alone 'unsafe-eval' stands; in a page the policy of a script has no effect (CSP 3, 3.3).
- Files whose name has their hash never change; the others a browser asks for again (ETag).
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from echonode.web.viewer.package import START, VERSION, installed_in
from echonode.web.viewer.settings import APP_CONFIG, NO_SERVICE_WORKER

MEDIA_TYPES = {
    ".css": "text/css",
    ".gif": "image/gif",
    ".html": "text/html",
    ".ico": "image/vnd.microsoft.icon",
    ".jpg": "image/jpeg",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ttf": "font/ttf",
    ".wasm": "application/wasm",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
}
_PLAIN = "application/octet-stream"
_OURS = {
    "app-config.js": APP_CONFIG.encode(),
    "init-service-worker.js": NO_SERVICE_WORKER.encode(),
}
_NAMED_BY_HASH = re.compile(r"(^|[./])[0-9a-f]{16}\.")
_INLINE_SCRIPT = re.compile(rb"<script>(.*?)</script>", re.DOTALL)
_WORKER_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-eval'; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; base-uri 'none'"
)
_FOREVER = "public, max-age=31536000, immutable"

# Why a request may not have the start page: (status, why, what to do); None where it may.
MayOpen = Callable[[Scope], Awaitable[tuple[int, str, str] | None]]


@dataclass(frozen=True, kw_only=True)
class _Files:
    """One installed viewer. policy: the Content-Security-Policy of its start page."""

    paths: Mapping[str, Path]
    start: bytes
    policy: str


def viewer_routes(
    folders: Iterable[Path], *, may_open: MayOpen, console_port: int
) -> list[BaseRoute]:
    """GET of every path. folders: where it may be installed. console_port: of the log-in."""
    candidates = tuple(folders)
    kept: list[_Files] = []

    def files() -> _Files | None:
        if not kept and (folder := installed_in(candidates)):
            kept.append(_read(folder))
        return kept[0] if kept else None

    async def read(request: Request) -> Response:
        path = request.path_params["path"]
        if path in _OURS:
            return _answer(request, _OURS[path], "text/javascript")
        viewer = await to_thread.run_sync(files)
        if viewer and path in viewer.paths and path != START:
            return _file(request, viewer.paths[path], path)
        if path != START and _is_no_page(path):
            raise HTTPException(404, "the viewer has no such file")
        if viewer is None:
            return _page(
                "The viewer is not installed",
                f"Run <code>echonode viewer install</code> on the node. It fetches OHIF {VERSION} "
                "(50 MB); after that, load this page again.",
                status=503,
            )
        if (refused := await may_open(request.scope)) is not None:
            return _refused(request, *refused, console_port)
        headers = {"Content-Security-Policy": viewer.policy}
        return _answer(request, viewer.start, "text/html", headers)

    return [Route("/{path:path}", read, methods=["GET"])]


def _is_no_page(path: str) -> bool:
    top, last = path.split("/", 1)[0], path.rsplit("/", 1)[-1]
    return top in ("api", "dicom-web") or Path(last).suffix.lower() in (*MEDIA_TYPES, ".map")


def _read(folder: Path) -> _Files:
    start = (folder / START).read_bytes()
    hashes = (
        base64.b64encode(hashlib.sha256(script).digest()).decode()
        for script in _INLINE_SCRIPT.findall(start)
    )
    scripts = " ".join(f"'sha256-{each}'" for each in hashes)
    return _Files(
        paths={str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()},
        start=start,
        policy=(
            f"default-src 'none'; script-src 'self' 'wasm-unsafe-eval' {scripts}; "
            "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
            "media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self' data: blob:; "
            "manifest-src 'self'; frame-src blob:; object-src 'self' blob:; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'"
        ),
    )


def _file(request: Request, path: Path, name: str) -> Response:
    found = path.stat()
    compressed = path.with_name(path.name + ".gz")
    headers = {"Vary": "Accept-Encoding"}
    is_compressed = "gzip" in request.headers.get("accept-encoding", "") and compressed.is_file()
    if is_compressed:
        headers["Content-Encoding"] = "gzip"
    headers["ETag"] = f'"{found.st_size:x}-{found.st_mtime_ns:x}{"-gz" if is_compressed else ""}"'
    headers["Cache-Control"] = _FOREVER if _NAMED_BY_HASH.search(name) else "no-cache"
    if _is_known(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    kind = MEDIA_TYPES.get(path.suffix.lower(), _PLAIN)
    if kind == "text/javascript":
        headers["Content-Security-Policy"] = _WORKER_POLICY
    return FileResponse(compressed if is_compressed else path, media_type=kind, headers=headers)


def _answer(
    request: Request, content: bytes, kind: str, more: Mapping[str, str] | None = None
) -> Response:
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {**(more or {}), "ETag": tag, "Cache-Control": "no-cache"}
    if _is_known(request, tag):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type=kind, headers=headers)


def _is_known(request: Request, tag: str) -> bool:
    known = request.headers.get("if-none-match", "")
    return tag in (each.strip().removeprefix("W/") for each in known.split(","))


def _refused(request: Request, status: int, why: str, remedy: str, console_port: int) -> Response:
    # The same host, so that the cookie of its log-in holds here: cookies have no port (RFC 6265).
    host = request.url.hostname or ""
    shown = f"[{host}]" if ":" in host else host
    console = html.escape(f"{request.url.scheme}://{shown}:{console_port}/")
    titles = {
        401: (
            "Log in first",
            "The viewer has the log-in of the console. Load this page again then.",
        ),
        423: (
            "The session is locked",
            "Unlock it in the console by the PIN or the password, and load this page again.",
        ),
    }
    title, text = titles.get(status, ("Not permitted", html.escape(f"{why}: {remedy}.")))
    more = f'<p><a href="{console}">Open the console</a></p>'
    return _page(title, text, more, status=status)


def _page(title: str, text: str, more: str = "", *, status: int) -> Response:
    """A page of ours in place of the viewer; `text` and `more` are HTML."""
    body = f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>EchoNode viewer</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; background: #10151b;
  color: #e8edf2; font: 1.0625rem/1.55 system-ui, sans-serif; }}
main {{ max-width: 34rem; padding: 2rem; }}
h1 {{ font-size: 1.5rem; margin: 0 0 .75rem; }}
code {{ background: #232c36; border-radius: .25rem; padding: .1rem .35rem; }}
a {{ display: inline-block; background: #1f6feb; color: #fff; border-radius: .5rem;
  padding: .7rem 1.1rem; text-decoration: none; font-weight: 600; }}
</style></head>
<body><main><h1>{title}</h1><p>{text}</p>{more}</main></body></html>
"""
    policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-store"}
    return Response(body, status_code=status, media_type="text/html", headers=headers)
