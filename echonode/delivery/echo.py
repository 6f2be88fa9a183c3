"""C-ECHO (PS3.7 9.1.5) to a destination that has answered nothing for a while.

So an archive that is set up wrongly, or was switched off at night, is known before the first image
waits for it, and its return is noticed while nothing is sent.
"""

from __future__ import annotations

from echonode.delivery.context import DestinationContext
from echonode.dimse.contexts import VERIFICATION
from echonode.errors import ContextNotAccepted

# One association in five minutes is no load for an archive; an outage is reported that soon.
ECHO_EVERY_S = 300.0


class EchoSCU:
    """Calls one destination; for its worker's thread."""

    def __init__(self, context: DestinationContext, *, every_s: float | None) -> None:
        """every_s: after how long without an answer to call; None: never."""
        self._destination = context.destination
        self._associate = context.associate
        self._health = context.health
        self._every_s = every_s

    def due_s(self) -> float | None:
        """Seconds until a call is due; None: never."""
        if self._every_s is None:
            return None
        silent_s = self._health.silent_s()
        return 0.0 if silent_s is None else max(0.0, self._every_s - silent_s)

    def call(self) -> None:
        """Call the destination. Raises PeerUnreachable, AssociationRejected, AssociationLost."""
        try:
            association = self._associate(self._destination.peer, (VERIFICATION,))
        except ContextNotAccepted:
            self._health.heard()  # it refused C-ECHO, and that is an answer
            return
        try:
            association.c_echo()
        finally:
            association.release()
        self._health.heard()
