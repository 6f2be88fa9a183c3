"""deploy/cluster: the files that two nodes start from agree with each other and with the node."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from echonode.config.loading import parse
from tests.peers.fixtures import require_program

FOLDER = Path(__file__).resolve().parents[1] / "deploy" / "cluster"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())


@pytest.mark.parametrize("name", ["node-1", "node-2"])
def test_each_node_gets_its_name_and_the_database(name: str) -> None:
    """The file is valid with what the compose file sets; only the name differs."""
    service = COMPOSE["services"][name]
    environment = {
        key: re.sub(r"\$\{[^}]*\}", "secret", value)
        for key, value in service["environment"].items()
    }
    config = parse((FOLDER / "echonode.yaml").read_text(), environment)
    assert config.node.name == name == service["hostname"]
    assert "@postgres:5432/" in config.index.server_url
    assert str(config.data_dir) in {each.partition(":")[2] for each in service["volumes"]}


def test_the_nodes_trust_the_balancer_alone() -> None:
    """The address under trusted_proxies is HAProxy's, and it calls the port that trusts it."""
    config = parse((FOLDER / "echonode.yaml").read_text(), {})
    address = COMPOSE["services"]["haproxy"]["networks"]["clinic"]["ipv4_address"]
    [listener] = [each for each in config.listen if each.trusted_proxies]
    assert listener.trusted_proxies == (address,)
    servers = re.findall(r"server \S+ (\S+):(\d+) send-proxy-v2", haproxy())
    assert servers == [("node-1", str(listener.port)), ("node-2", str(listener.port))]
    assert config.web is not None
    assert set(re.findall(r"check port (\d+)", haproxy())) == {str(config.web.port)}


@pytest.mark.parametrize("name", ["node-1", "node-2"])
def test_the_nodes_keep_their_files_in_the_s3_server(name: str) -> None:
    """The bucket is a folder of the server's volume, and the nodes have the keys of its account."""
    config = parse((FOLDER / "echonode.yaml").read_text(), {})
    server, node = COMPOSE["services"]["s3"], COMPOSE["services"][name]
    at = config.objects_at()
    assert at is not None
    assert at.endpoint == f"http://{server['hostname']}:7070"
    [folder] = [each.partition(":")[2] for each in server["volumes"]]
    assert folder == f"{server['command'][-1]}/{at.bucket}"
    keys = [node["environment"][f"AWS_{each}"] for each in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")]
    assert keys == [server["environment"][f"ROOT_{each}"] for each in ("ACCESS_KEY", "SECRET_KEY")]


@pytest.mark.parametrize("name", ["node-1", "node-2"])
def test_the_nodes_may_start_the_images_interpreter(name: str) -> None:
    """Its file has the capability for port 104, and does not start where nothing may have that."""
    assert COMPOSE["services"][name]["cap_add"] == ["NET_BIND_SERVICE"]


@pytest.mark.peers
def test_haproxy_takes_its_file(tmp_path: Path) -> None:
    """HAProxy itself finds no fault in it."""
    program = require_program("haproxy")
    # The names of the containers are known only among them.
    text = re.sub(r" node-(\d):", r" 127.0.0.\1:", haproxy())
    (tmp_path / "haproxy.cfg").write_text(text)
    checked = subprocess.run(
        [program, "-c", "-f", tmp_path / "haproxy.cfg"], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def haproxy() -> str:
    return (FOLDER / "haproxy.cfg").read_text()
