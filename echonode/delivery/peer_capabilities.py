"""What an archive takes, by SOP class and transfer syntax, learnt from its own answers.

Rules
- Only negotiation teaches (PS3.8 9.3.3.2): each context carries one transfer syntax, so each answer
  is about one pair.
- A refusal is believed for REFUSAL_BELIEVED. Then the pair is proposed again, because archives are
  upgraded. What was accepted is proposed in every association, so its answer stays current.
- The knowledge only leaves contexts out. Where no syntax of a class is known to be accepted, all
  are proposed.
- What was learnt belongs to an AE title at an address. At another address it starts empty.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

from echonode.delivery.encoding_options import StorageContext
from echonode.log import get_logger
from echonode.model.identity import Destination
from echonode.store.database.key_value import KeyValue

log = get_logger(__name__)

REFUSAL_BELIEVED = timedelta(days=1)
# An answer that says nothing new is written to the store once in this time.
_FRESH = timedelta(hours=1)


@dataclass(frozen=True)
class Learnt:
    """The last answer about one pair."""

    accepted: bool
    at: datetime


@dataclass(frozen=True)
class KnownEncodings:
    """What one archive was found to take and to refuse."""

    learnt: Mapping[StorageContext, Learnt] = field(default_factory=lambda: MappingProxyType({}))

    def after(
        self,
        proposed: Iterable[StorageContext],
        accepted: Collection[StorageContext],
        *,
        now: datetime,
    ) -> KnownEncodings:
        """With the answers of one negotiation; the same object where they bring nothing new."""
        answers = {context: context in accepted for context in proposed}
        if not any(self._is_news(context, answer, now) for context, answer in answers.items()):
            return self
        new = {context: Learnt(answer, now) for context, answer in answers.items()}
        return KnownEncodings(MappingProxyType({**self.learnt, **new}))

    def _is_news(self, context: StorageContext, accepted: bool, now: datetime) -> bool:
        known = self.learnt.get(context)
        return known is None or known.accepted != accepted or now - known.at > _FRESH

    def worth_proposing(
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
        # An answer from the future: the clock was set back since, so its age is not known.
        return timedelta() <= now - known.at < REFUSAL_BELIEVED

    def accepted(self) -> Mapping[str, tuple[str, ...]]:
        """SOP class -> the transfer syntaxes that it is accepted in; () where all are refused."""
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
        """JSON for the store; `peer` names the AE title and address that the answers came from."""
        rows = [
            [sop_class_uid, syntax, known.accepted, known.at.isoformat()]
            for (sop_class_uid, syntax), known in sorted(self.learnt.items())
        ]
        return json.dumps({"peer": peer, "learnt": rows})

    @classmethod
    def from_text(cls, text: str, peer: str) -> KnownEncodings:
        """What the store kept of `peer`; empty where it is of another peer or cannot be read."""
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
            return cls()  # the next association learns it again
        return cls(MappingProxyType(rows))


class PeerCapabilities:
    """What one destination takes, for all of its lanes, kept over restarts. Thread-safe."""

    def __init__(
        self, destination: Destination, key_value: KeyValue | None, *, now: Callable[[], datetime]
    ) -> None:
        """notes: where the knowledge is kept; None: only as long as the node runs."""
        peer = destination.peer
        self._name = destination.name
        self._is_web = peer.web is not None
        self._peer = f"{peer.ae_title}@{peer.host}:{peer.port}"
        self._key = f"compatibility {destination.name}"
        self._key_value = key_value
        self._now = now
        self._lock = threading.Lock()
        kept = key_value.read(self._key) if key_value is not None else ""
        self._known = KnownEncodings.from_text(kept, self._peer)

    def worth_proposing(self, contexts: tuple[StorageContext, ...]) -> tuple[StorageContext, ...]:
        """The contexts of an instance that are worth proposing, in their order."""
        return self._known.worth_proposing(contexts, now=self._now())

    def learn(
        self, proposed: Iterable[StorageContext], accepted: Collection[StorageContext]
    ) -> None:
        """Take in the answers of one negotiation. Raises StoreError where they cannot be kept."""
        if self._is_web:
            return  # STOW-RS negotiates nothing: that all was proposed says nothing
        with self._lock:
            before = self._known
            self._known = before.after(proposed, accepted, now=self._now())
            if self._known is before:
                return
            if self._key_value is not None:
                self._key_value.write(self._key, self._known.as_text(self._peer))
        if self._known.accepted() != before.accepted():
            log.info("compatibility_learnt", destination=self._name, accepts=self.accepted)

    @property
    def accepted(self) -> Mapping[str, tuple[str, ...]]:
        """SOP class -> the transfer syntaxes that the archive takes it in."""
        return self._known.accepted()
