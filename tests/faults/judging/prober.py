"""C-ECHO, ten a second: `python -m tests.faults.judging.prober PORT CALLING CALLED fresh|held`.

A process of its own, so that neither the attacker nor the node can slow it but through the machine.
One JSON line for each echo, until it is stopped: how long it took in seconds, what went wrong (""
if nothing), and for one that took more than a second how much slower than its processor this
process runs just then, because a second of a machine shared by ten is a tenth of one.

fresh: an association for each echo. held: one association, for when every other slot is taken.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from contextlib import closing

from echonode.commands.lying_pacs import wire

PAUSE_S = 0.1
PATIENCE_S = 20.0
LATE_S = 1.0
_SPIN_S = 0.03
_VERIFICATION = wire.Proposed(
    abstract_syntax=wire.VERIFICATION, transfer_syntax=wire.IMPLICIT_LITTLE
)


def associate(port: int, calling: str, called: str) -> socket.socket:
    """An open association for Verification. Raises OSError, WireError."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    sock.sendall(wire.associate_request(called, calling, [_VERIFICATION]))
    kind, body = wire.read_pdu(sock)
    if kind != wire.ASSOCIATE_AC:
        sock.close()
        raise wire.WireError(f"PDU {kind} {body[:8].hex()} came in place of A-ASSOCIATE-AC")
    return sock


def echo(sock: socket.socket, message_id: int) -> None:
    """A C-ECHO that is answered with success. Raises OSError, WireError."""
    sock.sendall(wire.command_pdu(1, wire.echo_request(message_id)))
    kind, body = wire.read_pdu(sock)
    if kind != wire.DATA:
        raise wire.WireError(f"PDU {kind} came in place of the answer")
    answer = wire.read_command(body[6:])
    if answer[0x0900] != b"\0\0" or answer[0x0120] != message_id.to_bytes(2, "little"):
        raise wire.WireError("the answer is not a success of this C-ECHO")


def slowdown() -> float:
    """Seconds that pass while this process is given one; 1 on a machine to itself."""
    began, wanted = time.perf_counter(), time.process_time() + _SPIN_S
    while time.process_time() < wanted:
        pass
    return max(1.0, (time.perf_counter() - began) / _SPIN_S)


def main() -> None:
    port, calling, called, mode = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
    held = associate(port, calling, called) if mode == "held" else None
    message_id = 0
    while True:
        began, error = time.monotonic(), ""
        message_id = message_id % 0xFFFF + 1
        try:
            if held is not None:
                echo(held, message_id)
            else:
                with closing(associate(port, calling, called)) as sock:
                    echo(sock, message_id)
                    sock.sendall(wire.pdu(wire.RELEASE_RQ, b"\0\0\0\0"))
                    wire.read_pdu(sock)
        except (OSError, wire.WireError) as failure:
            error = f"{type(failure).__name__}: {failure}"
        seconds = time.monotonic() - began
        late = seconds > LATE_S
        line = {"seconds": seconds, "error": error, "slowdown": slowdown() if late else 1.0}
        print(json.dumps(line), flush=True)
        time.sleep(PAUSE_S)


if __name__ == "__main__":
    main()
