"""A node that cannot be built leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from echonode.config import parse
from echonode.node import node
from echonode.node.node import Node
from echonode.store.store import Store


def test_a_node_that_cannot_be_built_gives_its_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is held from the opening on: a part that fails after it must not keep it."""
    config = parse(f"{{ae_title: ECHONODE, data_dir: {tmp_path / 'var'}}}", {})

    def refuse(**_options: object) -> None:
        raise RuntimeError("a part that cannot be built")

    monkeypatch.setattr(node, "Acceptor", refuse)
    with pytest.raises(RuntimeError):
        Node(config)
    Store.open(tmp_path / "var").close()
