"""A real syslog-ng receives every record by TLS and by UDP, whatever happens to it meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from echonode.audit.recorder import Recorder
from echonode.audit.status import AuditStatus
from echonode.audit.syslog.connection import opener
from echonode.audit.syslog.forwarding import Forwarder
from echonode.audit.syslog.message import Head
from echonode.audit.trail.trail import Trail, TrailLimits
from echonode.audit.xml import Source
from echonode.dimse.upper_layer.tls_context import client_context
from echonode.model.certificate import TLSFiles
from echonode.monitoring.alarms import of_audit
from tests.peers.authority import Authority, Issued
from tests.peers.ports import LOOPBACK
from tests.peers.syslog_server import SyslogServer
from tests.support.audit_schema import checked
from tests.support.waiting import wait_until
from tests.unit.audit.events import AT, US, instance, of_every_kind

pytestmark = [pytest.mark.peers, pytest.mark.timeout(120)]
LIMITS = TrailLimits(keep=timedelta(days=30), bytes=64 * 1024 * 1024)
HEAD = Head(host="echo.example", application="EchoNode", process="17", message_id="IHE+RFC-3881")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def receivers_own(authority: Authority) -> Issued:
    return authority.issue("audit")


@pytest.fixture(scope="module")
def nodes_own(authority: Authority) -> Issued:
    return authority.issue("echonode")


@pytest.fixture
def receiver(authority: Authority, receivers_own: Issued) -> Iterator[SyslogServer]:
    with SyslogServer(receivers_own, authority.certificate) as server:
        yield server


@pytest.fixture
def trail(tmp_path: Path) -> Iterator[Trail]:
    with closing(Trail.open(tmp_path, now=AT)) as opened:
        yield opened


def sending(trail: Trail, receiver: SyslogServer, files: TLSFiles | None) -> Forwarder:
    tls = partial(client_context, files, check_name=True) if files else None
    port = receiver.tls_port if files else receiver.udp_port
    return Forwarder(
        trail,
        opener(LOOPBACK, port, tls),
        head=HEAD,
        source=Source(id="ECHONODE"),
        monotonic=time.monotonic,
    )


@pytest.fixture
def files(authority: Authority, nodes_own: Issued) -> TLSFiles:
    return TLSFiles(ca=authority.certificate, cert=nodes_own.cert, key=nodes_own.key)


@pytest.mark.parametrize("by_tls", [True, False], ids=["tls", "udp"])
def test_each_kind_of_message_arrives_whole(
    trail: Trail, receiver: SyslogServer, files: TLSFiles, *, by_tls: bool
) -> None:
    """Valid by the standard's schema, under the MSGID and priority that receivers sort by."""
    trail.append(of_every_kind(), LIMITS)
    forwarder = sending(trail, receiver, files if by_tls else None)
    forwarder.start()
    count = len(of_every_kind())
    wait_until(lambda: len(receiver.numbers) == count, timeout_s=30, what="all arrived")
    assert forwarder.stop(30)
    assert forwarder.confirmed == count
    for each in receiver.messages:
        checked(each["message"].removeprefix("\ufeff").encode())
        assert each["msgid"] == "IHE+RFC-3881"
        assert each["host"] == "echo.example"
        assert each["program"] == "EchoNode"
        failed = 'EventOutcomeIndicator="4"' in each["message"]
        assert each["pri"] == ("84" if failed else "85")


def test_a_receiver_that_was_down_gets_all_of_it(
    trail: Trail, receiver: SyslogServer, files: TLSFiles
) -> None:
    """Killed in the middle, away while records are made, and back: none is missing.

    A day is what the trail holds: thousands of records wait on the disk, and the sending begins
    where the receiver's last was.
    """
    trail.append([instance(n) for n in range(200)], LIMITS)
    forwarder = sending(trail, receiver, files)
    forwarder.start()
    wait_until(lambda: len(receiver.numbers) >= 100, timeout_s=30, what="some arrived")
    receiver.kill()
    trail.append([instance(n) for n in range(3000)], LIMITS)
    forwarder.wake()
    wait_until(lambda: bool(forwarder.status.problem), timeout_s=30, what="it is missed")
    assert forwarder.status.unsent >= 3000
    assert forwarder.stop(30)  # the node is restarted meanwhile
    receiver.start()
    assert_arrived(trail, receiver, files, count=3200)


