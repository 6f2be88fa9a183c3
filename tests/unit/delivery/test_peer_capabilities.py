"""What an archive takes is learnt from its answers, kept, and used for the next proposal."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from echonode.delivery.peer_capabilities import REFUSAL_BELIEVED, KnownEncodings
from tests.support.clock import START
from tests.unit.delivery.doubles import US_IMAGE

CINE = "1.2.840.10008.5.1.4.1.1.3.1"
EXPLICIT, IMPLICIT = (US_IMAGE, ExplicitVRLittleEndian), (US_IMAGE, ImplicitVRLittleEndian)
BOTH = (EXPLICIT, IMPLICIT)
ONLY_IMPLICIT = KnownEncodings().after(BOTH, {IMPLICIT}, now=START)


def test_at_first_everything_is_proposed() -> None:
    """Nothing is known of a new archive."""
    assert KnownEncodings().worth_proposing(BOTH, now=START) == BOTH


def test_what_is_refused_is_not_proposed_again() -> None:
    """An archive that takes only Implicit VR is asked for that."""
    assert ONLY_IMPLICIT.worth_proposing(BOTH, now=START) == (IMPLICIT,)


def test_after_a_day_it_is_asked_again() -> None:
    """Archives are upgraded; a refusal is believed for a limited time."""
    later = START + REFUSAL_BELIEVED
    assert ONLY_IMPLICIT.worth_proposing(BOTH, now=later) == BOTH


def test_an_answer_from_the_future_is_not_believed() -> None:
    """The clock was set back since: without this a refusal would be believed for a year."""
    before = START - timedelta(days=365)
    assert ONLY_IMPLICIT.worth_proposing(BOTH, now=before) == BOTH


def test_a_class_that_is_refused_in_all_is_asked_for_each_time() -> None:
    """No instance is held for what an archive said yesterday."""
    nothing = KnownEncodings().after(BOTH, set(), now=START)
    assert nothing.worth_proposing(BOTH, now=START) == BOTH


def test_an_answer_that_says_nothing_new_changes_nothing() -> None:
    """So that the store is not written to for each association."""
    assert ONLY_IMPLICIT.after([IMPLICIT], {IMPLICIT}, now=START) is ONLY_IMPLICIT
    a_day_on = START + timedelta(days=1)
    assert ONLY_IMPLICIT.after([IMPLICIT], {IMPLICIT}, now=a_day_on) is not ONLY_IMPLICIT


def test_a_change_of_mind_is_learnt() -> None:
    """What was taken and is refused now is a refusal."""
    assert ONLY_IMPLICIT.after(BOTH, {EXPLICIT}, now=START).worth_proposing(BOTH, now=START) == (
        EXPLICIT,
    )


def test_it_is_shown_by_class() -> None:
    """The operator sees for each class what it is taken in, and which class is taken in nothing."""
    known = ONLY_IMPLICIT.after([(CINE, ImplicitVRLittleEndian)], set(), now=START)
    assert known.accepted() == {US_IMAGE: (ImplicitVRLittleEndian,), CINE: ()}


def test_it_survives_as_text() -> None:
    """Kept and read again, it is the same; of another peer, or damaged, it is nothing."""
    text = ONLY_IMPLICIT.as_text("PACS@10.0.0.5:104")
    assert KnownEncodings.from_text(text, "PACS@10.0.0.5:104") == ONLY_IMPLICIT
    assert not KnownEncodings.from_text(text, "PACS@10.0.0.6:104").learnt


@pytest.mark.parametrize("text", ["", "{", "[]", '{"peer": "P"}', '{"peer": "P", "learnt": [1]}'])
def test_what_cannot_be_read_is_learnt_again(text: str) -> None:
    """A damaged note costs one negotiation."""
    assert KnownEncodings.from_text(text, "P") == KnownEncodings()
