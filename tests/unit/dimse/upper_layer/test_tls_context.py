"""TLS settings: what BCP 195 asks of them, and that they follow their files. No socket."""

from __future__ import annotations

import os
import ssl
from functools import partial
from pathlib import Path

import pytest
import trustme

from echonode.dimse.upper_layer.tls_context import (
    TLS_1_2_SUITES,
    FollowedContext,
    client_context,
    server_context,
)
from echonode.dimse.upper_layer.tls_faults import TLSFilesUnusable
from echonode.model.certificate import TLSFiles

make_server = partial(server_context, require_client_cert=True)


@pytest.fixture
def files(tmp_path: Path) -> TLSFiles:
    authority = trustme.CA()
    issued = authority.issue_cert("node.clinic.example")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    return TLSFiles(ca=tmp_path / "ca.pem", cert=tmp_path / "cert.pem", key=tmp_path / "key.pem")


def both(files: TLSFiles) -> list[ssl.SSLContext]:
    return [make_server(files), client_context(files, check_name=True)]


def test_both_ends_keep_to_the_profile(files: TLSFiles) -> None:
    """PS3.15 B.12: TLS 1.2 or later, no compression, no renegotiation, no tickets."""
    for context in both(files):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
        assert context.maximum_version == ssl.TLSVersion.MAXIMUM_SUPPORTED
        for option in (ssl.OP_NO_COMPRESSION, ssl.OP_NO_RENEGOTIATION, ssl.OP_NO_TICKET):
            assert context.options & option


def test_only_the_recommended_suites_are_offered(files: TLSFiles) -> None:
    """RFC 9325 4.2: ephemeral keys and AES-GCM; and those of TLS 1.3."""
    for context in both(files):
        suites = {suite["name"]: suite["protocol"] for suite in context.get_ciphers()}
        of_1_2 = {name for name, protocol in suites.items() if protocol != "TLSv1.3"}
        assert of_1_2 == set(TLS_1_2_SUITES.split(":"))
        assert "TLSv1.3" in suites.values()


def test_both_ends_verify_the_other(files: TLSFiles) -> None:
    """A caller must show a certificate unless that is waived; who is called, always."""
    assert make_server(files).verify_mode == ssl.CERT_REQUIRED
    waived = server_context(files, require_client_cert=False)
    assert waived.verify_mode == ssl.CERT_OPTIONAL
    for check_name in (True, False):
        context = client_context(files, check_name=check_name)
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname is check_name


@pytest.mark.parametrize("which", ["ca", "cert", "key"])
def test_a_file_that_is_none_is_named(files: TLSFiles, which: str) -> None:
    """The error says which file, so that the operator need not guess among three."""
    path = getattr(files, which)
    path.write_text("nothing")
    named = "cert" if which == "key" else which  # OpenSSL loads the two together
    with pytest.raises(TLSFilesUnusable, match=f"{named}.pem cannot be used"):
        make_server(files)
    path.unlink()
    with pytest.raises(TLSFilesUnusable):
        make_server(files)


def test_a_locked_key_is_an_error_and_no_question(
    files: TLSFiles, capfd: pytest.CaptureFixture[str]
) -> None:
    """A daemon that waits at a terminal for a passphrase would never serve."""
    from cryptography.hazmat.primitives import serialization

    assert files.key is not None
    key = serialization.load_pem_private_key(files.key.read_bytes(), None)
    files.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(TLSFilesUnusable):
        make_server(files)
    assert "pass phrase" not in capfd.readouterr().err


def test_a_context_is_made_again_when_a_file_changes(files: TLSFiles) -> None:
    """Renewed in place: the next connection has it. Unchanged: nothing is read again."""
    followed = FollowedContext(files, make_server)
    first = followed.current()
    assert followed.current() is first
    os.utime(files.ca, ns=(1, 1))
    second = followed.current()
    assert second is not first
    assert followed.current() is second


def test_files_that_became_unusable_change_nothing(files: TLSFiles) -> None:
    """Half a copy, or none: what was good stays in force until there is better."""
    followed = FollowedContext(files, make_server)
    good = followed.current()
    whole = files.ca.read_text()
    files.ca.unlink()
    assert followed.current() is good
    files.ca.write_text("half")
    assert followed.current() is good
    files.ca.write_text(whole)
    assert followed.current() is not good
