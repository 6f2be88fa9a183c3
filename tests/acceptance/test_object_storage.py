"""A node whose instances are in a bucket: they are there when this machine's disk forgets them."""

from __future__ import annotations

import json
import shutil
import threading
import urllib.request
from pathlib import Path

import pytest

from echonode.commands.lying_pacs.archive import LyingArchive
from echonode.commands.lying_pacs.script import Arrival, StoreAnswer, stores
from tests.faults.callers.client import Client
from tests.faults.callers.instances import Instance, small_instance
from tests.faults.judging.books import Book, read_book
from tests.faults.judging.evidence import split
from tests.peers.node_process import EchoNodeProcess
from tests.peers.object_stores import BUCKET, ENVIRONMENT, MotoServer
from tests.peers.ports import LOOPBACK, free_port
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.timeout(240)]
SENDER = {"ae_title": "SCU", "host": LOOPBACK, "port": 104, "may": ["echo", "store"]}


def stored(client: Client) -> Instance:
    instance = small_instance(pixels=10_000)
    assert client.store(instance) == 0
    return instance


def test_a_node_whose_disk_is_emptied_has_everything(tmp_path: Path) -> None:
    """Instances are acknowledged, the node is killed and its cache removed: the next life delivers
    the bytes that were sent, and gives them to a viewer; with the server gone it takes nothing.
    """
    port, web = free_port(), free_port()
    book = Book(tmp_path / "pacs.book")
    with MotoServer() as server, LyingArchive(book, ae_title="PACS", node_port=port) as archive:
        pacs = {
            "ae_title": "PACS",
            "host": LOOPBACK,
            "port": archive.port,
            "may": ["echo", "commit"],
        }
        node = EchoNodeProcess(
            folder=tmp_path,
            port=port,
            peers={"sender": SENDER, "pacs": pacs},
            destinations=[{"peer": "pacs", "commitment": "none"}],
            extra={
                "forwarding": [{"from": "sender", "to": ["pacs"]}],
                "web": {"host": LOOPBACK, "port": web},
                "objects": {"url": f"s3://{BUCKET}/node", "endpoint": server.endpoint},
            },
            env=ENVIRONMENT,
        )
        gate = threading.Event()

        def later(arrival: Arrival) -> StoreAnswer:
            gate.wait(60)
            return StoreAnswer()

        archive.store = later
        with node, Client(port) as client:
            client.associate("SCU")
            instances = [stored(client) for _ in range(5)]
            node.kill()
        shutil.rmtree(node.data_dir / "cache")
        archive.store = stores
        gate.set()
        with node:
            hashes = {each.sop_instance_uid: each.sha256 for each in instances}
            wait_until(lambda: kept(book) == hashes, lambda: f"delivered: {kept(book)}")
            shutil.rmtree(node.data_dir / "cache")
            node.kill()
        with node:
            assert shown(web, tmp_path / "shown.dcm", instances[0]) == instances[0].sha256
            server.kill()
            with Client(port) as client:
                client.associate("SCU")
                assert client.store(small_instance()) >> 8 == 0xA7
    book.close()


def kept(book: Book) -> dict[str, str]:
    """What the archive took: UID -> hash."""
    return {line["uid"]: line["sha256"] for line in read_book(book.path) if line["kind"] == "kept"}


def shown(port: int, path: Path, instance: Instance) -> str:
    """The hash of the dataset that DICOMweb gives."""
    root = f"http://{LOOPBACK}:{port}/dicom-web"
    uid = instance.sop_instance_uid
    with urllib.request.urlopen(f"{root}/instances?SOPInstanceUID={uid}", timeout=30) as answer:
        [found] = json.load(answer)
    study, series = found["0020000D"]["Value"][0], found["0020000E"]["Value"][0]
    request = urllib.request.Request(
        f"{root}/studies/{study}/series/{series}/instances/{uid}",
        headers={"Accept": "application/dicom"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        path.write_bytes(answer.read())
    return split(path).sha256
