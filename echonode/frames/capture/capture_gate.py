"""Whether a connection's captures may be kept: asked before they begin, never in the middle."""

from __future__ import annotations

from collections.abc import Callable

from echonode.log import get_logger

ASK_AGAIN_S = 1.0

log = get_logger(__name__)

# '' when a new exam may begin, else why not, for the operator.
Admit = Callable[[], str]


class CaptureGate:
    """Of one probe. `begin` and `admits` belong to the frames thread, the rest to any.

    A connection that was admitted stays so. One that was not is asked for again while its frames
    come, so that it is captured from the moment there is room.
    """

    def __init__(self, probe: str, admit: Admit) -> None:
        self._probe, self._admit = probe, admit
        self._connection_id = ""
        self._asked_s = 0.0
        self._refusal = ""

    @property
    def refusal(self) -> str:
        """Why nothing is captured just now; '' when it is."""
        return self._refusal

    def begin(self, connection_id: str) -> None:
        """A new exam would begin now."""
        self._connection_id, self._asked_s = connection_id, 0.0
        self._refusal = self._admit()
        if self._refusal:
            log.error(
                "store_refused",
                probe=self._probe,
                connection_id=connection_id,
                reason=f"no capture begins: {self._refusal}",
            )

    def admits(self, elapsed_s: float) -> bool:
        """Whether the frame at `elapsed_s` of the connection may be captured."""
        if self._refusal and elapsed_s - self._asked_s >= ASK_AGAIN_S:
            self._asked_s = elapsed_s
            self._refusal = self._admit()
            if not self._refusal:
                log.info("capture_admitted", probe=self._probe, connection_id=self._connection_id)
        return not self._refusal

    def new_exam(self) -> str:
        """Why an operator may not begin another exam now, or ''; the one that runs goes on."""
        refusal = self._admit()
        if not refusal:
            self._refusal = ""
        return refusal
