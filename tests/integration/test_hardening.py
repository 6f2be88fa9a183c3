"""What a hospital's IT looks at: modes of files, system calls, and where secrets end up."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import requests
import trustme

from tests.faults.callers.instances import small_instance
from tests.faults.test_datasets import send_one
from tests.peers import EchoNodeProcess
from tests.peers.dicomweb_server import Scripted, ScriptedDicomweb, Seen
from tests.peers.fixtures import require_program
from tests.peers.ports import LOOPBACK, free_port

pytestmark = pytest.mark.timeout(240)
ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "deploy" / "echonode.service"
MOST_EXPOSURE = 2.0


def echonode(*arguments: str | Path, umask: int = 0) -> subprocess.CompletedProcess[str]:
    """A command as a careless user runs it: with a umask that hides nothing."""
    return subprocess.run(
        [sys.executable, "-m", "echonode", *map(str, arguments)],
        capture_output=True,
        text=True,
        input="a long enough password\n",
        timeout=120,
        check=False,
        preexec_fn=lambda: os.umask(umask),
        cwd=ROOT,
    )


def with_web(make: Callable[..., EchoNodeProcess], **arguments: Any) -> tuple[EchoNodeProcess, str]:
    port = free_port()
    extra = {"web": {"host": LOOPBACK, "port": port}, **arguments.pop("extra", {})}
    peers = {"scu": {"ae_title": "SCU", "host": LOOPBACK, "port": 104, "may": ["echo", "store"]}}
    node = make(extra=extra, peers=peers, **arguments)
    return node, f"http://{LOOPBACK}:{port}"


# --- modes ---


def open_to_others(folder: Path) -> Iterator[str]:
    """What another user of the machine could read, list or write."""
    for path in (folder, *folder.rglob("*")):
        mode = path.lstat().st_mode
        if stat.S_IMODE(mode) & 0o077 and not stat.S_ISLNK(mode):
            yield f"{stat.filemode(mode)} {path.relative_to(folder.parent)}"


def test_no_file_of_the_store_is_open_to_others(
    make_echonode: Callable[..., EchoNodeProcess],
) -> None:
    """Every file and folder under data_dir, of the node and of the commands, whatever the umask."""
    node, url = with_web(make_echonode, ulimit="-n 4096; umask 000")
    for _ in range(3):
        assert send_one(node.port, small_instance(pixels=256)) == 0
    assert requests.get(f"{url}/api/report", timeout=60).status_code == 200
    assert (
        echonode("user", "add", "ada", "--role", "viewer", "--config", node.config_file).returncode
        == 0
    )
    assert list(open_to_others(node.data_dir)) == []
    node.stop()
    assert echonode("reindex", "--config", node.config_file).returncode == 0
    assert len(list(node.data_dir.rglob("*.dcm"))) == 3
    assert list(open_to_others(node.data_dir)) == []


# --- the service ---


def refused_calls() -> list[str]:
    """System calls of the groups that the unit takes away, which strace knows here."""
    analyze, strace = require_program("systemd-analyze"), require_program("strace")
    names: set[str] = set()
    groups = ["@privileged", "@resources"]
    while groups:
        listed = subprocess.run(
            [analyze, "syscall-filter", groups.pop()], capture_output=True, text=True, check=True
        ).stdout
        for word in (line.strip() for line in listed.splitlines()[1:]):
            if word.startswith("@"):
                groups.append(word)
            elif word and not word.startswith("#"):
                names.add(word)
    known = []
    for name in sorted(names):
        command = [strace, "-e", f"trace={name}", "true"]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            known.append(name)
    return known


def test_the_unit_leaves_little_open() -> None:
    """`systemd-analyze security` rates the exposure of the service under 2.0."""
    done = subprocess.run(
        [require_program("systemd-analyze"), "security", "--offline=yes", str(UNIT)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    last = done.stdout.strip().splitlines()[-1]
    assert "Overall exposure level" in last
    assert float(last.split(": ")[1].split()[0]) < MOST_EXPOSURE


@pytest.mark.slow
@pytest.mark.peers
def test_the_node_needs_no_system_call_that_the_unit_takes_away(
    make_echonode: Callable[..., EchoNodeProcess], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them answers EPERM, as under the unit: the node starts, stores, serves and stops."""
    strace = require_program("strace")
    calls = ",".join(refused_calls())
    assert "setrlimit" in calls
    wrapper = [
        strace,
        "-D",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-e",
        f"trace={calls}",
        "-e",
        f"inject={calls}:error=EPERM",
    ]
    monkeypatch.setattr(EchoNodeProcess, "wrapper", [*wrapper, "-o", "/dev/null"])
    node, url = with_web(make_echonode)
    assert send_one(node.port, small_instance(pixels=256)) == 0
    metrics = requests.get(f"{url}/metrics", timeout=60).text
    assert "process_resident_memory_bytes" in metrics
    assert node.stop() == 0


# --- secrets ---

TOKEN, PASSWORD, ENVIRONMENT = "CANARY-TOKEN-5Xq", "CANARY-PASSWORD-8Rt", "CANARY-ENV-2Kd"
CANARIES = (TOKEN, PASSWORD, ENVIRONMENT)


