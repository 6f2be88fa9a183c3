"""What an archive takes, learnt from its own answers: SOP class x transfer syntax.

Rules
- Learnt from negotiation alone (PS3.8 9.3.3.2): each context carries one syntax, so each answer is
  about one pair.
- A refusal is believed for REFUSAL_BELIEVED, then asked for again: archives are upgraded. What was
  accepted is proposed again anyway, and so is learnt anew each time.
- It only ever saves contexts: where nothing of a class is known to be accepted, all is proposed.
- What belongs to a peer belongs to its AE title and address; at another address it begins anew.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from echonode.delivery.negotiation import StorageContext

REFUSAL_BELIEVED = timedelta(days=1)
_FRESH = timedelta(hours=1)  # an answer that says nothing new is written down this often


@dataclass(frozen=True)
class Learnt:
    """The last answer about one pair."""

    accepted: bool
    at: datetime


@dataclass(frozen=True)
class Compatibility:
    """Everything learnt of one archive."""

    learnt: Mapping[StorageContext, Learnt] = field(default_factory=lambda: MappingProxyType({}))

    def after(
        self,
        proposed: Iterable[StorageContext],
        accepted: Collection[StorageContext],
        *,
        now: datetime,
    ) -> Compatibility:
        """With the answers of one negotiation; the same object where they say nothing new."""
        answers = {context: context in accepted for context in proposed}
        if not any(self._is_news(context, answer, now) for context, answer in answers.items()):
            return self
        new = {context: Learnt(answer, now) for context, answer in answers.items()}
        return Compatibility(MappingProxyType({**self.learnt, **new}))

    def _is_news(self, context: StorageContext, accepted: bool, now: datetime) -> bool:
        known = self.learnt.get(context)
        return known is None or known.accepted != accepted or now - known.at > _FRESH

    def worthwhile(
        self, contexts: tuple[StorageContext, ...], *, now: datetime
    ) -> tuple[StorageContext, ...]:
        """Those of an instance's contexts that are worth proposing, in their order."""
        if not any(self._is_accepted(context) for context in contexts):
            return contexts
        return tuple(context for context in contexts if not self._is_refused(context, now))

    def _is_accepted(self, context: StorageContext) -> bool:
        known = self.learnt.get(context)
        return known is not None and known.accepted

    def _is_refused(self, context: StorageContext, now: datetime) -> bool:
        known = self.learnt.get(context)
        if known is None or known.accepted:
            return False
        # An answer from the future was given before the clock was set back: nobody knows when.
        return timedelta() <= now - known.at < REFUSAL_BELIEVED

    def accepted(self) -> Mapping[str, tuple[str, ...]]:
        """SOP class -> the transfer syntaxes that it is taken in; none where it is refused."""
        classes = {sop_class_uid for sop_class_uid, _ in self.learnt}
        return {
            sop_class_uid: tuple(
                sorted(
                    syntax
                    for (owner, syntax), known in self.learnt.items()
                    if owner == sop_class_uid and known.accepted
                )
            )
            for sop_class_uid in sorted(classes)
        }

    def as_text(self, peer: str) -> str:
        """For the store; `peer` is whom it was learnt of."""
        rows = [
            [sop_class_uid, syntax, known.accepted, known.at.isoformat()]
            for (sop_class_uid, syntax), known in sorted(self.learnt.items())
        ]
        return json.dumps({"peer": peer, "learnt": rows})

    @classmethod
    def from_text(cls, text: str, peer: str) -> Compatibility:
        """What was kept of `peer`; nothing where it was of another, or cannot be read."""
        try:
            kept = json.loads(text)
            if kept["peer"] != peer:
                return cls()
            rows = {
                (str(sop_class_uid), str(syntax)): Learnt(
                    accepted is True, datetime.fromisoformat(at)
                )
                for sop_class_uid, syntax, accepted, at in kept["learnt"]
            }
        except (ValueError, KeyError, TypeError):
            return cls()  # it is learnt again with the next association
        return cls(MappingProxyType(rows))
