"""Attributes read from stored files, for queries by what the index does not hold."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from echonode.errors import StoreError
from echonode.model.criteria import Level, Root, Selection
from echonode.model.instance import Origin
from echonode.query_retrieve.element_text import items_of, text_of
from echonode.store.index.attribute_reader import AttributeReader
from echonode.store.store import Store
from tests.unit.store.samples import dataset, encoded, put

WANTED = ("FrameTime", "ProcedureCodeSequence", "SpecificCharacterSet")
TAGS = frozenset(int(Tag(keyword)) for keyword in WANTED)


def sample(*, undefined_length: bool) -> Dataset:
    code = Dataset()
    code.CodeValue = "P1"
    ds = dataset(1, FrameTime="33.3", StudyDescription="Abdomen")
    ds.ProcedureCodeSequence = Sequence([code])
    ds["ProcedureCodeSequence"].is_undefined_length = undefined_length
    return ds


def of_image(ds: Dataset) -> Selection:
    keys = {"SOPInstanceUID": (str(ds.SOPInstanceUID),)}
    return Selection(root=Root.STUDY, level=Level.IMAGE, keys=keys)


@pytest.mark.parametrize("undefined_length", [True, False])
@pytest.mark.parametrize(
    "syntax",
    [
        ExplicitVRLittleEndian,
        ImplicitVRLittleEndian,
        str(ExplicitVRBigEndian),
        str(DeflatedExplicitVRLittleEndian),
    ],
)
def test_what_is_asked_for_is_read_in_any_syntax(
    store: Store, syntax: str, undefined_length: bool
) -> None:
    """Values and sequences of either length, and nothing that was not asked for."""
    ds = sample(undefined_length=undefined_length)
    file = store.files.open_incoming(
        sop_class_uid=str(ds.SOPClassUID),
        sop_instance_uid=str(ds.SOPInstanceUID),
        transfer_syntax_uid=syntax,
    )
    file.write(encoded(ds, syntax))
    store.files.commit(file, store.files.read_record(file), origin=Origin.RECEIVED, destinations=())
    found = AttributeReader(store.index.select)(of_image(ds), TAGS)
    assert found is not None
    assert text_of(found, Tag("FrameTime")).strip() == "33.3"
    [code] = items_of(found, Tag("ProcedureCodeSequence"))
    assert text_of(code, Tag("CodeValue")).strip() == "P1"
    assert "StudyDescription" not in found


def test_any_instance_answers_for_its_study(store: Store) -> None:
    """One file is read, whichever; an entity without instances has none."""
    ds = sample(undefined_length=False)
    put(store, ds)
    reader = AttributeReader(store.index.select)
    keys = {"StudyInstanceUID": (str(ds.StudyInstanceUID),)}
    found = reader(Selection(root=Root.STUDY, level=Level.STUDY, keys=keys), TAGS)
    assert found is not None
    assert "ProcedureCodeSequence" in found
    nothing = {"StudyInstanceUID": ("1.2.999",)}
    assert reader(Selection(root=Root.STUDY, level=Level.STUDY, keys=nothing), TAGS) is None


def test_a_file_that_is_gone_is_a_fault_of_the_store(store: Store) -> None:
    """Retention may delete it meanwhile; the query's row then has no values."""
    ds = sample(undefined_length=False)
    put(store, ds)
    next(iter(store.index.select(of_image(ds)))).path.unlink()
    with pytest.raises(StoreError):
        AttributeReader(store.index.select)(of_image(ds), TAGS)