def assert_arrived(trail: Trail, receiver: SyslogServer, files: TLSFiles, *, count: int) -> None:
    """A restarted node sends what the receiver has not, and knows of all that it arrived."""
    again = sending(trail, receiver, files)
    again.start()
    wait_until(
        lambda: receiver.numbers == set(range(1, count + 1)), timeout_s=100, what="all arrived"
    )
    wait_until(lambda: again.status.unsent == 0, timeout_s=30, what="that is known here")
    assert again.stop(30)


@pytest.mark.long
def test_a_receiver_that_is_down_for_a_day_loses_nothing_and_holds_up_nothing(
    trail: Trail, receiver: SyslogServer, files: TLSFiles
) -> None:
    """A day of events in scaled time, one every ten seconds: each `tell` is done at once, the alarm
    comes after an hour, and the receiver has all of them, in order, when it is back.
    """
    receiver.kill()
    forwarder = sending(trail, receiver, files)
    recorder = Recorder(
        trail,
        us=US,
        lookups=lambda uids: nullcontext(lambda uid: None),
        limits=LIMITS,
        now=lambda: AT,
        monotonic=time.monotonic,
        sent=lambda: forwarder.confirmed,
        on_written=forwarder.wake,
    )
    recorder.start()
    forwarder.start()
    day = [AT + timedelta(seconds=10 * n) for n in range(8640)]
    slowest = 0.0
    for at in day:
        begun = time.thread_time()
        recorder.tell(replace(instance(), at=at, collect=False))
        slowest = max(slowest, time.thread_time() - begun)
    wait_until(lambda: trail.head.seq == 8641, timeout_s=60, what="a day is in the trail")
    assert slowest < 0.1
    assert recorder.status.lost == 0
    wait_until(lambda: bool(forwarder.status.problem), timeout_s=30, what="it is missed")
    assert forwarder.status.unsent == 8641
    waiting = AuditStatus(recording=recorder.status, sending=forwarder.status)
    for hours, alarms in ((0.5, []), (24, ["audit_unsent"])):
        found = of_audit(waiting, AT + timedelta(hours=hours))
        assert [alarm.name for alarm in found] == alarms
    assert forwarder.stop(30)
    receiver.start()
    assert_arrived(trail, receiver, files, count=8641)
    assert recorder.stop(30)


def test_a_restarted_node_does_not_send_what_arrived(
    trail: Trail, receiver: SyslogServer, files: TLSFiles
) -> None:
    """The receiver's last record is durable here."""
    for _ in range(2):
        trail.append([instance(n) for n in range(10)], LIMITS)
        forwarder = sending(trail, receiver, files)
        forwarder.start()
        wait_until(
            lambda: max(receiver.numbers, default=0) == trail.head.seq,
            timeout_s=30,
            what="the newest arrived",
        )
        assert forwarder.stop(30)
    assert [int(each["sequence"]) for each in receiver.messages] == list(range(1, 21))


def test_a_receiver_of_another_authority_gets_nothing(
    trail: Trail, receiver: SyslogServer, tmp_path: Path
) -> None:
    """It could be anyone; the records wait."""
    other = Authority(tmp_path / "other")
    own = other.issue("echonode")
    trail.append([instance()], LIMITS)
    forwarder = sending(trail, receiver, TLSFiles(ca=other.certificate, cert=own.cert, key=own.key))
    forwarder.start()
    wait_until(lambda: bool(forwarder.status.problem), timeout_s=30, what="refused")
    forwarder.stop(30)
    assert forwarder.status.unsent == 1
    assert not receiver.messages


def test_a_closed_port_is_noticed_by_udp_too(trail: Trail, receiver: SyslogServer) -> None:
    """As far as UDP says anything: the records wait until the port is open."""
    receiver.stop()
    trail.append([instance()], LIMITS)
    forwarder = sending(trail, receiver, None)
    forwarder.start()
    wait_until(lambda: bool(forwarder.status.problem), timeout_s=30, what="it is missed")
    receiver.start()
    wait_until(lambda: receiver.numbers == {1}, timeout_s=30, what="it arrived")
    forwarder.stop(30)
