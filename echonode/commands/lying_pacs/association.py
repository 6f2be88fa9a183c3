"""One association of a lying archive, from its request to its end, as the scripts will have it."""

from __future__ import annotations

import socket
import struct
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from echonode.commands.lying_pacs import association_wire, commitment_wire, wire
from echonode.commands.lying_pacs.commitment_side import CommitmentSide
from echonode.commands.lying_pacs.commitment_wire import N_ACTION_RQ, N_EVENT_REPORT_RSP
from echonode.commands.lying_pacs.incoming import MOST_PDU_BYTES, Incoming, fragments
from echonode.commands.lying_pacs.record import ArchiveRecord
from echonode.commands.lying_pacs.script import Arrival, Break, StoreAnswer

_PENDING = 0xFF00
_SOP_INSTANCE_UID = (0x0008, 0x0018)
_ABORT = wire.pdu(wire.ABORT, b"\0\0\0\0")  # source 0: the service user (PS3.8 9.3.8)
_RELEASED = wire.pdu(wire.RELEASE_RP, b"\0\0\0\0")


class BrokenOff(Exception):
    """A script ended the association."""


@dataclass
class _Storing:
    """A C-STORE whose dataset is coming in."""

    arrival: Arrival
    answer: StoreAnswer


class ArchiveAssociation:
    """Serves one connection; `hang_up` alone may be called from another thread."""

    def __init__(self, archive: ArchiveRecord, connection: socket.socket, number: int) -> None:
        self._archive, self._connection, self._number = archive, connection, number
        wire.tune(connection)
        self._calling = ""
        self._syntaxes: dict[int, str] = {}
        self._stored = 0
        self._maximum_pdu = wire.OUR_MAXIMUM_PDU
        self._commitment: CommitmentSide | None = None

    def hang_up(self) -> None:
        """RST, whatever is going on."""
        with suppress(OSError):
            self._connection.setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
            )
            self._connection.shutdown(socket.SHUT_RDWR)

    def over(self) -> None:
        """The connection has ended: what was reported and not answered is written down so."""
        self._connection.close()
        if self._commitment is not None:
            self._commitment.over()

    # --- PDUs ---

    def serve(self) -> None:
        """Until the release. Raises BrokenOff, wire.WireError, OSError."""
        kind, body = wire.read_pdu(self._connection, most=MOST_PDU_BYTES)
        if kind != wire.ASSOCIATE_RQ:
            raise wire.WireError(f"PDU {kind} in place of A-ASSOCIATE-RQ")
        self._greet(body)
        command: dict[int, bytes] = {}
        storing: _Storing | None = None
        incoming = Incoming(keeps=True)
        while (pdu := self._next_pdu(storing, incoming)) is not None:
            for fragment in fragments(pdu):
                is_dataset_of_store = storing is not None and not fragment.is_command
                incoming.add(fragment.content, limited=not is_dataset_of_store)
                if not fragment.is_last:
                    continue
                if fragment.is_command:
                    command = wire.read_command(incoming.data)
                    storing = self._on_command(fragment.context_id, command)
                    keeps = storing is None or self._archive.keeps_datasets
                    incoming = Incoming(keeps=keeps)
                else:
                    self._on_message(fragment.context_id, command, incoming, storing)
                    storing, incoming = None, Incoming(keeps=True)

    def _next_pdu(self, storing: _Storing | None, incoming: Incoming) -> bytes | None:
        """The body of the next P-DATA-TF; None after a release."""
        header = wire.read_exactly(self._connection, 6)
        kind, length = struct.unpack(">BxI", header)
        if length > MOST_PDU_BYTES:
            raise wire.WireError(f"a PDU of {length} bytes")
        if storing is not None and storing.answer.reads is not None:
            allowed = storing.answer.reads - incoming.size
            if allowed < length:
                wire.read_exactly(self._connection, max(0, allowed))
                self._end(storing.answer.then or Break.RESET)
        body = wire.read_exactly(self._connection, length)
        if kind == wire.DATA:
            if length > self._maximum_pdu:
                self._archive.tell(
                    "pdu_too_long", association=self._number, bytes=length, most=self._maximum_pdu
                )
            return body
        if kind == wire.RELEASE_RQ:
            self._release()
            return None
        if kind == wire.ABORT:
            self._archive.tell("aborted_by_sender", association=self._number)
            raise BrokenOff
        raise wire.WireError(f"PDU {kind} in place of a message")

    def _release(self) -> None:
        if self._commitment is not None:
            self._commitment.released()
        if not self._archive.releases:
            self._end(Break.DEAF)
        self._send(_RELEASED)
        self._archive.tell("released", association=self._number)

    def _greet(self, body: bytes) -> None:
        request = association_wire.read_request(body)
        self._calling = request.calling
        greeting = self._archive.called(request)
        told = {"association": self._number, "calling": request.calling, "called": request.called}
        if greeting.rejected is not None:
            self._archive.tell("association_rejected", **told, reason=list(greeting.rejected))
            self._send(association_wire.reject(*greeting.rejected))
            self._end(Break.FINISH)
        if greeting.silent or greeting.then is not None:
            self._archive.tell("association_unanswered", **told)
            self._end(greeting.then or Break.DEAF)
        self._maximum_pdu = greeting.maximum_pdu
        verdicts = {}
        for context in request.contexts:
            results = [
                (self._archive.accepts(context.abstract_syntax, syntax), syntax)
                for syntax in context.transfer_syntaxes
            ]
            verdict = min(results)  # 0 is "accepted"; then the first syntax by name
            verdicts[context.context_id] = verdict
            if verdict[0] == association_wire.ACCEPTED:
                self._syntaxes[context.context_id] = verdict[1]
        self._archive.tell(
            "association_accepted",
            **told,
            accepted=len(self._syntaxes),
            refused=len(verdicts) - len(self._syntaxes),
        )
        self._commitment = CommitmentSide(
            self._archive, self._send, request, self._syntaxes, self._number
        )
        answer = association_wire.accept(
            body, verdicts, request.roles, maximum_pdu=greeting.maximum_pdu
        )
        self._send(answer)

    def _send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def _end(self, how: Break) -> None:
        """Break the association off. Raises BrokenOff."""
        self._archive.tell("broke_off", association=self._number, how=how.value)
        if how is Break.DEAF:
            self._archive.wait_for_end()
        if how is Break.ABORT:
            self._send(_ABORT)
        if how in (Break.RESET, Break.DEAF):
            self.hang_up()
        else:
            with suppress(OSError):
                self._connection.shutdown(socket.SHUT_WR)
                # Closing with something unread would be a reset.
                while self._connection.recv(65_536):
                    pass
        raise BrokenOff

    # --- messages ---

    def _on_command(self, context_id: int, command: dict[int, bytes]) -> _Storing | None:
        """A whole command set; its dataset is still to come, if there is one."""
        field = _us(command, 0x0100)
        if field == wire.STORE_RQ:
            arrival, answer = self._archive.arrived(
                uids=(commitment_wire.uid(command[0x0002]), commitment_wire.uid(command[0x1000])),
                transfer_syntax_uid=self._syntaxes[context_id],
                calling=self._calling,
                earlier=self._stored,
            )
            self._stored += 1
            return _Storing(arrival, answer)
        if field == wire.ECHO_RQ:
            self._archive.tell("echo", association=self._number)
            self._send(wire.command_pdu(context_id, wire.response_to(command)))
        elif field == N_EVENT_REPORT_RSP and self._commitment is not None:
            self._commitment.on_report_answered(_us(command, 0x0120), _us(command, 0x0900))
        return None

    def _on_message(
        self,
        context_id: int,
        command: dict[int, bytes],
        incoming: Incoming,
        storing: _Storing | None,
    ) -> None:
        """A command with its dataset."""
        field = _us(command, 0x0100)
        if storing is not None:
            self._on_store(context_id, command, incoming, storing)
        elif field == N_ACTION_RQ and self._commitment is not None:
            self._commitment.on_action(context_id, _us(command, 0x0110), incoming.data)
        elif field == wire.FIND_RQ:
            self._on_find(context_id, command, incoming.data)

    def _on_store(
        self, context_id: int, command: dict[int, bytes], incoming: Incoming, storing: _Storing
    ) -> None:
        arrival, answer = storing.arrival, storing.answer
        if answer.keeps:
            self._archive.keep(arrival, incoming.sha256, incoming.data, answer.status)
        self._archive.tell(
            "store",
            association=self._number,
            number=arrival.number,
            uid=arrival.sop_instance_uid,
            bytes=incoming.size,
            kept=answer.keeps,
            status=answer.status,
            delay_s=answer.delay_s,
        )
        self._archive.wait_for_end(answer.delay_s)
        if answer.status is not None:
            message_id = (_us(command, 0x0110) + answer.message_id_added) & 0xFFFF
            response = wire.command_pdu(
                context_id, _response(command, answer.status, message_id=message_id)
            )
            self._send(response[: answer.answer_bytes])
        if answer.then is not None:
            self._end(answer.then)

    def _on_find(self, context_id: int, command: dict[int, bytes], dataset: bytes) -> None:
        """C-FIND at IMAGE level for one instance: the same keys back if it is found."""
        keys: dict[tuple[int, int], bytes] = dict(
            commitment_wire.elements(dataset, self._syntaxes[context_id])
        )
        uid = commitment_wire.uid(keys.get(_SOP_INSTANCE_UID, b""))
        found = self._archive.finds(uid)
        self._archive.tell("find", association=self._number, uid=uid, found=found)
        if found:
            command_bytes = _response(command, _PENDING, has_dataset=True)
            pdus = wire.data_pdus(context_id, dataset)
            self._send(wire.command_pdu(context_id, command_bytes) + pdus)
        self._send(wire.command_pdu(context_id, _response(command, self._archive.find_status)))


def _us(command: dict[int, bytes], number: int) -> int:
    return int.from_bytes(command[number], "little")


def _response(
    command: dict[int, bytes],
    status: int,
    *,
    message_id: int | None = None,
    has_dataset: bool = False,
) -> bytes:
    """The response to a C-STORE-RQ or C-FIND-RQ (PS3.7 9.3.1.2, 9.3.2.2)."""
    elements: Sequence[tuple[int, int | str]] = [
        (0x0002, commitment_wire.uid(command[0x0002])),
        (0x0100, _us(command, 0x0100) | 0x8000),
        (0x0120, _us(command, 0x0110) if message_id is None else message_id),
        (0x0800, wire.HAS_DATASET if has_dataset else wire.NO_DATASET),
        (0x0900, status),
    ]
    instance: Sequence[tuple[int, int | str]] = (
        [(0x1000, commitment_wire.uid(command[0x1000]))] if 0x1000 in command else []
    )
    return wire.command_set(*elements, *instance)
