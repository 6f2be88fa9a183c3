"""A watch link is a secret for a time, in the store: a start of the node does not end it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from echonode.access.watch_links import MOST_LINKS
from echonode.errors import OperatorRefused
from echonode.store.store import Store
from echonode.web.live.watch_links import WatchLinks
from tests.unit.store.samples import NOON, Clock


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "var"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def links(data_dir: Path, clock: Clock) -> Iterator[WatchLinks]:
    with Store.open(data_dir, now=clock) as store:
        yield WatchLinks(store.watch_links, now=clock)


def test_a_token_opens_its_probe_until_it_expires(links: WatchLinks, clock: Clock) -> None:
    """Neither its id nor another token does."""
    token, link = links.add("hand", minutes=2)
    assert links.find(token) == link
    assert (link.probe, link.expires_at) == ("hand", NOON + timedelta(minutes=2))
    assert links.find(link.id) is None
    assert links.find(token[:-1]) is None
    clock.pass_(seconds=119.9)
    assert links.is_open(link.id)
    clock.pass_(seconds=0.1)
    assert links.find(token) is None
    assert not links.is_open(link.id)
    assert links.of_probe("hand") == []


def test_tokens_are_long_and_never_alike(links: WatchLinks) -> None:
    """256 random bits each; a browser can send them as a subprotocol."""
    tokens = {links.add("hand", minutes=1)[0] for _ in range(MOST_LINKS)}
    assert len(tokens) == MOST_LINKS
    assert all(
        len(token) == 43 and token.replace("-", "").replace("_", "").isalnum() for token in tokens
    )


def test_the_token_itself_is_not_kept(data_dir: Path, links: WatchLinks) -> None:
    """Who reads memory or the files of the database finds its hash."""
    token, link = links.add("hand", minutes=1)
    assert token not in repr(vars(links))
    assert token not in repr(link)
    files = [path.read_bytes() for path in data_dir.glob("index.sqlite*")]
    assert any(link.id.encode() in each for each in files)
    assert not any(token.encode() in each for each in files)


def test_links_are_ended_one_by_one_or_all_of_a_probe(links: WatchLinks) -> None:
    """Those of another probe stay."""
    one, two = links.add("hand", minutes=1)[1], links.add("hand", minutes=1)[1]
    other = links.add("cart", minutes=1)[1]
    assert links.end("hand", one.id) == 1
    assert links.end("hand", other.id) == 0
    assert links.of_probe("hand") == [two]
    assert links.end("hand") == 1
    assert links.of_probe("cart") == [other]


def test_their_number_is_limited_and_expired_ones_do_not_count(
    links: WatchLinks, clock: Clock
) -> None:
    """The error says what to do."""
    for _ in range(MOST_LINKS):
        links.add("hand", minutes=1)
    with pytest.raises(OperatorRefused, match="end one"):
        links.add("hand", minutes=1)
    clock.pass_(seconds=61)
    assert links.end("hand") == 0
    links.add("hand", minutes=1)


def test_a_start_of_the_node_ends_no_link_and_revives_none(data_dir: Path, clock: Clock) -> None:
    """What was given is found again, with the same end; what was ended stays ended."""
    with Store.open(data_dir, now=clock) as store:
        before = WatchLinks(store.watch_links, now=clock)
        token, link = before.add("hand", minutes=10)
        ended, gone = before.add("hand", minutes=10)
        before.end("hand", gone.id)
    clock.pass_(minutes=9)
    with Store.open(data_dir, now=clock) as store:
        after = WatchLinks(store.watch_links, now=clock)
        assert after.find(token) == link
        assert after.find(ended) is None
        clock.pass_(minutes=1)
        assert after.find(token) is None
