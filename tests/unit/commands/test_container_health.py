"""The image's health check, against a server that stands for the node; by TLS in test_access.py."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from echonode.commands.container_health import main
from tests.peers.ports import LOOPBACK, free_port


@contextmanager
def node(status: int, body: bytes) -> Iterator[int]:
    """A port that answers /health/live, and nothing else with 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_asked = self.path == "/health/live"
            self.send_response(status if is_asked else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing on standard error."""

    server = HTTPServer((LOOPBACK, 0), Handler)
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def configured(folder: Path, web: str) -> list[str]:
    """The command's arguments for a configuration with this `web`."""
    path = folder / "echonode.yaml"
    path.write_text(f"ae_title: ECHONODE\ndata_dir: {folder}\n{web}")
    return [str(path)]


@pytest.mark.slow
def test_a_node_that_answers_is_healthy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At the port of its configuration, also where it listens on every address."""
    with node(200, b'{"alive": true}') as port:
        arguments = configured(tmp_path, f"web: {{host: 0.0.0.0, port: {port}}}\n")
        assert main(arguments, {}) == 0
    assert capsys.readouterr().out == "healthy\n"


@pytest.mark.slow
@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (200, b"<html>")])
def test_another_answer_is_unhealthy(tmp_path: Path, status: int, body: bytes) -> None:
    """An error, or another server at its port."""
    with node(status, body) as port:
        assert main(configured(tmp_path, f"web: {{port: {port}}}\n"), {}) == 1


def test_no_answer_is_unhealthy_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The engine shows the line with the container."""
    assert main(configured(tmp_path, f"web: {{port: {free_port()}}}\n"), {}) == 1
    said = capsys.readouterr().out
    assert said.startswith("unhealthy: no node answers at")
    assert said.count("\n") == 1


@pytest.mark.parametrize("web", ["", "web: {port: none}\n"])
def test_what_cannot_be_asked_is_unhealthy(tmp_path: Path, web: str) -> None:
    """No console, or a configuration with a fault."""
    assert main(configured(tmp_path, web), {}) == 1


def test_it_needs_one_configuration() -> None:
    """Neither none nor two."""
    assert main([], {}) == 1
    assert main(["a", "b"], {}) == 1
