"""Erases a patient on request, and goes on with what a stop interrupted.

Rules
- What was begun is done: the next start goes on after a kill, and a disk that refuses is tried
  again.
- One erasure at a time.
- It is recorded without who it was: a number, who asked, and how much there was.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from echonode.errors import StoreError
from echonode.log import get_logger
from echonode.model.identity import CommitmentPolicy
from echonode.store.patients.erasure import Erasure, Forget
from echonode.store.store import Store
from echonode.threads import RecurringThread

log = get_logger(__name__)
AGAIN_S = 30.0
_IDLE_S = 24 * 3600.0


class Erasing:
    """`erase` in any thread; a thread of its own goes on. forget: empties the audit trail of a
    patient. record: takes what was erased, for the audit trail.
    """

    def __init__(
        self,
        store: Store,
        *,
        policies: Mapping[str, CommitmentPolicy],
        forget: Forget,
        record: Callable[[Erasure], None],
        now: Callable[[], datetime],
    ) -> None:
        self._store, self._policies = store, policies
        self._forget, self._record, self._now = forget, record, now
        self._one = threading.Lock()
        self._thread = RecurringThread(
            "erasure",
            self._step,
            on_stalled=lambda error: log.error("erasure_stalled", reason=type(error).__name__),
            stalled_s=AGAIN_S,
        )

    def start(self) -> None:
        """Go on with what was interrupted."""
        self._thread.start()

    def stop(self, deadline_s: float) -> bool:
        """End after the step under way; the next start goes on."""
        self._thread.ask_stop()
        return self._thread.join(deadline_s)

    def erase(self, patient_id: str, *, by: str) -> Mapping[str, Any]:
        """Everything that is held of a patient: done on return, or `done` is False and it goes on.

        Raises OperatorRefused with every reason, UsageError where nothing is held, StoreError.
        """
        with self._one:
            begun = self._store.erasure.begin(patient_id, self._policies, by=by)
            log.info("erasure_begun", number=begun.number, by=by)
            try:
                erased = self._go_on() or begun
            except StoreError as error:
                log.error("erasure_stalled", reason=str(error))
                erased = begun
        if not erased.done:
            self._thread.wake()
        return {
            "number": erased.number,
            "done": erased.done,
            "erased": dict(erased.counts),
            "unreadable_in_quarantine": self._store.holdings.quarantined("")[1],
            "databases_set_aside": self._store.holdings.set_aside(),
        }

    def reasons(self, patient_id: str) -> list[str]:
        """Why a patient cannot be erased now; empty where nothing is in the way."""
        return self._store.erasure.reasons(patient_id, self._policies)

    def _go_on(self) -> Erasure | None:
        erased = self._store.erasure.go_on(self._forget, now=self._now)
        if erased is None:
            return None
        self._record(erased)
        done = self._store.erasure.finish(erased)
        log.info("patient_erased", number=done.number, by=done.by)
        return done

    def _step(self) -> float:
        with self._one:
            if self._store.erasure.under_way() is None:
                return _IDLE_S
            self._go_on()
        return _IDLE_S
