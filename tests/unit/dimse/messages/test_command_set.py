"""The command set from and to its bytes."""

from __future__ import annotations

import contextlib
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echonode.dimse.messages.command_set import (
    CommandField,
    CommandSet,
    MalformedCommand,
    decode,
    encode,
)

ECHO_RQ = bytes.fromhex(
    # (0000,0000) UL 4: 56 bytes follow
    "00000000 04000000 38000000"
    # (0000,0002) UI 18: 1.2.840.10008.1.1, padded with NUL
    "00000200 12000000 312e322e3834302e31303030382e312e3100"
    # (0000,0100) US: C-ECHO-RQ
    "00000001 02000000 3000"
    # (0000,0110) US: Message ID 7
    "00001001 02000000 0700"
    # (0000,0800) US: no dataset
    "00000008 02000000 0101"
)


def test_an_echo_request_has_the_standards_bytes() -> None:
    """C-ECHO-RQ is encoded as PS3.7 table 9.3-12 says, group length first."""
    command = CommandSet(
        command_field=CommandField.C_ECHO,
        affected_sop_class_uid="1.2.840.10008.1.1",
        message_id=7,
    )
    assert encode(command) == ECHO_RQ
    assert decode(ECHO_RQ) == command


@pytest.mark.slow
@given(st.data())
def test_what_is_encoded_is_decoded(data: st.DataObject) -> None:
    """Every command set comes back as it went out, whichever elements it has."""
    values: dict[str, int | str] = {"command_field": 0x8001, "dataset_type": 1}
    for field in fields(CommandSet):
        if field.name in values or not data.draw(st.booleans()):
            continue
        if "str" in str(field.type):
            values[field.name] = data.draw(st.text("0123456789.AZ_", min_size=1, max_size=16))
        else:
            values[field.name] = data.draw(st.integers(0, 0xFFFF))
    command = CommandSet(**values)  # type: ignore[arg-type]
    assert decode(encode(command)) == command


@pytest.mark.parametrize("end", range(len(ECHO_RQ)))
def test_a_command_set_cut_anywhere_is_refused(end: int) -> None:
    """No cut-off command set is taken for a shorter one."""
    with pytest.raises(MalformedCommand):
        decode(ECHO_RQ[:end])


@given(st.binary(max_size=200))
def test_random_bytes_raise_nothing_else(data: bytes) -> None:
    """Hostile bytes make MalformedCommand or a value, never another error."""
    with contextlib.suppress(MalformedCommand):
        decode(data)


@pytest.mark.parametrize(
    "element",
    [
        bytes.fromhex("08001800 02000000 3100"),  # of another group
        bytes.fromhex("00001001 04000000 07000000"),  # an unsigned short of four bytes
        bytes.fromhex("00001001 ffffffff"),  # longer than the message
    ],
)
def test_an_element_that_cannot_be_is_refused(element: bytes) -> None:
    """Another group, a wrong size and a length beyond the end are malformed."""
    with pytest.raises(MalformedCommand):
        decode(ECHO_RQ + element)


def test_unknown_elements_are_skipped() -> None:
    """A command element that we have no use for does not disturb."""
    assert decode(ECHO_RQ + bytes.fromhex("00000309 02000000 0100")).message_id == 7


def test_control_characters_do_not_travel_on() -> None:
    """A newline in an AE title or a comment arrives escaped: it cannot forge a log line."""
    forged = bytes.fromhex("00000209 06000000") + b"ok\nERR"
    assert decode(ECHO_RQ + forged).error_comment == "ok\\nERR"


def test_counts_beyond_an_unsigned_short_are_capped() -> None:
    """A retrieval of more than 65535 instances shows 65535 instead of failing."""
    command = CommandSet(command_field=0x8021, remaining=100_000)
    assert decode(encode(command)).remaining == 0xFFFF
