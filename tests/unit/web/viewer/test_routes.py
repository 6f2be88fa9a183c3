"""The viewer's files over a real socket: what is served, who gets it, and under which policy."""

from __future__ import annotations

import base64
import gzip
import hashlib
from pathlib import Path

import pytest
from starlette.types import Scope

from echonode.web.viewer.package import VERSION
from echonode.web.viewer.routes import MayOpen, viewer_routes
from tests.unit.web.conftest import Browser, Serve

INLINE = b"window.PUBLIC_URL='/'"
START = b"<html><script>" + INLINE + b'</script><script src="/app.js"></script></html>'
HASHED = "5302.bundle.d6194babac4a763e.js"


async def anyone(_scope: Scope) -> None:
    return None


def refusing(status: int) -> MayOpen:
    async def refuse(_scope: Scope) -> tuple[int, str, str]:
        return status, "not for <you>", "ask"

    return refuse


def put_viewer(folder: Path) -> None:
    files = folder / VERSION
    files.mkdir()
    (files / "index.html").write_bytes(START)
    (files / "app.js").write_bytes(b"let a = 1;")
    (files / "app.js.gz").write_bytes(gzip.compress(b"let a = 1;"))
    (files / HASHED).write_bytes(b"let b = 2;")
    (folder / "secret.js").write_bytes(b"secret")


@pytest.fixture
def browser(serve: Serve, tmp_path: Path) -> Browser:
    put_viewer(tmp_path)
    return serve(viewer_routes([tmp_path], may_open=anyone, console_port=8080))


def test_every_path_without_a_file_is_the_start_page(browser: Browser) -> None:
    """The viewer has addresses of its own; what looks like a file, DICOMweb or the API has none."""
    for path in ("/", "/index.html", "/viewer?StudyInstanceUIDs=1.2.3", "/anything/else"):
        answer = browser.ask(path)
        assert (answer.status, answer.body) == (200, START), path
    for path in ("/api/status", "/dicom-web/x", "/new.js", "/app.js.map", "/health/live.json"):
        assert browser.ask(path).status == 404, path


@pytest.mark.parametrize(
    "path", ["/../secret.js", "/%2e%2e/secret.js", "/..%2fsecret.js", "//secret.js", "/%00.js"]
)
def test_no_path_leads_out_of_the_folder(browser: Browser, path: str) -> None:
    """Paths are looked up in a list, never on the disk."""
    answer = browser.ask(path)
    assert (answer.status, b"secret" in answer.body) == (404, False)


def test_the_policy_lets_in_nothing_from_elsewhere(browser: Browser) -> None:
    """Scripts of this origin, WebAssembly, and the page's own by their hash; no eval."""
    policy = browser.ask("/").headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    digest = base64.b64encode(hashlib.sha256(INLINE).digest()).decode()
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == f"'self' 'wasm-unsafe-eval' 'sha256-{digest}'"
    assert "'self'" in rules["connect-src"]
    assert "http" not in policy
    assert "'unsafe-eval'" not in policy


def test_a_worker_may_compile_and_still_reaches_this_origin_alone(browser: Browser) -> None:
    """The codecs run in workers, which have the policy that their script came with."""
    policy = browser.ask("/app.js").headers["content-security-policy"]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == "'self' 'unsafe-eval'"
    assert rules["connect-src"] == "'self' data: blob:"
    for ours in ("/app-config.js", "/init-service-worker.js"):
        assert "'unsafe-eval'" not in browser.ask(ours).headers["content-security-policy"]


def test_settings_are_ours_and_no_service_worker_is_registered(browser: Browser) -> None:
    """Whatever the package holds: DICOMweb of this origin, and no script of another host."""
    settings = browser.ask("/app-config.js")
    assert settings.headers["content-type"].startswith("text/javascript")
    assert b"/dicom-web" in settings.body
    assert b"http" not in settings.body.replace(b"httpErrorHandler", b"")
    assert browser.ask("/init-service-worker.js").body == b"export {};\n"


def test_files_go_compressed_and_are_loaded_once(browser: Browser) -> None:
    """One whose name has its hash is kept for good, another is asked for again."""
    plain, small = browser.ask("/app.js"), browser.ask("/app.js", accept_encoding="br, gzip")
    assert (plain.body, gzip.decompress(small.body)) == (b"let a = 1;", b"let a = 1;")
    assert small.headers["content-encoding"] == "gzip"
    assert small.headers["content-type"].startswith("text/javascript")
    assert plain.headers["etag"] != small.headers["etag"]
    assert browser.ask("/app.js", if_none_match=plain.headers["etag"]).status == 304
    assert plain.headers["cache-control"] == "no-cache"
    assert "immutable" in browser.ask(f"/{HASHED}").headers["cache-control"]


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, b"Log in first"), (423, b"is locked"), (403, b"not for &lt;you&gt;: ask.")],
)
def test_who_may_not_search_is_led_to_the_console(
    serve: Serve, tmp_path: Path, status: int, words: bytes
) -> None:
    """At the console of the same host; the viewer's files themselves hold no patient."""
    put_viewer(tmp_path)
    browser = serve(viewer_routes([tmp_path], may_open=refusing(status), console_port=8080))
    answer = browser.ask("/viewer?StudyInstanceUIDs=1.2.3", host="clinic.example:8081")
    assert answer.status == status
    assert b'href="http://clinic.example:8080/"' in answer.body
    assert words in answer.body
    assert START not in answer.body
    assert browser.ask("/app.js").status == 200


def test_it_may_be_installed_while_the_node_runs(serve: Serve, tmp_path: Path) -> None:
    """Until then the page says how; afterwards it is there without a restart."""
    browser = serve(viewer_routes([tmp_path], may_open=anyone, console_port=8080))
    missing = browser.ask("/")
    assert missing.status == 503
    assert b"echonode viewer install" in missing.body
    put_viewer(tmp_path)
    assert browser.ask("/").body == START
