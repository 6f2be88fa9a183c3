"""EchoNode in containers, as docker-compose.yml has it: next to an Orthanc, with a simulated probe.

`make containers` prepares the engine and the images, and runs these.
"""

from __future__ import annotations

import base64
import json
import os
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.containers.composed import Composed
from tests.peers.node_process import ROOT
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.containers, pytest.mark.timeout(300)]

CONFIG = "/etc/echonode/echonode.yaml"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


@pytest.fixture(scope="module")
def composed() -> Iterator[Composed]:
    """Everything is up."""
    if "ECHONODE_ENGINE" not in os.environ:
        pytest.skip("make containers runs this")
    with Composed() as services:
        yield services


def fetch(url: str, *, log_in: str = "", body: bytes | None = None) -> bytes:
    """What a browser or a script on this machine gets."""
    request = urllib.request.Request(url, data=body)
    if log_in:
        request.add_header("Authorization", f"Basic {base64.b64encode(log_in.encode()).decode()}")
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: bytes = answer.read()
        return found


def orthanc(path: str, *, body: bytes | None = None) -> Any:
    """Orthanc's REST interface at its published port, with the log-in that the head names."""
    url = f"http://127.0.0.1:8042{path}"
    return json.loads(fetch(url, log_in="orthanc:orthanc", body=body))


def test_the_probes_images_are_committed_by_the_archive(composed: Composed) -> None:
    """Without any action of a person: frames, a clip, C-STORE, and the report to our port 104."""
    committed = composed.log_of("echonode").wait_for("instance_committed", timeout_s=180)
    rows = json.loads(
        composed.execute("echonode", "echonode", "ledger", "--json", "--config", CONFIG)
    )
    [row] = [row for row in rows if row["sop_instance_uid"] == committed["sop_instance_uid"]]
    assert row["state"] == "committed"
    assert row["frames"] > 1
    found = orthanc("/tools/lookup", body=row["sop_instance_uid"].encode())
    assert [one["Type"] for one in found] == ["Instance"]


def test_port_104_answers_a_c_echo(composed: Composed) -> None:
    """The archive calls it under the name and port of its own configuration."""
    assert orthanc("/modalities/echonode/echo", body=b"{}") == {}


def test_the_status_page_is_published_on_this_machine(composed: Composed) -> None:
    """At the address that the file's head names."""
    assert composed.id_of("echonode")
    assert b"EchoNode" in fetch("http://127.0.0.1:8080/")
    assert fetch("http://127.0.0.1:8080/health/ready")


def test_the_health_check_says_healthy(composed: Composed) -> None:
    """The engine's own view of the container."""

    def is_healthy() -> bool:
        composed.check_health("echonode")
        state = composed.inspect("echonode")["State"]
        health: dict[str, str] = state.get("Health") or state["Healthcheck"]
        return health["Status"] == "healthy"

    wait_until(is_healthy, timeout_s=180, what="HEALTHCHECK reports healthy")


@pytest.mark.parametrize("service", ["echonode", "probe-sim"])
def test_the_process_is_not_root(composed: Composed, service: str) -> None:
    """Real, effective, saved and file-system user are all 10001, and so are the groups."""
    status = composed.execute(service, "cat", "/proc/1/status").splitlines()
    ids = {line.split(":")[0]: set(line.split()[1:]) for line in status if line[1:4] == "id:"}
    assert ids["Uid"] == ids["Gid"] == {"10001"}


@pytest.mark.parametrize("service", ["echonode", "probe-sim"])
def test_the_process_may_bind_low_ports_and_nothing_else(composed: Composed, service: str) -> None:
    """Capability 10, NET_BIND_SERVICE, alone in the bounding set: nothing can give it more."""
    status = composed.execute(service, "cat", "/proc/1/status")
    [bounding] = [line.split()[1] for line in status.splitlines() if line.startswith("CapBnd")]
    assert int(bounding, 16) == 1 << 10


def test_the_root_file_system_cannot_be_written(composed: Composed) -> None:
    """Not by root either; the store and /tmp can."""
    script = (
        "import errno, pathlib\n"
        "for folder in ('/', '/opt/echonode', '/etc', '/tmp', '/var/lib/echonode'):\n"
        "    try:\n"
        "        pathlib.Path(folder, 'tried').write_text('')\n"
        "    except OSError as error:\n"
        "        print(folder, errno.errorcode[error.errno])\n"
    )
    said = composed.execute("echonode", "/usr/local/bin/python", "-c", script, user="0:0")
    refused = dict(line.split() for line in said.splitlines())
    assert [refused.get(folder) for folder in ("/", "/opt/echonode", "/etc")] == ["EROFS"] * 3
    assert "/tmp" not in refused


def test_stop_ends_in_time_with_status_0(composed: Composed) -> None:
    """Runs last. Well within the grace period that the file gives it."""
    grace_s = int(COMPOSE["services"]["echonode"]["stop_grace_period"].removesuffix("s"))
    began = time.monotonic()
    composed.compose("stop", "echonode")
    assert time.monotonic() - began < grace_s
    state = composed.inspect("echonode")["State"]
    assert (state["Running"], state["ExitCode"]) == (False, 0)
