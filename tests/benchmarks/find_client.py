"""A C-FIND SCU on a plain socket, which takes in whatever an archive can send."""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping
from typing import Final

from pydicom.dataset import Dataset
from pynetdicom.dsutils import encode

from echonode.commands.lying_pacs import wire
from tests.benchmarks.work import Address

STUDY_ROOT_FIND: Final = "1.2.840.10008.5.1.4.1.2.2.1"
# What a study list shows.
STUDY_LIST: Final = (
    *("PatientName", "PatientID", "PatientBirthDate", "StudyInstanceUID", "StudyDate", "StudyTime"),
    *("AccessionNumber", "StudyDescription", "ModalitiesInStudy", "NumberOfStudyRelatedInstances"),
)
_FIND_RQ, _STATUS = 0x0020, 0x0900
_PENDING = frozenset({0xFF00, 0xFF01})
_READ_AT_ONCE = 1 << 18
TIMEOUT_S = 120.0


def study_list(keys: Mapping[str, str] | None = None) -> Dataset:
    """The identifier of a query for studies."""
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    for keyword in STUDY_LIST:
        setattr(identifier, keyword, (keys or {}).get(keyword, ""))
    return identifier


def count_answers(address: Address, identifier: Dataset) -> int:
    """Ask, and count the Pending answers until the final one. Raises WireError."""
    context = wire.Proposed(abstract_syntax=STUDY_ROOT_FIND, transfer_syntax=wire.IMPLICIT_LITTLE)
    with socket.create_connection((address.host, address.port), timeout=TIMEOUT_S) as sock:
        wire.tune(sock)
        sock.sendall(wire.associate_request(address.called, address.calling, [context]))
        kind, body = wire.read_pdu(sock, prompt=True)
        if kind != wire.ASSOCIATE_AC or 1 not in wire.read_accept(body)[0]:
            raise wire.WireError(f"{address.called} did not accept the association")
        sock.sendall(find_request(identifier))
        count = _count(sock)
        sock.sendall(wire.pdu(wire.RELEASE_RQ, b"\0\0\0\0"))
        wire.read_pdu(sock, prompt=True)
    return count


def find_request(identifier: Dataset) -> bytes:
    """A C-FIND-RQ on context 1, as PDUs."""
    encoded = encode(identifier, True, True)
    if encoded is None:
        raise wire.WireError("the identifier cannot be encoded")
    command = wire.request(STUDY_ROOT_FIND, _FIND_RQ, 1)
    data = struct.pack(">IBB", len(encoded) + 2, 1, wire.DATA_LAST) + encoded
    return wire.command_pdu(1, command) + wire.pdu(wire.DATA, data)


def _count(sock: socket.socket) -> int:
    """The Pending answers, read in large pieces; datasets are not looked at."""
    held, count = bytearray(), 0
    while True:
        wire.acknowledge_now(sock)
        piece = sock.recv(_READ_AT_ONCE)
        if not piece:
            raise wire.WireError("the connection ended before the final answer")
        held += piece
        position = 0
        while (end := _end_of_pdu(held, position)) is not None:
            status = _status(held[position:end])
            if status in _PENDING:
                count += 1
            elif status == 0:
                return count
            elif status is not None:
                raise wire.WireError(f"C-FIND ended with {status:04X}")
            position = end
        del held[:position]


def _end_of_pdu(held: bytearray, start: int) -> int | None:
    if len(held) < start + 6:
        return None
    end = start + 6 + int.from_bytes(held[start + 2 : start + 6], "big")
    return end if end <= len(held) else None


def _status(pdu: bytearray) -> int | None:
    """The status in a PDU that is one answer's command set; None for its dataset."""
    if pdu[0] != wire.DATA:
        raise wire.WireError(f"PDU {pdu[0]} came in place of an answer")
    if not pdu[11] & 0x01:
        return None
    return int.from_bytes(wire.read_command(bytes(pdu[12:]))[_STATUS], "little")
