"""Who may have an association (PS3.8 9.3.4): names, addresses, certificates and limits.

Pure but for its lock; time is an argument, in seconds of the monotonic clock.

Rules
- An AE title is a label and proves nothing. The configuration can bind a peer to addresses
  (`addresses`) and to certificates (`certificate`); these prove who calls. A peer that has a
  certificate must show it, on every port.
- Without a binding, a certificate that names a configured peer is valid for that peer only.
- The caller learns only that it is not recognised; by option not even which of the two AE titles
  was wrong. Our log has the cause and the remedy.
- Any caller can claim the AE title of a peer without a binding. Callers from another host than the
  peer's get a share of its associations and of all, so that they cannot lock the peer itself out.
- An address that belongs to no peer, and that sends one wrong name after the other, is rejected
  before its names are checked (refusal_backoff.py). The addresses of peers never are.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from echonode.dimse.association.refusal_backoff import RefusalBackoff
from echonode.dimse.limits import Limits
from echonode.model.certificate import Certificate, is_within, plain
from echonode.model.identity import Peer

PERMANENT, TRANSIENT = 1, 2
SERVICE_USER, ACSE_PROVIDER, PRESENTATION_PROVIDER = 1, 2, 3
NO_REASON_GIVEN, CALLING_NOT_RECOGNISED, CALLED_NOT_RECOGNISED = 1, 3, 7


@dataclass(frozen=True)
class Rejection:
    """The three numbers of an A-ASSOCIATE-RJ, the cause and the remedy."""

    result: int
    source: int
    reason: int
    meaning: str
    remedy: str


def _not_recognised(meaning: str, remedy: str) -> Rejection:
    """The caller is not the peer that it claims to be: calling AE title not recognised."""
    return Rejection(PERMANENT, SERVICE_USER, CALLING_NOT_RECOGNISED, meaning, remedy)


UNKNOWN_CALLER = _not_recognised(
    "calling AE title not recognised", "Enter it under `peers`, if it may call."
)
UNKNOWN_CALLED = Rejection(
    PERMANENT,
    SERVICE_USER,
    CALLED_NOT_RECOGNISED,
    "called AE title not recognised",
    "Have our `ae_title` entered at the caller's side, in the same case.",
)
TOO_MANY = Rejection(
    TRANSIENT,
    PRESENTATION_PROVIDER,
    2,
    "local limit exceeded",
    "The caller may try again; where this is frequent, it leaves its associations open.",
)
TOO_OFTEN = Rejection(
    TRANSIENT,
    PRESENTATION_PROVIDER,
    1,
    "rejected for now: this address called repeatedly with names that are not recognised",
    "Correct the caller; where it is a peer, enter its address as its `host` or in `addresses`.",
)
OTHER_VERSION = Rejection(
    PERMANENT,
    ACSE_PROVIDER,
    2,
    "protocol version not supported",
    "The caller does not speak version 1 of the DICOM protocol, the only version.",
)
OTHER_CONTEXT_NAME = Rejection(
    PERMANENT,
    SERVICE_USER,
    2,
    "application context name not supported",
    "The caller must name 1.2.840.10008.3.1.1.1 (PS3.7 A.2.1): have its vendor correct it.",
)
CONGESTED = Rejection(
    TRANSIENT,
    PRESENTATION_PROVIDER,
    1,
    "no descriptor is free",
    "The caller may try again; raise the limit of open files (LimitNOFILE, ulimit -n).",
)
IN_CLEAR = Rejection(
    PERMANENT,
    SERVICE_USER,
    NO_REASON_GIVEN,
    "called in clear on a port that speaks TLS",
    "Have TLS switched on at the caller's side, or have it call a port without `tls`.",
)
WRONG_ADDRESS = _not_recognised(
    "called from an address that its peer does not have",
    "If it is the peer, add the address to its `addresses`.",
)
NO_CERTIFICATE = _not_recognised(
    "showed no certificate, and its peer has one",
    "Have it call the port with `tls` and show its certificate.",
)
WRONG_CERTIFICATE = _not_recognised(
    "showed a certificate that is not its peer's",
    "If it is the peer, enter its certificate's fingerprint or name under `certificate`.",
)
CERTIFICATE_OF_ANOTHER = _not_recognised(
    "showed the certificate of another peer",
    "Have it call by its own AE title; if both are its own, enter the certificate under both.",
)

# All of them, by a name that documents use.
REJECTIONS: Mapping[str, Rejection] = MappingProxyType(
    {
        "unknown-called": UNKNOWN_CALLED,
        "unknown-caller": UNKNOWN_CALLER,
        "too-many": TOO_MANY,
        "too-often": TOO_OFTEN,
        "other-version": OTHER_VERSION,
        "other-context-name": OTHER_CONTEXT_NAME,
        "congested": CONGESTED,
        "in-clear": IN_CLEAR,
        "wrong-address": WRONG_ADDRESS,
        "no-certificate": NO_CERTIFICATE,
        "wrong-certificate": WRONG_CERTIFICATE,
        "certificate-of-another": CERTIFICATE_OF_ANOTHER,
    }
)


def _literal_host(peer: Peer) -> frozenset[str]:
    return frozenset({peer.host})


class AssociationPolicy:
    """Gives out the association slots.

    hosts: the addresses that a peer's `host` has. say_which_title: whether a caller may learn which
    of the two AE titles was wrong.
    """

    def __init__(
        self,
        *,
        ae_title: str,
        peers: Sequence[Peer],
        limits: Limits,
        hosts: Callable[[Peer], frozenset[str]] = _literal_host,
        say_which_title: bool = True,
    ) -> None:
        self._ae_title = ae_title.strip()
        self._peers = tuple(peers)
        self._limits = limits
        self._hosts = hosts
        self._say_which_title = say_which_title
        self._backoff = RefusalBackoff()
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()
        self._strangers: Counter[tuple[str, str]] = Counter()  # by peer and address

    @property
    def taken(self) -> int:
        """Slots in use."""
        with self._lock:
            return self._taken.total()

    def admit(
        self,
        *,
        called: str,
        calling: str,
        address: str,
        now: float,
        certificate: Certificate | None = None,
        in_clear: bool = False,
    ) -> Peer | Rejection:
        """The peer that calls, with a slot taken (`leave` gives it back), or the rejection.

        certificate: the one that the caller proved. in_clear: it called without TLS on a TLS port.
        """
        if in_clear:
            return IN_CLEAR
        is_unknown = not any(self._is_of(peer, address) for peer in self._peers)
        if is_unknown and self._backoff.is_paused(address, now=now):
            return TOO_OFTEN
        verdict = self._recognised(called.strip(), calling.strip(), address, certificate)
        if isinstance(verdict, Rejection):
            if is_unknown:
                self._backoff.note(address, now=now)
            return verdict if self._say_which_title else replace(verdict, reason=NO_REASON_GIVEN)
        if is_unknown:
            self._backoff.trust(address, now=now)
        return verdict if self._takes_slot(verdict, address) else TOO_MANY

    def _recognised(
        self, called: str, calling: str, address: str, certificate: Certificate | None
    ) -> Peer | Rejection:
        if called != self._ae_title:
            return UNKNOWN_CALLED
        peer = self._peer(calling, address)
        if peer is None:
            return UNKNOWN_CALLER
        if not is_within(address, peer.addresses):
            return WRONG_ADDRESS
        return self._certificate_fault(peer, certificate) or peer

    def _takes_slot(self, peer: Peer, address: str) -> bool:
        limits, is_strange = self._limits, self.is_stranger(peer, address)
        with self._lock:
            most, each = limits.associations, limits.associations_per_peer
            if self._taken.total() >= most or self._taken[peer.name] >= each:
                return False
            if is_strange:
                own = sum(n for (name, _), n in self._strangers.items() if name == peer.name)
                if self._strangers.total() >= limits.for_strangers(most):
                    return False
                if own >= limits.for_strangers(each):
                    return False
                self._strangers[peer.name, address] += 1
            self._taken[peer.name] += 1
            return True

    def is_stranger(self, peer: Peer, address: str) -> bool:
        """Whether the caller proves no more than the peer's AE title."""
        is_bound = bool(peer.addresses or peer.certificates)
        return not is_bound and not self._is_of(peer, address)

    def _is_of(self, peer: Peer, address: str) -> bool:
        """Whether the peer is known to be at this address."""
        known = self._hosts(peer)
        if plain(address) in known:
            return True
        return bool(peer.addresses) and is_within(address, peer.addresses)

    def _certificate_fault(self, peer: Peer, certificate: Certificate | None) -> Rejection | None:
        """Why `certificate` is not accepted for the peer; None where it is."""
        if peer.certificates:
            if certificate is None:
                return NO_CERTIFICATE
            return None if certificate.is_bound_to(peer.certificates) else WRONG_CERTIFICATE
        if certificate is None:
            return None
        owners = _owners(certificate, self._peers)
        return CERTIFICATE_OF_ANOTHER if owners and peer not in owners else None

    def leave(self, peer: Peer, address: str) -> None:
        """An admitted peer's association, called from `address`, is over."""
        with self._lock:
            self._taken[peer.name] -= 1
            self._strangers[peer.name, address] -= 1
            # Removes the entries of 0.
            self._strangers = +self._strangers

    def _peer(self, calling: str, address: str) -> Peer | None:
        """By AE title; where several share one, the one whose host is the caller's address."""
        known = [peer for peer in self._peers if calling in peer.titles]
        home = (peer for peer in known if plain(address) in self._hosts(peer))
        return next(home, known[0] if known else None)


def _owners(certificate: Certificate, peers: Sequence[Peer]) -> list[Peer]:
    """The peers that a certificate belongs to: by binding, else by AE title, else by host."""
    bound = [peer for peer in peers if certificate.is_bound_to(peer.certificates)]
    titled = [peer for peer in peers if any(map(certificate.names_one_of, peer.titles))]
    return bound or titled or [peer for peer in peers if certificate.names_one_of(peer.host)]
