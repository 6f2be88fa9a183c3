"""Who may have an association (PS3.8 9.3.4): names, addresses, certificates and limits.

Pure but for its lock; time is an argument.

Rules
- An AE title is a label and no proof. What proves it is what the configuration binds to it: where
  the peer calls from (`addresses`) and which certificate it shows (`certificate`). A peer that has
  a certificate must show it, on whatever port it calls.
- Without a binding, a certificate that names a configured peer speaks for that peer only.
- The caller learns no more than that it is not recognised; what it was is for our log, with what to
  do about it, and told once in a while (RejectionTally).
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from echonode.dimse.limits import Limits
from echonode.model.certificate import Certificate, is_within
from echonode.model.identity import Peer

PERMANENT, TRANSIENT = 1, 2
SERVICE_USER, PRESENTATION_PROVIDER = 1, 3


@dataclass(frozen=True)
class Rejection:
    """The three numbers of an A-ASSOCIATE-RJ; what was wrong, and what mends it."""

    result: int
    source: int
    reason: int
    meaning: str
    remedy: str


def _not_recognised(meaning: str, remedy: str) -> Rejection:
    """Whom it says it is, it is not: calling AE title not recognised."""
    return Rejection(PERMANENT, SERVICE_USER, 3, meaning, remedy)


UNKNOWN_CALLER = _not_recognised(
    "calling AE title not recognised", "Enter it under `peers`, if it may call."
)
UNKNOWN_CALLED = Rejection(
    PERMANENT,
    SERVICE_USER,
    7,
    "called AE title not recognised",
    "Have our `ae_title` entered at the caller's side, in the same case.",
)
TOO_MANY = Rejection(
    TRANSIENT,
    PRESENTATION_PROVIDER,
    2,
    "local limit exceeded",
    "The caller may try again; if it often comes to this, it leaves its associations open.",
)
IN_CLEAR = Rejection(
    PERMANENT,
    SERVICE_USER,
    1,
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


class Admission:
    """Gives out the association slots."""

    def __init__(self, *, ae_title: str, peers: Sequence[Peer], limits: Limits) -> None:
        self._ae_title = ae_title.strip()
        self._peers = tuple(peers)
        self._limits = limits
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

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
        certificate: Certificate | None = None,
        in_clear: bool = False,
    ) -> Peer | Rejection:
        """The peer that calls, its slot taken (give it back with `leave`), or why not.

        certificate: what the caller proved. in_clear: it did without TLS where TLS is spoken.
        """
        if in_clear:
            return IN_CLEAR
        if called.strip() != self._ae_title:
            return UNKNOWN_CALLED
        peer = self._peer(calling.strip(), address)
        if peer is None:
            return UNKNOWN_CALLER
        if not is_within(address, peer.addresses):
            return WRONG_ADDRESS
        if doubt := self._doubt(peer, certificate):
            return doubt
        with self._lock:
            if (
                self._taken.total() >= self._limits.associations
                or self._taken[peer.name] >= self._limits.associations_per_peer
            ):
                return TOO_MANY
            self._taken[peer.name] += 1
        return peer

    def _doubt(self, peer: Peer, certificate: Certificate | None) -> Rejection | None:
        """What speaks against `certificate` being the peer's."""
        if peer.certificates:
            if certificate is None:
                return NO_CERTIFICATE
            return None if certificate.is_bound_to(peer.certificates) else WRONG_CERTIFICATE
        if certificate is None:
            return None
        owners = _owners(certificate, self._peers)
        return CERTIFICATE_OF_ANOTHER if owners and peer not in owners else None

    def leave(self, peer: Peer) -> None:
        """An admitted peer's association is over."""
        with self._lock:
            self._taken[peer.name] -= 1

    def _peer(self, calling: str, address: str) -> Peer | None:
        """By AE title; where several share one, the one whose host is the caller's address."""
        known = [peer for peer in self._peers if peer.ae_title.strip() == calling]
        return next((peer for peer in known if peer.host == address), known[0] if known else None)


def _owners(certificate: Certificate, peers: Sequence[Peer]) -> list[Peer]:
    """Whose it is known to be: by what is bound, else by AE title, else by host."""
    bound = [peer for peer in peers if certificate.is_bound_to(peer.certificates)]
    titled = [peer for peer in peers if certificate.names_one_of(peer.ae_title)]
    return bound or titled or [peer for peer in peers if certificate.names_one_of(peer.host)]


class RejectionTally:
    """Says when a rejection is worth a log line: the first at once, then one a window with a count.

    Keeps at most `capacity` (address, reason) pairs, so that many addresses take no memory either.
    """

    def __init__(self, window_s: float, *, capacity: int = 1_024) -> None:
        self._window_s = window_s
        self._capacity = capacity
        self._lock = threading.Lock()
        self._seen: OrderedDict[tuple[str, str], tuple[float, int]] = OrderedDict()

    def note(self, address: str, meaning: str, *, now: float) -> int | None:
        """How many there were since the last line, if a line is due at `now` (seconds)."""
        key = (address, meaning)
        with self._lock:
            since, count = self._seen.get(key, (None, 0))
            if since is not None and now - since < self._window_s:
                self._seen[key] = (since, count + 1)
                return None
            self._seen[key] = (now, 0)
            self._seen.move_to_end(key)
            if len(self._seen) > self._capacity:
                self._seen.popitem(last=False)
            return count + 1
