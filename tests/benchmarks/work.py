"""The work that is sent about between the harness and its processes, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian

from tests.peers.instances import Instances

CALLING_AE_TITLE = "BENCH"


@dataclass(frozen=True, kw_only=True)
class Address:
    """The called and the calling AE. tls: by which PEM files (ca, cert, key); None: in clear."""

    host: str
    port: int
    called: str
    calling: str = CALLING_AE_TITLE
    tls: Mapping[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class Errand:
    """Files of one kind to C-STORE on one association.

    dataset_offset, size: the same for all; a node knows them from its index, so finding them out
    is not timed.
    """

    files: Sequence[str]
    sop_instance_uids: Sequence[str]
    sop_class_uid: str
    transfer_syntax_uid: str
    dataset_offset: int
    size: int

    @classmethod
    def of(cls, instances: Instances) -> Self:
        """The errand of sending all of these."""
        first = instances.files[0]
        meta = dcmread(first, stop_before_pixels=True, specific_tags=[]).file_meta
        # Preamble, prefix, the group length element itself, and what it counts (PS3.10 7.1).
        offset = 128 + 4 + 12 + int(meta.FileMetaInformationGroupLength)
        return cls(
            files=tuple(str(file) for file in instances.files),
            sop_instance_uids=instances.sop_instance_uids,
            sop_class_uid=instances.kind.sop_class_uid,
            transfer_syntax_uid=str(ExplicitVRLittleEndian),
            dataset_offset=offset,
            size=first.stat().st_size,
        )

    def part(self, number: int, parts: int) -> Errand:
        """Every `parts`-th file from `number` on: the share of one of several senders."""
        fields = asdict(self)
        fields["files"] = self.files[number::parts]
        fields["sop_instance_uids"] = self.sop_instance_uids[number::parts]
        return Errand(**fields)

    def first(self, count: int) -> Errand:
        """The same with fewer files."""
        fields = asdict(self)
        fields["files"] = self.files[:count]
        fields["sop_instance_uids"] = self.sop_instance_uids[:count]
        return Errand(**fields)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)
