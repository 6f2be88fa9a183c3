"""What one association, one peer and the whole listener may use, each limit with its reason.

Sizes are bytes, times seconds of the monotonic clock. A hostile or broken peer reaches a limit and
its association ends there. It never exhausts memory, the disk or the slots of another peer.
"""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Every bound of the DICOM network layer."""

    # The Maximum Length we announce (PS3.8 D.1) and the longest PDU we accept. Larger gains nothing
    # measurable; without it a length field of 4 GiB would be 4 GiB of memory.
    pdu_bytes: int = 262_144
    # The longest A-ASSOCIATE-RQ. 128 presentation contexts with 15 transfer syntaxes each and every
    # option take some 55 kB; a caller that is not yet admitted may not send more.
    request_bytes: int = 65_536
    # A message's dataset on its way to disk. The largest real cines are some hundred MB; endless
    # fragments must end somewhere.
    message_bytes: int = 2 * 1024**3
    # A dataset kept in memory: identifiers, commitment requests and reports. 4 MiB is a commitment
    # of about 27,000 instances.
    identifier_bytes: int = 4 * 1024**2
    # A command set is some hundred bytes; 64 KiB bounds one that does not end.
    command_bytes: int = 65_536
    # Messages a peer may have waiting while another is being answered (it negotiated none).
    waiting_messages: int = 16

    # Associations at the same time: one thread and one PDU buffer each.
    associations: int = 200
    # One peer may not take every slot; no modality opens more than a few at once.
    associations_per_peer: int = 20
    # The share of either number for callers that prove no more than an AE title: the peer has no
    # binding, and they call from another host. The rest is kept for the peers themselves.
    strangers_share: float = 0.6
    # After so long without a PDU a stranger's association makes room where its share is used up.
    # A peer at an unknown address is not idle so long between two images.
    crowded_idle_s: float = 30.0
    # TCP connections in all: associations, and connections that have not yet sent a request. At the
    # limit the oldest silent one is evicted, so silent connections cannot lock peers out. Fewer
    # where descriptors are few; see node/process_limits.py.
    connections: int = 600
    # SYNs that the kernel holds for us while we accept; a burst of a department's senders fits.
    backlog: int = 128

    # From TCP accept to a whole A-ASSOCIATE-RQ (and the TLS handshake): PS3.8's ARTIM timer.
    request_s: float = 10.0
    # From a PDU's first byte to its last, absolute: one byte a second does not extend it.
    pdu_s: float = 60.0
    # A message's whole dataset: this long, plus what its bytes take at the rate below. PDUs of one
    # byte each would otherwise hold an association and its file without end.
    message_s: float = 120.0
    # The slowest network that is supported, in bytes per second: a bad mobile uplink is faster.
    slowest_rate: int = 8_192
    # Without any PDU; long enough for a sonographer between two stills.
    idle_s: float = 600.0
    # One write (some PDUs) that is not taken: a peer that stopped reading; its bytes count too.
    send_s: float = 60.0
    # After the last PDU of an association we wait this long for the peer to close (ARTIM).
    linger_s: float = 2.0

    # As requestor: TCP connect (a dead address on a LAN answers ARP in 3 s or never).
    connect_s: float = 10.0
    # As requestor: the answer to A-ASSOCIATE-RQ and to A-RELEASE-RQ.
    acse_s: float = 30.0
    # As requestor: the answer to a DIMSE request; slow archives index before they answer.
    dimse_s: float = 120.0

    # From the start of an association's thread until it runs: at once, unless the machine is very
    # busy. A thread that dies before, for lack of memory, is waited for no longer than this.
    thread_s: float = 2.0

    # `association_rejected` is logged at once, then once a window with the count.
    rejection_log_s: float = 60.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if getattr(self, field.name) <= 0:
                raise ValueError(f"{field.name} must be more than zero")
        if self.strangers_share > 1:
            raise ValueError("strangers_share is a share of one")
        if not 4_096 <= self.pdu_bytes <= 2**31:
            raise ValueError("pdu_bytes must be between 4096 and 2 GiB")

    def for_strangers(self, slots: int) -> int:
        """How many of `slots` are for callers that prove no more than an AE title."""
        return max(1, int(slots * self.strangers_share))

    def message_seconds(self, size: int) -> float:
        """How long a peer may take for a message of which `size` bytes have arrived."""
        return self.message_s + size / self.slowest_rate

    def send_seconds(self, size: int) -> float:
        """How long a peer may take to read `size` bytes that we write at once."""
        return self.send_s + size / self.slowest_rate
