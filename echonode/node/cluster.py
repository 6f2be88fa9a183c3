"""This node among several: it says that it is there, takes over what a dead one left, and wakes.

Rules
- Every POLL_S each destination is looked at: what another node stored may be due, and its notice
  lost. Every BEAT_S the node says that it is there (store/nodes/membership.py) and queues again
  what a dead node was sending.
- What one node does for all (retention, proof, procedure steps, reports to peers, the worklist) is
  done while this node `leads`; each part asks for itself, before each step.
- A probe is read by the node that holds its lease: a source is started when the lease is here. One
  whose lease is lost is stopped, and not started again before the node is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from echonode.errors import described
from echonode.frames.source.source import ProbeSource
from echonode.log import get_logger, place_of
from echonode.store.nodes.membership import BEAT_S, DUTIES
from echonode.store.nodes.notices import Notices
from echonode.store.store import Store
from echonode.threads import RecurringThread

POLL_S = 2.0

log = get_logger(__name__)


class ClusterPart:
    """A thread of its own, and those of the notices."""

    def __init__(
        self,
        store: Store,
        *,
        index_url: str,
        destinations: Iterable[str],
        wake: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """wake: with the name of a destination to look at."""
        self._store = store
        self._destinations = tuple(destinations)
        self._wake = wake
        self._monotonic = monotonic
        self._sources: Mapping[str, ProbeSource] = {}
        self._running: set[str] = set()
        self._lost: set[str] = set()
        self._said_at = float("-inf")
        self._led = False
        self._nodes = 0
        self._notices = Notices(index_url, incarnation=store.nodes.incarnation, on_due=wake)
        self._thread = RecurringThread(
            "cluster", self._step, on_stalled=_log_stalled, stalled_s=POLL_S
        )
        store.on_delivery_due.append(self._notices.tell)

    def start(self, sources: Iterable[ProbeSource]) -> None:
        """Begin; sources: the probes, each to be started while it is this node's."""
        self._sources = {f"probe {each.name}": each for each in sources}
        self._notices.start()
        self._thread.start()

    def stop(self, deadline_s: float) -> None:
        """End the threads, and the sources that run."""
        self._thread.ask_stop()
        self._thread.join(deadline_s)
        for name in sorted(self._running):
            self._sources[name].stop(deadline_s)
        self._running.clear()
        self._notices.stop(deadline_s)

    def _step(self) -> float:
        if self._monotonic() - self._said_at >= BEAT_S:
            self._say()
        for destination in self._destinations:
            self._wake(destination)
        self._follow_leases()
        return POLL_S

    def _say(self) -> None:
        standing = self._store.nodes.beat([DUTIES, *(self._sources.keys() - self._lost)])
        self._said_at = self._monotonic()
        if standing.is_replaced:
            log.error("node_name_taken", name=self._store.nodes.name, alarm=True)
            return
        if standing.nodes != self._nodes:
            self._nodes = standing.nodes
            log.info("cluster_changed", nodes=standing.nodes)
        if requeued := self._store.deliveries.requeue_interrupted():
            log.warning("deliveries_taken_over", count=requeued)

    def _follow_leases(self) -> None:
        leads = self._store.nodes.leads()
        if leads != self._led:
            self._led = leads
            log.info("duties_taken" if leads else "duties_lost")
        for name, source in self._sources.items():
            is_ours = self._store.nodes.holds(name)
            if is_ours and name not in self._running | self._lost:
                self._running.add(name)
                source.start()
            elif not is_ours and name in self._running:
                self._running.discard(name)
                self._lost.add(name)
                log.error("probe_lost_to_another_node", probe=source.name, alarm=True)
                source.stop(POLL_S)


def _log_stalled(error: Exception) -> None:
    log.error("cluster_stalled", error=described(error), where=place_of(error))
