"""The query and retrieve cases of Orthanc's own integration tests that the standard decides.

Each is served, or refused with the sentence of PS3.4 that forbids it next to the assertion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from pydicom.dataset import Dataset

from echonode.errors import DimseFailure
from echonode.model.criteria import Query, Root
from echonode.query_retrieve.find_scp import FindSCP
from echonode.query_retrieve.selection import read_selection
from tests.unit.query_retrieve.test_find_scp import (
    IMAGE,
    STUDY,
    answers,
    identifier,
    read,
    request,
    status,
)

REFUSED = 0xA900


def test_studies_are_listed_in_the_patient_root_without_a_patient_id() -> None:
    """`findscu -P -k QueryRetrieveLevel=STUDY -k StudyDate=...`, as in the Study Root."""
    for keys in ({"StudyInstanceUID": ""}, {"StudyDate": "20260705"}, {"PatientID": ""}):
        assert len(answers(identifier("STUDY", **keys), STUDY, root=Root.PATIENT)) == 1


@pytest.mark.parametrize("level", ["SERIES", "IMAGE"])
def test_series_and_images_of_no_study_are_not_listed(level: str) -> None:
    """PS3.4 C.4.1.2.1: "The Identifier contained in a C-FIND request shall contain a single value
    in the Unique Key Attribute for each level above the Query/Retrieve level." Served when
    relational queries are negotiated (C.5.1.1.1) or configured for the peer (test_find_scp.py)."""
    asked = identifier(level, Modality="US")
    assert status(asked, root=Root.PATIENT) == REFUSED
    assert len(answers(asked, IMAGE, root=Root.PATIENT, relational=True)) == 1


@pytest.mark.parametrize("level", ["INSTANCE", "IMAGES", "instance"])
def test_the_lowest_level_is_called_image(level: str) -> None:
    """PS3.4 table C.6.1-1 and C.6.2-1: the Value of (0008,0052) for Composite Object Instance
    Information is IMAGE; the tables have no other."""
    asked = identifier(level, SOPInstanceUID="1.2.3.4.5")
    assert status(asked) == REFUSED
    assert _refuses_to_retrieve(asked)


def _refuses_to_retrieve(asked: Dataset, root: Root = Root.STUDY) -> bool:
    with pytest.raises(DimseFailure) as failure:
        read_selection(asked, root)
    return failure.value.status == REFUSED


@pytest.mark.parametrize("root", list(Root))
def test_nothing_is_retrieved_by_an_accession_number(root: Root) -> None:
    """PS3.4 C.4.2.2.1: the identifier of a C-MOVE "shall contain a single value in the Unique Key
    Attribute for each level above", unique keys of its level, and no required or optional keys."""
    assert _refuses_to_retrieve(identifier("STUDY", AccessionNumber="A1"), root)
    assert _refuses_to_retrieve(identifier("STUDY", AccessionNumber="A1", PatientID="P1"), root)


def test_a_retrieval_says_its_level() -> None:
    """PS3.4 C.4.2.1.4.1: the identifier "shall contain" Query/Retrieve Level (0008,0052), "which
    defines the level of the retrieval"."""
    assert _refuses_to_retrieve(identifier(None, StudyInstanceUID="1.2.3"))


def test_an_asterisk_alone_is_universal() -> None:
    """PS3.4 C.2.2.2.4: a Value of just "*" is Universal Matching (C.2.2.2.3), which "all entities
    shall match", also those that have no value: `PatientSex=*` finds a patient of unknown sex."""
    unknown = {**STUDY, "PatientSex": ""}
    assert len(answers(identifier("STUDY", PatientSex="*"), unknown)) == 1


def test_a_key_of_a_lower_level_does_not_match() -> None:
    """PS3.4 C.4.1.2.1: keys are those "associated with the Query/Retrieve level"; one that is not
    supported is not matched (C.2.2.1.3), comes back empty, and the status says so: FF01."""
    [answer] = answers(identifier("STUDY", SeriesDescription="NOPE"), STUDY)
    assert answer.unsupported_keys
    assert read(answer)["SeriesDescription"].is_empty


def test_a_patient_query_belongs_to_the_patient_root() -> None:
    """PS3.4 C.6.2.1: "The top level is the Study level." A retrieval by Patient ID alone is served
    all the same (test_retrieve.py); a list of patients is what the Patient Root is for."""
    assert status(identifier("PATIENT", PatientName="Doe*")) == REFUSED


def test_the_scp_itself_refuses_before_it_asks_the_store() -> None:
    """A refusal costs no search."""

    def find(query: Query) -> Iterator[Mapping[str, str]]:
        raise AssertionError("the store was asked")

    scp = FindSCP(find, ae_title="ECHONODE")
    with pytest.raises(DimseFailure):
        list(scp(request(identifier("IMAGES"))))
