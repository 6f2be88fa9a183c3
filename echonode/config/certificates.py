"""Certificate files are checked before the first connection: faults, and doubts.

Rules
- A fault is what makes every handshake fail: a file that is not a certificate, a key of another
  certificate, a certificate that is not made for its use. With one, the node does not start.
- What time does to a certificate is a doubt: check-config and the log at the start name it, and the
  node starts. A probe's images must not be lost because a certificate ran out.
- Nothing is parsed here. OpenSSL judges, in a trial handshake of the certificate with itself in
  memory, dates left out; what it then decodes is compared with the time given.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from echonode.config.schema import Config
from echonode.config.secret_files import is_open_to_others
from echonode.errors import ConfigFault
from echonode.model.certificate import TLSFiles

SOON_DAYS = 30
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, which Python has no name for
_REISSUE = "Have another one issued: RSA of 2048 bits or P-256, signed with SHA-256, as PEM."
_UNSUITABLE_PURPOSE = 26  # X509_V_ERR_INVALID_PURPOSE


def _fault(path: str, problem: str, remedy: str) -> ConfigFault:
    return ConfigFault(path=path, problem=problem, remedy=remedy)


def tls_faults(config: Config) -> Iterator[ConfigFault]:
    """What is wrong with the files of each `tls` section, and with what is bound to them."""
    for path, files, is_listener in _sections(config):
        unreadable = list(_unreadable(path, files))
        yield from unreadable
        if not unreadable:
            yield from _unusable(path, files, is_listener=is_listener)
    yield from _never_shown(config)


def tls_doubts(config: Config, now: datetime) -> Iterator[ConfigFault]:
    """What works, or did once, and deserves a look; `config` has no faults. now: aware."""
    for path, files, is_listener in _sections(config):
        if files.cert is not None:
            decoded = _on_trial(files, is_listener=is_listener)
            yield from _dates(f"{path}.cert", files.cert, decoded, now)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if authorities := _own_ca(path, files):
            context.load_verify_locations(authorities)
        for authority in context.get_ca_certs():
            yield from _dates(f"{path}.ca", files.ca, authority, now)
    callers = [name for name, peer in config.peers.items() if peer.may and not peer.certificate]
    for index, listener in enumerate(config.listen):
        if listener.tls is not None and callers:
            yield _fault(
                f"listen[{index}].tls",
                f"nothing is bound to {', '.join(callers)}: every holder of a certificate of `ca` "
                "may call by these AE titles, unless it names another peer",
                "Give each its `certificate`.",
            )


def _sections(config: Config) -> Iterator[tuple[str, TLSFiles, bool]]:
    """(path, files, whether it is a listener's) of each `tls` section."""
    for index, listener in enumerate(config.listen):
        if listener.tls is not None:
            yield f"listen[{index}].tls", listener.tls.value(), True
    for index, probe in enumerate(config.probes):
        if probe.tls is not None:
            yield f"probes[{index}].tls", probe.tls.value(), True
    if config.hl7 is not None and config.hl7.listen.tls is not None:
        yield "hl7.listen.tls", config.hl7.listen.tls.value(), True
    if config.web is not None and config.web.tls is not None:
        yield "web.tls", config.web.tls.value(), True
    yield from _called(config)


def _called(config: Config) -> Iterator[tuple[str, TLSFiles, bool]]:
    for name, peer in config.peers.items():
        if peer.tls is not None:
            yield f"peers.{name}.tls", peer.tls.value(), False
    for index, destination in enumerate(config.destinations):
        if destination.tls is not None:
            yield f"destinations[{index}].tls", destination.tls.value(), False
    if config.alarms.webhook is not None and config.alarms.webhook.tls is not None:
        yield "alarms.webhook.tls", config.alarms.webhook.tls.value(), False
    if config.alarms.email is not None and config.alarms.email.tls is not None:
        yield "alarms.email.tls", config.alarms.email.tls.value(), False
    if config.audit.tls is not None:
        yield "audit.tls", config.audit.tls.value(), False


def _own_ca(path: str, files: TLSFiles) -> Path | None:
    """The file of the authorities; None for the web, which asks browsers for no certificate."""
    return None if path == "web.tls" else files.ca


def _unreadable(path: str, files: TLSFiles) -> Iterator[ConfigFault]:
    for key, file, marks in (
        ("cert", files.cert, ("BEGIN CERTIFICATE",)),
        ("key", files.key, ("PRIVATE KEY",)),
        ("ca", _own_ca(path, files), ("BEGIN CERTIFICATE", "BEGIN TRUSTED CERTIFICATE")),
        ("crl", files.crl, ("BEGIN X509 CRL",)),
    ):
        if file is None:
            continue
        try:
            text = file.read_text(encoding="latin-1")
        except OSError as error:
            yield _fault(
                f"{path}.{key}",
                f"{file} cannot be read: {error.strerror}",
                "Give an existing PEM file that this user may read.",
            )
            continue
        if not any(mark in text for mark in marks):
            yield _fault(
                f"{path}.{key}",
                f"{file} is not a PEM file with a {marks[0].removeprefix('BEGIN ')} in it",
                "Give the right file; from DER, `openssl x509 -inform DER` makes PEM.",
            )
        elif key == "key" and "ENCRYPTED" in text:
            yield _fault(
                f"{path}.{key}",
                f"{file} is locked with a passphrase, and a service cannot type it",
                f"Run: openssl pkey -in {file} -out unlocked.key, and chmod 600 unlocked.key",
            )
        elif key == "key" and is_open_to_others(file):
            yield _fault(f"{path}.{key}", "can be read by other users", f"Run: chmod 600 {file}")


def _unusable(path: str, files: TLSFiles, *, is_listener: bool) -> Iterator[ConfigFault]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    loads: list[tuple[str, Path, Callable[[Path], None]]] = [
        (
            "ca" if _own_ca(path, files) else "cert",
            files.ca,
            lambda file: context.load_verify_locations(file),
        )
    ]
    if files.crl is not None:
        loads.append(("crl", files.crl, lambda file: context.load_verify_locations(file)))
    if files.cert is not None:
        loads.append(
            ("cert", files.cert, lambda file: context.load_cert_chain(file, files.key, lambda: ""))
        )
    for key, file, load in loads:
        try:
            load(file)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                yield _fault(
                    f"{path}.key",
                    f"{files.key} is not the key of {files.cert}",
                    "Give the key that the certificate was made with.",
                )
            else:
                yield _fault(
                    f"{path}.{key}",
                    f"{file} cannot be used: {error.reason}",
                    _REISSUE,
                )
            return
    if files.cert is not None:
        yield from _unfit(f"{path}.cert", files, is_listener=is_listener)


def _unfit(path: str, files: TLSFiles, *, is_listener: bool) -> Iterator[ConfigFault]:
    try:
        _on_trial(files, is_listener=is_listener)
    except ssl.SSLCertVerificationError as error:
        usage = "serverAuth" if is_listener else "clientAuth"
        role = "a listener" if is_listener else "who calls"
        if error.verify_code == _UNSUITABLE_PURPOSE:
            yield _fault(
                path,
                f"{files.cert} is not made for {role}: its extended key usage lacks {usage}",
                "Have one issued with both, serverAuth and clientAuth.",
            )
        else:
            yield _fault(path, f"{files.cert} will be refused: {error.verify_message}", _REISSUE)
    except ssl.SSLError as error:
        yield _fault(path, f"{files.cert} makes no handshake: {error.reason}", _REISSUE)


def _on_trial(files: TLSFiles, *, is_listener: bool) -> dict[str, Any]:
    """The certificate as the other side will see it, decoded. Raises SSLCertVerificationError."""
    assert files.cert is not None
    called = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    called.load_cert_chain(files.cert, files.key, lambda: "")
    caller = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    caller.load_cert_chain(files.cert, files.key, lambda: "")
    caller.check_hostname = False
    caller.verify_mode = ssl.CERT_NONE
    judge = caller if is_listener else called
    judge.verify_mode = ssl.CERT_REQUIRED
    judge.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    pem = files.cert.read_text(encoding="latin-1")
    begin = pem.index("-----BEGIN CERTIFICATE-----")
    end = pem.index("-----END CERTIFICATE-----", begin) + len("-----END CERTIFICATE-----")
    judge.load_verify_locations(cadata=ssl.PEM_cert_to_DER_cert(pem[begin:end]))
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = {
        caller: caller.wrap_bio(back, there),
        called: called.wrap_bio(there, back, server_side=True),
    }
    waiting = list(ends.values())
    while waiting:
        turn = waiting.pop(0)
        try:
            turn.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(turn)
    return ends[judge].getpeercert() or {}


def _dates(path: str, file: Path, decoded: dict[str, Any], now: datetime) -> Iterator[ConfigFault]:
    begins = ssl.cert_time_to_seconds(decoded["notBefore"])
    ends = ssl.cert_time_to_seconds(decoded["notAfter"])
    days = int((ends - now.timestamp()) // 86_400)
    if now.timestamp() < begins:
        yield _fault(
            path, f"{file} is valid from {decoded['notBefore']} only", "Set the clock right."
        )
    elif days < 0:
        yield _fault(
            path,
            f"{file} expired on {decoded['notAfter']}: every handshake with it will fail",
            "Replace the file; the running node takes the new one with the next connection.",
        )
    elif days < SOON_DAYS:
        yield _fault(
            path,
            f"{file} expires in {days} days",
            "Replace the file; the running node takes the new one with the next connection.",
        )


def _never_shown(config: Config) -> Iterator[ConfigFault]:
    """A peer that must show a certificate, and has no port to show it on."""
    if any(listener.tls for listener in config.listen):
        return
    for name, peer in config.peers.items():
        if peer.certificate and peer.may:
            yield _fault(
                f"peers.{name}.certificate",
                "is asked for when it calls, but no listener speaks TLS",
                "Give a listener a `tls` section, usually on port 2762.",
            )
