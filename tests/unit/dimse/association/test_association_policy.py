"""Who may have an association, and how often a rejection is logged."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from echonode.dimse.association.association_policy import (
    CERTIFICATE_OF_ANOTHER,
    IN_CLEAR,
    NO_CERTIFICATE,
    TOO_MANY,
    TOO_OFTEN,
    UNKNOWN_CALLED,
    UNKNOWN_CALLER,
    WRONG_ADDRESS,
    WRONG_CERTIFICATE,
    AssociationPolicy,
    Rejection,
)
from echonode.dimse.limits import Limits
from echonode.dimse.upper_layer.log_throttle import Tally
from echonode.model.certificate import Certificate
from echonode.model.identity import Peer


def peer(name: str, *, ae_title: str = "", host: str = "10.0.0.1") -> Peer:
    return Peer(name=name, ae_title=ae_title or name.upper(), host=host, port=104, may=frozenset())


def admission(*peers: Peer, total: int = 3, each: int = 2) -> AssociationPolicy:
    limits = Limits(associations=total, associations_per_peer=each)
    return AssociationPolicy(ae_title="ECHONODE", peers=peers, limits=limits)


def test_a_configured_peer_is_let_in() -> None:
    """Padding around either AE title does not count."""
    door = admission(peer("pacs"))
    admitted = door.admit(now=0.0, called=" ECHONODE ", calling="PACS ", address="10.0.0.9")
    assert isinstance(admitted, Peer)
    assert admitted.name == "pacs"
    assert door.taken == 1


@pytest.mark.parametrize(
    ("called", "calling", "rejection"),
    [
        ("ECHONODE", "WHO", UNKNOWN_CALLER),
        ("OTHER", "PACS", UNKNOWN_CALLED),
        ("OTHER", "WHO", UNKNOWN_CALLED),
        ("echonode", "PACS", UNKNOWN_CALLED),
    ],
)
def test_names_must_be_right(called: str, calling: str, rejection: Rejection) -> None:
    """A wrong name is rejected with its reason and takes no slot; case counts (PS3.5 6.2)."""
    door = admission(peer("pacs"))
    assert door.admit(now=0.0, called=called, calling=calling, address="10.0.0.1") is rejection
    assert door.taken == 0


def test_each_peer_and_all_together_have_an_end() -> None:
    """A peer at its limit leaves room for others; a slot given back is free again."""
    door = admission(peer("a"), peer("b"))

    def call(name: str) -> Peer | Rejection:
        return door.admit(now=0.0, called="ECHONODE", calling=name, address="10.0.0.1")

    first = call("A")
    assert isinstance(first, Peer)
    assert isinstance(call("A"), Peer)
    assert call("A") is TOO_MANY
    assert isinstance(call("B"), Peer)
    assert call("B") is TOO_MANY  # three in all
    door.leave(first, "10.0.0.1")
    assert isinstance(call("B"), Peer)
    assert (TOO_MANY.result, TOO_MANY.source, TOO_MANY.reason) == (2, 3, 2)


def test_peers_that_share_an_ae_title_are_told_apart_by_address() -> None:
    """Two handhelds with the factory's AE title are still two peers where their hosts differ."""
    door = admission(peer("a", ae_title="HAND"), peer("b", ae_title="HAND", host="10.0.0.2"))
    called: dict[str, Any] = {"called": "ECHONODE", "calling": "HAND"}
    names = []
    for address in ("10.0.0.2", "10.0.0.1", "10.0.0.3"):
        admitted = door.admit(now=0.0, **called, address=address)
        assert isinstance(admitted, Peer)
        names.append(admitted.name)
    assert names == ["b", "a", "a"]


def test_a_peer_may_call_with_other_titles_than_its_own() -> None:
    """A PACS that reports under the title of another of its programs is one peer: with one set of
    rights, addresses and slots."""
    pacs = replace(
        peer("pacs"), calling_ae_titles=("PACS_SCU",), addresses=(ip_network("10.0.0.1"),)
    )
    door = admission(pacs, peer("other"), each=2)
    for calling in ("PACS", "PACS_SCU"):
        answer = door.admit(now=0.0, called="ECHONODE", calling=calling, address="10.0.0.1")
        assert answer is pacs
    for calling, address, verdict in (
        ("PACS_SCU", "10.0.0.1", TOO_MANY),
        ("PACS_SCU", "10.0.0.9", WRONG_ADDRESS),
        ("PACS_scu", "10.0.0.1", UNKNOWN_CALLER),
    ):
        answer = door.admit(now=0.0, called="ECHONODE", calling=calling, address=address)
        assert answer is verdict


