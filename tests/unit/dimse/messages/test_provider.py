"""Messages put together from PDUs, and where each goes, without a socket."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest
from pynetdicom.association import Association

from echonode.dimse.limits import Limits
from echonode.dimse.messages.command_set import HAS_DATASET, CommandField, CommandSet, encode
from echonode.dimse.messages.provider import (
    Answers,
    DatasetSink,
    DimseProvider,
    MemorySink,
    ProtocolViolation,
)
from echonode.dimse.upper_layer.pdu_stream import PduReader, message_pdus

LIMITS = Limits(command_bytes=500, identifier_bytes=1_000, message_bytes=5_000, waiting_messages=2)
ECHO = CommandSet(command_field=CommandField.C_ECHO, message_id=1)
FIND = CommandSet(command_field=CommandField.C_FIND, message_id=2, dataset_type=HAS_DATASET)


def test_a_message_has_its_time_and_between_two_there_is_no_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From its first PDV to its last; each byte that comes buys a little more."""
    clock = [1000.0]
    monkeypatch.setattr("echonode.dimse.messages.provider.time.monotonic", lambda: clock[0])
    dimse = assembler(Sink())
    assert dimse.remaining == float("inf")
    store = encode(replace(FIND, command_field=CommandField.C_STORE))
    whole = message_pdus(1, store, b"ab" * 32, 64)
    take_bytes(dimse, whole[:-76])  # the command set alone
    clock[0] += 100.0
    assert dimse.remaining == pytest.approx(20.0)
    take_bytes(dimse, message_pdus(1, b"", b"ab" * 2_048, 8_192).replace(b"\x01\x02", b"\x01\x00"))
    assert dimse.remaining == pytest.approx(20.5)
    take_bytes(dimse, whole[-76:])
    assert dimse.remaining == float("inf")


class Sink:
    """Counts what comes."""

    def __init__(self) -> None:
        self.data = b""
        self.pieces = 0
        self.broken_off = False

    def write(self, fragment: memoryview) -> None:
        self.data += bytes(fragment)
        self.pieces += 1

    def break_off(self) -> None:
        self.broken_off = True


def assembler(sink: DatasetSink | None = None) -> DimseProvider:
    """Contexts 1 and 3 are accepted."""
    return DimseProvider(
        cast(Association, object()),
        limits=LIMITS,
        is_accepted=lambda context_id: context_id in (1, 3),
        sink_for=lambda context_id, command: sink or MemorySink(LIMITS.identifier_bytes),
    )


def take(dimse: DimseProvider, command: CommandSet, data: bytes = b"", *, context: int = 1) -> None:
    take_bytes(dimse, message_pdus(context, encode(command), data, 64))


def take_bytes(dimse: DimseProvider, stream: bytes) -> None:
    reader = PduReader(65_536)
    reader.space()[: len(stream)] = stream
    reader.received(len(stream))
    while (pdu := reader.next_pdu()) is not None:
        dimse.take_pdata(pdu)


def test_a_request_waits_in_the_inbox() -> None:
    """Requests are served in order; each knows its context."""
    dimse = assembler()
    take(dimse, ECHO)
    take(dimse, FIND, b"abcd", context=3)
    assert [(m.context_id, m.command.message_id) for m in dimse.inbox] == [(1, 1), (3, 2)]
    assert [bytes(m.data()) for m in dimse.inbox] == [b"", b"abcd"]
    assert not dimse.mid_message


def test_a_dataset_goes_to_its_sink_as_it_comes() -> None:
    """Fragments are not gathered: each goes on when it arrives."""
    sink = Sink()
    dimse = assembler(sink)
    take(dimse, FIND, b"x" * 1_000)
    assert (sink.data, sink.pieces) == (b"x" * 1_000, 16)


def test_an_answer_goes_to_whoever_asked() -> None:
    """Responses find their request by Message ID; one without a request is dropped."""
    dimse = assembler()
    dimse.waiting[7] = Answers()
    for number in (6, 7):
        take(dimse, CommandSet(command_field=0x8030, message_id_being_responded_to=number))
    answer = dimse.waiting[7].get_nowait()
    assert answer is not None
    assert answer.command.message_id_being_responded_to == 7
    assert not dimse.inbox


def test_a_cancel_counts_for_what_is_under_way() -> None:
    """C-CANCEL of what is being served, or waits to be, counts; of anything else it does not."""
    dimse = assembler()
    dimse.cancellable = 5
    take(dimse, FIND, b"ab")
    for number in (5, 2, 9):
        take(
            dimse,
            CommandSet(command_field=CommandField.C_CANCEL, message_id_being_responded_to=number),
        )
    assert dimse.cancelled == {5, 2}


def test_what_is_broken_off_is_told() -> None:
    """A half-received dataset, a whole one not served and a waiting caller all hear of the end."""
    sink = Sink()
    dimse = assembler(sink)
    answers = dimse.waiting[7] = Answers()
    take_bytes(dimse, message_pdus(1, encode(FIND), b"x" * 640, 64)[:-76])
    assert dimse.mid_message
    dimse.break_off()
    assert sink.broken_off
    assert answers.get_nowait() is None


@pytest.mark.parametrize(
    ("stream", "why"),
    [
        (message_pdus(5, encode(ECHO), b"", 64), "not accepted"),
        (message_pdus(1, encode(FIND), b"", 64) + message_pdus(1, encode(ECHO), b"", 64), "where"),
        (message_pdus(1, encode(FIND), b"", 64) + message_pdus(3, b"", b"ab", 64), "changes"),
        (message_pdus(1, b"", b"ab", 64), "without a command"),
        (message_pdus(1, b"\0" * 600, b"", 64), "longer than the limit"),
        (message_pdus(1, b"\0" * 32, b"", 64), "missing"),
        (message_pdus(1, encode(CommandSet(command_field=0x30)), b"", 64), "Message ID"),
        (message_pdus(1, encode(FIND), b"x" * 2_000, 64), "in memory"),
        (message_pdus(1, encode(ECHO), b"", 64) * 3, "too many"),
    ],
    ids=[
        "context",
        "command",
        "change",
        "dataset",
        "endless",
        "malformed",
        "no-id",
        "large",
        "pipelined",
    ],
)
def test_a_broken_protocol_ends_the_association(stream: bytes, why: str) -> None:
    """What no PS3.7 peer sends is a violation, each for its own reason."""
    with pytest.raises(ProtocolViolation, match=why):
        take_bytes(assembler(), stream)


def test_a_message_has_an_end_whatever_its_sink_takes() -> None:
    """The byte counter stops a dataset that a sink would take without an end."""
    with pytest.raises(ProtocolViolation, match="longer than the limit"):
        take(assembler(Sink()), FIND, b"x" * 6_000)
