"""The system as the HTTP API has it: the parts of the node, the preflight, and reports."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from echonode.config import Config
from echonode.config.summary import source_of, summary
from echonode.model.identity import Peer
from echonode.monitoring.flight_report import write_exam_report, write_node_report
from echonode.monitoring.monitor import NodeMonitor
from echonode.monitoring.preflight.runs import PreflightRuns
from echonode.node.ris import RisParts
from echonode.node.worklist_json import standing_json
from echonode.store.store import Store
from echonode.web.status import NodeStatus

Json = dict[str, Any]

# A report of more is kept in a file until it is sent.
_IN_MEMORY_BYTES = 4 * 1024 * 1024


class NodeSystem:
    """web.system.SystemApi on a node."""

    def __init__(
        self,
        config: Config,
        store: Store,
        monitor: NodeMonitor,
        ris: RisParts,
        preflights: PreflightRuns,
        *,
        call_back: str,
        now: Callable[[], datetime],
    ) -> None:
        """call_back: what an archive's operator enters of us."""
        self._config = config
        self._store = store
        self._monitor = monitor
        self._ris = ris
        self._preflights = preflights
        self._call_back = call_back
        self._now = now

    def system(self) -> Json:
        """All that the page of the system shows."""
        status = self._monitor.status()
        peers = {peer.name: peer for peer in self._config.peer_values()}
        return {
            "now": status.now.isoformat(),
            "started_at": status.started_at.isoformat(),
            "ae_title": status.ae_title,
            "call_back": self._call_back,
            "version": status.version,
            "python": platform.python_version(),
            "probes": self._probes(status),
            "archives": [
                {**asdict(each), "address": _address(peers[each.name])}
                for each in status.destinations
            ],
            "peers": [
                {
                    "name": peer.name,
                    "ae_title": peer.ae_title,
                    "address": _address(peer),
                    "tls": peer.tls is not None,
                    "may": sorted(service.value for service in peer.may),
                }
                for peer in peers.values()
            ],
            "ris": self._ris_state(),
            "disk": {
                "free_percent": status.disk_free_percent,
                "minutes_of_cine": status.minutes_of_cine,
                "refusing": status.refusing,
            },
            "alarms": [{"name": alarm.name, "text": alarm.whole} for alarm in status.alarms],
            "problems": list(status.problems),
            "captures_lost": status.captures_lost,
            "conflicts": [
                {"kind": each.kind.value, "study_instance_uid": each.study_instance_uid}
                for each in self._store.index.identity_conflicts()
            ],
            "configuration": list(summary(self._config)),
        }

    def _probes(self, status: NodeStatus) -> list[Json]:
        sections = {probe.name: probe for probe in self._config.probes}
        return [
            {
                **asdict(probe),
                "source": source_of(sections[probe.name]),
                "capture": sections[probe.name].capture.mode,
            }
            for probe in status.probes
        ]

    def _ris_state(self) -> Json:
        config, ris = self._config, self._ris
        worklist, steps, hl7 = ris.status, ris.steps, config.hl7
        return {
            "worklist": worklist
            and {
                "peer": worklist.peer,
                "items": worklist.items,
                **standing_json(worklist, self._now()),
            },
            "steps": asdict(steps.status) if steps else None,
            "hl7": {"address": f"{hl7.listen.host}:{hl7.listen.port}"} if hl7 else None,
        }

    def start_preflight(self, peer: str | None) -> Json:
        """Begin one, or go on with the one that runs. Raises UsageError."""
        return dict(self._preflights.start(peer))

    def preflight(self) -> Json:
        """The one that runs, or the last."""
        return dict(self._preflights.state())

    def report(self, study: str | None) -> tuple[str, IO[bytes]]:
        """Of one study, or of the whole node. Raises UsageError where nothing is known of it."""
        file = SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115  # the caller closes it
        try:
            if study is None:
                write_node_report(self._config, self._store, asdict(self._monitor.status()), file)
            else:
                write_exam_report(self._config, self._store, study, file)
        except BaseException:
            file.close()
            raise
        file.seek(0)
        at = f"{self._now():%Y%m%d-%H%M%S}"
        return f"echonode-{'exam' if study else 'node'}-{at}.zip", file


def _address(peer: Peer) -> str:
    return f"{peer.host}:{peer.port}"
