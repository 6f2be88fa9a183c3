"""One association of a lying archive, from its request to its end, as the scripts will have it."""

from __future__ import annotations

import hashlib
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tests.benchmarks import wire
from tests.faults.archives import association_wire, commitment_wire
from tests.faults.archives.commitment_wire import N_ACTION_RQ, N_EVENT_REPORT_RSP, Report
from tests.faults.archives.script import Arrival, Asked, Break, Promise, StoreAnswer, Way
from tests.faults.callers.client import FIND_RQ, command_set, data_pdus

if TYPE_CHECKING:
    from tests.faults.archives.lying_archive import LyingArchive

_PENDING = 0xFF00
_LEVEL, _SOP_INSTANCE_UID = (0x0008, 0x0052), (0x0008, 0x0018)
_ABORT = wire.pdu(wire.ABORT, b"\0\0\0\0")  # source 0: the service user (PS3.8 9.3.8)
_RELEASED = wire.pdu(wire.RELEASE_RP, b"\0\0\0\0")
# On the association that asked; the other ways have associations of their own.
_FIRST = (Way.BEFORE_ANSWER, Way.ANSWERED_FIRST)
_HERE = (*_FIRST, Way.SAME_ASSOCIATION, Way.DURING_RELEASE)


class BrokenOff(Exception):
    """A script ended the association."""


@dataclass
class _Storing:
    """A C-STORE whose dataset is coming in."""

    arrival: Arrival
    answer: StoreAnswer


