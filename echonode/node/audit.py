"""The node's audit trail: its sources, the thread that writes it, the thread that sends it.

It starts first and stops last of what acts on patients' data. A disk that refuses the trail at the
start keeps no one from an exam: the node runs, and an alarm says that nothing is recorded.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

from echonode.audit.codes import Role
from echonode.audit.event import AuditEvent, Participant
from echonode.audit.recorder import Recorder
from echonode.audit.sources.accesses import AuditedAccesses
from echonode.audit.sources.callers import AuditedCallers
from echonode.audit.sources.orders import AuditedOrders
from echonode.audit.sources.own_requests import ObservedRequests
from echonode.audit.sources.own_work import AuditedWork, changed_since, digests_of
from echonode.audit.sources.services import AuditedServices
from echonode.audit.status import AuditStatus, RecorderStatus
from echonode.audit.syslog.connection import opener
from echonode.audit.syslog.forwarding import Forwarder
from echonode.audit.syslog.message import Head
from echonode.audit.trail.erasure import names_of
from echonode.audit.trail.trail import Trail, TrailLimits
from echonode.audit.xml import Source
from echonode.config import Config
from echonode.dimse.upper_layer.tls_context import FollowedContext, client_context
from echonode.errors import StoreError
from echonode.log import get_logger
from echonode.store.database.file_size import remove_residue
from echonode.store.index.whose import Whose

log = get_logger(__name__)
_MIB = 1024 * 1024
_SETTINGS = "settings"
_FORGET_S = 600.0  # a trail of gigabytes is read and written again
_LAST_RECORDS_S = 5.0  # at a stop, for the records of the parts that stopped before


class NodeAudit:
    """The audit trail of one node. Its parts may be used before `start`: they queue."""

    def __init__(self, config: Config, *, lookup: Whose, now: Callable[[], datetime]) -> None:
        self._config, self._now = config, now
        self.us = Participant(
            user=config.ae_title,
            also=f"AETITLES={config.ae_title}",
            name=f"EchoNode, process {os.getpid()}",
            role=Role.APPLICATION,
            address=socket.gethostname(),
        )
        self._problem = ""
        self.trail = self._opened()
        self._forwarder = self._forwarding(self.trail) if self.trail else None
        self._recorder = self._recording(self.trail, lookup) if self.trail else None
        self.callers = AuditedCallers(self.tell, self.us, now)
        self.orders = AuditedOrders(self.tell, self.us)
        self.work = AuditedWork(self.tell, self.us, now)
        self.services = AuditedServices(self.tell, self.us, now)
        self.requests = ObservedRequests(self.tell, self.us, now)

    def accesses(self) -> AuditedAccesses:
        """What is asked over HTTP; one for each server, as it belongs to an event loop."""
        return AuditedAccesses(self.tell, self.us)

    def tell(self, event: AuditEvent) -> None:
        """Record an event soon. Never waits, never raises."""
        if self._recorder is not None:
            self._recorder.tell(event)

    def forget(self, patient_id: str, names: Sequence[str]) -> int:
        """Erase a patient from the trail, with what waits for it; from how many records.

        Raises StoreError where that cannot be done now.
        """
        trail, recorder = self.trail, self._recorder
        if trail is None or recorder is None:
            raise StoreError(f"the audit trail cannot be written: {self._problem}")
        names_patient = names_of(patient_id, names)
        erased: list[int] = []

        def work() -> None:
            erased.append(trail.erase(names_patient))
            remove_residue(trail.writer)

        if not recorder.after_all(work, patience_s=_FORGET_S) or not erased:
            raise StoreError("the audit trail did not forget the patient in time")
        return erased[0]

    def status(self) -> AuditStatus:
        """As it is now. Raises StoreError."""
        if self._recorder is None:
            return AuditStatus(recording=RecorderStatus(problem=self._problem))
        forwarder = self._forwarder
        return AuditStatus(
            recording=self._recorder.status, sending=forwarder.status if forwarder else None
        )

    def start(self) -> None:
        """Begin to record, with the start and what was set otherwise since the last one."""
        if self._recorder is None:
            return
        self._recorder.start()
        self._tell_settings()
        if self._forwarder is not None:
            self._forwarder.start()

    def stop(self, deadline_s: float) -> bool:
        """Write the last records, send what can be sent, and close the trail."""
        if self._recorder is None or self.trail is None:
            return True
        ended = self._recorder.stop(max(deadline_s, _LAST_RECORDS_S))
        if self._forwarder is not None:
            ended = self._forwarder.stop(deadline_s) and ended
        if ended:
            self.trail.close()
        return ended

    def _tell_settings(self) -> None:
        assert self.trail is not None
        digests = digests_of(self._config.model_dump(mode="json", by_alias=True))
        try:
            changed = changed_since(self.trail.state(_SETTINGS), digests)
            self.trail.set_state(_SETTINGS, json.dumps(digests))
        except StoreError as error:
            log.warning("audit_settings_not_compared", reason=str(error))
            return
        if changed:
            self.work.configured(changed)

    def _opened(self) -> Trail | None:
        try:
            return Trail.open(
                self._config.own_dir, now=self._now(), cipher=self._config.encryption.cipher
            )
        except StoreError as error:
            self._problem = str(error)
            log.error("audit_not_written", reason=self._problem, alarm=True)
            return None

    def _recording(self, trail: Trail, lookup: Whose) -> Recorder:
        section, forwarder = self._config.audit, self._forwarder
        return Recorder(
            trail,
            us=self.us,
            lookups=lookup.together,
            limits=TrailLimits(
                keep=timedelta(days=section.keep_days), bytes=section.limit_mib * _MIB
            ),
            now=self._now,
            monotonic=time.monotonic,
            sent=(lambda: forwarder.confirmed) if forwarder else (lambda: None),
            on_written=forwarder.wake if forwarder else (lambda: None),
        )

    def _forwarding(self, trail: Trail) -> Forwarder | None:
        section = self._config.audit
        if section.receiver is None:
            return None
        host, _, port = section.receiver.rpartition(":")
        tls = None
        if section.tls is not None:
            make = partial(client_context, check_name=True)
            tls = FollowedContext(section.tls.value(), make).current
        return Forwarder(
            trail,
            opener(host.strip("[]"), int(port), tls),
            head=Head(
                host=socket.gethostname(),
                application="EchoNode",
                process=str(os.getpid()),
                message_id=section.message_id,
            ),
            source=Source(
                id=section.source or self._config.ae_title,
                site=section.site or self._config.institution.name,
            ),
            monotonic=time.monotonic,
        )
