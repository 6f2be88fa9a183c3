"""A node whose answers a test sets, behind the real web server: for the screens of the desk."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import IO, Any

from starlette.routing import BaseRoute

from echonode.errors import UsageError
from echonode.web.health import Alarm
from echonode.web.operator import operator_routes
from echonode.web.outbox import Selection, outbox_routes
from echonode.web.page import page_routes
from echonode.web.status import DestinationStatus, NodeStatus, ProbeStatus, console_routes
from echonode.web.system import system_routes
from tests.unit.web.conftest import served

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
PROBE = ProbeStatus(
    name="handheld", connected=True, frames_received=812, frames_dropped=0, frames_partial=0
)
PACS = DestinationStatus(
    name="pacs",
    ae_title="ORTHANC",
    commitment="required",
    deliveries={"committed": 11},
    contact="reached",
    heard_s=4.0,
    last_report_s=31.0,
    accepts={"1.2.840.10008.5.1.4.1.1.6.1": ["1.2.840.10008.1.2.1"]},
)
WELL = NodeStatus(
    ae_title="ECHONODE",
    version="0.1.0",
    now=NOW,
    started_at=NOW - timedelta(hours=1),
    disk_free_percent=61.5,
    minutes_of_cine=130,
    probes=(PROBE,),
    destinations=(PACS,),
)
REFUSED = {
    "key": "status:A900",
    "count": 3,
    "status": "A900",
    "status_name": "Data Set Does Not Match SOP Class",
    "meaning": "the data set does not match its SOP class",
    "remedy": "Correct what the log of ORTHANC names: a rule there, or the exam here; then release",
    "actions": ["release"],
    "needs_person": True,
    "destination": "pacs",
}
WAITS = {
    **REFUSED,
    "key": "patient",
    "count": 2,
    "status": "",
    "status_name": "",
    "meaning": "its exam has no patient yet: identify the exam",
    "remedy": "Identify the exam: its images are written with the patient, and go by themselves",
    "actions": [],
}


class DeskNode:
    """The answers, as values that a test changes; and what was asked of it."""

    def __init__(self, status: NodeStatus = WELL) -> None:
        self.status = status
        self.held: list[dict[str, Any]] = []
        self.lists: dict[str, list[dict[str, Any]]] = {"held": [], "waiting": [], "sent": []}
        self.retry_in_s: float | None = None
        self.done_today = 11
        self.conflicts: list[dict[str, str]] = []
        self.ris: dict[str, Any] = {"worklist": None, "steps": None, "hl7": None}
        self.runs: list[dict[str, Any]] = []
        self.run: dict[str, Any] = {
            "number": 0,
            "running": False,
            "began_at": None,
            "ended_at": None,
            "problem": "",
            "ok": None,
            "peers": [],
        }
        self.asked: list[tuple[Any, ...]] = []
        self.refuses: dict[str, str] = {}

    # --- web.outbox.OutboxApi ---

    def overview(self) -> dict[str, Any]:
        return {
            "now": NOW.isoformat(),
            "archives": [self._archive(each) for each in self.status.destinations],
            "left": [],
        }

    def _archive(self, at: DestinationStatus) -> dict[str, Any]:
        counts = at.deliveries
        return {
            "name": at.name,
            "ae_title": at.ae_title,
            "address": "10.0.7.4:104",
            "commitment": at.commitment,
            "contact": at.contact,
            "heard_s": at.heard_s,
            "problem": at.problem,
            "commitment_problem": at.commitment_problem,
            "associations": at.associations,
            "waiting": counts.get("queued", 0),
            "sending": counts.get("sending", 0),
            "sent_not_proved": counts.get("sent", 0) + counts.get("commit_requested", 0),
            "held": counts.get("held", 0),
            "done_today": self.done_today,
            "sent_per_minute": 12.5 if counts.get("sending") else 0,
            "oldest_unproved_s": at.oldest_unproved_s,
            "retry_in_s": self.retry_in_s,
            "next_attempt_at": None,
            "lossy_copies": at.lossy_copies,
            "held_for": self.held if counts.get("held") else [],
        }

    def items(self, destination: str, which: str, *, after: int) -> dict[str, Any]:
        self.asked.append(("items", destination, which, after))
        found = self.lists[which][after : after + 50]
        more = after + 50 < len(self.lists[which])
        return {"items": found, "next": after + 50 if more else None}

    def act(self, action: str, selection: Selection) -> dict[str, Any]:
        self.asked.append((action, selection))
        uids = list(selection.uids) or [each["sop_instance_uid"] for each in self.lists["held"]]
        results = [
            {"sop_instance_uid": uid, "destination": "pacs", "error": self.refuses.get(uid, "")}
            for uid in uids
        ]
        refused = sum(bool(each["error"]) for each in results)
        return {
            "done": len(results) - refused,
            "refused": refused,
            "results": results,
            "next": None,
        }

    # --- web.system.SystemApi ---

    def system(self) -> dict[str, Any]:
        status = self.status
        return {
            "now": NOW.isoformat(),
            "started_at": status.started_at.isoformat(),
            "ae_title": status.ae_title,
            "call_back": "AE ECHONODE at 10.0.7.2:11112",
            "version": status.version,
            "python": "3.11.2",
            "probes": [
                {**asdict(each), "source": "echopen kit at 192.168.128.3:7538", "capture": "manual"}
                for each in status.probes
            ],
            "archives": [
                {**asdict(each), "address": "10.0.7.4:104"} for each in status.destinations
            ],
            "peers": [{"name": each.name} for each in status.destinations],
            "ris": self.ris,
            "disk": {
                "free_percent": status.disk_free_percent,
                "minutes_of_cine": status.minutes_of_cine,
                "refusing": status.refusing,
            },
            "alarms": [asdict(alarm) for alarm in status.alarms],
            "problems": list(status.problems),
            "captures_lost": status.captures_lost,
            "conflicts": self.conflicts,
            "configuration": ["stores in var", "listens as ECHONODE on 0.0.0.0:11112 (plain)"],
        }

    def start_preflight(self, peer: str | None) -> dict[str, Any]:
        self.asked.append(("preflight", peer))
        if peer == "nobody":
            raise UsageError("there is no peer `nobody`")
        return self.preflight()

    def preflight(self) -> dict[str, Any]:
        if self.runs:
            self.run = self.runs.pop(0)
        return copy.deepcopy(self.run)

    def report(self, study: str | None) -> tuple[str, IO[bytes]]:
        raise UsageError("nothing is known of it")

    # --- what else the page asks ---

    def acknowledge(self, study: str) -> dict[str, object]:
        self.asked.append(("acknowledge", study))
        self.conflicts = []
        return {"acknowledged": 1}

    def _preflight_of_command(self, peer: str | None) -> dict[str, object]:
        raise AssertionError("the page starts a preflight in the background")

    def _act_on_one(self, action: str, uid: str, destination: str | None) -> dict[str, object]:
        raise AssertionError("the page acts by the outbox")


@contextmanager
def desk(node: DeskNode, more: Sequence[BaseRoute] = ()) -> Iterator[str]:
    """Its web server; yields the address. more: routes of another screen."""
    routes = [
        *more,
        *page_routes(),
        *(
            route
            for route in console_routes(
                status=lambda: node.status,
                ledger=tuple,
                recent=lambda last: (),
                thumbnail=lambda uid: None,
            )
            if getattr(route, "path", "").startswith("/api")
        ),
        *operator_routes(
            act=node._act_on_one,
            preflight=node._preflight_of_command,
            acknowledge=node.acknowledge,
        ),
        *outbox_routes(node),
        *system_routes(node),
    ]
    with served(routes) as browser:
        host, port = browser.server.address
        yield f"http://{host}:{port}"


def item(number: int, **more: object) -> dict[str, Any]:
    """An entry of a list."""
    return {
        "sop_instance_uid": f"1.2.276.0.7230010.3.1.4.{number}",
        "study_instance_uid": "1.2.276.0.7230010.3.1.2.1",
        "kind": "clip" if number % 2 else "still",
        "frames": 63 if number % 2 else 1,
        "exam_id": "E12",
        "state": "queued",
        "attempts": 0,
        "last_error": "",
        "acquired_at": (NOW - timedelta(minutes=number)).isoformat(),
        "next_attempt_at": None,
        "held_for": None,
        "actions": ["retry", "hold"],
        **more,
    }


def refused_item(number: int) -> dict[str, Any]:
    """One that the archive refused."""
    return item(
        number,
        state="held",
        attempts=1,
        last_error=REFUSED["meaning"],
        held_for=REFUSED,
        actions=["release"],
    )


def alarm(name: str, text: str) -> Alarm:
    """For a status."""
    return Alarm(name=name, text=text)
