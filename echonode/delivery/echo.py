"""C-ECHO (PS3.7 9.1.5) to a destination that nothing was heard of for a while.

An archive that is set up wrongly, or went away at night, is known before the first image waits for
it, and one that came back is noticed while nothing is sent.
"""

from __future__ import annotations

from echonode.delivery.destination_health import DestinationHealth
from echonode.delivery.ports import Associate
from echonode.dimse.contexts import VERIFICATION
from echonode.errors import ContextNotAccepted
from echonode.model.identity import Destination

# One association in five minutes is nothing to an archive, and an outage at night is told within
# them.
ECHO_EVERY_S = 300.0


class EchoSCU:
    """One destination's; for its worker's thread."""

    def __init__(
        self,
        destination: Destination,
        associate: Associate,
        *,
        health: DestinationHealth,
        every_s: float | None,
    ) -> None:
        """every_s: how long nothing may be heard; None: never call."""
        self._destination = destination
        self._associate = associate
        self._health = health
        self._every_s = every_s

    def due_s(self) -> float | None:
        """Seconds until a call is due; None: never."""
        if self._every_s is None:
            return None
        silent_s = self._health.silent_s()
        return 0.0 if silent_s is None else max(0.0, self._every_s - silent_s)

    def call(self) -> None:
        """Call it. Raises PeerUnreachable, AssociationRejected, AssociationLost."""
        try:
            association = self._associate(self._destination.peer, (VERIFICATION,))
        except ContextNotAccepted:
            self._health.heard()  # it offers no C-ECHO to us, which it has just told us
            return
        try:
            association.c_echo()
        finally:
            association.release()
        self._health.heard()
