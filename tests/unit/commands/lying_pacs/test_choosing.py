"""`--behaviour NAME:KEY=VALUE`: words become a conduct, and mistakes become sentences."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from echonode.commands.lying_pacs.behaviour import SOME
from echonode.commands.lying_pacs.behaviours import BEHAVIOURS, BY_NAME
from echonode.commands.lying_pacs.choosing import conduct_of, listing
from echonode.commands.lying_pacs.conduct import Conduct, When
from echonode.commands.lying_pacs.event_lines import as_json, as_text
from echonode.commands.lying_pacs.script import Arrival, StoreAnswer
from echonode.errors import UsageError

AT = datetime(2026, 5, 4, 12, 30, 1, 250_000, tzinfo=UTC)


def arrival(number: int, age_s: float = 0.0) -> Arrival:
    return Arrival(
        sop_class_uid="1.2",
        sop_instance_uid="1.3",
        transfer_syntax_uid="1.4",
        calling_ae_title="SCU",
        number=number,
        of_association=number,
        age_s=age_s,
    )


def test_each_behaviour_has_a_name_of_its_own_and_one_sentence() -> None:
    """`--list` is all that a user has to choose by."""
    assert len(BY_NAME) == len(BEHAVIOURS) >= 40
    for behaviour in BEHAVIOURS:
        assert behaviour.name == behaviour.name.lower().replace(" ", "-")
        assert behaviour.sentence.endswith("."), behaviour.name
        assert behaviour.sentence.count(". ") == 0, behaviour.name
        assert f"  {behaviour.name} " in "\n".join(listing())


def test_a700_for_an_hour_ends_after_an_hour() -> None:
    """`out-of-resources` refuses for 3600 seconds and then stores; the time is a parameter."""
    hour = conduct_of(["out-of-resources"])
    assert hour.store_answer(arrival(1, 3599.0)) == StoreAnswer(status=0xA700, keeps=False)
    assert hour.store_answer(arrival(2, 3600.0)) == StoreAnswer()
    short = conduct_of(["out-of-resources:seconds=2,status=C211"])
    assert short.store_answer(arrival(1, 1.9)).status == 0xC211
    assert short.store_answer(arrival(1, 2.0)).status == 0


def test_behaviours_combine_in_the_order_in_which_they_are_given() -> None:
    """A slow archive that forgets each third instance is two behaviours."""
    conduct = conduct_of(["slow:after=2", "forgets:first=3,every=3,count=2"])
    kept = [conduct.store_answer(arrival(number)).keeps for number in range(1, 10)]
    assert kept == [True, True, False, True, True, False, True, True, True]
    assert conduct.store_answer(arrival(3)).delay_s == 2.0
    last = conduct_of(["refuses:status=A900", "warns:status=B007"])
    assert last.store_answer(arrival(1)).status == 0xB007


def test_which_ones_are_meant() -> None:
    """first, count, every and seconds narrow a behaviour, each and together."""
    assert [n for n in range(1, 9) if When(first=2, every=2, count=2).holds(n, 0.0)] == [2, 4]
    assert not When(seconds=1.0).holds(1, 1.0)
    assert set(SOME) <= set(BY_NAME["aborts"].parameters)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("forgest", "did you mean 'forgets'?"),
        ("nothing-like-it", "--list shows all"),
        ("forgets:colour=red", "it has first, count, every, seconds"),
        ("honest:first=2", "it has no parameter"),
        ("forgets:every=0", "is not a number of at least 1"),
        ("slow:after=nan", "is not a number"),
        ("slow:after=-1", "is not a number"),
        ("refuses:status=12345", "four hexadecimal digits"),
        ("refuses:status=red", "four hexadecimal digits"),
    ],
)
def test_a_mistake_is_answered_with_what_would_be_right(word: str, said: str) -> None:
    """Bad usage names the behaviour, the parameter and what it may be."""
    with pytest.raises(UsageError) as caught:
        conduct_of([word])
    assert said in str(caught.value)


def test_an_archive_knows_whether_it_has_to_call_the_sender() -> None:
    """A late report cannot be on the association that asked, so an address is needed."""
    assert not Conduct().calls_the_sender
    assert conduct_of(["late-reports"]).calls_the_sender
    assert not conduct_of(["late-reports", "never-reports"]).calls_the_sender


def test_an_event_is_one_line_whatever_the_wire_brought() -> None:
    """Line ends, escape sequences and bidirectional marks in a value are escaped."""
    fields = {"uid": "1.2\n\x1b[31m\u202e3", "status": 0xA700, "kept": False, "delay_s": 2.0}
    text = as_text("store", fields, AT)
    assert text == (
        "12:30:01.250  C-STORE  uid=1.2\\n\\x1b[31m\\u202e3  status=A700  kept=no  delay_s=2"
    )
    assert "\n" not in as_json("store", fields, AT)
    assert as_json("store", {"status": None}, AT).endswith('"event": "store", "status": "none"}')
