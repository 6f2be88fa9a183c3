"""Copies of a study over HTTP: the formats of the command, without the patient, and the looks."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread

from tests.integration.copies.stored_studies import STUDY, config_of, fill, new_store
from tests.integration.copies.test_import import echonode
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import free_port

pytestmark = [pytest.mark.long, pytest.mark.slow]

UIDS = ["1.2.3.4.1", "1.2.3.4.2", "1.2.3.4.3"]
MOST = {"study-7": {"options": ["retain_modified_dates"]}}


class Node:
    """A node with three stills of a study, which came from elsewhere and say nothing of text."""

    def __init__(self, node: EchoNodeProcess, port: int) -> None:
        self.process, self._at = node, f"http://127.0.0.1:{port}"

    def get(self, path: str) -> tuple[Any, bytes]:
        with urllib.request.urlopen(self._at + path, timeout=60) as answer:
            return answer.headers, answer.read()

    def zip(self, path: str) -> zipfile.ZipFile:
        _, whole = self.get(path)
        return zipfile.ZipFile(io.BytesIO(whole))

    def refused(self, path: str) -> tuple[int, str]:
        with pytest.raises(urllib.error.HTTPError) as caught:
            self.get(path)
        with caught.value as answer:
            return answer.code, json.loads(answer.read())["error"]

    def look(self, uid: str) -> dict[str, Any]:
        asked = urllib.request.Request(
            f"{self._at}/api/instances/{uid}/look", data=b"{}", method="POST"
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            found: dict[str, Any] = json.loads(answer.read())
        return found

    def overview(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.get(f"/api/studies/{STUDY}/copies")[1])
        return found


@pytest.fixture
def node(tmp_path: Path, make_echonode: Callable[..., EchoNodeProcess]) -> Node:
    with new_store(tmp_path) as store:
        fill(store)
    words = ("--study", STUDY, "--media", tmp_path / "m", "--config", config_of(tmp_path))
    assert echonode("export", *words).exit_code == 0
    port = free_port()
    made = make_echonode(
        extra={
            "web": {"port": port},
            "anonymise": MOST,
            "research": {"anonymise": "study-7"},
        }
    )
    assert made.command("import", str(tmp_path / "m")).returncode == 0
    return Node(made, port)


def test_pictures_come_as_the_command_writes_them(node: Node) -> None:
    """Numbered, with copies.json that says what each is of; named by the study."""
    headers, whole = node.get(f"/api/studies/{STUDY}/copies/png")
    assert headers["Content-Type"] == "application/zip"
    assert headers["Content-Disposition"] == f'attachment; filename="{STUDY}.zip"'
    assert headers["X-Images"] == "3"
    with zipfile.ZipFile(io.BytesIO(whole)) as copies:
        assert copies.testzip() is None
        assert copies.namelist() == ["0001.png", "0002.png", "0003.png", "copies.json"]
        index = json.loads(copies.read("copies.json"))
        assert [each["sop_instance_uid"] for each in index] == UIDS


def test_a_look_is_accepted_and_then_copies_are_made_without_the_patient(node: Node) -> None:
    """What was not looked at is left out and said; where nothing is left, it is refused; a medium,
    which is whole, is refused. The command accepts looks, too. The copies name no one.
    """
    told = node.overview()
    assert [each["needs_look"] for each in told["images"]] == [True, True, True]
    assert told["profiles"] == ["basic", "study-7"]
    assert {each["name"] for each in told["formats"]} >= {"dicom", "png", "npz", "uff"}
    code, said = node.refused(f"/api/studies/{STUDY}/copies/dicom?anonymise=basic")
    assert (code, "a person must look at it first" in said) == (409, True)

    assert node.look(UIDS[0])["sop_instance_uid"] == UIDS[0]
    done = node.process.command("accept-look", UIDS[1])
    assert (done.returncode, done.stderr) == (0, "")
    looked = {each["sop_instance_uid"]: each["looked_at"] for each in node.overview()["images"]}
    assert [uid for uid in UIDS if looked[uid]] == UIDS[:2]
    code, said = node.refused(f"/api/studies/{STUDY}/media?anonymise=basic")
    assert (code, said) == (409, "a person must look at 1 of its images first")

    headers, whole = node.get(f"/api/studies/{STUDY}/copies/dicom?anonymise=basic")
    assert headers["Content-Disposition"] == 'attachment; filename="anonymised-basic.zip"'
    with zipfile.ZipFile(io.BytesIO(whole)) as copies:
        assert copies.namelist() == ["0001.dcm", "0002.dcm", "left_out.json", "copies.json"]
        assert list(json.loads(copies.read("left_out.json"))) == [UIDS[2]]
        for name in ("0001.dcm", "0002.dcm"):
            raw = copies.read(name)
            assert dcmread(io.BytesIO(raw)).PatientIdentityRemoved == "YES"
            assert b"Doe" not in raw
            assert STUDY.encode() + b"\0" not in raw


def test_research_copies_have_the_profile_that_the_configuration_demands(node: Node) -> None:
    """Whatever is asked for; another profile is refused, and an unknown one."""
    for uid in UIDS:
        node.look(uid)
    with node.zip(f"/api/studies/{STUDY}/copies/npz") as copies:
        assert copies.namelist()[:3] == ["0001.npz", "0002.npz", "0003.npz"]
        index = json.loads(copies.read("copies.json"))
        assert not {each["sop_instance_uid"] for each in index} & set(UIDS)
        assert np.load(io.BytesIO(copies.read("0001.npz")))["frames"].ndim == 3
    code, said = node.refused(f"/api/studies/{STUDY}/copies/npz?anonymise=basic")
    assert (code, "demands the profile `study-7`" in said) == (404, True)
    assert node.refused(f"/api/studies/{STUDY}/copies/png?anonymise=other")[0] == 404
    assert node.refused(f"/api/studies/{STUDY}/copies/bmp")[0] == 404
    assert node.refused("/api/studies/1.2.3.99/copies/png")[0] == 404
