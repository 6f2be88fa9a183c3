"""Whether bytes begin as a program or an archive of programs does, by their first bytes.

A DICOM file can be a program as well: the 128 bytes of its preamble are free (PS3.10 7.1,
CVE-2019-11687), and so is every private attribute. Magic numbers: PE (Microsoft PE/COFF
specification), ELF (System V ABI, gABI 4), Mach-O (Apple, loader.h), PDF (ISO 32000-1 7.5.2),
ZIP (PKWARE APPNOTE 4.3.7), scripts (POSIX execve, `#!`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

LONGEST_MAGIC: Final = 8
MOST_REPORTED: Final = 32  # of one instance; each is a line of the log

_MAGIC: Final = (
    (b"MZ", "PE"),
    (b"\x7fELF", "ELF"),
    (b"\xfe\xed\xfa\xce", "Mach-O"),
    (b"\xfe\xed\xfa\xcf", "Mach-O"),
    (b"\xce\xfa\xed\xfe", "Mach-O"),
    (b"\xcf\xfa\xed\xfe", "Mach-O"),
    (b"\xca\xfe\xba\xbe", "Mach-O"),  # a fat binary; Java classes begin so too
    (b"%PDF-", "PDF"),
    (b"PK\x03\x04", "ZIP"),
    (b"#!/", "script"),
    (b"#! /", "script"),
)


class Program(NamedTuple):
    """An attribute whose value begins as a program: its tag, and what kind."""

    tag: int
    kind: str


def kind_of(begins: bytes | memoryview) -> str:
    """`PE`, `ELF`, `Mach-O`, `PDF`, `ZIP` or `script`; "" for anything else.

    begins: the first LONGEST_MAGIC bytes, or fewer where there are no more.
    """
    head = bytes(begins[:LONGEST_MAGIC])
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), "")
