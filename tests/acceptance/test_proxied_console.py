"""A console that a proxy on the same machine passes callers on to, before its first user."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import free_port

pytestmark = pytest.mark.timeout(240)  # a dozen programs are started


def test_it_is_named_until_there_is_a_user(tmp_path: Path) -> None:
    """check-config and the log warn, preflight fails; the first user settles all three."""
    web = {"port": free_port(), "names": ["echo.clinic.example"]}
    node = EchoNodeProcess(folder=tmp_path, extra={"web": web})
    with node:
        for users in (False, True):
            told = node.command("check-config").stderr
            assert ("warning: web.names" in told) is not users
            preflight = node.command("preflight", "--json")
            [console] = json.loads(preflight.stdout)["peers"]
            assert console["peer"] == "web"
            assert console["steps"][0]["ok"] is users
            assert preflight.returncode == (0 if users else 1)
            if not users:
                added = node.command(
                    "user", "add", "ada", "--role", "administrator", typed="correct horse battery\n"
                )
                assert added.returncode == 0, added.stderr
        doubts = [each["path"] for each in node.events if each["event"] == "config_doubtful"]
        assert "web.names" in doubts
        node.kill()
        mark = node.mark()
        node.start()
        assert not [e for e in node.events[mark:] if e.get("path") == "web.names"]
