"""Sends results to a RIS by MLLP, in the background: durable, repeated, and never in the way.

Rules
- One connection for all that is due; one message at a time, and its answer before the next.
- A receiver that cannot be reached pauses all results; a message that is refused waits alone.
- Each attempt is written down before it goes out. A message whose answer was not seen is sent again
  under the same control ID (MSH-10), by which a receiver knows that it has it.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import random as random_number

from echonode.errors import Hl7BlockFault, StoreError, described
from echonode.exam.hl7.mllp import MllpReader, block
from echonode.exam.hl7.result_answer import MOST_REFUSALS, Answer, Judgement, judged
from echonode.log import get_logger
from echonode.model.backoff import PEER_STEPS_S, Random, step_s
from echonode.store.exams.hl7_results import Hl7Results, ResultRow
from echonode.threads import RecurringThread

log = get_logger(__name__)

LOOK_EVERY_S = 2.0
CONNECT_S = 10.0
ANSWER_S = 30.0  # a RIS that files a report with its pages
STOP_S = 3.0
_REFUSED_AGAIN_S = (30.0, 120.0, 600.0, 1800.0)
_PIECE = 65_536


@dataclass(frozen=True, kw_only=True)
class Receiver:
    """Where results go. tls: makes the context; None is without TLS."""

    host: str
    port: int
    tls: Callable[[], ssl.SSLContext] | None = None


class ResultSender:
    """A thread of its own; `look` is what it does."""

    def __init__(
        self,
        receiver: Receiver,
        results: Hl7Results,
        *,
        now: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
        random: Random = random_number,
        look_every_s: float = LOOK_EVERY_S,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._receiver, self._results = receiver, results
        self._now, self._monotonic, self._random = now, monotonic, random
        self._look_every_s, self._answer_s = look_every_s, answer_s
        self._began = False
        self._failures = 0
        self._paused_until = 0.0
        self._line: socket.socket | None = None  # while there is one
        self.problem = ""
        self._thread = RecurringThread(
            "hl7-results", self._step, on_stalled=self._stalled, stalled_s=look_every_s
        )

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def wake(self) -> None:
        """Look now. Quick; does not raise."""
        self._thread.wake()

    def stop(self, deadline_s: float) -> bool:
        """End, leaving an answer that is awaited; False where it did not in time."""
        self._thread.ask_stop()
        if (line := self._line) is not None:
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
        return self._thread.join(min(deadline_s, STOP_S))

    def look(self) -> None:
        """Send what is due, unless the receiver is paused. Raises StoreError."""
        if not self._began:
            self._results.retry_refused(now=self._now())
            self._began = True
        if self._monotonic() < self._paused_until:
            return
        due = self._results.due(now=self._now())
        if not due:
            return
        try:
            with ExitStack() as connection:
                line = self._line = connection.enter_context(self._connected())
                for row in due:
                    if self._thread.is_stopping:
                        return
                    self._send(line, row)
        except (OSError, Hl7BlockFault) as error:
            self._pause(error)
        else:
            self._failures, self.problem = 0, ""
        finally:
            self._line = None

    def _connected(self) -> socket.socket:
        """Raises OSError, of which TLS's are kinds."""
        line = socket.create_connection(
            (self._receiver.host, self._receiver.port), timeout=CONNECT_S
        )
        if self._receiver.tls is None:
            return line
        try:
            return self._receiver.tls().wrap_socket(line, server_hostname=self._receiver.host)
        except BaseException:
            line.close()
            raise

    def _send(self, line: socket.socket, row: ResultRow) -> None:
        """Raises OSError where no answer came: the same message is sent again."""
        self._results.attempt(row.control_id)
        line.settimeout(self._answer_s)
        line.sendall(block(row.message))
        answer = self._answer(line, row.control_id)
        if answer.judgement is Judgement.ACCEPTED:
            self._results.accepted(row.control_id, answer=answer.code)
            log.info("hl7_result_accepted", document=row.document_id, attempts=row.attempts + 1)
            return
        if row.attempts + 1 >= MOST_REFUSALS:
            self._results.refused(row.control_id, error=answer.reason, answer=answer.code)
            log.error(
                "hl7_result_refused",
                document=row.document_id,
                code=answer.code,
                attempts=row.attempts + 1,
                alarm=True,
            )
            return
        wait_s = step_s(_REFUSED_AGAIN_S, row.attempts, self._random)
        self._results.postpone(
            row.control_id,
            error=answer.reason,
            answer=answer.code,
            at=self._now() + timedelta(seconds=wait_s),
        )
        log.warning("hl7_result_retried", document=row.document_id, code=answer.code)

    def _answer(self, line: socket.socket, control_id: str) -> Answer:
        """Of this message; answers to others are passed over. Raises OSError, Hl7BlockFault."""
        reader = MllpReader()
        until = self._monotonic() + self._answer_s
        while self._monotonic() < until:
            data = line.recv(_PIECE)
            if not data:
                raise ConnectionResetError("the receiver closed the connection without an answer")
            for message in reader.receive(data):
                answer = judged(message, control_id)
                if answer.judgement is not Judgement.OTHER:
                    return answer
        raise TimeoutError("the receiver does not answer")

    def _pause(self, error: Exception) -> None:
        pause_s = step_s(PEER_STEPS_S, self._failures, self._random)
        self._failures += 1
        self._paused_until = self._monotonic() + pause_s
        problem = described(error)
        if problem != self.problem and not self._thread.is_stopping:
            log.warning(
                "hl7_results_unsent",
                host=self._receiver.host,
                port=self._receiver.port,
                reason=problem,
            )
        self.problem = problem

    def _step(self) -> float:
        self.look()
        return self._look_every_s

    def _stalled(self, error: Exception) -> None:
        reason = str(error) if isinstance(error, StoreError) else described(error)
        log.error("hl7_results_stalled", reason=reason)
