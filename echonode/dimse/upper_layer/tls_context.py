"""TLS as in PS3.15 B.12: BCP 195 (RFC 8996, RFC 9325) over OpenSSL.

Rules
- TLS 1.2 at least, 1.3 wherever both sides can. Of 1.2 only the suites that RFC 9325 4.2
  recommends: ephemeral keys and authenticated encryption. No compression (RFC 9325 3.3), no
  renegotiation (3.5), no session tickets: every connection shows its certificate, so a
  revoked one is refused.
- Both sides show a certificate unless the configuration waives the caller's.
- The issuer's certificate alone suffices for trust (partial chain): an operator who enters only the
  authority of the clinic trusts that one, not everything that its root ever signed.
- A context follows its files: a renewed certificate or revocation list counts from the next
  connection on. New files that cannot be used are logged, and the old ones stay in use.
- A key that is locked with a passphrase is an error, never a prompt on the terminal.
"""

from __future__ import annotations

import contextlib
import select
import ssl
import threading
import time
from collections.abc import Callable

from echonode.dimse.upper_layer.tls_faults import TLSFault, TLSFilesUnusable
from echonode.log import get_logger
from echonode.model.certificate import Certificate, TLSFiles

log = get_logger(__name__)

# RFC 9325 4.2, in OpenSSL's names. TLS 1.3 has suites of its own, all of them acceptable.
TLS_1_2_SUITES = ":".join(
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
    )
)

# What `minimum_version` below leaves, in the names of the ssl module.
TLS_VERSIONS = ("TLSv1.2", "TLSv1.3")


def server_context(files: TLSFiles, *, require_client_cert: bool) -> ssl.SSLContext:
    """For our listeners. Raises TLSFilesUnusable.

    Where no certificate is required it is still requested, and checked if it is sent.
    """
    context = _context(ssl.PROTOCOL_TLS_SERVER, files)
    context.verify_mode = ssl.CERT_REQUIRED if require_client_cert else ssl.CERT_OPTIONAL
    return context


def client_context(files: TLSFiles, *, check_name: bool) -> ssl.SSLContext:
    """For our calls to a peer. Raises TLSFilesUnusable.

    check_name: whether the certificate must be for the host that is called (RFC 9525: by its
    subject alternative names); False only where `peers.NAME.certificate` says which it must be.
    """
    context = _context(ssl.PROTOCOL_TLS_CLIENT, files)
    context.check_hostname = check_name
    context.hostname_checks_common_name = False
    return context


def _context(protocol: int, files: TLSFiles) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(TLS_1_2_SUITES)
    context.options |= (
        ssl.OP_NO_COMPRESSION
        | ssl.OP_NO_RENEGOTIATION
        | ssl.OP_NO_TICKET
        | ssl.OP_CIPHER_SERVER_PREFERENCE
    )
    if protocol == ssl.PROTOCOL_TLS_SERVER:
        context.num_tickets = 0  # TLS 1.3 has its own
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    _load(files.ca, lambda: context.load_verify_locations(files.ca))
    if files.cert is not None:
        cert = files.cert
        _load(cert, lambda: context.load_cert_chain(cert, files.key, password=lambda: ""))
    if files.crl is not None:
        crl = files.crl
        _load(crl, lambda: context.load_verify_locations(crl))
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
    return context


def _load(path: object, load: Callable[[], None]) -> None:
    try:
        load()
    except OSError as error:  # SSLError is one
        reason = getattr(error, "reason", None) or error.strerror or type(error).__name__
        fault = TLSFault(
            problem=f"our file {path} cannot be used: {reason}",
            remedy="`echonode check-config` says more.",
        )
        raise TLSFilesUnusable(fault) from error


class FollowedContext:
    """A context that is rebuilt when its files change. Thread-safe."""

    def __init__(self, files: TLSFiles, make: Callable[[TLSFiles], ssl.SSLContext]) -> None:
        self._files, self._make = files, make
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None
        self._stamp: list[tuple[int, int, int]] = []

    def current(self) -> ssl.SSLContext:
        """The context to use now. Raises TLSFilesUnusable where none could be made yet."""
        with self._lock:
            stamp = self._stamp_now()
            if self._context is None or stamp != self._stamp:
                self._renew()
                self._stamp = stamp
            assert self._context is not None
            return self._context

    def _renew(self) -> None:
        try:
            self._context = self._make(self._files)
        except TLSFilesUnusable as error:
            if self._context is None:
                raise
            log.error("tls_files_unusable", reason=str(error), remedy="The old ones stay in force.")

    def _stamp_now(self) -> list[tuple[int, int, int]]:
        """A value that changes when a file changes or disappears."""
        stamps = []
        for path in self._files.paths:
            with contextlib.suppress(OSError):
                status = path.stat()
                stamps.append((status.st_mtime_ns, status.st_size, status.st_ino))
        return stamps


def shake_hands(sock: ssl.SSLSocket, deadline: float) -> Certificate | None:
    """The handshake on a socket that does not block; the other side's certificate, if it had one.

    deadline: absolute, monotonic. Raises TimeoutError, ssl.SSLError, OSError.
    """
    while True:
        try:
            sock.do_handshake()
            break
        except ssl.SSLWantReadError:
            _await(sock, select.POLLIN, deadline)
        except ssl.SSLWantWriteError:
            _await(sock, select.POLLOUT, deadline)
    der = sock.getpeercert(binary_form=True)
    return Certificate.of(der, sock.getpeercert() or {}) if der else None


def _await(sock: ssl.SSLSocket, event: int, deadline: float) -> None:
    poller = select.poll()
    poller.register(sock, event)
    if not poller.poll(max(0.0, deadline - time.monotonic()) * 1000):
        raise TimeoutError("the handshake was not finished in time")
