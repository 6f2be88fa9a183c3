"""Whose certificate it is, and where an AE may call from."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from echonode.model.certificate import Certificate, TLSFiles, fingerprint_of, is_within

DIGITS = "ab" * 32
COLONS = ":".join(["AB"] * 32)
DECODED = {
    "subject": ((("countryName", "DE"),), (("commonName", "PACS Nord"),)),
    "subjectAltName": (
        ("DNS", "pacs.clinic.example"),
        ("IP Address", "10.0.0.5"),
        ("email", "it@clinic.example"),
    ),
}
PACS = Certificate.of(b"der", DECODED)


@pytest.mark.parametrize(
    ("binding", "digits"),
    [
        (DIGITS, DIGITS),
        (COLONS, DIGITS),
        (f"SHA256:{COLONS}", DIGITS),
        (f" sha-256={DIGITS} ", DIGITS),
        (COLONS[:-3], ""),
        ("pacs.clinic.example", ""),
        ("", ""),
    ],
)
def test_a_fingerprint_is_taken_as_people_write_it(binding: str, digits: str) -> None:
    """As openssl prints it, as browsers show it, and never half of one."""
    assert fingerprint_of(binding) == digits


@pytest.mark.parametrize(
    "binding", ["pacs nord", "PACS.clinic.example", "10.0.0.5", PACS.fingerprint, "x, y"]
)
def test_a_binding_means_a_fingerprint_or_a_name_and_nothing_else(binding: str) -> None:
    """Common name, DNS name and IP address count, in any case; other fields do not."""
    assert PACS.is_bound_to(["other", binding]) == (binding != "x, y")
    assert not PACS.is_bound_to(["it@clinic.example", "DE", "clinic.example", DIGITS])
    assert not PACS.is_bound_to([])


def test_a_name_that_looks_like_a_fingerprint_does_not_pass_for_one() -> None:
    """A certificate issued to 64 digits does not make its holder the one they stand for."""
    forged = Certificate.of(b"forged", {"subject": ((("commonName", PACS.fingerprint),),)})
    assert not forged.is_bound_to([PACS.fingerprint])


def test_a_certificate_without_names_is_nobodys() -> None:
    """What TLS did not verify has no names here, and an empty name matches nothing."""
    nameless = Certificate.of(b"der", {})
    assert not nameless.names_one_of("", "PACS")
    assert PACS.names_one_of("PACS.clinic.example.")


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("10.0.0.9", True),
        ("::ffff:10.0.0.9", True),
        ("10.0.1.9", False),
        ("2001:db8::7", True),
        ("2001:db9::7", False),
        ("no address", False),
    ],
)
def test_an_address_is_inside_or_not(address: str, inside: bool) -> None:
    """IPv4, IPv6 and IPv4 as an IPv6 socket shows it."""
    assert is_within(address, [ip_network("10.0.0.0/24"), ip_network("2001:db8::/32")]) is inside


def test_without_addresses_a_peer_may_call_from_anywhere() -> None:
    """The list is opt-in: clusters and NAT call from addresses that stand nowhere."""
    assert is_within("10.0.1.9", [])


def test_a_certificate_and_its_key_go_together() -> None:
    """One without the other is a mistake that no handshake could tell as well."""
    with pytest.raises(ValueError, match="together"):
        TLSFiles(ca=Path("ca"), cert=Path("cert"))
