"""There is room for a new screen where an old one is switched off, and strangers keep none."""

from __future__ import annotations

from dataclasses import dataclass

from echonode.web.live.viewer_limits import BEHIND_S, ViewerLimits


@dataclass(eq=False)
class Screen:
    address: str = "a"
    behind_since_s: float | None = None
    is_ended: bool = False

    def end(self) -> None:
        self.is_ended = True


def test_one_address_has_its_share() -> None:
    """Another address still has room; who leaves makes some."""
    limits = ViewerLimits(most=4, per_address=2)
    one, two, three = Screen(), Screen(), Screen()
    assert limits.enter(one, 0)
    assert limits.enter(two, 0)
    assert not limits.enter(three, 0)
    assert limits.enter(Screen("b"), 0)
    limits.leave(one)
    assert limits.enter(three, 0)
    assert not any(screen.is_ended for screen in (one, two, three))


def test_all_together_have_a_limit() -> None:
    """Whatever their addresses."""
    limits = ViewerLimits(most=2, per_address=2)
    assert limits.enter(Screen("a"), 0)
    assert limits.enter(Screen("b"), 0)
    assert not limits.enter(Screen("c"), 0)
    assert len(limits) == 2


def test_the_screen_that_has_been_behind_for_longest_goes_for_a_new_one() -> None:
    """Not one that is behind for a moment."""
    limits = ViewerLimits(most=3, per_address=3)
    keeps_up, slow = Screen(), Screen(behind_since_s=100.0)
    off = Screen(behind_since_s=50.0)
    for screen in (keeps_up, slow, off):
        assert limits.enter(screen, 100)
    now_s = 100 + BEHIND_S / 2
    assert limits.enter(Screen(), now_s)
    assert (keeps_up.is_ended, slow.is_ended, off.is_ended) == (False, False, True)
    assert not limits.enter(Screen(), now_s)
    limits.leave(off)  # its own end comes later, and changes nothing
    assert len(limits) == 3
