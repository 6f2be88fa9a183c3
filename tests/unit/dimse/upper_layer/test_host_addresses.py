"""Where the peers are: by their addresses, or by names that a name server knows."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from echonode.dimse.upper_layer.host_addresses import HostAddresses
from echonode.model.identity import Peer


def peer(host: str) -> Peer:
    return Peer(name="us", ae_title="US", host=host, port=104, may=frozenset())


def test_an_address_is_known_at_once() -> None:
    """In its shortest form, as a socket shows it."""
    known = HostAddresses([peer("10.0.0.1"), peer("fd00:0:0::1")])
    assert known.of(peer("10.0.0.1")) == {"10.0.0.1"}
    assert known.of(peer("fd00:0:0::1")) == {"fd00::1"}


def test_a_name_is_looked_up_and_its_last_addresses_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its addresses; when the name server is away, those that it gave last."""
    known = HostAddresses([peer("pacs.clinic")])
    assert known.of(peer("pacs.clinic")) == frozenset()
    answers: list[Any] = [
        (socket.AF_INET, 1, 6, "", (host, 0)) for host in ("10.0.0.7", "10.0.0.8")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    known.look()
    assert known.of(peer("pacs.clinic")) == {"10.0.0.7", "10.0.0.8"}

    def away(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_AGAIN, "away")

    monkeypatch.setattr(socket, "getaddrinfo", away)
    known.look()
    assert known.of(peer("pacs.clinic")) == {"10.0.0.7", "10.0.0.8"}
