"""A watch link is a secret for a time."""

from __future__ import annotations

import pytest

from echonode.errors import OperatorRefused
from echonode.web.live.watch_links import MOST_LINKS, WatchLinks


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def test_a_token_opens_its_probe_until_it_expires() -> None:
    """Neither its id nor another token does."""
    clock = Clock()
    links = WatchLinks(now_s=clock)
    token, link = links.add("hand", minutes=2)
    assert links.find(token) == link
    assert (link.probe, link.expires_at_s) == ("hand", 1120.0)
    assert links.find(link.id) is None
    assert links.find(token[:-1]) is None
    clock.now_s = 1119.9
    assert links.is_open(link.id)
    clock.now_s = 1120.0
    assert links.find(token) is None
    assert not links.is_open(link.id)


def test_tokens_are_long_and_never_alike() -> None:
    """256 random bits each; a browser can send them as a subprotocol."""
    links = WatchLinks()
    tokens = {links.add("hand", minutes=1)[0] for _ in range(MOST_LINKS)}
    assert len(tokens) == MOST_LINKS
    assert all(
        len(token) == 43 and token.replace("-", "").replace("_", "").isalnum() for token in tokens
    )


def test_the_token_itself_is_not_kept() -> None:
    """Who reads the memory of lists and links finds its hash."""
    links = WatchLinks()
    token, link = links.add("hand", minutes=1)
    assert token not in repr(vars(links))
    assert token not in repr(link)


def test_links_are_ended_one_by_one_or_all_of_a_probe() -> None:
    """Those of another probe stay."""
    links = WatchLinks()
    one, two = links.add("hand", minutes=1)[1], links.add("hand", minutes=1)[1]
    other = links.add("cart", minutes=1)[1]
    assert links.end("hand", one.id) == 1
    assert links.end("hand", other.id) == 0
    assert links.of_probe("hand") == [two]
    assert links.end("hand") == 1
    assert links.of_probe("cart") == [other]


def test_their_number_is_limited_and_expired_ones_do_not_count() -> None:
    """The error says what to do."""
    clock = Clock()
    links = WatchLinks(now_s=clock)
    for _ in range(MOST_LINKS):
        links.add("hand", minutes=1)
    with pytest.raises(OperatorRefused, match="end one"):
        links.add("hand", minutes=1)
    clock.now_s += 61
    links.add("hand", minutes=1)
