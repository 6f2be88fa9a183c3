"""The viewer's package: fetched from a registry, checked, unpacked without a way out."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from echonode.cli import app
from echonode.commands import viewer_install
from echonode.commands.viewer_install import REGISTRY, fetch, install, registry_address, unpack
from echonode.errors import UsageError
from echonode.web.viewer import package
from echonode.web.viewer.package import VERSION

SCRIPT = b"let a = 1;\n" * 400
FILES = {
    "package/package.json": b"{}",
    "package/LICENSE": b"MIT",
    "package/dist/index.html": b"<html>",
    "package/dist/app.js": SCRIPT,
    "package/dist/app.js.map": b"{}",
    "package/dist/assets/icon.png": b"\x89PNG",
    "package/dist/ort/model.wasm": b"wasm",
    "package/dist/dicom-microscopy-viewer/big.js": b"1",
    "package/dist/sw.js": b"2",
    "package/dist/app-config.js": b"3",
}


def packed(
    files: dict[str, bytes] = FILES, *, change: Callable[[tarfile.TarInfo], None] | None = None
) -> bytes:
    """A package file. change: of the last entry's head."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for number, (name, content) in enumerate(files.items(), 1):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            if change and number == len(files):
                change(entry)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """A small package that is the pinned one, for a test."""
    content = packed()
    monkeypatch.setattr(viewer_install, "SHA512", hashlib.sha512(content).hexdigest())
    for module in (viewer_install, package):
        monkeypatch.setattr(module, "BYTES", len(content))
    return content


def test_what_a_browser_needs_is_unpacked(tmp_path: Path) -> None:
    """Without maps, models, the microscopy viewer, and what we serve ourselves; text twice."""
    unpack(io.BytesIO(packed()), tmp_path)
    found = {str(each.relative_to(tmp_path)) for each in tmp_path.rglob("*") if each.is_file()}
    assert found == {"LICENSE", "index.html", "app.js", "app.js.gz", "assets/icon.png"}
    assert (tmp_path / "app.js").read_bytes() == SCRIPT


@pytest.mark.parametrize(
    "name",
    [
        "package/dist/../../../out.js",
        "/package/dist/out.js",
        "package/dist/..\\out.js",
        "../package/dist/out.js",
        "other/out.js",
    ],
)
def test_no_path_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    """A package that tries is refused, and nothing is written elsewhere."""
    folder = tmp_path / "in"
    folder.mkdir()
    with pytest.raises(UsageError, match=r"out of it|not of it"):
        unpack(io.BytesIO(packed({name: b"x"})), folder)
    assert list(tmp_path.rglob("*.js")) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    """A link could make the next file go elsewhere."""

    def change(entry: tarfile.TarInfo) -> None:
        entry.type, entry.linkname, entry.size = kind, "/etc", 0

    with pytest.raises(UsageError, match="link or device"):
        unpack(io.BytesIO(packed({"package/dist/out": b""}, change=change)), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By one file, by all of them, and by their number."""
    for limit in ("MOST_FILE_BYTES", "MOST_BYTES", "MOST_FILES"):
        with monkeypatch.context() as changed:
            changed.setattr(viewer_install, limit, 5)
            with pytest.raises(UsageError, match="more than a viewer"):
                unpack(io.BytesIO(packed()), tmp_path / limit)


@pytest.mark.parametrize("content", [b"", b"no archive", packed()[:150]])
def test_what_is_cut_off_or_no_archive_is_said(tmp_path: Path, content: bytes) -> None:
    """In words, not by a traceback."""
    with pytest.raises(UsageError, match="cannot be unpacked"):
        unpack(io.BytesIO(content), tmp_path)


def test_another_file_is_not_unpacked(tmp_path: Path) -> None:
    """Its hash decides, whatever it is named."""
    with pytest.raises(UsageError, match="SHA-512 differs"):
        install(io.BytesIO(packed()), tmp_path, "app.tgz")
    assert list(tmp_path.iterdir()) == []


def test_it_is_in_place_whole_or_not_at_all(
    tmp_path: Path, known: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted one leaves no viewer, and the next one removes what is left of it."""
    left = tmp_path / f"{VERSION}.dead.part"
    left.mkdir()
    with monkeypatch.context() as failing:
        failing.setattr(viewer_install, "unpack", lambda *_: (_ for _ in ()).throw(OSError(28)))
        with pytest.raises(UsageError, match="cannot be written"):
            install(io.BytesIO(known), tmp_path, "app.tgz")
    assert list(tmp_path.iterdir()) == []
    done = install(io.BytesIO(known), tmp_path, "app.tgz")
    assert [done] == list(tmp_path.iterdir())
    assert install(io.BytesIO(known), tmp_path, "app.tgz") == done


def test_which_registry_is_asked() -> None:
    """The option, then npm's own variable, then the public one; by HTTP alone."""
    assert registry_address("", {}) == REGISTRY
    assert registry_address("", {"npm_config_registry": "https://npm.example/"}) == (
        "https://npm.example"
    )
    assert registry_address("https://a.example", {"npm_config_registry": "x"}) == (
        "https://a.example"
    )
    for wrong in ("file:///etc/passwd", "npm.example", "https://"):
        with pytest.raises(UsageError, match="not the address of a registry"):
            registry_address(wrong, {})


@contextmanager
def registry(content: bytes | None) -> Iterator[str]:
    """A registry on loopback that has the package, or has it not."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if content is not None else 404)
            self.end_headers()
            if content is not None and self.path == f"/{package.PATH}":
                self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.mark.slow
def test_the_command_fetches_it_once(tmp_path: Path, known: bytes) -> None:
    """The second time it says that it is there, and asks no registry."""
    command = ["viewer", "install", "--to", str(tmp_path), "--registry"]
    with registry(known) as address:
        first = CliRunner().invoke(app, [*command, address])
    assert (first.exit_code, first.stderr) == (0, "")
    assert f"OHIF {VERSION} is installed: {tmp_path / VERSION}" in first.output
    again = CliRunner().invoke(app, [*command, address])
    assert again.exit_code == 0
    assert "installed already" in again.output


@pytest.mark.slow
def test_without_a_registry_it_says_what_to_do(tmp_path: Path, known: bytes) -> None:
    """Where it is not reached, has no such file, or sends another or too much."""
    with registry(None) as address, pytest.raises(UsageError, match=r"404.*--from FILE"):
        fetch(address, io.BytesIO(), lambda *_: None)
    with pytest.raises(UsageError, match=r"cannot be reached.*--from FILE"):
        fetch(address, io.BytesIO(), lambda *_: None)
    with registry(known + b"x") as address, pytest.raises(UsageError, match="longer"):
        fetch(address, io.BytesIO(), lambda *_: None)
    with registry(b"x") as address:
        command = ["viewer", "install", "--to", str(tmp_path), "--registry", address]
        refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 2
    assert "nothing was installed" in refused.output
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_file_takes_the_place_of_a_registry(tmp_path: Path, known: bytes) -> None:
    """For a machine without internet; into the folder that the configuration names."""
    config = tmp_path / "echonode.yaml"
    config.write_text("ae_title: ECHONODE\ndata_dir: var\nweb: {port: 8080}\n")
    file = tmp_path / "app.tgz"
    command = ["viewer", "install", "--config", str(config), "--from", str(file)]
    missing = CliRunner().invoke(app, command)
    assert missing.exit_code == 2
    assert "cannot be read" in missing.output
    file.write_bytes(known)
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0
    assert (tmp_path / "var" / "viewer" / VERSION / "index.html").is_file()
    assert "give web.viewer_port" in done.output