def test_a_certificate_may_name_any_title_of_its_peer() -> None:
    """And is still no other peer's."""
    pacs = replace(peer("pacs"), calling_ae_titles=("PACS_SCU",))
    door = admission(pacs, peer("other"), each=9, total=9)
    for calling, verdict in (("PACS", pacs), ("PACS_SCU", pacs), ("OTHER", CERTIFICATE_OF_ANOTHER)):
        answer = door.admit(
            now=0.0,
            called="ECHONODE",
            calling=calling,
            address="10.0.0.1",
            certificate=shown("pacs_scu"),
        )
        assert answer is verdict


def shown(*names: str) -> Certificate:
    """A verified certificate with these names."""
    lower = frozenset(name.lower() for name in names)
    return Certificate(fingerprint=(names[0].lower().encode().hex() * 64)[:64], names=lower)


A = replace(peer("a"), certificates=(shown("A").fingerprint,))
B = replace(peer("b"), certificates=("b.clinic.example", "b2.clinic.example"))
C = peer("c", host="c.clinic.example")
D = peer("d", host="c.clinic.example")


@pytest.mark.parametrize(
    ("calling", "certificate", "verdict"),
    [
        ("A", shown("A"), A),
        ("A", None, NO_CERTIFICATE),
        ("A", shown("another"), WRONG_CERTIFICATE),
        ("B", shown("B2.clinic.example"), B),
        ("B", shown("A"), WRONG_CERTIFICATE),
        # Nothing is bound to C and D: what certificates say of themselves counts.
        ("C", None, C),
        ("C", shown("anybody"), C),
        ("C", shown("c"), C),
        ("D", shown("c"), CERTIFICATE_OF_ANOTHER),
        ("C", shown("A"), CERTIFICATE_OF_ANOTHER),
        ("C", shown("b.clinic.example", "c.clinic.example"), CERTIFICATE_OF_ANOTHER),
        ("C", shown("c.clinic.example"), C),
        ("D", shown("c.clinic.example"), D),
    ],
)
def test_a_certificate_speaks_for_its_own_peer(
    calling: str, certificate: Certificate | None, verdict: Peer | Rejection
) -> None:
    """By what is bound, else by the AE title in it, else by the host, which peers may share."""
    door = admission(A, B, C, D)
    answer = door.admit(
        now=0.0, called="ECHONODE", calling=calling, address="10.0.0.1", certificate=certificate
    )
    assert answer is verdict
    assert door.taken == isinstance(verdict, Peer)


def test_addresses_are_looked_at_before_certificates() -> None:
    """From elsewhere even the right certificate is not let in."""
    at_home = replace(A, addresses=(ip_network("10.0.0.0/24"),))
    door = admission(at_home)
    names: dict[str, Any] = {
        "called": "ECHONODE",
        "calling": "A",
        "certificate": shown("A"),
    }
    assert door.admit(now=0.0, **names, address="10.0.1.1") is WRONG_ADDRESS
    assert door.admit(now=0.0, **names, address="10.0.0.7") is at_home


def test_a_call_in_clear_on_a_tls_port_is_told_nothing_of_names() -> None:
    """Whatever its AE title: not before it speaks TLS."""
    door = admission(C)
    for called, calling in (("ECHONODE", "C"), ("OTHER", "WHO")):
        answer = door.admit(
            now=0.0, called=called, calling=calling, address="10.0.0.1", in_clear=True
        )
        assert answer is IN_CLEAR


@pytest.mark.parametrize(
    "rejection", [WRONG_ADDRESS, NO_CERTIFICATE, WRONG_CERTIFICATE, CERTIFICATE_OF_ANOTHER]
)
def test_a_stranger_does_not_learn_which_names_exist(rejection: Rejection) -> None:
    """On the wire a wrong proof looks like an unknown name (PS3.8 9.3.4); the log knows more."""
    numbers = (rejection.result, rejection.source, rejection.reason)
    assert numbers == (UNKNOWN_CALLER.result, UNKNOWN_CALLER.source, UNKNOWN_CALLER.reason)
    assert rejection.meaning != UNKNOWN_CALLER.meaning
    assert rejection.remedy


def test_a_rejection_is_told_at_once_and_then_once_a_window() -> None:
    """Ten attempts in a minute make one line now and one later, with the count."""
    tally = Tally(60.0)
    told = [tally.note("10.0.0.1", "unknown", now=float(second)) for second in range(0, 61, 6)]
    assert told == [1, *[None] * 9, 10]


def test_addresses_and_reasons_are_counted_apart() -> None:
    """A second address, or another reason, is news."""
    tally = Tally(60.0)
    assert tally.note("10.0.0.1", "unknown", now=0.0) == 1
    assert tally.note("10.0.0.2", "unknown", now=1.0) == 1
    assert tally.note("10.0.0.1", "too many", now=2.0) == 1


def test_many_addresses_take_no_memory() -> None:
    """The tally forgets the oldest beyond its capacity."""
    tally = Tally(60.0, capacity=2)
    for number in range(5):
        tally.note(f"10.0.0.{number}", "unknown", now=0.0)
    assert tally.note("10.0.0.4", "unknown", now=1.0) is None
    assert tally.note("10.0.0.0", "unknown", now=1.0) == 1


