"""What is sent of the alarms, and when: pure.

Rules
- One notice has all that changed at a look: what began, what still stands after REPEAT, what ended.
- An alarm that comes and goes is sent once in `quiet`; what happened meanwhile is in the next.
- The text is the one for everyone: no patient, no UID.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from echonode.web.health import Alarm


@dataclass(frozen=True, kw_only=True)
class Notice:
    """raised: began. standing: sent before, and still there. cleared: names that ended."""

    at: datetime
    raised: tuple[Alarm, ...] = ()
    standing: tuple[Alarm, ...] = ()
    cleared: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.raised or self.standing or self.cleared)

    def merged(self, later: Notice) -> Notice:
        """This one, not sent yet, and a later one as one."""
        ended = set(later.cleared)
        kept = {a.name: a for a in (*self.raised, *later.raised) if a.name not in ended}
        again = {a.name: a for a in (*self.standing, *later.standing) if a.name not in ended}
        # What began and ended before it could be sent is only said to have ended.
        began = {alarm.name for alarm in later.raised}
        cleared = [name for name in (*self.cleared, *later.cleared) if name not in began]
        return Notice(
            at=later.at,
            raised=tuple(kept.values()),
            standing=tuple(a for name, a in again.items() if name not in kept),
            cleared=tuple(dict.fromkeys(cleared)),
        )


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What the receivers know: name -> when it was sent last. up: those that they believe stand."""

    at: Mapping[str, datetime] = field(default_factory=dict)
    up: frozenset[str] = frozenset()


def next_notice(
    alarms: Sequence[Alarm], sent: Sent, *, now: datetime, repeat: timedelta, quiet: timedelta
) -> tuple[Notice, Sent]:
    """What to send at a look, and what is known once it is sent."""
    standing = {alarm.name: alarm for alarm in alarms}
    raised = [
        alarm
        for name, alarm in standing.items()
        if name not in sent.up and _is_over(sent.at.get(name), quiet, now)
    ]
    again = [
        alarm
        for name, alarm in standing.items()
        if name in sent.up and _is_over(sent.at.get(name), repeat, now)
    ]
    cleared = tuple(sorted(sent.up - standing.keys()))
    notice = Notice(at=now, raised=tuple(raised), standing=tuple(again), cleared=cleared)
    said = {alarm.name: now for alarm in (*raised, *again)}
    # What ended long ago need not be remembered: it would be sent at once.
    kept = {
        name: at for name, at in sent.at.items() if name in standing or not _is_over(at, quiet, now)
    }
    up = (sent.up | {alarm.name for alarm in raised}) & standing.keys()
    return notice, Sent(at={**kept, **said}, up=frozenset(up))


def _is_over(before: datetime | None, pause: timedelta, now: datetime) -> bool:
    """Whether a pause has passed; a clock that was set back counts as one that has."""
    return before is None or not timedelta(0) <= now - before < pause


def subject_of(notice: Notice, node: str) -> str:
    """One line."""
    parts = [
        f"{len(named)} {word}"
        for named, word in (
            (notice.raised, "new"),
            (notice.standing, "standing"),
            (notice.cleared, "ended"),
        )
        if named
    ]
    return f"EchoNode {node}: alarms, {', '.join(parts)}"


def lines_of(notice: Notice) -> Iterator[str]:
    """The text of a mail."""
    for word, alarms in (("NEW", notice.raised), ("STANDING", notice.standing)):
        for alarm in alarms:
            yield f"{word}  {alarm.name}"
            yield f"    {alarm.text}"
            yield ""
    for name in notice.cleared:
        yield f"ENDED  {name}"
    yield ""
    yield "docs/operations.md says what to do for each name."


def document_of(notice: Notice, node: str) -> Mapping[str, object]:
    """The JSON of a webhook. `text` is for receivers that show one line of it."""
    return {
        "node": node,
        "at": notice.at.isoformat(timespec="seconds"),
        "text": subject_of(notice, node)
        + "".join(f"\n{alarm.name}: {alarm.text}" for alarm in (*notice.raised, *notice.standing)),
        "raised": [{"name": alarm.name, "text": alarm.text} for alarm in notice.raised],
        "standing": [{"name": alarm.name, "text": alarm.text} for alarm in notice.standing],
        "cleared": list(notice.cleared),
    }
