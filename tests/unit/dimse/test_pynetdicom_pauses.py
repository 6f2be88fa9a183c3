"""The tests' own requestors wait until a pynetdicom association's thread really is paused."""

from __future__ import annotations

import threading

import pytest
from pynetdicom import AE
from pynetdicom.association import Association

from tests.support.waiting import wait_until


@pytest.fixture
def association(monkeypatch: pytest.MonkeyPatch) -> Association:
    """One whose thread is taken to run."""
    made = Association(AE(), "requestor")
    monkeypatch.setattr(made, "is_alive", lambda: True)
    return made


def test_a_thread_that_is_past_its_checkpoint_is_not_paused(association: Association) -> None:
    """It would take the answer; once it waits there, it cannot."""
    association._is_paused = True
    assert association._is_paused
    association._reactor_checkpoint.clear()
    assert not association._is_paused
    thread = threading.Thread(target=association._reactor_checkpoint.wait)
    thread.start()
    wait_until(lambda: association._is_paused, "it waits")
    association._reactor_checkpoint.set()
    thread.join()


def test_a_thread_that_is_killed_keeps_no_one_waiting(association: Association) -> None:
    """Their caller hears that the association is over."""
    association._is_paused = True
    association._reactor_checkpoint.clear()
    association._kill = True
    assert association._is_paused
