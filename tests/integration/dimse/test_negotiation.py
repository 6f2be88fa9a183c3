"""Requests as devices really send them: what PS3.8 allows is accepted, what it does not is refused
in DICOM's own words, and the log says each time who called, what was wrong and what to do.
"""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from echonode.dimse.contexts import VERIFICATION as ECHO
from echonode.dimse.contexts import WORKLIST_CLASS
from echonode.dimse.limits import Limits
from echonode.dimse.requestor import Requestor
from tests.integration.dimse.parts import LOOPBACK, Node, connect, peer, until
from tests.integration.dimse.raw_request import (
    STUDY_ROOT_FIND,
    answer_of,
    context,
    item,
    pdu,
    request,
    results,
    user_identity,
    user_information,
    user_items,
)

Lines = list[dict[str, Any]]


def call(node: Node, data: bytes) -> bytes:
    """The answer to a request."""
    with connect(node.port) as raw:
        raw.sendall(data)
        return answer_of(raw)


def refused(node: Node, data: bytes) -> tuple[bytes, dict[str, Any]]:
    """The answer to a request that is refused, and the one line of the log about it."""
    with capture_logs() as events:
        lines: Lines = events  # type: ignore[assignment]

        def told() -> Lines:
            return [line for line in lines if line["event"] == "association_rejected"]

        answer = call(node, data)
        assert until(lambda: bool(told()))
    (line,) = told()
    assert line["address"] == "127.0.0.1"
    assert line["reason"]
    assert line["remedy"]
    return answer, line


UNKNOWN_SUB_ITEM = item(0x5F, b"hello")


@pytest.mark.parametrize(
    "data",
    [
        request(),
        request(context(1), user_information(UNKNOWN_SUB_ITEM)),
        request(item(0x7A, b"anything"), context(1), user_information()),
        request(context(1), item(0x7A, b""), user_information(), item(0xFF, b"x" * 300)),
        request(context(1, more=item(0x41, b"more")), user_information()),
        *(request(context(1), user_information(user_identity(kind))) for kind in range(10)),
        request(context(1), user_information(item(0x58, b""))),
        request(context(1), user_information(item(0x53, struct.pack(">HH", 0, 0)))),
        request(context(1), user_information(item(0x57, b"\0"))),
        request(context(1)),
        request(context(1), item(0x50, b"")),
        request(version=3),
        request(version=0xFFFF),
        request(calling=b"SCU".ljust(16, b"\0")),
        request(called=b"ECHONODE\0\0".ljust(16)),
        request(called=b"ECHONODE".ljust(16, b"\0"), calling=b"  SCU".ljust(16, b"\0")),
        request(name=b"1.2.840.10008.3.1.1.1\0"),
    ],
    ids=[
        *("plain", "sub-item", "item", "items", "context-sub-item"),
        *(f"identity-{kind}" for kind in range(10)),
        *("identity-empty", "window", "common-extended", "no-information", "empty-information"),
        *("version-3", "all-versions", "nul-calling", "nul-called", "nul-both", "nul-name"),
    ],
)
def test_what_the_standard_allows_is_accepted(node: Node, data: bytes) -> None:
    """Items we do not know, options we have no use for, other protocol versions with ours and
    titles padded by old devices: the association is accepted, and nothing is answered to what was
    ignored (PS3.8 9.3.1, D.2 and table 9-11; PS3.7 D.3.3.7).
    """
    answer = call(node, data)
    assert results(answer) == {1: 0}
    assert set(user_items(answer)) <= {0x51, 0x52, 0x55}


@pytest.mark.parametrize("kind", range(1, 6))
def test_a_user_identity_is_not_confirmed(node: Node, kind: int) -> None:
    """It was not checked, so nothing says that it is right, although that was asked for; the
    association is accepted all the same (PS3.7 D.3.3.7.2).
    """
    data = request(context(1), user_information(user_identity(kind, answer=True)))
    answer = call(node, data)
    assert results(answer) == {1: 0}
    assert 0x59 not in user_items(answer)