def web_archive(name: str, port: int, **secret: Any) -> dict[str, Any]:
    return {
        "dicomweb": f"http://{LOOPBACK}:{port}/dicom-web",
        "name": name,
        "commitment": "none",
        **secret,
    }


@pytest.fixture
def secrets(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A token, a password and a private key, each in a file of its own."""
    files = []
    key = trustme.CA().issue_cert("localhost").private_key_pem.bytes().decode()
    for name, content in (("token", TOKEN), ("password", PASSWORD), ("key.pem", key)):
        file = tmp_path / name
        file.touch(mode=0o600)
        file.write_text(content)
        files.append(file)
    return files[0], files[1], files[2]


def test_no_secret_is_in_any_output(
    make_echonode: Callable[..., EchoNodeProcess], secrets: tuple[Path, Path, Path]
) -> None:
    """Token, password and local key: not in check-config, logs, flight report, status, metrics."""
    token, password, _ = secrets

    def answer(seen: Seen) -> Scripted:
        return Scripted(status=401, body={"error": "no"})

    with ScriptedDicomweb(answer) as archive:
        port = archive.port
        node, url = with_web(
            make_echonode,
            destinations=[
                web_archive("cloud", port, token_file=str(token)),
                web_archive("other", port, user="node", password_file=str(password)),
            ],
            extra={
                "logging": {"format": "json", "level": "debug"},
                "forwarding": [{"from": "scu", "to": ["cloud", "other"]}],
            },
            env={"ECHONODE__institution__name": "clinic", "SOME_SECRET": ENVIRONMENT},
        )
        assert send_one(node.port, small_instance(pixels=64)) == 0
        outputs = {
            path: requests.get(url + path, timeout=60).content
            for path in ("/api/report", "/api/status", "/api/system", "/api/outbox", "/metrics")
        }
        assert {len(content) > 0 for content in outputs.values()} == {True}
        with ZipFile(BytesIO(outputs["/api/report"])) as bundle:
            for name in bundle.namelist():
                outputs[f"report/{name}"] = bundle.read(name)
        for command in (
            ("check-config", node.config_file),
            ("check-config", "--show", node.config_file),
            ("ledger", "--json", "--config", node.config_file),
        ):
            done = echonode(*command)
            outputs[" ".join(map(str, command))] = (done.stdout + done.stderr).encode()
        seen = [request.headers.get("Authorization", "") for request in archive.seen]
        assert f"Bearer {TOKEN}" in seen  # it was used
        local_key = next(
            path.read_text().strip()
            for path in node.data_dir.iterdir()
            if path.is_file() and "key" in path.name
        )
        node.stop()
        node.log.finish()
        outputs["log"] = json.dumps([*node.log.events, *node.log.other_lines]).encode()
        outputs["output"] = node.output().encode()
    for name, content in outputs.items():
        for canary in (*CANARIES, local_key):
            assert canary.encode() not in content, f"{canary} is in {name}"


@pytest.mark.parametrize(
    "line",
    [
        f"password: {PASSWORD}",
        f"web: {{host: 127.0.0.1, port: 1, token: {PASSWORD}}}",
        f"destinations: [{{dicomweb: 'http://a/b', name: x, password: {PASSWORD}}}]",
        f"destinations: [{{dicomweb: 'http://u:{PASSWORD}@a/b', name: x}}]",
        f"hl7: {{listen: {{tls: {{key: '-----BEGIN PRIVATE KEY----- {PASSWORD}'}}}}}}",
    ],
)
def test_a_secret_in_the_wrong_place_is_refused_and_not_repeated(tmp_path: Path, line: str) -> None:
    """A password that is typed into the configuration is a fault, and no message quotes it."""
    file = tmp_path / "echonode.yaml"
    file.write_text(f"ae_title: A\n{line}\n")
    done = echonode("check-config", file)
    assert done.returncode == 2
    assert PASSWORD not in done.stdout + done.stderr


def test_a_credential_of_systemd_is_taken(tmp_path: Path, secrets: tuple[Path, Path, Path]) -> None:
    """A file of $CREDENTIALS_DIRECTORY that its group may read is no fault."""
    token, _, _ = secrets
    token.chmod(0o440)
    file = tmp_path / "echonode.yaml"
    file.write_text(
        f"ae_title: A\ndata_dir: {tmp_path}/var\ndestinations:\n"
        "  - {dicomweb: 'http://127.0.0.1:1/a', name: x, commitment: none, "
        f"token_file: {token}}}\n"
    )

    def status(**environment: str) -> int:
        return subprocess.run(
            [sys.executable, "-m", "echonode", "check-config", str(file)],
            capture_output=True,
            timeout=60,
            check=False,
            env={**os.environ, **environment},
        ).returncode

    assert status() == 2
    assert status(CREDENTIALS_DIRECTORY=str(tmp_path)) == 0
    token.chmod(0o444)
    assert status(CREDENTIALS_DIRECTORY=str(tmp_path)) == 2  # all others may not