class ArchiveAssociation:
    """Serves one connection; `hang_up` alone may be called from another thread."""

    def __init__(self, archive: LyingArchive, connection: socket.socket) -> None:
        self._archive = archive
        self._connection = connection
        wire.tune(connection)
        self._request: association_wire.Request | None = None
        self._syntaxes: dict[int, str] = {}
        self._stored = 0
        self._message_id = 0
        # Reports that are out and unanswered, by Message ID; and those for the release.
        self._unanswered: dict[int, tuple[Way, Report]] = {}
        self._at_release: list[tuple[Way, Report]] = []
        # What goes out once the reports that are out are answered.
        self._held_back: Callable[[], None] | None = None

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
        for way, report in self._unanswered.values():
            self._archive.note_reported(report, way, None)
        self._unanswered.clear()

    # --- PDUs ---

    def serve(self) -> None:
        """Until the release. Raises BrokenOff, wire.WireError, OSError."""
        kind, body = wire.read_pdu(self._connection)
        if kind != wire.ASSOCIATE_RQ:
            raise wire.WireError(f"PDU {kind} in place of A-ASSOCIATE-RQ")
        self._accept(body)
        command: dict[int, bytes] = {}
        storing: _Storing | None = None
        data = bytearray()
        while (pdu := self._next_pdu(storing, data)) is not None:
            for context_id, control, fragment in _fragments(pdu):
                if control & 0x01:
                    data += fragment
                    if control & 0x02:
                        command, data = wire.read_command(bytes(data)), bytearray()
                        storing = self._on_command(context_id, command)
                        continue
                else:
                    data += fragment
                    if control & 0x02:
                        self._on_message(context_id, command, bytes(data), storing)
                        storing, data = None, bytearray()

    def _next_pdu(self, storing: _Storing | None, data: bytearray) -> bytes | None:
        """The body of the next P-DATA-TF; None after a release."""
        header = wire.read_exactly(self._connection, 6)
        kind, length = struct.unpack(">BxI", header)
        if storing is not None and storing.answer.reads is not None:
            allowed = storing.answer.reads - len(data)
            if allowed < length:
                wire.read_exactly(self._connection, max(0, allowed))
                self._end(storing.answer.then or Break.RESET)
        body = wire.read_exactly(self._connection, length)
        if kind == wire.DATA:
            return body
        if kind == wire.RELEASE_RQ:
            for way, report in self._at_release:
                self._report(way, report)
            self._send(_RELEASED)
            return None
        raise wire.WireError(f"PDU {kind} in place of a message")

    def _accept(self, body: bytes) -> None:
        self._request = request = association_wire.read_request(body)
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
        self._send(association_wire.accept(body, verdicts, request.roles))

    def _send(self, data: bytes) -> None:
        self._connection.sendall(data)

    def _end(self, how: Break) -> None:
        """Break the association off. Raises BrokenOff."""
        if how is Break.ABORT:
            self._send(_ABORT)
        if how is Break.RESET:
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
            assert self._request is not None
            arrival, answer = self._archive.arrived(
                uids=(commitment_wire.uid(command[0x0002]), commitment_wire.uid(command[0x1000])),
                transfer_syntax_uid=self._syntaxes[context_id],
                calling=self._request.calling,
                earlier=self._stored,
            )
            self._stored += 1
            return _Storing(arrival, answer)
        if field == wire.ECHO_RQ:
            self._send(wire.command_pdu(context_id, wire.response_to(command)))
        elif field == N_EVENT_REPORT_RSP:
            way, report = self._unanswered.pop(_us(command, 0x0120))
            self._archive.note_reported(report, way, _us(command, 0x0900))
            if self._held_back is not None and not self._unanswered:
                held_back, self._held_back = self._held_back, None
                held_back()
        return None

    def _on_message(
        self, context_id: int, command: dict[int, bytes], dataset: bytes, storing: _Storing | None
    ) -> None:
        """A command with its dataset."""
        field = _us(command, 0x0100)
        if storing is not None:
            self._on_store(context_id, command, dataset, storing)
        elif field == N_ACTION_RQ:
            self._on_action(context_id, command, dataset)
        elif field == FIND_RQ:
            self._on_find(context_id, command, dataset)

    def _on_store(
        self, context_id: int, command: dict[int, bytes], dataset: bytes, storing: _Storing
    ) -> None:
        arrival, answer = storing.arrival, storing.answer
        if answer.keeps:
            sha256 = hashlib.sha256(dataset).hexdigest()
            self._archive.keep(arrival, sha256, dataset, answer.status)
        if answer.status is not None:
            message_id = (_us(command, 0x0110) + answer.message_id_added) & 0xFFFF
            response = wire.command_pdu(
                context_id, _response(command, answer.status, message_id=message_id)
            )
            self._send(response[: answer.answer_bytes])
        if answer.then is not None:
            self._end(answer.then)

    def _on_action(self, context_id: int, command: dict[int, bytes], dataset: bytes) -> None:
        assert self._request is not None
        transaction_uid, items = commitment_wire.read_request(dataset, self._syntaxes[context_id])
        asked = Asked(
            transaction_uid=transaction_uid,
            items=items,
            calling_ae_title=self._request.calling,
        )
        promise = self._archive.was_asked(asked)
        for way, report in promise.reports:
            if way in _FIRST:
                self._report(way, report)
        if any(way is Way.ANSWERED_FIRST for way, _ in promise.reports):
            self._held_back = partial(self._answer_action, context_id, command, promise)
        else:
            self._answer_action(context_id, command, promise)

    def _answer_action(self, context_id: int, command: dict[int, bytes], promise: Promise) -> None:
        """The answer, and the reports that come after it."""
        if promise.status is not None:
            self._send(
                wire.command_pdu(
                    context_id,
                    commitment_wire.action_response(_us(command, 0x0110), promise.status),
                )
            )
        for way, report in promise.reports:
            if way is Way.SAME_ASSOCIATION:
                self._report(way, report)
            elif way is Way.DURING_RELEASE:
                self._at_release.append((way, report))
        self._archive.report_apart([(w, r) for w, r in promise.reports if w not in _HERE])

    def _report(self, way: Way, report: Report) -> None:
        """Send it here; the answer comes when it comes, and during a release none does."""
        assert self._request is not None
        context_id = next(
            context.context_id
            for context in self._request.contexts
            if context.abstract_syntax == commitment_wire.COMMITMENT
            and context.context_id in self._syntaxes
        )
        self._message_id += 1
        self._unanswered[self._message_id] = (way, report)
        self._send(
            commitment_wire.report_message(
                report,
                context_id=context_id,
                message_id=self._message_id,
                transfer_syntax_uid=self._syntaxes[context_id],
            )
        )

    def _on_find(self, context_id: int, command: dict[int, bytes], dataset: bytes) -> None:
        """C-FIND at IMAGE level for one instance: the same keys back if it is found."""
        syntax = self._syntaxes[context_id]
        keys = dict(commitment_wire.elements(dataset, syntax))
        if self._archive.finds(commitment_wire.uid(keys[_SOP_INSTANCE_UID])):
            command_bytes = _response(command, _PENDING, has_dataset=True)
            answer = wire.command_pdu(context_id, command_bytes) + data_pdus(context_id, dataset)
            self._send(answer)
        self._send(wire.command_pdu(context_id, _response(command, 0x0000)))


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
    elements: list[tuple[int, int | str]] = [
        (0x0002, commitment_wire.uid(command[0x0002])),
        (0x0100, _us(command, 0x0100) | 0x8000),
        (0x0120, _us(command, 0x0110) if message_id is None else message_id),
        (0x0800, wire.HAS_DATASET if has_dataset else wire.NO_DATASET),
        (0x0900, status),
    ]
    if 0x1000 in command:
        elements.append((0x1000, commitment_wire.uid(command[0x1000])))
    return command_set(*elements)


def _fragments(body: bytes) -> list[tuple[int, int, bytes]]:
    """(context ID, message control header, content) of each PDV of a P-DATA-TF (PS3.8 9.3.5.1)."""
    found, position = [], 0
    while position + 6 <= len(body):
        length, context_id, control = struct.unpack_from(">IBB", body, position)
        found.append((context_id, control, body[position + 6 : position + 4 + length]))
        position += 4 + length
    return found
