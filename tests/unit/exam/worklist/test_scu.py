"""A query's answers become items; a bad one costs itself alone; a server's excess is bounded."""

from __future__ import annotations

import pytest

from echonode.errors import AssociationLost, QueryRefused
from echonode.exam.worklist.query import WorklistQuery
from echonode.exam.worklist.scu import UNREADABLE, WorklistLimits
from tests.support.memory_key_value import MemoryKeyValue
from tests.unit.exam.worklist.answers import answer
from tests.unit.exam.worklist.scripted_ris import (
    ScriptedRis,
    keywords_of,
    many,
    scu_of,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

ASKED = WorklistQuery(station_ae_title="US1", modality="US")


def test_every_item_is_fetched_once() -> None:
    """Also where the server answers one twice; the association is released."""
    ris = ScriptedRis(answers=[*many(3), *many(2)])
    fetched = scu_of(ris).fetch(ASKED)
    assert [item.accession_number.value for item in fetched.items] == ["A0", "A1", "A2"]
    assert (ris.released, ris.aborted, ris.cancelled) == (1, 0, 0)


def test_a_bad_answer_costs_itself_alone_and_is_counted_by_its_reason() -> None:
    """Reasons name the attribute; values are patient data."""
    bad = answer(PatientID="CANARY" * 20)
    fetched = scu_of(ScriptedRis(answers=[answer(), bad, None, bad])).fetch(ASKED)
    assert len(fetched.items) == 1
    assert fetched.unusable[UNREADABLE] == 1
    [reason] = set(fetched.unusable) - {UNREADABLE}
    assert "PatientID" in reason
    assert fetched.unusable[reason] == 2
    assert "CANARY" not in str(fetched.unusable)


def test_items_beyond_the_limit_are_counted_and_not_kept() -> None:
    """So that the operator can see how many are missing."""
    ris = ScriptedRis(answers=many(10))
    fetched = scu_of(ris, limits=WorklistLimits(items=4)).fetch(ASKED)
    assert (len(fetched.items), fetched.excess, fetched.more) == (4, 6, False)


def test_a_server_without_end_is_cancelled() -> None:
    """The excess is said to be at least that much."""
    ris = ScriptedRis(answers=many(100))
    fetched = scu_of(ris, limits=WorklistLimits(items=4, answers=20)).fetch(ASKED)
    assert (len(fetched.items), fetched.excess, fetched.more) == (4, 16, True)
    assert (ris.cancelled, ris.released) == (1, 1)


def test_text_without_end_is_bounded() -> None:
    """By the bytes of all items together, not only by their number."""
    long = many(10, RequestedProcedureComments="x" * 9000)
    fetched = scu_of(ScriptedRis(answers=long), limits=WorklistLimits(text_bytes=30_000)).fetch(
        ASKED
    )
    assert (len(fetched.items), fetched.excess) == (4, 6)


@pytest.mark.parametrize("status", [0xA900, 0xC001, 0xC000, 0x0110, None])
def test_a_refused_key_is_left_out_from_then_on(status: int | None) -> None:
    """A failure status or an abort; remembered, so that the next query is one query."""
    ris = ScriptedRis(answers=[answer()], refuses=frozenset({"EthnicGroup"}), status=status)
    notes = MemoryKeyValue()
    fetched = scu_of(ris, notes).fetch(ASKED)
    assert len(fetched.items) == 1
    assert fetched.left_out == ("EthnicGroup",)
    before = len(ris.queries)
    assert len(scu_of(ris, notes).fetch(ASKED).items) == 1
    [again] = ris.queries[before:]
    assert "EthnicGroup" not in keywords_of(again)
    assert "PatientBirthDate" in keywords_of(again)


def test_a_server_that_refuses_everything_is_not_asked_on_and_on() -> None:
    """It refuses the keys that are needed as well: the refusal is what is said."""
    ris = ScriptedRis(refuses=frozenset({"PatientName"}))
    with pytest.raises(QueryRefused, match="A900"):
        scu_of(ris).fetch(ASKED)
    assert len(ris.queries) == 2


@pytest.mark.parametrize("status", [0xA700, 0x0122, 0x0124])
def test_a_refusal_that_is_not_for_a_key_is_said_at_once(status: int) -> None:
    """Out of resources, no such class, not authorised."""
    ris = ScriptedRis(refuses=frozenset({"EthnicGroup"}), status=status)
    with pytest.raises(QueryRefused):
        scu_of(ris).fetch(ASKED)
    assert len(ris.queries) == 1


def test_a_failure_after_answers_is_not_for_a_key() -> None:
    """The list is not whole: what came must not pass for all."""
    ris = ScriptedRis(answers=many(2), final=0xC001)
    with pytest.raises(QueryRefused):
        scu_of(ris).fetch(ASKED)
    assert len(ris.queries) == 1


def test_a_lost_association_that_the_peer_did_not_end_is_no_refusal() -> None:
    """Silence says nothing of keys."""
    ris = ScriptedRis(fails=AssociationLost("no answer in time"))
    with pytest.raises(AssociationLost):
        scu_of(ris).fetch(ASKED)


def test_a_search_gives_items_as_they_come_and_ends_when_it_is_closed() -> None:
    """The first is there before the second is answered."""
    ris = ScriptedRis(answers=many(50))
    found = scu_of(ris).search(WorklistQuery(patient_name="Muster*"))
    assert next(found).accession_number.value == "A0"
    found.close()  # type: ignore[attr-defined]  # it is a generator
    assert (ris.cancelled, ris.released) == (1, 1)
    assert ris.queries[0].PatientName == "Muster*"


@pytest.mark.slow
def test_a_search_is_ended_at_what_a_person_can_read() -> None:
    """Two hundred; a longer list needs more of the name."""
    ris = ScriptedRis(answers=many(500))
    assert len(list(scu_of(ris).search(WorklistQuery(patient_name="M*")))) == 200
    assert ris.cancelled == 1


def test_after_the_end_nothing_more_is_asked() -> None:
    """What is opened after that is broken off at once."""
    ris = ScriptedRis(answers=[answer()])
    scu = scu_of(ris)
    scu.break_off()
    scu.fetch(ASKED)
    assert ris.aborted == 1
