"""STOW-RS answers what PS3.18 asks of an origin server, case by case.

Where this node answers otherwise than Orthanc's plug-in, the reason stands in the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import requests
from pydicom.dataset import Dataset

from tests.integration.dicomweb.answering_node import (
    AnsweringNode,
    file_of,
    parts_of,
    small_image,
)
from tests.peers.instances import new_uid

pytestmark = [pytest.mark.timeout(120), pytest.mark.filterwarnings("ignore")]

AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
STORED, FAILED, OTHERS = "00081199", "00081198", "0008119A"
SOP_CLASS, SOP_INSTANCE, REASON, URL = "00081150", "00081155", "00081197", "00081190"


@pytest.fixture(scope="module")
def web() -> Iterator[AnsweringNode]:
    with ExitStack() as parts:
        yield AnsweringNode(parts)


def test_the_answer_names_what_is_stored_and_where(web: AnsweringNode) -> None:
    """Table 10.5.3-1: UIDs with VR UI and addresses with VR UR, from which the same bytes come.

    There is no Failed SOP Sequence where nothing failed: it is of type 1C. Orthanc has an empty
    one.
    """
    made = small_image()
    file = file_of(made)
    for _ in range(2):
        answer = web.post([file])
        assert answer.status_code == 200
        assert not {FAILED, OTHERS} & answer.json().keys()
    found = answer.json()
    (stored,) = found[STORED]["Value"]
    assert found[STORED]["vr"] == "SQ"
    assert stored[SOP_CLASS] == {"vr": "UI", "Value": [made.SOPClassUID]}
    assert stored[SOP_INSTANCE] == {"vr": "UI", "Value": [made.SOPInstanceUID]}
    for url in (found[URL], stored[URL]):
        assert url["vr"] == "UR"
        got = requests.get(url["Value"][0], headers={"Accept": AS_STORED}, timeout=30)
        ((_, content),) = parts_of(got)
        assert dataset_bytes(content) == dataset_bytes(file)


def dataset_bytes(file: bytes) -> bytes:
    return file[144 + int.from_bytes(file[140:144], "little") :]


def test_an_instance_of_another_study_fails_by_itself(web: AnsweringNode) -> None:
    """10.5.1.1.1: POST to a study stores that study's instances alone; 409 where it is the only
    one, and it is named. The reason is A900, that the data set does not match (annex I).

    Orthanc gives 0110, which says that the server failed.
    """
    made = small_image()
    answer = web.post([file_of(made)], f"/studies/{new_uid()}")
    assert answer.status_code == 409
    found = answer.json()
    assert STORED not in found
    (failed,) = found[FAILED]["Value"]
    assert failed[SOP_CLASS]["Value"] == [made.SOPClassUID]
    assert failed[SOP_INSTANCE]["Value"] == [made.SOPInstanceUID]
    assert failed[REASON]["Value"] == [0xA900]


@pytest.mark.parametrize("missing", ["StudyInstanceUID", "SOPInstanceUID"])
def test_an_instance_without_a_uid_is_not_stored(web: AnsweringNode, missing: str) -> None:
    """Annex I: 409, and its reason is among the codes of a data set that cannot be understood.

    Orthanc answers 400 with empty sequences for some of these: who sent it is not told why.
    """
    made = small_image()
    file = file_of(made)
    uid = str(made[missing].value).encode()
    answer = web.post([file.replace(uid, b"x" * len(uid))])
    assert answer.status_code == 409
    found = answer.json()
    assert STORED not in found
    items = [item for tag in (FAILED, OTHERS) for item in found.get(tag, {}).get("Value", [])]
    (reason,) = [item[REASON]["Value"][0] for item in items]
    assert reason >> 8 in (0xA9, *range(0xC0, 0xD0))


def test_an_instance_of_its_uids_alone_has_an_answer(web: AnsweringNode) -> None:
    """Annex I: what has no study cannot be stored in one; it is named, and is not stored."""
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4", new_uid()
    answer = web.post([file_of(made)])
    assert answer.status_code == 409
    (failed,) = answer.json()[FAILED]["Value"]
    assert failed[SOP_INSTANCE]["Value"] == [made.SOPInstanceUID]
    assert failed[REASON]["Value"][0] >> 8 in (0xA9, *range(0xC0, 0xD0))


def test_what_is_no_file_has_an_answer_without_a_uid(web: AnsweringNode) -> None:
    """Table 10.5.3-1: Other Failures Sequence, for what names no instance."""
    answer = web.post([b"A text, and no DICOM file.\n" * 20])
    assert answer.status_code == 409
    (failed,) = answer.json()[OTHERS]["Value"]
    assert failed[REASON]["Value"] == [0xC000]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_a_method_that_the_resource_has_not_is_405(web: AnsweringNode, method: str) -> None:
    """8.5 and RFC 9110 15.5.6: with Allow, which names those it has."""
    answer = requests.request(method, f"{web.url}/studies", timeout=30)
    assert answer.status_code == 405
    assert {"GET", "POST"} <= {each.strip() for each in answer.headers["Allow"].split(",")}
