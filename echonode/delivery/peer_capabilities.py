"""What is known of one destination's archive, for all of its lanes, kept over restarts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime

from echonode.delivery.encoding_options import Compatibility
from echonode.delivery.negotiation import StorageContext
from echonode.delivery.ports import KeyValue
from echonode.log import get_logger
from echonode.model.identity import Destination

log = get_logger(__name__)


class Acquaintance:
    """Learns from negotiations and says what is worth proposing. Thread-safe."""

    def __init__(
        self, destination: Destination, key_value: KeyValue | None, *, now: Callable[[], datetime]
    ) -> None:
        """notes: where it is kept; None: only as long as the node runs."""
        peer = destination.peer
        self._name = destination.name
        self._peer = f"{peer.ae_title}@{peer.host}:{peer.port}"
        self._key = f"compatibility {destination.name}"
        self._key_value = key_value
        self._now = now
        self._lock = threading.Lock()
        kept = key_value.read(self._key) if key_value is not None else ""
        self._known = Compatibility.from_text(kept, self._peer)

    def worthwhile(self, contexts: tuple[StorageContext, ...]) -> tuple[StorageContext, ...]:
        """Those of an instance's contexts that are worth proposing, in their order."""
        return self._known.worthwhile(contexts, now=self._now())

    def learn(
        self, proposed: Iterable[StorageContext], accepted: Collection[StorageContext]
    ) -> None:
        """The answers of one negotiation. Raises StoreError where news cannot be kept."""
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
