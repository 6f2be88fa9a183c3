"""Acceptors and requestors that end with the test, and a count of what they leave behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pytest

from echonode.dimse.acceptor import ListenerAddress
from echonode.dimse.limits import Limits
from echonode.dimse.requestor import Requestor
from echonode.model.identity import Peer
from tests.integration.dimse.parts import Node, descriptors, dimse_threads, start_node, until
from tests.integration.dimse.pki import Clinic
from tests.peers.fixtures import require_program


@pytest.fixture
def make_node() -> Iterator[Callable[..., Node]]:
    """Start acceptors; each is stopped at the end, and nothing of it may be left."""
    before = descriptors()
    nodes: list[Node] = []

    def make(
        limits: Limits | None = None,
        *peers: Peer,
        listeners: Sequence[ListenerAddress] = (),
        say_which_title: bool = True,
    ) -> Node:
        nodes.append(
            start_node(limits, *peers, listeners=listeners, say_which_title=say_which_title)
        )
        return nodes[-1]

    yield make
    for node in nodes:
        node.acceptor.stop(5.0)
        assert node.acceptor.active_associations == 0
    assert until(lambda: not dimse_threads()), dimse_threads()
    assert until(lambda: descriptors() <= before), (before, descriptors())


@pytest.fixture
def node(make_node: Callable[..., Node]) -> Node:
    """An acceptor called ECHONODE that serves the peer SCU everything."""
    return make_node()


@pytest.fixture(scope="session")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Clinic:
    """Certificates of every kind, made once."""
    require_program("openssl")
    return Clinic(tmp_path_factory.mktemp("pki"))


@pytest.fixture
def requestor() -> Requestor:
    """Calls as SCU."""
    return Requestor(ae_title="SCU")
