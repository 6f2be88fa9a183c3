"""A study as a medium over HTTP: streamed, whole, and the same that the command writes."""

from __future__ import annotations

import io
import json
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.copies.stored_studies import STUDY, config_of, fill, new_store
from tests.integration.copies.test_import import echonode
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import free_port

pytestmark = [pytest.mark.long, pytest.mark.slow]


@pytest.fixture
def web(tmp_path: Path, make_echonode: Callable[..., EchoNodeProcess]) -> str:
    """The address of a node that has three studies, which the command exported to `m`."""
    with new_store(tmp_path) as store:
        fill(store)
    words = ("--study", STUDY, "--media", tmp_path / "m", "--config", config_of(tmp_path))
    assert echonode("export", *words).exit_code == 0
    port = free_port()
    node = make_echonode(extra={"web": {"port": port}})
    assert node.command("import", str(tmp_path / "m")).returncode == 0
    return f"http://127.0.0.1:{port}"


def test_a_study_is_downloaded_as_a_medium(web: str, tmp_path: Path) -> None:
    """The files that the command writes; named by the study's UID; never kept by a proxy."""
    with urllib.request.urlopen(f"{web}/api/studies/{STUDY}/media", timeout=60) as answer:
        headers, whole = answer.headers, answer.read()
    assert headers["Content-Type"] == "application/dicom+zip"
    assert headers["Content-Disposition"] == f'attachment; filename="{STUDY}.zip"'
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Images"] == "3"
    written = {
        path.relative_to(tmp_path / "m").as_posix(): without_meta(path.read_bytes())
        for path in (tmp_path / "m").rglob("*")
        if path.is_file()
    }
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert {each: without_meta(archive.read(each)) for each in archive.namelist()} == written


def without_meta(whole: bytes) -> bytes:
    """A data set; the meta information before it names its sender."""
    is_dicom = whole[128:132] == b"DICM"
    return whole[144 + int.from_bytes(whole[140:144], "little") :] if is_dicom else whole


@pytest.mark.parametrize("uid", ["1.2.3.99", "x"])
def test_a_study_that_is_not_here_is_said(web: str, uid: str) -> None:
    """404 in the form of every error of the API."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{web}/api/studies/{uid}/media", timeout=60)
    with refused.value as answer:
        assert answer.code == 404
        assert json.loads(answer.read())["error"]
