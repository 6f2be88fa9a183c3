"""One sender's connection: blocks in, acknowledgements out, one message after another.

Rules
- A sender may keep its connection open and silent for as long as it likes: interface engines do so
  for days. What it begins it finishes: MESSAGE_S from the first byte of a message to its last.
- Each message is answered before the next is read, so that answers come in the messages' order.
- A sender that does not read its answers within SEND_S is closed.
- `ask_end` lets the message under way finish and be answered; `hang_up` does not.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from echonode.errors import Hl7BlockFault, NetworkError
from echonode.exam.hl7.mllp import MllpReader

# From a message's first byte to its last; an order takes milliseconds, over a bad line seconds.
MESSAGE_S = 60.0
SEND_S = 30.0
# A handshake is two round trips and some milliseconds of a processor.
HANDSHAKE_S = 10.0
_RECEIVE_BYTES = 65_536
# A sender whose host is gone without a word is noticed after these: idle, between, how often.
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 20), (socket.TCP_KEEPCNT, 3))

CurrentTLS = Callable[[], ssl.SSLContext]


class Connection(threading.Thread):
    """Serves one sender until it closes, breaks MLLP or is ended.

    answer: the blocks for a message and the sender's host. tls: gives the context in force.
    on_over: told once, with why it ended where that is worth a word and what to do; ('', '') else.
    """

    def __init__(
        self,
        sock: socket.socket,
        host: str,
        *,
        answer: Callable[[bytes, str], bytes],
        tls: CurrentTLS | None,
        on_over: Callable[[Connection, str, str], None],
    ) -> None:
        super().__init__(name="hl7 sender", daemon=True)
        self.host = host
        self._sock, self._answer, self._tls, self._on_over = sock, answer, tls, on_over
        self._reader = MllpReader()
        self._heard = time.monotonic()
        self._ending = False
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for option, value in _KEEPALIVE:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)

    @property
    def silent_since(self) -> float:
        """When it last sent a byte, monotonic; of one within a message, now."""
        return time.monotonic() if self._reader.is_within else self._heard

    def run(self) -> None:
        problem, remedy = "", ""
        try:
            if self._tls is not None:
                self._sock.settimeout(HANDSHAKE_S)
                self._sock = self._tls().wrap_socket(self._sock, server_side=True)
            self._sock.settimeout(SEND_S)
            self._serve()
        except Hl7BlockFault as fault:
            problem, remedy = str(fault), fault.remedy
        except ssl.SSLError:
            problem = "the TLS handshake failed"
            remedy = "Let it speak TLS, with a certificate of `hl7.listen.tls.ca`."
        except TimeoutError:
            problem = "it did not finish a message, or did not read its answer, in time"
            remedy = "See whether the sender or the line to it hangs."
        except (OSError, NetworkError):
            pass  # the sender is gone, or our own TLS files are unusable, which is logged elsewhere
        finally:
            self._sock.close()
            self._on_over(self, problem, remedy)

    def ask_end(self) -> None:
        """Take nothing more; answer what is under way."""
        self._ending = True
        self._shut(socket.SHUT_RD)

    def hang_up(self) -> None:
        """End it now."""
        self._ending = True
        self._shut(socket.SHUT_RDWR)

    def _shut(self, how: int) -> None:
        with suppress(OSError):  # already down
            socket.socket.shutdown(self._sock, how)

    def _serve(self) -> None:
        due: float | None = None  # when the message that is open must be complete
        while not self._ending:
            self._await(due)
            data = self._sock.recv(_RECEIVE_BYTES)
            if not data:
                return
            self._heard = time.monotonic()
            was_within = self._reader.is_within
            messages = self._reader.receive(data)
            for message in messages:
                if answer := self._answer(message, self.host):
                    self._sock.sendall(answer)
            if not self._reader.is_within:
                due = None
            elif messages or not was_within:
                due = time.monotonic() + MESSAGE_S

    def _await(self, due: float | None) -> None:
        """Wait for bytes; raises TimeoutError where a message is not complete in time."""
        if isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
            return
        poller = select.poll()
        poller.register(self._sock, select.POLLIN)
        wait_s = None if due is None else max(0.0, due - time.monotonic())
        if not poller.poll(None if wait_s is None else wait_s * 1000):
            raise TimeoutError("a message is not complete in time")
