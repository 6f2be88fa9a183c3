"""What begins as a program is known by its first bytes, and only then."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from echonode.model.programs import MOST_REPORTED, kind_of
from echonode.store.index.dataset_header import read_head

EXPLICIT, IMPLICIT, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2"
MAGIC = {
    "PE": b"MZ\x90\x00\x03\x00\x00\x00",
    "ELF": b"\x7fELF\x02\x01\x01\x00",
    "Mach-O": b"\xcf\xfa\xed\xfe\x07\x00\x00\x01",
    "PDF": b"%PDF-1.7\n%",
    "ZIP": b"PK\x03\x04\x14\x00\x00\x00",
    "script": b"#!/bin/sh\nid",
}


@pytest.mark.parametrize("kind", MAGIC)
def test_each_kind_is_known(kind: str) -> None:
    """PE, ELF, Mach-O, PDF, ZIP, scripts."""
    assert kind_of(MAGIC[kind]) == kind
    assert kind_of(b"\0" + MAGIC[kind]) == ""


@pytest.mark.parametrize("begins", [b"", b"M", b"SIEMENS", b"PK", b"#!", bytes(8)])
def test_other_bytes_are_no_program(begins: bytes) -> None:
    """A vendor's text, zeros, and what is too short."""
    assert kind_of(begins) == ""


def element(tag: int, vr: bytes, value: bytes, syntax: str = EXPLICIT) -> bytes:
    order = ">" if syntax == BIG else "<"
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if syntax == IMPLICIT:
        return head + struct.pack("<I", len(value)) + value
    if vr in (b"OB", b"UN", b"SQ", b"OW"):
        return head + vr + struct.pack(f"{order}HI", 0, len(value)) + value
    return head + vr + struct.pack(f"{order}H", len(value)) + value


def item(content: bytes, syntax: str = EXPLICIT) -> bytes:
    order = ">" if syntax == BIG else "<"
    return struct.pack(f"{order}HHI", 0xFFFE, 0xE000, len(content)) + content


def found(folder: Path, dataset: bytes, syntax: str = EXPLICIT) -> list[tuple[int, str]]:
    path = folder / "dataset"
    path.write_bytes(dataset)
    programs: list[tuple[int, str]] = []
    read_head(path, 0, syntax, programs=programs)  # type: ignore[arg-type]  # a tuple with names
    return [tuple(program) for program in programs]  # type: ignore[misc]


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_a_private_attribute_is_found_whatever_the_encoding(tmp_path: Path, syntax: str) -> None:
    """At the top, before and behind the pixels; a standard attribute with a PDF is its business."""
    dataset = b"".join(
        (
            element(0x00080060, b"CS", b"US", syntax),
            element(0x00091001, b"OB", MAGIC["PE"], syntax),
            element(0x00420011, b"OB", MAGIC["PDF"], syntax),
            element(0x7FE00010, b"OB", MAGIC["ELF"], syntax),
            element(0x7FE11001, b"OB", MAGIC["ELF"], syntax),
        )
    )
    assert found(tmp_path, dataset, syntax) == [(0x00091001, "PE"), (0x7FE11001, "ELF")]


def test_it_is_found_in_sequences_of_both_lengths(tmp_path: Path) -> None:
    """Of given length, three deep; of undefined length; in private sequences too."""
    inner = element(0x00111002, b"UN", MAGIC["ZIP"])
    deep = element(0x00081115, b"SQ", item(element(0x00091111, b"SQ", item(inner))))
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    open_head = struct.pack("<HH2sHI", 0x0040, 0x0275, b"SQ", 0, 0xFFFFFFFF)
    half = open_head + item(element(0x00131003, b"OB", MAGIC["script"])) + end
    open_item = struct.pack("<HHI", 0xFFFE, 0xE000, 0xFFFFFFFF)
    close_item = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
    undefined = (
        open_head + open_item + element(0x00131003, b"OB", MAGIC["script"]) + close_item + end
    )
    last = [(0x00111002, "ZIP"), (0x00131003, "script")]
    assert found(tmp_path, deep + undefined) == last
    assert found(tmp_path, deep + half) == last


def test_what_cannot_be_read_in_a_sequence_refuses_nothing(tmp_path: Path) -> None:
    """The search is no reader: a sequence that is odd within is stored as before."""
    odd = element(0x00081115, b"SQ", b"\1\2\3\4\5\6\7\0" * 3)
    rest = element(0x00091001, b"OB", MAGIC["PE"])
    assert found(tmp_path, odd + rest) == [(0x00091001, "PE")]


def test_there_is_an_end_to_what_is_reported(tmp_path: Path) -> None:
    """A thousand programs in one instance are not a thousand lines of the log."""
    dataset = b"".join(element(0x00091000 + n, b"OB", MAGIC["PE"]) for n in range(1000))
    assert len(found(tmp_path, dataset)) == MOST_REPORTED
