"""The HTTP API of a node as a console uses it."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any

from tests.support.waiting import wait_until

NO_FRAME_YET = 409


@dataclass(frozen=True)
class Refused(Exception):  # named for what happened, as errors.py
    """An answer that is no success."""

    status: int
    body: Any


@dataclass(frozen=True)
class ExamClient:
    """port: the node's web port. Every call raises Refused for a status from 400 on, and OSError
    where the node is not there."""

    port: int
    timeout_s: float = 30.0

    def get(self, path: str) -> Any:
        return self._ask("GET", path, None)

    def post(self, path: str, **fields: object) -> Any:
        return self._ask("POST", path, fields)

    def delete(self, path: str) -> Any:
        return self._ask("DELETE", path, None)

    def open(self, probe: str = "handheld", **whose: object) -> str:
        """The new exam's id."""
        return str(self.post("/api/exams", probe=probe, **whose)["id"])

    def still(self, exam: str, **fields: object) -> str:
        """Its SOP Instance UID."""
        return str(self.post(f"/api/exams/{exam}/stills", **fields)["sop_instance_uid"])

    def first_still(self, exam: str) -> str:
        """A still as soon as the probe shows a frame of the exam; its SOP Instance UID."""
        taken: list[str] = []

        def one() -> bool:
            try:
                taken.append(self.still(exam))
            except Refused as refused:
                if refused.status != NO_FRAME_YET:
                    raise
            return bool(taken)

        wait_until(one, timeout_s=30, what="a frame of the probe", every_s=0.02)
        return taken[0]

    def _ask(self, method: str, path: str, fields: dict[str, object] | None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout_s)
        try:
            body = None if fields is None else json.dumps(fields)
            connection.request(method, path, body)
            answer = connection.getresponse()
            found = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status >= 400:
            raise Refused(answer.status, found)
        return found