# callers that only say that they are a peer -----------------------------------------------------


def taken_from(door: AssociationPolicy, address: str, *, calling: str = "PACS") -> int:
    """How many slots callers at `address` get before one is refused."""
    count = 0
    while door.admit(now=0.0, called="ECHONODE", calling=calling, address=address) is not TOO_MANY:
        count += 1
    return count


def test_strangers_do_not_keep_the_peer_itself_out() -> None:
    """Nothing is bound to it, so any caller may use its title: callers from other hosts
    get a share, and the rest is the peer's.
    """
    door = admission(peer("pacs"), total=100, each=20)
    assert taken_from(door, "10.6.6.6") == 12
    assert taken_from(door, "10.6.6.7") == 0  # the share is of all strangers together
    assert taken_from(door, "10.0.0.1") == 8


def test_strangers_of_many_names_leave_room_for_peers() -> None:
    """Of all associations too they get a share only."""
    peers = [peer(f"p{number}", host=f"10.0.0.{number}") for number in range(20)]
    door = admission(*peers, total=100, each=20)
    spoofed = sum(taken_from(door, "10.6.6.6", calling=f"P{number}") for number in range(20))
    assert spoofed == 60
    assert taken_from(door, "10.0.0.3", calling="P3") == 8  # of its 20, strangers have 12
    assert taken_from(door, "10.0.0.19", calling="P19") == 20


def test_a_slot_of_a_stranger_is_free_again() -> None:
    """When its association is over."""
    door = admission(peer("pacs"), total=100, each=20)
    taken_from(door, "10.6.6.6")
    door.leave(peer("pacs"), "10.6.6.6")
    assert taken_from(door, "10.6.6.6") == 1
    assert door.taken == 12


@pytest.mark.parametrize(
    "bound",
    [
        replace(peer("pacs"), addresses=(ip_network("10.6.6.0/24"),)),
        replace(peer("pacs"), certificates=("pacs.clinic",)),
    ],
    ids=["address", "certificate"],
)
def test_whoever_proves_to_be_the_peer_has_all_its_slots(bound: Peer) -> None:
    """By its address or its certificate, wherever its host is."""
    door = admission(bound, total=100, each=20)
    names: dict[str, Any] = {"called": "ECHONODE", "calling": "PACS", "address": "10.6.6.6"}
    proof = shown("pacs.clinic") if bound.certificates else None
    admitted = [door.admit(**names, now=0.0, certificate=proof) for _ in range(21)]
    assert admitted == [bound] * 20 + [TOO_MANY]


# whoever guesses --------------------------------------------------------------------------------


def test_an_address_that_guesses_titles_is_put_off() -> None:
    """After some wrong ones even the right one is not judged for a while: guessing is slow."""
    door = admission(peer("pacs"))
    unknown: dict[str, Any] = {"called": "ECHONODE", "address": "10.6.6.6"}
    for number in range(11):
        assert door.admit(**unknown, calling=f"GUESS{number}", now=0.0) is UNKNOWN_CALLER
    assert door.admit(**unknown, calling="PACS", now=0.5) is TOO_OFTEN
    assert isinstance(door.admit(**unknown, calling="PACS", now=1.5), Peer)


def test_the_address_of_a_peer_is_never_put_off() -> None:
    """A second AE on the same machine that is misconfigured does not keep the first one out."""
    bound = replace(peer("b"), addresses=(ip_network("10.1.0.0/16"),))
    door = admission(peer("pacs"), bound)
    for address in ("10.0.0.1", "10.1.2.3"):
        for _ in range(50):
            answer = door.admit(called="OTHER", calling="PACS", address=address, now=0.0)
            assert answer is UNKNOWN_CALLED
    assert isinstance(
        door.admit(called="ECHONODE", calling="PACS", address="10.0.0.1", now=0.0), Peer
    )


@pytest.mark.parametrize(
    ("called", "calling", "address"),
    [
        ("OTHER", "PACS", "10.0.0.1"),
        ("ECHONODE", "WHO", "10.0.0.1"),
        ("ECHONODE", "HOME", "10.0.0.1"),  # which is bound to another address
    ],
)
def test_by_option_every_wrong_name_is_rejected_alike(
    called: str, calling: str, address: str
) -> None:
    """1, 1, 1: no reason given (PS3.8 table 9-21); the meaning, for our log, stays."""
    bound = replace(peer("home"), addresses=(ip_network("10.9.0.0/16"),))
    door = AssociationPolicy(
        ae_title="ECHONODE", peers=[peer("pacs"), bound], limits=Limits(), say_which_title=False
    )
    answer = door.admit(called=called, calling=calling, address=address, now=0.0)
    assert isinstance(answer, Rejection)
    assert (answer.result, answer.source, answer.reason) == (1, 1, 1)
    assert answer.meaning != ""
