"""The bounds of the DICOM network layer."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, fields

import pytest

from echonode.dimse.limits import Limits


def test_the_documented_limits_hold_by_default() -> None:
    """PDU 256 KiB, message 2 GiB, 200 associations and 20 a peer, backlog 128, 10 s and 60 s."""
    limits = Limits()
    assert (limits.pdu_bytes, limits.message_bytes) == (262_144, 2 * 1024**3)
    assert (limits.associations, limits.associations_per_peer, limits.backlog) == (200, 20, 128)
    assert (limits.request_s, limits.pdu_s) == (10.0, 60.0)


@pytest.mark.parametrize("name", [field.name for field in fields(Limits)])
def test_no_limit_can_be_switched_off(name: str) -> None:
    """Zero would mean "never" or "always" somewhere: it is refused, whichever limit it is."""
    with pytest.raises(ValueError, match=name):
        Limits(**{name: 0})


def test_a_slow_peer_has_its_time_by_the_byte() -> None:
    """Two minutes for the least message, 36 hours for 1 GiB: slow lines are served, drips not."""
    limits = Limits()
    assert limits.message_seconds(0) == 120.0
    assert 36 < limits.message_seconds(1024**3) / 3600 < 37
    assert limits.send_seconds(limits.slowest_rate) == limits.send_s + 1


def test_limits_do_not_change_under_way() -> None:
    """A limit is what it was when the node started."""
    with pytest.raises(FrozenInstanceError):
        Limits().pdu_s = 1.0  # type: ignore[misc]
