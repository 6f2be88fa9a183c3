"""A node under a master key, from outside: received, killed, delivered, shown, its keys changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from echonode.commands.lying_pacs.archive import LyingArchive
from tests.acceptance.test_object_storage import kept, shown
from tests.faults.callers.client import Client
from tests.faults.callers.instances import small_instance
from tests.faults.judging.books import Book
from tests.peers.node_process import EchoNodeProcess
from tests.peers.ports import LOOPBACK, free_port
from tests.peers.process import NotReady
from tests.support.waiting import wait_until

pytest.importorskip("sqlcipher3")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(480)]
SENDER = {"ae_title": "SCU", "host": LOOPBACK, "port": 104, "may": ["echo", "store"]}
OLD, NEW = "0f" * 32, "f0" * 32


def key_file(path: Path, key: str) -> str:
    """A file with a key, for our user alone."""
    path.write_text(f"{key}\n")
    path.chmod(0o600)
    return str(path)


def below(folder: Path, words: list[bytes]) -> list[str]:
    """The files below a folder that hold one of these words."""
    return [
        path.name
        for path in sorted(folder.rglob("*"))
        if path.is_file() and any(word in path.read_bytes() for word in words)
    ]


@pytest.mark.long
def test_a_store_is_encrypted_used_killed_and_gets_another_key(tmp_path: Path) -> None:
    """A plain node receives, then `echonode encrypt`: from then on no UID and no pixel stands in
    the raw bytes of its folder, while it runs, is killed, delivers, shows images in DICOMweb and
    gets another master key. Without the key no command opens it, and each says why.
    """
    port, web = free_port(), free_port()
    old, new = key_file(tmp_path / "old.key", OLD), key_file(tmp_path / "new.key", NEW)
    book = Book(tmp_path / "pacs.book")
    with LyingArchive(book, ae_title="PACS", node_port=port) as archive:
        pacs = {"ae_title": "PACS", "host": LOOPBACK, "port": archive.port, "may": ["echo"]}
        node = EchoNodeProcess(
            folder=tmp_path,
            port=port,
            peers={"sender": SENDER, "pacs": pacs},
            destinations=[{"peer": "pacs", "commitment": "none"}],
            extra={
                "forwarding": [{"from": "sender", "to": ["pacs"]}],
                "web": {"host": LOOPBACK, "port": web},
            },
        )
        instances = []

        def receive() -> None:
            with Client(port) as client:
                client.associate("SCU")
                instances.append(small_instance(pixels=300_000))
                assert client.store(instances[-1]) == 0

        with node:
            receive()
            node.stop()
        words = [instances[0].sop_instance_uid.encode()]
        assert below(node.data_dir, words)
        node.extra["encryption"] = {"key": {"file": old}}
        with pytest.raises(NotReady, match="echonode encrypt"):
            node.start()
        done = node.command("encrypt")
        assert done.returncode == 0, done.stderr
        with node:
            receive()
            words = [each.sop_instance_uid.encode() for each in instances]
            hashes = {each.sop_instance_uid: each.sha256 for each in instances}
            assert below(node.data_dir, words) == []
            node.kill()
        with node:
            wait_until(lambda: kept(book) == hashes, lambda: f"delivered: {kept(book)}")
            for each in instances:
                assert shown(web, tmp_path / "shown.dcm", each) == each.sha256
            assert len(node.ledger()) == 2
            assert below(node.data_dir, words) == []
            node.stop()
        node.extra["encryption"] = {"key": {"file": new}, "earlier_keys": [{"file": old}]}
        with node:
            done = node.command("encrypt", "--rotate")
            assert done.returncode == 0, done.stderr
            receive()
            node.stop()
        node.extra["encryption"] = {"key": {"file": new}}
        with node:
            for each in instances:
                assert shown(web, tmp_path / "shown.dcm", each) == each.sha256
            done = node.command("backup", str(tmp_path / "backup"))
            assert done.returncode == 0, done.stderr
            words = [each.sop_instance_uid.encode() for each in instances]
            assert below(node.data_dir, words) == below(tmp_path / "backup", words) == []
            node.stop()
        for encryption, said, command in (
            ({}, "no key is configured", ("ledger",)),
            ({"key": {"file": old}}, "sealed under", ("audit", "verify")),
        ):
            node.extra["encryption"] = encryption
            node.config_file.write_text(yaml.safe_dump(node.settings()))
            refused = node.command(*command)
            assert refused.returncode != 0
            assert said in refused.stderr
    book.close()
