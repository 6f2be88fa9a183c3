"""What OpenSSL raises, in plain words; the real failures are in the integration tests."""

from __future__ import annotations

import ssl

import pytest

from echonode.dimse.upper_layer.tls_faults import (
    ANOTHER_CERTIFICATE,
    HUNG_UP,
    TOO_SLOW,
    UNKNOWN_ISSUER,
    TLSFailed,
    explain,
)


def ssl_error(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


def verification(code: int, message: str = "") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, message
    return error


@pytest.mark.parametrize("code", [2, 18, 19, 20, 21])
def test_every_way_of_not_being_trusted_is_one(code: int) -> None:
    """Self-signed, or a chain with a hole: the operator does the same about each."""
    assert explain(verification(code)) is UNKNOWN_ISSUER


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (verification(10), "expired"),
        (verification(9), "not valid yet"),
        (verification(23), "revoked"),
        (verification(12), "our revocation list has expired"),
        (verification(3), "no revocation list"),
        (verification(26), "not made for this use"),
        (verification(66), "too weak"),
        (verification(62), "not for the name pacs.example"),
        (verification(64), "not for the name pacs.example"),
        (verification(25, "path length constraint exceeded"), "path length constraint exceeded"),
        (ssl_error("PEER_DID_NOT_RETURN_A_CERTIFICATE"), "showed no certificate"),
        (ssl_error("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "asks for a certificate"),
        (ssl_error("TLSV1_ALERT_UNKNOWN_CA"), "does not accept our certificate"),
        (ssl_error("SSLV3_ALERT_BAD_CERTIFICATE"), "does not accept our certificate"),
        (ssl_error("SSLV3_ALERT_CERTIFICATE_EXPIRED"), "our certificate has expired"),
        (ssl_error("SSLV3_ALERT_CERTIFICATE_REVOKED"), "our certificate was revoked"),
        (ssl_error("UNSUPPORTED_PROTOCOL"), "no TLS version"),
        (ssl_error("TLSV1_ALERT_PROTOCOL_VERSION"), "no TLS version"),
        (ssl_error("NO_SHARED_CIPHER"), "no cipher suite"),
        (ssl_error("WRONG_VERSION_NUMBER"), "does not speak TLS"),
        (ssl_error("HTTP_REQUEST"), "does not speak TLS"),
        (ssl_error("SOMETHING_NEW"), "SOMETHING_NEW"),
    ],
)
def test_each_failure_has_its_words_and_its_remedy(error: OSError, words: str) -> None:
    """The operator reads what is wrong and what to do, not an OpenSSL constant."""
    fault = explain(error, host="pacs.example")
    assert words in fault.problem
    assert fault.remedy.endswith(".")


@pytest.mark.parametrize(
    "error",
    [ConnectionResetError(104, "reset"), ssl.SSLEOFError(8, "EOF"), OSError(107, "not connected")],
)
def test_a_hang_up_is_one_however_it_looks(error: OSError) -> None:
    """Reset, end of file, gone before the handshake began."""
    assert explain(error) is HUNG_UP


def test_a_deadline_and_our_own_verdicts_keep_their_meaning() -> None:
    """A time-out is no SSL error, and what was explained once is not explained away."""
    assert explain(TimeoutError()) is TOO_SLOW
    assert explain(TLSFailed(ANOTHER_CERTIFICATE)) is ANOTHER_CERTIFICATE
