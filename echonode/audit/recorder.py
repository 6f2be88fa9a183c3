"""Takes events of any thread and writes them into the trail on a thread of its own.

Rules
- `tell` never waits: it puts the event into a queue of MOST_WAITING. What the queue has no room for
  is counted, is an alarm, and becomes a record as soon as records can be written again.
- The thread writes what came within PACE_S together: one COMMIT, however many images came.
- Where the trail cannot be written, the events wait, and are tried again every RETRY_S. A defect of
  a step is an alarm as well: no event is lost by it.
- A stop writes all that came before it, then that the application stopped. A start after another
  kind of end says that the last moments may have no record.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from echonode.audit.belonging import Lookup, belonging, looked_up
from echonode.audit.codes import Action, EventType, Kind, Outcome
from echonode.audit.event import AuditEvent, Participant
from echonode.audit.status import RecorderStatus
from echonode.audit.trail import inbox
from echonode.audit.trail.checkpoint import as_text
from echonode.audit.trail.trail import Trail, TrailFull, TrailLimits
from echonode.audit.transfers import Transfers
from echonode.errors import IndexDamaged, OutOfSpace, StoreError
from echonode.log import get_logger

log = get_logger(__name__)

# A second of a node under a flood of queries, and some ten megabytes of memory.
MOST_WAITING = 20_000
PACE_S = 0.25
RETRY_S = 5.0
LOOK_EVERY_S = 5.0  # for events of other processes, and transfers that are over
CHECKPOINT_EVERY_S = 5.0  # what a cut at the end of the trail could take unseen
ANCHOR_EVERY_S = 3600.0  # how often the log says where the chain is
PRUNE_EVERY_S = 600.0
_RUNNING = "running"


class Recorder:
    """The thread that writes the trail. `tell` from any thread.

    us: this process, as a participant. lookups: say whose each of many UIDs is. sent: up to which
    record the receiver has them; None where there is none. on_written: called after each write.
    """

    def __init__(
        self,
        trail: Trail,
        *,
        us: Participant,
        lookups: Callable[[Sequence[str]], AbstractContextManager[Lookup]],
        limits: TrailLimits,
        now: Callable[[], datetime],
        monotonic: Callable[[], float],
        sent: Callable[[], int | None] = lambda: None,
        on_written: Callable[[], None] = lambda: None,
    ) -> None:
        self._trail, self._us, self._lookups, self._limits = trail, us, lookups, limits
        self._now, self._monotonic, self._sent, self._written = now, monotonic, sent, on_written
        self._queue: deque[AuditEvent] = deque()
        self._unwritten: list[AuditEvent] = []
        self._transfers = Transfers()
        self._lock = threading.Lock()
        self._lost = self._lost_unsaid = 0
        self._problem = ""
        self._full = False
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._work: deque[tuple[Callable[[], None], threading.Event]] = deque()
        self._anchored_at = self._pruned_at = monotonic()
        self._checked_at = self._anchored_at - CHECKPOINT_EVERY_S
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)

    def tell(self, event: AuditEvent) -> None:
        """Record it soon. Never waits, never raises."""
        with self._lock:
            if len(self._queue) >= MOST_WAITING:
                self._lost += 1
                self._lost_unsaid += 1
                if self._lost_unsaid > 1:
                    return
                log.error("audit_events_lost", waiting=MOST_WAITING, alarm=True)
                return
            self._queue.append(event)
        self._wake.set()

    def after_all(self, work: Callable[[], None], *, patience_s: float) -> bool:
        """Do `work` once every event until now is in the trail, on the thread that writes it.

        False where that did not come to pass in time. `work` keeps its own errors.
        """
        done = threading.Event()
        self._work.append((work, done))
        self._wake.set()
        return done.wait(patience_s)

    @property
    def status(self) -> RecorderStatus:
        """As it is now."""
        with self._lock:
            return RecorderStatus(
                records=self._trail.head.seq,
                lost=self._lost,
                waiting=len(self._queue) + len(self._unwritten),
                problem=self._problem,
                full=self._full,
                size=self._trail.size,
            )

    def start(self) -> None:
        """Begin with the record that the application started."""
        before = self._last_end()
        self.tell(
            AuditEvent(
                at=self._now(),
                kind=Kind.START,
                action=Action.EXECUTE,
                description=before,
                participants=(self._us,),
            )
        )
        self._thread.start()

    def _last_end(self) -> str:
        try:
            was_running, aside = self._trail.state(_RUNNING), self._trail.state("set_aside")
            self._trail.set_state(_RUNNING, "yes")
            if aside:
                self._trail.set_state("set_aside", "")
                return f"the trail before was damaged and is set aside as {aside}"
        except StoreError:
            return ""
        return (
            "the last run did not end in order: its last moments may have no record"
            if was_running
            else ""
        )

    def stop(self, deadline_s: float) -> bool:
        """Write what came, and that the application stops; False where that did not end in time."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(deadline_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if self._problem:
                self._stopping.wait(RETRY_S)
            else:
                self._wake.wait(LOOK_EVERY_S)
                self._stopping.wait(PACE_S)
            self._wake.clear()
            self._guarded(self._step)
        self._guarded(self._last_step)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (OutOfSpace, IndexDamaged) as error:  # of the disk: said once, tried again
            self._refused(error)
        except Exception as error:  # the thread's top: the next step may go well
            log.exception("audit_stalled", alarm=not self._problem)
            self._wait_for(f"a defect ({type(error).__name__})")

    def _step(self) -> None:
        self._take()
        self._unwritten += self._transfers.due(self._now())
        if not self._write() or not self._take_in():
            return
        self._do_work()
        self._keep()
        if self._problem:
            log.info("audit_written_again")
            self._problem, self._full = "", False

    def _take_in(self) -> bool:
        """Write what other processes left in the inbox; what cannot be written stays there."""
        taken = inbox.waiting(self._trail.paths.inbox, self._trail.paths.cipher)
        of_others = list(self._recorded([event for _, event in taken]))
        self._unwritten += of_others
        if not self._write():
            del self._unwritten[len(self._unwritten) - len(of_others) :]
            return False
        inbox.taken([path for path, _ in taken])
        return True

    def _do_work(self) -> None:
        while self._work:
            self._take()
            self._unwritten += self._transfers.end()
            if not self._write():
                return
            work, done = self._work.popleft()
            try:
                work()
            finally:
                done.set()

    def _last_step(self) -> None:
        self._take()
        self._unwritten += self._transfers.end()
        stopped = AuditEvent(
            at=self._now(), kind=Kind.STOP, action=Action.EXECUTE, participants=(self._us,)
        )
        self._unwritten.append(stopped)
        if self._write():
            self._trail.set_state(_RUNNING, "")
            self._trail.write_checkpoint()

    def _take(self) -> None:
        """From the queue to what is written next, with patients and studies."""
        with self._lock:
            came = list(self._queue)
            self._queue.clear()
            lost, self._lost_unsaid = self._lost_unsaid, 0
        if lost:
            self._unwritten.append(self._of_lost(lost))
        self._unwritten += self._recorded(came)

    def _recorded(self, came: Sequence[AuditEvent]) -> Iterator[AuditEvent]:
        for each in self._with_patients(came):
            if each.collect:
                yield from self._transfers.add(each)
            else:
                yield each

    def _with_patients(self, came: Sequence[AuditEvent]) -> list[AuditEvent]:
        """A record counts more than whose it is: it is made where the index does not answer too."""
        about = [uid for event in came for uid in looked_up(event)]
        if not about:
            return list(came)
        known: list[list[AuditEvent]] = []
        try:
            with self._lookups(about) as lookup:
                known.extend(_with_patient(event, lookup) for event in came)
        except StoreError:
            known += [[event] for event in came[len(known) :]]
        except Exception:  # a defect of the look-up costs the patient, not the record
            log.exception("audit_patient_unknown")
            known += [[event] for event in came[len(known) :]]
        return [each for events in known for each in events]

    def _of_lost(self, count: int) -> AuditEvent:
        return AuditEvent(
            at=self._now(),
            kind=Kind.ALERT,
            type=EventType.RECORDING_STOPPED,
            action=Action.EXECUTE,
            outcome=Outcome.SERIOUS_FAILURE,
            description=f"{count} events have no record: more came than could be written",
            participants=(self._us,),
        )

    def _write(self) -> bool:
        """Whether what waits is in the trail."""
        try:
            self._trail.append(self._unwritten, self._limits)
        except (OutOfSpace, IndexDamaged) as error:
            self._refused(error)
            return False
        if self._unwritten:
            self._unwritten.clear()
            self._written()
        return True

    def _refused(self, error: StoreError) -> None:
        if not self._problem:
            log.error("audit_not_written", reason=str(error), alarm=True)
        self._wait_for(str(error), full=isinstance(error, TrailFull))

    def _wait_for(self, problem: str, *, full: bool = False) -> None:
        """The alarm lasts until a step ends well; so many events wait until then."""
        with self._lock:
            self._problem, self._full = problem, full
            over = len(self._unwritten) - MOST_WAITING
            if over > 0:
                del self._unwritten[:over]
                self._lost += over
                self._lost_unsaid += over

    def _keep(self) -> None:
        """Checkpoint, the log's anchor, and what is old."""
        now = self._monotonic()
        if now - self._checked_at >= CHECKPOINT_EVERY_S and self._trail.write_checkpoint():
            self._checked_at = now
        if now - self._anchored_at >= ANCHOR_EVERY_S:
            self._anchored_at = now
            log.info("audit_checkpoint", checkpoint=as_text(self._trail.head))
        if now - self._pruned_at >= PRUNE_EVERY_S:
            self._pruned_at = now
            sent = self._sent()
            self._trail.prune(
                self._limits,
                now=self._now(),
                sent=self._trail.head.seq if sent is None else sent,
                us=self._us,
            )


def _with_patient(event: AuditEvent, lookup: Lookup) -> list[AuditEvent]:
    try:
        return list(belonging(event, lookup))
    except StoreError:
        return [event]
    except Exception:  # as above
        log.exception("audit_patient_unknown")
        return [event]
