"""A tracked cine keeps one transform a frame, in the object, as the file had it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import Dataset, dcmread
from pydicom.filewriter import dcmwrite
from pydicom.uid import ImplicitVRLittleEndian

from echonode.frames.frame import Frame, Transforms
from echonode.objects.tracking import GROUP, NAMES_LIMIT, PRIVATE_CREATOR, TransformStatus
from tests.unit.objects.acquisitions import acquisition, built, frames, read_back, sector, write

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "probes.md"
NOISE = np.random.default_rng(3)


def matrix() -> tuple[float, ...]:
    return (*NOISE.normal(scale=100, size=12).tolist(), 0.0, 0.0, 0.0, 1.0)


def tracked(*transforms: Transforms) -> tuple[Frame, ...]:
    """A frame for each, 50 ms apart."""
    times = [1.0 + n / 20 for n in range(len(transforms))]
    plain = frames(times, rows=2, columns=2, stamps=times, calibration=sector(2, 2))
    return tuple(replace(frame, transforms=of) for frame, of in zip(plain, transforms, strict=True))


def by_name(ds: Dataset) -> dict[str, tuple[NDArray[np.float64], list[int]]]:
    """Name -> (frames, 16) matrices, and a status for each frame."""
    block = ds.private_block(GROUP, PRIVATE_CREATOR)
    names = block[0x01].value
    names = [names] if isinstance(names, str) else list(names)
    shape = (int(ds.get("NumberOfFrames", 1)), len(names))
    matrices = np.frombuffer(block[0x02].value, "<f8").reshape(*shape, 16)
    status = np.frombuffer(block[0x03].value, "u1")[: shape[0] * shape[1]].reshape(shape)
    return {name: (matrices[:, n], status[:, n].tolist()) for n, name in enumerate(names)}


def test_every_matrix_is_in_the_object_bit_for_bit() -> None:
    """97 frames of three transforms, in the bytes that are stored, with unit and space."""
    names = ("ProbeToTracker", "ReferenceToTracker", "StylusToTracker")
    given = [{name: matrix() for name in names} for _ in range(97)]
    ds = read_back(built(acquisition(tracked(*given))))
    found = by_name(ds)
    assert tuple(found) == names
    for name, (matrices, status) in found.items():
        assert matrices.tolist() == [list(frame[name]) for frame in given]
        assert status == [TransformStatus.VALID] * 97
    assert ds.private_block(GROUP, PRIVATE_CREATOR)[0x04].value == "mm"
    assert ds.FrameOfReferenceUID
    assert "ImageComments" not in ds


def test_what_is_invalid_or_absent_is_marked_and_not_invented() -> None:
    """Zeros and a status; Image Comments name the transform and count."""
    one, other = matrix(), matrix()
    given: list[Transforms] = [{"A": one}, {"A": None}, {"A": one, "B": other}, {}]
    ds = read_back(built(acquisition(tracked(*given))))
    found = by_name(ds)
    assert found["A"][1] == [1, 2, 1, 0]
    assert found["B"][1] == [0, 0, 1, 0]
    assert not found["A"][0][[1, 3]].any()
    assert not found["B"][0][[0, 1, 3]].any()
    assert found["B"][0][2].tolist() == list(other)
    said = "Tracking is absent or invalid: A in 2, B in 3 of 4 frames."
    assert ds.ImageComments == said


def test_a_still_has_its_transform_too() -> None:
    """One frame, one name: an odd count of status bytes, which are padded."""
    ds = read_back(built(acquisition(tracked({"A": matrix()}))))
    assert by_name(ds)["A"][1] == [1]


def test_without_a_tracker_nothing_is_written() -> None:
    """No block and no Frame of Reference; one where all is invalid has the marks alone."""
    ds = read_back(built(acquisition(tracked({}, {}))))
    assert (GROUP, 0x0010) not in ds
    assert "FrameOfReferenceUID" not in ds
    ds = read_back(built(acquisition(tracked({"A": None}, {"A": None}))))
    assert by_name(ds)["A"][1] == [2, 2]
    assert "FrameOfReferenceUID" not in ds


def test_captures_of_one_connection_share_their_space_and_others_do_not() -> None:
    """Two clips of a connection can be laid into one volume; a tracker that was moved cannot."""

    def space(connection: str, number: int) -> str:
        taken = tracked({"A": matrix()})
        made = built(acquisition(taken, connection_id=connection, number=number))
        return str(made.dataset.FrameOfReferenceUID)

    assert space("c-1", 1) == space("c-1", 2) != space("c-2", 1)


def test_names_from_the_wire_are_made_to_fit() -> None:
    """A backslash makes no second value, an empty name is no empty value, and few fit."""
    ds = read_back(built(acquisition(tracked({"a\\b": matrix(), "": matrix()}))))
    assert list(by_name(ds)) == ["a b", "unnamed"]
    many = {f"N{n}": matrix() for n in range(NAMES_LIMIT + 9)}
    ds = read_back(built(acquisition(tracked(many))))
    assert len(by_name(ds)) == NAMES_LIMIT
    assert ds.ImageComments == "Transforms left out: 9."


@pytest.mark.slow
def test_more_frames_than_a_short_value_holds() -> None:
    """A minute at 60 frames/s: beyond the 64 KiB of FD, and read back whole."""
    given = [{"A": matrix()} for _ in range(3600)]
    ds = read_back(built(acquisition(tracked(*given))))
    assert by_name(ds)["A"][0].tolist() == [list(frame["A"]) for frame in given]


def test_an_archive_that_keeps_implicit_vr_keeps_the_bytes(tmp_path: Path) -> None:
    """There a private element has no VR: matrices and status are the same bytes."""
    given = [{"A": matrix(), "B": matrix()} for _ in range(5)]
    ds = read_back(built(acquisition(tracked(*given))))
    path = tmp_path / "implicit.dcm"
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dcmwrite(path, ds, implicit_vr=True, little_endian=True)
    block = dcmread(path).private_block(GROUP, PRIVATE_CREATOR)
    assert block[0x02].value == ds.private_block(GROUP, PRIVATE_CREATOR)[0x02].value
    assert block[0x03].value[:10] == bytes([1] * 10)


def test_the_documented_example_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of docs/probes.md, run as it stands there."""
    (example,) = re.findall(r"```python\n(import numpy.*?)```", DOCUMENT.read_text(), re.DOTALL)
    examples: tuple[list[dict[str, Any]], ...] = (
        [{"A": matrix(), "B": None}, {"A": matrix()}],
        [{"A": matrix()}],
    )
    for transforms in examples:
        made = built(acquisition(tracked(*transforms)))
        write(made, tmp_path, "tracked")
        monkeypatch.chdir(tmp_path)
        names: dict[str, Mapping[str, NDArray[np.float64]]] = {}
        exec(example, names)
        expected = [list(frame["A"] or ()) for frame in transforms]
        assert names["valid"]["A"].reshape(-1, 16).tolist() == expected
        assert len(names["valid"].get("B", ())) == 0


def test_the_documents_table_is_the_block() -> None:
    """Each element of the block is in the table, with its VR."""
    ds = built(acquisition(tracked({"A": matrix()}))).dataset
    text = DOCUMENT.read_text()
    for element in ds.group_dataset(GROUP):
        tag = element.tag
        named = "(0021,00xx)" if tag.element < 0x100 else f"(0021,xx{tag.element & 0xFF:02X})"
        assert f"| {named} | {element.VR} |" in text
