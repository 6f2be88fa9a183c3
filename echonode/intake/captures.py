"""A finished acquisition becomes a durable instance: dataset, file, index row and jobs.

Rules
- The store's commit makes file, row and delivery jobs durable in one step; only then is
  `instance_stored` logged and the instance returned.
- What the disk refuses, or a shortage of memory, is kept in memory and tried again, up to a limit
  in bytes; it is counted and each refusal is an error in the log. No capture is lost
  silently.
- An object is built once: a later try writes the same bytes under the same UID, so that one that
  was stored after all is a duplicate and not a conflict.
- An acquisition that cannot become a valid object is refused, logged and counted.
- Logs name UIDs, attributes and rules, never patient data.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from typing import Any, Generic, Protocol, TypeVar

from numpy.typing import NDArray

from echonode.dimse.services import IncomingFile
from echonode.errors import InstanceConflict, InvalidObject, OutOfSpace, StoreError
from echonode.frames.frame import Acquisition
from echonode.intake.line_arrays import line_arrays
from echonode.intake.retry_buffer import Capture, RetryBuffer
from echonode.log import get_logger
from echonode.model.exam import ExamFacts
from echonode.model.instance import InstanceRecord, Origin, StoredInstance
from echonode.objects.equipment import NodeEquipment
from echonode.objects.ultrasound import UltrasoundObject, build, encode

log = get_logger(__name__)

HELD_BYTES = 512 * 1024 * 1024  # two 30 s clips at 20 frames/s, and a lot of stills
RETRY_EVERY_S = 5.0  # a full disk is emptied by people or by retention, not in milliseconds

# The acquisition, and when its connection began. May raise StoreError.
ExamFor = Callable[[Acquisition, datetime], ExamFacts]

# Makes arrays of an instance durable, by its UID. Raises OutOfSpace.
KeepLines = Callable[[str, Mapping[str, NDArray[Any]]], None]

FileT = TypeVar("FileT", bound=IncomingFile)


class Committed(Protocol):
    """What a commit answers."""

    @property
    def instance(self) -> StoredInstance: ...


class InstanceStore(Protocol[FileT]):
    """What the intake needs of the durable store."""

    def open_incoming(
        self, *, sop_class_uid: str, sop_instance_uid: str, transfer_syntax_uid: str
    ) -> FileT:
        """A temporary file with its meta information written. Raises OutOfSpace."""

    def read_record(self, incoming: FileT, /) -> InstanceRecord:
        """What the index keeps, read from what was written."""

    def commit(
        self,
        incoming: FileT,
        record: InstanceRecord,
        /,
        *,
        origin: Origin,
        destinations: Sequence[str],
        acquired_at: datetime | None,
        evidence: Mapping[str, int | str],
        exam_id: str,
    ) -> Committed:
        """Durable file, row and jobs; owns `incoming` from here. Raises StoreError."""


@dataclass(frozen=True, kw_only=True)
class IntakeCounters:
    """What became of the acquisitions so far; `held` and `held_bytes` are what waits now."""

    stored: int = 0
    invalid: int = 0
    conflicts: int = 0
    refused_by_store: int = 0
    lost: int = 0
    held: int = 0
    held_bytes: int = 0


class Intake(Generic[FileT]):
    """Takes acquisitions from any thread; `start` and `stop` run the thread that tries again.

    exam_for: whose capture it is, asked once before its object is built. local: the zone that
    dates are written in. now: aware wall time.
    """

    def __init__(
        self,
        store: InstanceStore[FileT],
        *,
        node_id: str,
        destinations: Sequence[str],
        exam_for: ExamFor,
        equipment: NodeEquipment,
        local: tzinfo,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        held_bytes: int = HELD_BYTES,
        retry_every_s: float = RETRY_EVERY_S,
        on_stored: Callable[[str, str], None] = lambda uid, probe: None,
        keep_lines: KeepLines | None = None,
    ) -> None:
        """on_stored: called with the SOP Instance UID and the probe's name once it is durable.
        keep_lines: writes the lines of a capture that has some, before its image is committed.
        """
        self._on_stored = on_stored
        self._keep_lines = keep_lines
        self._store = store
        self._node_id = node_id
        self._destinations = tuple(destinations)
        self._exam_for = exam_for
        self._equipment = equipment
        self._local = local
        self._now = now
        self._monotonic = monotonic
        self._retry_every_s = retry_every_s
        self._held = RetryBuffer(held_bytes)
        self._counters = IntakeCounters()
        self._lock = threading.Lock()  # guards _counters
        self._retrying = threading.Lock()  # one at a time tries the held ones
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def counters(self) -> IntakeCounters:
        """A snapshot."""
        held, held_bytes = self._held.totals()
        with self._lock:
            return replace(self._counters, held=held, held_bytes=held_bytes)

    def take(self, acquisition: Acquisition) -> StoredInstance | None:
        """Store it; None where that failed for now or for good, which is logged and counted.

        For a probe source, that can do nothing about a failure.
        """
        try:
            return self.store(acquisition)
        except (InvalidObject, StoreError):
            return None

    def store(self, acquisition: Acquisition) -> StoredInstance:
        """Store it; returns when it is durable. For a caller who wants to know.

        Raises InvalidObject; InstanceConflict; another StoreError (OutOfSpace above all) where it
        is kept in memory and tried again, if there is room. Each is logged and counted already.
        """
        capture = Capture(acquisition=acquisition, taken_at=self._monotonic())
        try:
            return self._store_capture(capture)
        except (InvalidObject, InstanceConflict):
            raise
        except StoreError as error:
            self._hold(capture, error)
            raise

    def retry_held(self) -> int:
        """Try what is held, oldest first, until the store refuses again; how many were stored."""
        stored = 0
        with self._retrying:
            while (capture := self._held.oldest()) is not None:
                try:
                    self._store_capture(capture)
                    stored += 1
                except (InvalidObject, InstanceConflict):
                    pass  # counted and logged; trying again would end the same
                except StoreError:
                    self._count(refused_by_store=1)
                    break
                self._held.remove(capture)
        return stored

    def start(self) -> None:
        """Begin to try held captures again every few seconds."""
        self._thread = threading.Thread(target=self._run, name="intake-retry", daemon=True)
        self._thread.start()

    def stop(self, deadline_s: float) -> None:
        """The thread tries a last time and ends; what is held even then is an error in the log."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(deadline_s)
        for capture in self._held.all():
            self._lose(capture, "the node stopped before the store had room")

    def _run(self) -> None:
        while not self._stopping.wait(self._retry_every_s):
            self._retry_logged()
        self._retry_logged()

    def _retry_logged(self) -> None:
        try:
            self.retry_held()
        except Exception as error:  # noqa: BLE001  a thread's top: the captures stay held
            # Not the message: it may quote a value, and values may be a patient's.
            place = traceback.extract_tb(error.__traceback__)[-1]
            reason = f"{type(error).__name__} in {place.name}, line {place.lineno}"
            log.error("store_refused", reason=reason)

    def _store_capture(self, capture: Capture) -> StoredInstance:
        """Build, write and commit; logs and counts a success and what can never succeed."""
        try:
            built, instance = self._build_and_write(capture)
        except InvalidObject as error:
            self._count(invalid=1)
            self._log_refusal(capture, str(error))
            raise
        except InstanceConflict:
            self._count(conflicts=1)
            self._log_refusal(capture, "another instance has this SOP Instance UID")
            raise
        self._count(stored=1)
        log.info(
            "instance_stored",
            sop_instance_uid=built.sop_instance_uid,
            frames=len(built.frames),
            milliseconds=round((self._monotonic() - capture.taken_at) * 1000, 1),
            destinations=list(self._destinations),
        )
        self._on_stored(built.sop_instance_uid, capture.acquisition.probe.name)
        return instance

    def _build_and_write(self, capture: Capture) -> tuple[UltrasoundObject, StoredInstance]:
        try:
            built = capture.built = capture.built or self._build(capture.acquisition)
            self._keep(built)
            return built, self._write(built)
        except MemoryError:
            raise OutOfSpace("the system gives no memory for it") from None

    def _keep(self, built: UltrasoundObject) -> None:
        """Its lines, where there are some; the image goes on without them where that fails."""
        arrays = line_arrays(built.frames) if self._keep_lines is not None else {}
        if self._keep_lines is None or not arrays:
            return
        try:
            self._keep_lines(built.sop_instance_uid, arrays)
        except OutOfSpace as error:
            log.error("lines_not_kept", sop_instance_uid=built.sop_instance_uid, reason=str(error))

    def _build(self, acquisition: Acquisition) -> UltrasoundObject:
        first = acquisition.frames[0]
        connected_at = first.acquired_at - timedelta(seconds=first.elapsed_s)
        return build(
            acquisition,
            self._exam_for(acquisition, connected_at),
            equipment=self._equipment,
            node_id=self._node_id,
            now=self._now(),
            local=self._local,
        )

    def _write(self, built: UltrasoundObject) -> StoredInstance:
        """Write the object's bytes piece by piece, then commit them."""
        incoming = self._store.open_incoming(
            sop_class_uid=built.sop_class_uid,
            sop_instance_uid=built.sop_instance_uid,
            transfer_syntax_uid=built.transfer_syntax_uid,
        )
        with ExitStack() as broken_off:
            broken_off.callback(incoming.discard)
            for piece in encode(built):
                incoming.write(piece)
            record = self._store.read_record(incoming)
            broken_off.pop_all()
        return self._store.commit(
            incoming,
            record,
            origin=Origin.CAPTURED,
            destinations=self._destinations,
            acquired_at=built.acquired_at,
            evidence=built.evidence,
            exam_id=built.exam_id,
        ).instance

    def _hold(self, capture: Capture, error: StoreError) -> None:
        """Keep it in memory for another try, where there is room."""
        room = self._held.hold(capture)
        self._count(refused_by_store=1)
        if room:
            self._log_refusal(capture, f"{type(error).__name__}: kept in memory to try again")
        else:
            self._lose(capture, f"{type(error).__name__}, and no room in memory")

    def _lose(self, capture: Capture, reason: str) -> None:
        self._held.remove(capture)
        self._count(lost=1)
        self._log_refusal(capture, f"capture lost: {reason}")

    def _log_refusal(self, capture: Capture, reason: str) -> None:
        counters = self.counters
        log.error(
            "store_refused",
            sop_instance_uid=capture.built.sop_instance_uid if capture.built else None,
            connection_id=capture.acquisition.connection_id,
            acquisition_number=capture.acquisition.number,
            frames=len(capture.acquisition.frames),
            reason=reason,
            held=counters.held,
            held_bytes=counters.held_bytes,
            lost=counters.lost,
        )

    def _count(self, **changes: int) -> None:
        with self._lock:
            before = self._counters
            self._counters = replace(
                before, **{name: getattr(before, name) + by for name, by in changes.items()}
            )
