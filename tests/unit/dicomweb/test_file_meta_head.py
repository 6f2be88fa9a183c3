"""What a posted file says that it is, as soon as enough of it has come."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from echonode.errors import Unreadable
from echonode.model.file_meta_head import LONGEST_META, read_meta
from tests.unit.dicomweb.samples import written


def test_it_is_known_once_the_data_set_begins(tmp_path: Path) -> None:
    """However the bytes come; never before, and never otherwise."""
    ds = Dataset()
    ds.PatientID = "P1-and-more"
    instance = written(tmp_path, ds)
    content = instance.path.read_bytes()
    found = [read_meta(content[:length]) for length in range(len(content) + 1)]
    first = next(index for index, meta in enumerate(found) if meta is not None)
    assert first >= instance.dataset_offset
    for meta in found[first:]:
        assert meta is not None
        assert (meta.length, meta.sop_class_uid) == (instance.dataset_offset, "1.2")
        assert meta.transfer_syntax_uid == instance.transfer_syntax_uid
    whole = read_meta(content[: instance.dataset_offset], is_whole=True)
    assert whole == found[-1]


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        bytes(200),
        bytes(128) + b"DICM",
        bytes(128) + b"DICM" + b"\x08\x00\x05\x00CS\x00\x00" + bytes(20),
        bytes(128) + b"DICM" + b"\x02\x00\x02\x01OB\x00\x00\xff\xff\xff\xff",
    ],
)
def test_what_is_no_file_is_refused(begun: bytes) -> None:
    """In words that quote nothing of it."""
    with pytest.raises(Unreadable):
        read_meta(begun, is_whole=True)


@given(st.binary(max_size=400))
def test_any_bytes_end_well(data: bytes) -> None:
    """They are a file's head, or refused."""
    for begun in (data, bytes(128) + b"DICM" + data):
        try:
            meta = read_meta(begun, is_whole=True)
        except Unreadable:
            continue
        assert meta is not None
        assert meta.length <= LONGEST_META