ABORTED_BY_PROVIDER = pdu(b"\0\0\x02\0", 0x07)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (request(context(2), user_information()), "context ID 2 is even"),
        (request(context(0), user_information()), "context ID 0 is even"),
        (request(context(1), context(1), user_information()), "context ID 1 is given twice"),
        (request(user_information()), "without any presentation context"),
        (request(item(0x20, b"\1\0\0\0" + item(0x30, b"1.2"))), "no transfer syntax"),
        (request(item(0x20, b"\1\0\0\0" + item(0x40, b"1.2"))), "no abstract"),
        (request(item(0x20, b"\1\0")), "cut off"),
        (request(context(1), user_information(), user_information()), "more than one user"),
        (request(context(1))[:-1] + b"", "longer than"),
        (request(context(1), item(0x50, item(0x51, b"\0"))), "cannot be read"),
    ],
    ids=[
        *("even", "zero", "twice", "none", "no-transfer", "no-abstract", "short"),
        *("information-twice", "cut", "bad-length"),
    ],
)
def test_a_request_that_breaks_the_standard_is_aborted(
    node: Node, data: bytes, reason: str
) -> None:
    """A-ABORT by the provider, never a connection that is closed without a word; the log names the
    caller and says what is wrong with its request.
    """
    data = data[:2] + struct.pack(">L", len(data) - 6) + data[6:]
    answer, line = refused(node, data)
    assert answer == ABORTED_BY_PROVIDER
    assert reason in line["reason"]
    assert (line["ae_title"], line["called_ae_title"]) == ("SCU", "ECHONODE")
    assert until(lambda: node.acceptor.active_associations == 0)


@pytest.mark.parametrize(
    ("data", "numbers"),
    [
        (request(name=b"1.2.840.10008.3.1.1.2"), (1, 1, 2)),
        (request(name=b""), (1, 1, 2)),
        (request(version=2), (1, 2, 2)),
        (request(version=0), (1, 2, 2)),
        (request(calling=b"WHO".ljust(16)), (1, 1, 3)),
        (request(calling=b"\0" * 16), (1, 1, 3)),
        (request(called=b"OTHER".ljust(16)), (1, 1, 7)),
    ],
    ids=["name", "no-name", "version-2", "version-0", "calling", "empty", "called"],
)
def test_a_request_that_is_not_for_us_is_rejected(
    node: Node, data: bytes, numbers: tuple[int, int, int]
) -> None:
    """A-ASSOCIATE-RJ with the standard's numbers (PS3.8 table 9-21), and the slot is free."""
    answer, line = refused(node, data)
    assert answer == pdu(bytes([0, *numbers]), 0x03)
    assert (line["result"], line["source"], line["diagnostic"]) == numbers
    assert until(lambda: node.acceptor.active_associations == 0)


def test_a_title_from_the_wire_is_escaped_in_the_log(node: Node) -> None:
    """A caller cannot forge log lines or hide who it is: control characters are shown as such."""
    answer, line = refused(node, request(calling=b"A\n\x1b[2J\\\xff"))
    assert answer[0] == 0x03
    assert line["ae_title"] == r"A\x0a\x1b[2J\x5c\xff"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: node\r\n\r\n", "PDU type 0x47 does not exist"),
        (pdu(b"\0\0\0\2\1\3", 0x04), "in place of an association request"),
        (pdu(bytes(4), 0x05), "in place of an association request"),
        (pdu(bytes(10)), "ends before its AE titles"),
        (b"\x01\0\xff\xff\xff\xff" + request()[6:], "longer than the 65536 allowed"),
    ],
    ids=["http", "data", "release", "short", "4GiB"],
)
def test_what_is_no_request_is_aborted_and_told(node: Node, data: bytes, reason: str) -> None:
    """Whatever calls the port by mistake is answered with A-ABORT, and the operator reads it."""
    answer, line = refused(node, data)
    assert answer[0] == 0x07
    assert reason in line["reason"]


def test_the_titles_of_a_request_that_is_too_long_are_told(node: Node) -> None:
    """The head is there before the length is found too large, so the operator sees who it was."""
    _, line = refused(node, b"\x01\0\0\1\0\1" + request()[6:])
    assert (line["ae_title"], line["called_ae_title"]) == ("SCU", "ECHONODE")
    assert "fewer presentation contexts" in line["remedy"]


def test_128_contexts_are_accepted_and_no_more_fit(node: Node) -> None:
    """The standard's most: each odd ID once. One more can only repeat an ID."""
    most = [context(number) for number in range(1, 256, 2)]
    assert results(call(node, request(*most, user_information()))) == dict.fromkeys(
        range(1, 256, 2), 0
    )
    answer, _ = refused(node, request(*most, context(1), user_information()))
    assert answer == ABORTED_BY_PROVIDER


def test_the_most_that_a_viewer_proposes_fits(node: Node) -> None:
    """128 storage classes with 15 transfer syntaxes each, as a C-GET viewer may propose them."""
    syntaxes = [f"1.2.840.10008.1.2.4.{number}".encode() for number in range(50, 65)]
    storage = b"1.2.840.10008.5.1.4.1.1.6.1"
    contexts = [context(number, storage, *syntaxes) for number in range(1, 256, 2)]
    assert len(results(call(node, request(*contexts, user_information())))) == 128


