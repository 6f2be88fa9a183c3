"""The PDUs that a dataset is sent in."""

from __future__ import annotations

import pytest

from echonode.dimse.messages.dataset_pdus import ROOM_BYTES, DatasetPdus
from echonode.dimse.upper_layer.pdu_stream import message_pdus

CONTEXT_ID = 5


def sent(pdus: DatasetPdus, data: bytes, *, context_id: int = CONTEXT_ID) -> bytes:
    """What goes out for a dataset, filled in and written a room at a time."""
    out, room = b"", len(pdus.room)
    for start in range(0, len(data), room):
        part = data[start : start + room]
        pdus.room[: len(part)] = part
        last = start + room >= len(data)
        out += b"".join(pdus.pieces(context_id, len(part), last=last))
    return out


def as_one_message(data: bytes, fragment: int, *, context_id: int = CONTEXT_ID) -> bytes:
    """The same by the function that every other message goes through."""
    return message_pdus(context_id, b"", data + b"\0" * (len(data) % 2), fragment)


def dataset(size: int) -> bytes:
    return bytes(number * 31 % 251 for number in range(size))


@pytest.mark.parametrize("size", [1, 2, 99, 100, 101, 200, 25_599, 25_600, 25_601, 60_003])
def test_a_dataset_of_any_length_goes_out_as_one_message(size: int) -> None:
    """Each PDU is full but the last, which is marked so and even; one buffer or several."""
    data = dataset(size)
    assert sent(DatasetPdus(100), data) == as_one_message(data, 100)


def test_datasets_on_one_association_leave_nothing_of_each_other() -> None:
    """A short dataset after a long one, and on another context, is as if it were the first."""
    pdus = DatasetPdus(100)
    for size, context_id in ((25_601, 1), (150, 3), (25_600, 1), (99, 3)):
        data = dataset(size)
        expected = as_one_message(data, 100, context_id=context_id)
        assert sent(pdus, data, context_id=context_id) == expected


@pytest.mark.parametrize("fragment", [2, 4_090, 16_378, 262_138, 2 * ROOM_BYTES])
def test_a_write_is_bounded_whatever_the_peer_takes(fragment: int) -> None:
    """Neither tiny nor huge PDUs make a write that the kernel would refuse."""
    pdus = DatasetPdus(fragment)
    pieces = pdus.pieces(CONTEXT_ID, len(pdus.room), last=False)
    assert fragment <= len(pdus.room) <= max(ROOM_BYTES, fragment)
    assert len(pieces) <= 1_000  # IOV_MAX is 1,024, and a command set goes with them


def test_a_still_goes_out_in_one_write() -> None:
    """640 x 480 and its header fit, at the 16 KiB PDUs that most archives take."""
    assert len(DatasetPdus(16_378).room) > 640 * 480 + 8_192
