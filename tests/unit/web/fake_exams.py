"""What stands behind the routes of exams, where only the routes are looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class FakeApi:
    """Remembers what it was asked; raises what the test says."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.fails: Exception | None = None

    def _done(self, name: str, **given: Any) -> dict[str, Any]:
        self.asked.append((name, given))
        if self.fails:
            raise self.fails
        return {"id": "E00000001", "study_instance_uid": "1.2"}

    def open(self, **given: Any) -> dict[str, Any]:
        return self._done("open", **given)

    def exams(self, *, only_open: bool) -> list[dict[str, Any]]:
        return [self._done("exams", only_open=only_open)]

    def exam(self, exam_id: str) -> dict[str, Any]:
        return self._done("exam", exam_id=exam_id)

    def end(self, exam_id: str) -> dict[str, Any]:
        return self._done("end", exam_id=exam_id)

    def discontinue(self, exam_id: str, *, reason: str) -> dict[str, Any]:
        return self._done("discontinue", exam_id=exam_id, reason=reason)

    def reopen(self, exam_id: str) -> dict[str, Any]:
        return self._done("reopen", exam_id=exam_id)

    def still(self, exam_id: str, *, sequence: int | None, freeze: str) -> Sequence[str]:
        self._done("still", exam_id=exam_id, sequence=sequence, freeze=freeze)
        return ("1.2.3",)

    def clip(
        self,
        exam_id: str,
        *,
        seconds: float,
        past: bool,
        last_sequence: int | None,
        freeze: str,
    ) -> Sequence[str]:
        self._done(
            "clip",
            exam_id=exam_id,
            seconds=seconds,
            past=past,
            last_sequence=last_sequence,
            freeze=freeze,
        )
        return ("1.2.4", "1.2.5")

    def freeze(self, exam_id: str) -> dict[str, Any]:
        self._done("freeze", exam_id=exam_id)
        return {"freeze": "f1", "frames": [{"sequence": 7, "at_s": 0.0}]}

    def unfreeze(self, exam_id: str, freeze: str) -> None:
        self._done("unfreeze", exam_id=exam_id, freeze=freeze)

    def frozen_picture(self, exam_id: str, freeze: str, sequence: int) -> bytes:
        self._done("frozen_picture", exam_id=exam_id, freeze=freeze, sequence=sequence)
        return b"\xff\xd8"

    def identify(self, exam_id: str, **given: Any) -> dict[str, Any]:
        return self._done("identify", exam_id=exam_id, **given)

    def correct(self, exam_id: str, **given: Any) -> dict[str, Any]:
        return self._done("correct", exam_id=exam_id, **given)

    def worklist(self, *, everything: bool) -> bytes:
        self._done("worklist", everything=everything)
        return b'{"age_s": 1.5, "items": []}'
