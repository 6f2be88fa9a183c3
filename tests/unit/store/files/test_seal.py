"""What a file says of itself: written, read, damaged, and never sent."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import pytest
from pydicom import dcmread

from echonode.errors import Damaged
from echonode.model.instance import Origin
from echonode.store.files.file_meta import encode, without_seal
from echonode.store.files.seal import (
    CREATOR_UID,
    SEAL_BYTES,
    Seal,
    SealFacts,
    encoded,
    has_seal,
    seal_in,
)
from tests.unit.store.samples import EXPLICIT_LE, NOON, US_IMAGE

SEAL = Seal(
    dataset_sha256="ab" * 32,
    dataset_length=1234,
    facts=SealFacts(
        origin=Origin.CAPTURED,
        source_ae_title="",
        acquired_at=NOON,
        stored_at=NOON,
        evidence={"frames": 30, "probe": "Sonde é"},
        destinations=("pacs", "vna"),
        exam_id="E00000001",
    ),
)


def head(*, with_seal: bool) -> bytes:
    return encode(
        sop_class_uid=US_IMAGE,
        sop_instance_uid="1.2.3.4",
        transfer_syntax_uid=EXPLICIT_LE,
        source_ae_title="SENDER",
        with_seal=with_seal,
    )


def sealed(seal: Seal = SEAL) -> bytes:
    return head(with_seal=True)[:-SEAL_BYTES] + encoded(seal)


def test_it_says_what_was_written() -> None:
    """And has the length that was left for it, whatever it says."""
    assert len(encoded(SEAL)) == SEAL_BYTES
    assert seal_in(sealed()) == SEAL


def test_other_readers_take_the_file_for_what_it_is() -> None:
    """Private information of the File Meta Information (PS3.10 7.1), which they pass over."""
    meta = dcmread(BytesIO(sealed()), force=False).file_meta
    assert meta.PrivateInformationCreatorUID == CREATOR_UID
    assert len(meta.PrivateInformation) == SEAL_BYTES
    assert meta.FileMetaInformationGroupLength == len(sealed()) - 144


def test_a_file_without_one_has_none() -> None:
    """Of an earlier version, or one that was never finished."""
    assert seal_in(head(with_seal=False)) is None
    assert seal_in(head(with_seal=True)) is None


def test_each_changed_byte_of_it_is_found() -> None:
    """But where it makes no difference: the blanks at its end."""
    whole = sealed()
    length = len(encoded(SEAL).rstrip(b" "))
    for at in range(len(whole) - SEAL_BYTES, len(whole) - SEAL_BYTES + length):
        changed = bytearray(whole)
        changed[at] ^= 1
        with pytest.raises(Damaged):
            seal_in(bytes(changed))


def test_what_has_no_room_is_left_out_and_said() -> None:
    """The evidence first, then the destinations; never the hash."""
    much = replace(SEAL, facts=replace(SEAL.facts, evidence={"note": "x" * 900}))
    found = seal_in(sealed(much))
    assert found is not None
    assert (found.facts.whole, found.facts.evidence) == (False, {})
    assert found.facts.destinations == ("pacs", "vna")
    many = replace(much, facts=replace(much.facts, destinations=("d" * 100,) * 10))
    found = seal_in(sealed(many))
    assert found is not None
    assert found.facts.destinations == ()
    assert found.dataset_sha256 == SEAL.dataset_sha256


def test_it_is_taken_off_whole() -> None:
    """What stays is the meta information as it was without it."""
    assert without_seal(sealed()) == head(with_seal=False)
    assert not has_seal(without_seal(sealed()))
    assert without_seal(head(with_seal=False)) == head(with_seal=False)