def test_a_stranger_pays_for_its_contexts_itself(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A caller that is not admitted costs no decoding, however much it sends."""
    decoded: list[bytes] = []
    monkeypatch.setattr(
        "echonode.dimse.acceptance.recognised_request", lambda data, _: decoded.append(data)
    )
    contexts = [context(1) for _ in range(1_000)]
    data = request(*contexts, user_information(), calling=b"WHO".ljust(16))
    assert call(node, data)[0] == 0x03
    assert decoded == []


def relational(sop_class: bytes, options: bytes = b"\1") -> bytes:
    """Extended negotiation that asks for relational queries (PS3.4 C.5.1.1)."""
    return item(0x56, struct.pack(">H", len(sop_class)) + sop_class + options)


def test_extended_negotiation_is_answered_for_proposed_classes_alone(node: Node) -> None:
    """For a class without a presentation context there is nothing to negotiate (PS3.7 D.3.3.5)."""
    asked = user_information(relational(STUDY_ROOT_FIND))
    assert 0x56 not in user_items(call(node, request(context(1), asked)))
    assert 0x56 in user_items(call(node, request(context(1, STUDY_ROOT_FIND), asked)))


def test_three_options_of_queries_are_granted_and_no_more(node: Node) -> None:
    """Relational, combined date-time and fuzzy names, each where it is asked for; not the time zone
    adjustment and the conversion of enhanced images that follow them (PS3.4 C.5.1.1.1)."""
    five = (b"\1\1\1\1\1", b"\1\1\1\0\0")
    for wanted, granted in (five, (b"\0\1\0", b"\0\1\0"), (b"\1", b"\1")):
        asked = user_information(relational(STUDY_ROOT_FIND, wanted))
        answer = call(node, request(context(1, STUDY_ROOT_FIND), asked))
        assert relational(STUDY_ROOT_FIND, granted) in answer


def test_the_worklist_grants_fuzzy_names(node: Node) -> None:
    """As the query classes do (PS3.4 K.5.1.1); not the time zone adjustment behind it."""
    worklist = WORKLIST_CLASS.encode()
    asked = user_information(relational(worklist, b"\0\0\1\1"))
    answer = call(node, request(context(1, worklist), asked))
    assert relational(worklist, b"\0\0\1\0") in answer


def test_silence_is_told_when_its_time_is_over(make_node: Callable[..., Node]) -> None:
    """A connection that never asks is closed, and the log says so once."""
    node = make_node(Limits(request_s=0.3))
    answer, line = refused(node, b"")
    assert answer == b""
    assert "no whole association request" in line["reason"]


def test_by_option_a_caller_does_not_learn_which_title_was_wrong(
    make_node: Callable[..., Node],
) -> None:
    """Wrong called and wrong calling titles look alike on the wire; the log still tells which."""
    node = make_node(None, peer(), say_which_title=False)
    told = [
        refused(node, request(called=b"OTHER".ljust(16))),
        refused(node, request(calling=b"WHO".ljust(16))),
    ]
    assert {answer for answer, _ in told} == {pdu(b"\0\1\1\1", 0x03)}
    assert len({line["reason"] for _, line in told}) == 2


def test_an_archive_that_answers_with_unknown_items_is_understood(node: Node) -> None:
    """What we ignore as acceptor we ignore as requestor: items and sub-items of later editions in
    an A-ASSOCIATE-AC, and anything in its reserved fields (PS3.8 9.3.3).
    """
    with socket.create_server((LOOPBACK, 0)) as archive:

        def answer_with_more() -> None:
            downstream, _ = archive.accept()
            with downstream, connect(node.port) as upstream:
                upstream.sendall(answer_of(downstream))
                answer = answer_of(upstream)
                at = answer.rindex(item(0x51, struct.pack(">L", 262_144)))
                information = answer[at:] + UNKNOWN_SUB_ITEM
                body = answer[6:10] + b"\xff" * 64 + answer[74 : at - 4] + item(0x7A, b"x")
                downstream.sendall(pdu(body + item(0x50, information), 0x02))
                upstream.sendall(answer_of(downstream))
                downstream.sendall(answer_of(upstream))
                answer_of(downstream)

        thread = threading.Thread(target=answer_with_more)
        thread.start()
        target = peer("pacs", ae_title="ECHONODE", port=archive.getsockname()[1])
        with Requestor(ae_title="SCU").associate(target, [ECHO]) as assoc:
            assert assoc.c_echo() == 0x0000
        thread.join(20)
