"""Machines learn whether the node lives, can work, and how much it has done."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from echonode.errors import OutOfSpace
from echonode.web.health import Alarm, Check, health_routes
from tests.unit.web.conftest import Browser, Serve


def asked(serve: Serve, registry: CollectorRegistry | None = None, **checks: Check) -> Browser:
    return serve(health_routes(checks=checks, registry=registry or CollectorRegistry()))


def test_a_process_that_answers_is_alive(serve: Serve) -> None:
    """Liveness depends on nothing else: a full disk is no reason to restart the node."""
    answer = asked(serve, store=lambda: "the disk is full").ask("/health/live")
    assert answer.status == 200
    assert answer.json() == {"alive": True}


def test_ready_when_every_check_is_well(serve: Serve) -> None:
    """200, and each check by its name."""
    answer = asked(serve, store=lambda: "", listener=lambda: "").ask("/health/ready")
    assert answer.status == 200
    assert answer.json() == {
        "ready": True,
        "checks": [
            {"name": "store", "ok": True, "problem": ""},
            {"name": "listener", "ok": True, "problem": ""},
        ],
        "alarms": [],
    }


def test_not_ready_names_what_is_wrong(serve: Serve) -> None:
    """503, and the operator reads which check failed and why."""
    answer = asked(serve, store=lambda: "the disk is full", listener=lambda: "").ask(
        "/health/ready"
    )
    assert answer.status == 503
    body = answer.json()
    assert body["ready"] is False
    assert body["checks"][0] == {"name": "store", "ok": False, "problem": "the disk is full"}


def test_an_alarm_is_told_and_does_not_make_it_unready(serve: Serve) -> None:
    """An archive that cannot be reached is a person's business; exams go on being taken."""
    alarm = Alarm(name="unreachable:pacs", text="pacs: unreachable")
    routes = health_routes(
        checks={"store": lambda: ""}, registry=CollectorRegistry(), alarms=lambda: [alarm]
    )
    answer = serve(routes).ask("/health/ready")
    assert answer.status == 200
    assert answer.json()["alarms"] == [{"name": "unreachable:pacs", "text": "pacs: unreachable"}]


def test_alarms_that_cannot_be_read_are_one(serve: Serve) -> None:
    """A database that does not answer makes no answer of 500."""

    def unreadable() -> list[Alarm]:
        raise OutOfSpace("no descriptor left")

    routes = health_routes(
        checks={"store": lambda: "broken"}, registry=CollectorRegistry(), alarms=unreadable
    )
    answer = serve(routes).ask("/health/ready")
    assert answer.status == 503
    assert [alarm["name"] for alarm in answer.json()["alarms"]] == ["store"]


def test_metrics_are_the_registrys_in_prometheus_format(serve: Serve) -> None:
    """A Prometheus that scrapes the node finds its counters."""
    registry = CollectorRegistry()
    Counter("frames_received", "Frames received.", ["probe"], registry=registry).labels(
        "handheld"
    ).inc(3)
    answer = asked(serve, registry).ask("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    assert b'frames_received_total{probe="handheld"} 3.0' in answer.body
