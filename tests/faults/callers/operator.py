"""A person at the console who examines without pause until the node is gone, and keeps a book."""

from __future__ import annotations

import http.client
import random
import threading
from dataclasses import dataclass, field

from tests.acceptance.exam_client import ExamClient, Refused

# Of what is examined: a patient who is typed, an item of the worklist, nobody yet.
KINDS = ("typed", "ordered", "unnamed")


@dataclass(frozen=True)
class Whose:
    """patient_id: '' while no patient is named. item: the worklist's item, '' without one."""

    patient_id: str = ""
    item: str = ""


@dataclass
class Book:
    """What the node answered; `asked`: what it was asked, whatever came of it."""

    orders: dict[str, str]  # id of an item -> Patient ID
    exams: dict[str, Whose] = field(default_factory=dict)
    asked: dict[str, Whose] = field(default_factory=dict)  # exam -> what it may be by now
    stills: dict[str, str] = field(default_factory=dict)  # UID -> exam
    ended: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)  # items

    def free_item(self) -> str:
        """An item that no exam was opened for, nor asked for."""
        item = next(each for each in self.orders if each not in self.used)
        self.used.add(item)
        return item


class Operator:
    """Opens, captures, ends and names exams. `answers`: how many calls were answered so far."""

    def __init__(self, client: ExamClient, book: Book, seed: int) -> None:
        self._client, self._book, self._random = client, book, random.Random(seed)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._number = 0
        self._name = f"{seed}"
        self.answers = 0
        self.defects: list[str] = []

    def start(self) -> None:
        self._thread.start()

    @property
    def working(self) -> bool:
        return self._thread.is_alive()

    def join(self) -> None:
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while True:
                self._examine()
        except (OSError, ValueError, http.client.HTTPException):
            # The node is gone, perhaps within an answer.
            return
        except Refused as refused:
            self.defects.append(f"{refused.status}: {refused.body}")

    def _examine(self) -> None:
        client, book = self._client, self._book
        exam = self._left_open() or self._open(self._random.choice(KINDS))
        for _ in range(self._random.randint(1, 2)):
            book.stills[client.first_still(exam)] = exam
            self.answers += 1
        client.post(f"/api/exams/{exam}/end")
        book.ended.add(exam)
        self.answers += 1
        if not book.exams[exam].patient_id:
            self._name_it(exam)

    def _left_open(self) -> str:
        """What a kill left open, with what it is now; '' without one."""
        for left in self._client.get("/api/exams?open=true"):
            exam = str(left["id"])
            self.answers += 1
            patient = left["patient"]["id"] if left["patient"] else ""
            self._book.exams[exam] = Whose(patient, left["worklist_item"] or "")
            return exam
        return ""

    def _open(self, kind: str) -> str:
        whose, fields = self._somebody() if kind == "typed" else (Whose(), {})
        if kind == "ordered":
            whose, fields = self._ordered()
        exam = self._client.open("hand", **fields)
        self._book.exams[exam] = whose
        self.answers += 1
        return exam

    def _name_it(self, exam: str) -> None:
        by_item = self._random.random() < 0.5
        whose, fields = self._ordered() if by_item else self._somebody()
        self._book.asked[exam] = whose
        self._client.post(f"/api/exams/{exam}/identify", **fields)
        self._book.exams[exam] = whose
        self.answers += 1

    def _somebody(self) -> tuple[Whose, dict[str, object]]:
        self._number += 1
        patient = f"P-{self._name}-{self._number}"
        return Whose(patient), {"patient": {"id": patient, "name": "Doe^Jane"}}

    def _ordered(self) -> tuple[Whose, dict[str, object]]:
        item = self._book.free_item()
        return Whose(self._book.orders[item], item), {"worklist_item": item}
