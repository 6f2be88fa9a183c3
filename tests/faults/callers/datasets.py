"""Datasets that no sane device sends, and what is left of real files after mutation."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from echonode.commands.lying_pacs.wire import (
    EXPLICIT_LITTLE,
)
from tests.faults.callers.instances import (
    DEFLATED,
    ULTRASOUND,
    Instance,
    element,
    new_uid,
    small_instance,
)
from tests.faults.callers.mutation import flip, lie, splice, truncate

UNDEFINED = 0xFFFFFFFF
BOMB_BYTES = 128 * 1024**2
_ITEM = struct.pack("<HHI", 0xFFFE, 0xE000, UNDEFINED)
_ITEM_END = struct.pack("<HHI", 0xFFFE, 0xE00D, 0)
_SEQUENCE = element(0x0040, 0x0275, b"SQ", b"", length=UNDEFINED)
_SEQUENCE_END = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)


@dataclass(frozen=True, kw_only=True)
class Case:
    """An instance and what is wrong with it."""

    what: str
    instance: Instance


# --- made by hand ---


def crafted() -> Iterator[Case]:
    """One of each kind of wrong that a parser can be brought down by."""
    for what, tail in _tails():
        yield Case(what=what, instance=small_instance(tail=tail))
    for what, dataset in _whole_datasets():
        yield Case(what=what, instance=Instance(sop_instance_uid=new_uid(), dataset=dataset))
    for what, dataset in _deflated():
        instance = Instance(
            sop_instance_uid=new_uid(), dataset=dataset, transfer_syntax_uid=DEFLATED
        )
        yield Case(what=what, instance=instance)


def _tails() -> Iterator[tuple[str, bytes]]:
    """Elements behind a head that is right."""
    depth = 5_000
    yield "sequences 5,000 deep", (_SEQUENCE + _ITEM) * depth + (_ITEM_END + _SEQUENCE_END) * depth
    yield "sequences without end", (_SEQUENCE + _ITEM) * 20_000
    nested = b""
    for _ in range(200):
        item = struct.pack("<HHI", 0xFFFE, 0xE000, len(nested)) + nested
        nested = element(0x0040, 0x0275, b"SQ", item)
    yield "sequences of given length 200 deep", nested
    yield "100,000 empty items", _SEQUENCE + (_ITEM + _ITEM_END) * 100_000 + _SEQUENCE_END
    yield (
        "50,000 private elements",
        b"".join(
            element(0x0041 + 2 * (n // 0xF000), 0x1000 + n % 0xF000, b"SH", b"")
            for n in range(50_000)
        ),
    )
    for vr in (b"OB", b"UN", b"UT", b"SQ"):
        for length in (2**31, 2**32 - 2, 2**32 - 1):
            what = f"{vr.decode()} of {length} bytes that do not come"
            yield what, element(0x0040, 0x0275, vr, b"x" * 64, length=length)
    yield "a short VR of 65,535 bytes", element(0x0040, 0x0275, b"LO", b"x" * 64, length=0xFFFF)
    yield "an odd length", element(0x0040, 0x0275, b"LO", b"xyz", length=3)
    yield "an odd number of unsigned shorts", element(0x0040, 0x0275, b"US", b"xyz", length=3)
    yield "a VR that does not exist", element(0x0040, 0x0275, b"ZZ", b"x" * 10)
    yield "a VR of control characters", element(0x0040, 0x0275, b"\0\n", b"x" * 10)
    yield "a tag before the last", element(0x0008, 0x0060, b"CS", b"XX")
    yield "the instance's UID once more", element(0x0008, 0x0018, b"UI", b"1.2.3")
    yield "half an element", b"\x40\x00\x75"
    yield "a delimiter out of place", _SEQUENCE_END + _ITEM_END
    yield "a group length that lies", element(0x0040, 0x0000, b"UL", b"\xff\xff\xff\x7f")
    yield (
        "pixels in fragments without end",
        element(0x7FE0, 0x0010, b"OB", b"", length=UNDEFINED)
        + struct.pack("<HHI", 0xFFFE, 0xE000, 2**31),
    )


def _whole_datasets() -> Iterator[tuple[str, bytes]]:
    uid = new_uid().encode()
    sop_class = element(0x0008, 0x0016, b"UI", ULTRASOUND.encode())
    yield "nothing", b""
    yield "one byte", b"\0"
    yield "zeros", b"\0" * 100_000
    yield "ones", b"\xff" * 100_000
    yield "text", b"GET / HTTP/1.1\r\n" * 1_000
    yield "a Part 10 file", b"\0" * 128 + b"DICM" + element(0x0002, 0x0010, b"UI", b"1.2")
    yield "no UIDs", element(0x0010, 0x0020, b"LO", b"FAULTS")
    yield "another instance's UID", small_instance().dataset
    yield "a UID that leads out", sop_class + element(0x0008, 0x0018, b"UI", b"../../etc/passwd")
    yield "a UID of 2,000 digits", sop_class + element(0x0008, 0x0018, b"UI", b"1" * 2_000)
    yield "a UID with a NUL inside", sop_class + element(0x0008, 0x0018, b"UI", uid + b"\0.1\0")
    yield (
        "character sets that do not exist",
        element(0x0008, 0x0005, b"CS", b"\\ISO 2022 IR 999\\x"),
    )
    yield "a class that is a number", element(0x0008, 0x0016, b"US", b"\1\0")


def _deflated() -> Iterator[tuple[str, bytes]]:
    """Raw deflate, without a zlib header (PS3.5 A.5)."""
    head = small_instance().dataset
    yield "deflated noise", random.Random(30).randbytes(10_000)
    yield "deflated and cut off", _deflate([head])[:40]
    zeros = [b"\0" * 1024**2] * (BOMB_BYTES // 1024**2)
    length = struct.pack("<I", BOMB_BYTES)
    private = struct.pack("<HH", 0x0009, 0x1010) + b"UN\0\0" + length
    yield "a bomb before the UIDs", _deflate([private, *zeros, head])
    pixels = struct.pack("<HH", 0x7FE0, 0x0010) + b"OB\0\0" + length
    yield "a bomb for pixels", _deflate([head, pixels, *zeros])


def _deflate(pieces: Sequence[bytes]) -> bytes:
    deflater = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return b"".join(map(deflater.compress, pieces)) + deflater.flush()


# --- real files, mutated ---

LARGEST_FILE = 200_000
_MUTATIONS = (flip, splice, truncate, lie)


def real_files(folder: Path) -> list[Case]:
    """Every file of the real data, as its bytes are."""
    files = sorted(
        file for part in ("bad", "us", "other") for file in (folder / part).glob("*.dcm")
    )
    return [Case(what=file.name, instance=_instance_of(file)) for file in files]


def mutants(cases: Sequence[Case], count: int) -> Iterator[Case]:
    """So many, from each file in turn: each an instance of its own wherever its UID is found."""
    small = [case for case in cases if 0 < len(case.instance.dataset) <= LARGEST_FILE]
    for number in range(count):
        case = small[number % len(small)]
        draw = random.Random(f"30-{number}")
        mutate = draw.choice(_MUTATIONS)
        instance = _renamed(case.instance, number)
        dataset = mutate(draw, instance.dataset)
        yield Case(
            what=f"{number}: {mutate.__name__} {case.what}",
            instance=Instance(
                sop_instance_uid=instance.sop_instance_uid,
                dataset=dataset,
                sop_class_uid=instance.sop_class_uid,
                transfer_syntax_uid=instance.transfer_syntax_uid,
            ),
        )


def _renamed(instance: Instance, number: int) -> Instance:
    """Another UID of the same length, where the UID is long enough to be distinguished."""
    old = instance.sop_instance_uid
    if len(old) < 20:
        return instance
    new = f"{old[:-8]}1{number:07d}"
    return Instance(
        sop_instance_uid=new,
        dataset=instance.dataset.replace(old.encode(), new.encode()),
        sop_class_uid=instance.sop_class_uid,
        transfer_syntax_uid=instance.transfer_syntax_uid,
    )


def _instance_of(file: Path) -> Instance:
    """What a C-STORE of the file would carry; guesses where its meta information is missing."""
    raw = file.read_bytes()
    at = 132 if raw[128:132] == b"DICM" else 0
    meta: dict[int, str] = {}
    while at + 12 <= len(raw) and raw[at : at + 2] == b"\x02\x00":
        number, vr = struct.unpack_from("<H2s", raw, at + 2)
        long_form = vr in (b"OB", b"UN")
        (length,) = struct.unpack_from(
            "<I" if long_form else "<H", raw, at + (8 if long_form else 6)
        )
        at += 12 if long_form else 8
        meta[number] = raw[at : at + length].decode("latin-1").strip("\0 ")
        at += length
    return Instance(
        sop_instance_uid=meta.get(0x0003) or new_uid(),
        dataset=raw[at:],
        sop_class_uid=meta.get(0x0002) or ULTRASOUND,
        transfer_syntax_uid=meta.get(0x0010) or EXPLICIT_LITTLE,
    )
