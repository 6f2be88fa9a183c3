"""What is sent of the alarms, and how often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from echonode.monitoring.notices.notice import (
    Notice,
    Sent,
    document_of,
    lines_of,
    next_notice,
    subject_of,
)
from echonode.web.health import Alarm

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
DISK = Alarm(name="disk", text="no room")
HELD = Alarm(name="held:pacs", text="3 held", about=("1.2.3",))
REPEAT, QUIET = timedelta(hours=24), timedelta(minutes=15)


def looks(*moments: tuple[float, list[Alarm]]) -> list[Notice]:
    """The notices of looks at so many minutes."""
    sent, notices = Sent(), []
    for minutes, alarms in moments:
        notice, sent = next_notice(
            alarms, sent, now=AT + timedelta(minutes=minutes), repeat=REPEAT, quiet=QUIET
        )
        notices.append(notice)
    return notices


def test_an_alarm_is_sent_when_it_begins_and_when_it_ends() -> None:
    """And not at every look in between."""
    first, second, third, fourth = looks((0, [DISK]), (1, [DISK]), (2, []), (3, []))
    assert first.raised == (DISK,)
    assert not second
    assert third.cleared == ("disk",)
    assert not fourth


def test_an_alarm_that_stands_is_sent_again_after_a_day() -> None:
    """Once a day."""
    day = 24 * 60
    notices = looks((0, [DISK]), (day - 1, [DISK]), (day, [DISK]), (day + 1, [DISK]))
    assert [bool(notice) for notice in notices] == [True, False, True, False]
    assert notices[2].standing == (DISK,)


def test_an_alarm_that_comes_and_goes_is_sent_once_in_a_while() -> None:
    """A link that breaks each minute is not sixty mails an hour."""
    flapping = looks(*((minute, [DISK] if minute % 2 == 0 else []) for minute in range(30)))
    assert sum(bool(notice.raised) for notice in flapping) == 2
    assert sum(bool(notice.cleared) for notice in flapping) == 2


def test_what_waits_becomes_one_notice() -> None:
    """What ended before it was sent is not sent as new."""
    merged = Notice(at=AT, raised=(DISK,)).merged(Notice(at=AT, raised=(HELD,), cleared=("disk",)))
    assert merged.raised == (HELD,)
    assert merged.cleared == ("disk",)


def test_the_words_have_no_uid() -> None:
    """A mail passes many hands."""
    notice = Notice(at=AT, raised=(HELD,), cleared=("disk",))
    said = "\n".join([*lines_of(notice), subject_of(notice, "ROOM1"), str(document_of(notice, ""))])
    assert "held:pacs" in said
    assert "1.2.3" not in said
    assert subject_of(notice, "ROOM1") == "EchoNode ROOM1: alarms, 1 new, 1 ended"


def test_a_clock_that_was_set_back_silences_nothing() -> None:
    """The alarm is sent once more."""
    _, again = looks((0, [DISK]), (-600, [DISK]))
    assert again.standing == (DISK,)
