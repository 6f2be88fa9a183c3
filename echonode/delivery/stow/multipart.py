"""The body of a STOW-RS request with one instance (PS3.18 10.5.1, RFC 2046 5.1). Pure.

Rules
- One instance in a request: its answer is about it alone, and one that is refused stops no other.
- The boundary is made of the SOP Instance UID and the hash of the dataset: who makes a file cannot
  know the hash of a file that contains it.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What stands before and behind the file, and the header field that names its form."""

    content_type: str
    before: bytes
    behind: bytes

    def length(self, size: int) -> int:
        """Content-Length with a file of so many bytes in it."""
        return len(self.before) + size + len(self.behind)


def envelope(sop_instance_uid: str, dataset_sha256: str) -> Envelope:
    """The envelope of one file."""
    boundary = sha256(f"{sop_instance_uid} {dataset_sha256}".encode()).hexdigest()
    return Envelope(
        content_type=f'multipart/related; type="application/dicom"; boundary={boundary}',
        before=f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode("ascii"),
        behind=f"\r\n--{boundary}--\r\n".encode("ascii"),
    )
