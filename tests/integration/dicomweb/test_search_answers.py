"""QIDO-RS answers what PS3.18 asks of an origin server, case by case.

The cases are those that the integration tests of other DICOMweb servers look at. Where this node
answers otherwise than Orthanc's plug-in, the reason stands in the test.
"""
# ruff: noqa: RUF001 - names of other scripts are what is compared

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.integration.dicomweb.answering_node import AnsweringNode, Placed, beside, small_image
from tests.peers.instances import new_uid

pytestmark = [pytest.mark.timeout(120), pytest.mark.filterwarnings("ignore")]

PATIENT_NAME, PATIENT_ID, MODALITY = "00100010", "00100020", "00080060"
STUDY, SERIES, INSTANCE = "0020000D", "0020000E", "00080018"
ROWS, STUDY_DATE = "00280010", "00080020"


@pytest.fixture(scope="module")
def web() -> Iterator[AnsweringNode]:
    with ExitStack() as parts:
        yield AnsweringNode(parts)


def uid_of(found: dict[str, dict[str, list[str]]], tag: str = STUDY) -> str:
    return found[tag]["Value"][0]


def named(web: AnsweringNode, name: str, character_set: str | list[str]) -> Placed:
    """An image of a patient of that name, written in that character set."""
    return web.put(small_image(SpecificCharacterSet=character_set, PatientName=name))


def test_limit_and_offset_take_a_page(web: AnsweringNode) -> None:
    """8.3.4.4: two pages of one are the two studies."""
    patient = "PAGES"
    stored = {web.put(small_image(PatientID=patient)).study for _ in range(2)}
    query = f"/studies?PatientID={patient}&limit=1"
    pages = [web.found(f"{query}&offset={offset}") for offset in range(3)]
    assert [len(page) for page in pages] == [1, 1, 0]
    assert {uid_of(page[0]) for page in pages[:2]} == stored


def test_an_empty_attribute_has_its_vr_alone(web: AnsweringNode) -> None:
    """F.2.5: no Value, no null, and it is not left out."""
    placed = web.put(small_image(AccessionNumber=""))
    (study,) = web.found(f"/studies?StudyInstanceUID={placed.study}")
    (metadata,) = web.found(f"{placed.study_path}/metadata")
    assert study["00080050"] == metadata["00080050"] == {"vr": "SH"}


def test_an_attribute_that_an_answer_must_have_is_there_though_empty(web: AnsweringNode) -> None:
    """Tables 10.6.3-3 and 10.6.3-4: of an instance that does not have it at all, too."""
    made = small_image()
    for keyword in ("AccessionNumber", "ReferringPhysicianName", "StudyTime", "StudyID"):
        if keyword in made:
            delattr(made, keyword)
    placed = web.put(made)
    (study,) = web.found(f"/studies?StudyInstanceUID={placed.study}")
    for tag, vr in (("00080050", "SH"), ("00080090", "PN"), ("00080030", "TM"), ("00200010", "SH")):
        assert study[tag] == {"vr": vr}


def test_modalities_in_study_are_never_empty(web: AnsweringNode) -> None:
    """A viewer that finds none shows nothing of the study: OT, where no instance says its own."""
    placed = web.put(small_image(Modality=""))
    (study,) = web.found(f"/studies?StudyInstanceUID={placed.study}")
    assert study["00080061"] == {"vr": "CS", "Value": ["OT"]}
    (metadata,) = web.found(f"{placed.study_path}/metadata")
    assert metadata["00080060"] == {"vr": "CS"}


def test_series_and_instances_are_counted(web: AnsweringNode) -> None:
    """Tables 10.6.3-3 and 10.6.3-4: of the study both, of each series its instances."""
    placed = web.put(small_image())
    web.put(beside(placed, small_image()))
    other = small_image()
    other.StudyInstanceUID = placed.study
    web.put(other)
    (study,) = web.found(f"/studies?StudyInstanceUID={placed.study}")
    assert (study["00201206"]["Value"], study["00201208"]["Value"]) == ([2], [3])
    counts = [each["00201209"]["Value"] for each in web.found(f"{placed.study_path}/series")]
    assert sorted(counts) == [[1], [2]]


def test_names_are_found_by_their_sound_where_that_is_asked_for(web: AnsweringNode) -> None:
    """8.3.4.2: with fuzzymatching=true, and not without."""
    placed = web.put(small_image(PatientName="Schmidt^Katharina"))
    for sought in ("Schmitt^Katarina", "SCHMID^KATRINA"):
        query = f"/studies?StudyInstanceUID={placed.study}&PatientName={sought}"
        assert web.found(query) == []
        assert [uid_of(each) for each in web.found(f"{query}&fuzzymatching=true")] == [placed.study]
    other = f"/studies?StudyInstanceUID={placed.study}&PatientName=Lopez&fuzzymatching=true"
    assert web.found(other) == []


def test_numbers_are_numbers(web: AnsweringNode) -> None:
    """F.2.3: IS and US are no text, neither in a search nor in the metadata."""
    placed = web.put(small_image(EchoTrainLength=10))
    (study,) = web.found(f"/studies?StudyInstanceUID={placed.study}")
    (metadata,) = web.found(f"{placed.path}/metadata")
    assert study["00201208"] == {"vr": "IS", "Value": [1]}
    assert metadata["00180091"] == {"vr": "IS", "Value": [10]}
    assert metadata[ROWS] == {"vr": "US", "Value": [24]}


@pytest.mark.parametrize(
    ("character_set", "name", "groups"),
    [
        ("ISO_IR 100", "Buc^Jérôme", ["Buc^Jérôme"]),
        ("ISO_IR 126", "Διονυσιος", ["Διονυσιος"]),
        ("ISO_IR 144", "Люкceмбypг", ["Люкceмбypг"]),
        ("ISO_IR 138", "שרון^דבורה", ["שרון^דבורה"]),
        ("ISO_IR 127", "قباني^لنزار", ["قباني^لنزار"]),
        (
            ["", "ISO 2022 IR 149"],
            "Hong^Gildong=洪^吉洞=홍^길동",
            ["Hong^Gildong", "洪^吉洞", "홍^길동"],
        ),
        ("GB18030", "Wang^XiaoDong=王^小东", ["Wang^XiaoDong", "王^小东"]),
        ("ISO_IR 192", "Wang^XiaoDong=王^小東", ["Wang^XiaoDong", "王^小東"]),
        (
            ["", "ISO 2022 IR 87"],
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
            ["Yamada^Tarou", "山田^太郎", "やまだ^たろう"],
        ),
        (
            ["ISO 2022 IR 13", "ISO 2022 IR 87"],
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
            ["ﾔﾏﾀﾞ^ﾀﾛｳ", "山田^太郎", "やまだ^たろう"],
        ),
    ],
)
def test_names_of_every_script_are_utf_8(
    web: AnsweringNode, character_set: str | list[str], name: str, groups: list[str]
) -> None:
    """F.2.2 and F.2.3: each component group by its name, in a search and in the metadata.

    Specific Character Set is ISO_IR 192 in both, for it says how the JSON is written (F.2.2).
    Orthanc's metadata has that of the file, which the answer is not in.
    """
    placed = named(web, name, character_set)
    (study,) = web.found(f"/studies?StudyInstanceUID={placed.study}")
    (metadata,) = web.found(f"{placed.path}/metadata")
    wanted = dict(zip(("Alphabetic", "Ideographic", "Phonetic"), groups, strict=False))
    for found in (study, metadata):
        assert found["00080005"] == {"vr": "CS", "Value": ["ISO_IR 192"]}
        assert found[PATIENT_NAME] == {"vr": "PN", "Value": [wanted]}


def test_a_name_is_found_without_regard_to_case(web: AnsweringNode) -> None:
    """8.3.4.1 by PS3.4 C.2.2.2.1: letters of any script."""
    placed = named(web, "Гусева^Анна", "ISO_IR 144")
    for asked in ("Гусева*", "гусева*", "ГУСЕВА^АННА"):
        assert placed.study in {uid_of(each) for each in web.found(f"/studies?PatientName={asked}")}
    assert web.found("/studies?PatientName=гусевич*") == []


def test_an_attribute_of_instances_is_not_one_of_studies(web: AnsweringNode) -> None:
    """10.6.1.2: a search answers attributes of its level and of those above it.

    Orthanc answers Rows of a study by the first instance that it meets, and matches by it: of a
    study with images of two sizes that is half of the truth. Here it is no answer, and a search by
    it says in a Warning that it was not matched (8.3.4.1).
    """
    placed = web.put(small_image())
    query = f"StudyInstanceUID={placed.study}"
    (study,) = web.found(f"/studies?{query}&includefield=Rows")
    assert "Value" not in study.get(ROWS, {})
    answer = web.get(f"/studies?{query}&Rows=512")
    assert answer.headers["Warning"].startswith("299 ")
    assert [each[ROWS]["Value"] for each in web.found(f"/instances?{query}&Rows=24")] == [[24]]
    assert web.found(f"/instances?{query}&Rows=512") == []


def test_a_sequence_is_included_with_its_items(web: AnsweringNode) -> None:
    """8.3.4.3: includefield by tag; two items with their values."""
    references = []
    for _ in range(2):
        reference = Dataset()
        reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.6.1"
        reference.ReferencedSOPInstanceUID = new_uid()
        references.append(reference)
    placed = web.put(small_image(ReferencedImageSequence=Sequence(references)))
    (found,) = web.found(f"{placed.series_path}/instances?includefield=00081140")
    uids = [item["00081155"]["Value"] for item in found["00081140"]["Value"]]
    assert uids == [[each.ReferencedSOPInstanceUID] for each in references]


def test_a_private_attribute_is_in_the_metadata_alone(web: AnsweringNode) -> None:
    """10.6.1.2: a search answers what its tables name and what it is asked for by standard tags.

    Orthanc answers private tags that its configuration has a dictionary for. This node keeps no
    such dictionary: which value a private tag means depends on the block that its creator reserved
    in each instance (PS3.5 7.8.1). The value is in the metadata, with the creator; the search goes
    on without it, and where it is a key says so.
    """
    made = small_image()
    made.add(DataElement(0x00090010, "LO", "A MAKER"))
    made.add(DataElement(0x00091001, "DS", "98.41"))
    placed = web.put(made)
    query = f"StudyInstanceUID={placed.study}"
    (study,) = web.found(f"/studies?{query}&includefield=00091001")
    assert "Value" not in study.get("00091001", {})
    assert web.get(f"/studies?{query}&00090010=A MAKER").headers["Warning"].startswith("299 ")
    (metadata,) = web.found(f"{placed.path}/metadata")
    assert metadata["00090010"]["Value"] == ["A MAKER"]
    assert metadata["00091001"]["Value"] == [98.41]


def test_attributes_of_the_levels_above(web: AnsweringNode) -> None:
    """Tables 10.6.3-3 to 10.6.3-5: those of a level that the path names are not repeated, those of
    a level that it does not name are; the UIDs of all levels are in each answer.

    A StudyInstanceUID in the query is not one in the path, so the study's attributes are answered:
    a caller may rely on them. Orthanc leaves them out.
    """
    placed = web.put(small_image())
    query = f"StudyInstanceUID={placed.study}"
    (study,) = web.found(f"/studies?{query}")
    assert {STUDY, PATIENT_NAME} <= study.keys()
    assert not {SERIES, INSTANCE} & study.keys()
    for path, has_study, has_series in (
        (f"/series?{query}", True, True),
        (f"{placed.study_path}/series", False, True),
        (f"/instances?{query}", True, True),
        (f"{placed.study_path}/instances", False, True),
        (f"{placed.series_path}/instances", False, False),
    ):
        (found,) = web.found(path)
        assert (PATIENT_NAME in found) is has_study, path
        assert (MODALITY in found) is has_series, path
        retrieved = found["00081190"]["Value"][0].removeprefix(web.url)
        assert retrieved == (placed.path if INSTANCE in found else placed.series_path)
    asked = f"{placed.series_path}/instances?includefield={PATIENT_NAME}&includefield={STUDY_DATE}"
    (found,) = web.found(asked)
    assert found[PATIENT_NAME]["Value"] == [{"Alphabetic": "LOAD^TEST"}]
    assert found[STUDY_DATE]["Value"] == ["20260101"]


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (None, 200),
        ("application/dicom+json", 200),
        ("application/json", 200),
        ("text/other, application/json", 200),
        ("text/html, application/xml;q=0.9, image/webp, */*;q=0.8", 200),
        ("text/html, image/gif, image/jpeg, */*; q=.2, */*; q=.2", 200),
        ("application/json, application/dicom+xml", 200),
        ("application/nope", 406),
        ("multipart/related; type=application/dicom+xml", 406),
    ],
)
@pytest.mark.parametrize("what", ["search", "metadata"])
def test_the_media_type_is_what_the_caller_takes(
    web: AnsweringNode, what: str, accept: str | None, status: int
) -> None:
    """8.7.3.2 and RFC 9110 12.5.1: by weight; without Accept JSON; else 406.

    Orthanc answers 400 for a media type that it has not, and has XML. XML is not made here: no
    viewer of docs/viewers.md asks for it, and a second form of every value is a second place for
    each fault of encoding.
    """
    placed = web.put(small_image(PatientID="TYPES"))
    path = "/studies?PatientID=TYPES" if what == "search" else f"{placed.study_path}/metadata"
    answer = web.get(path, accept)
    assert answer.status_code == status
    if status == 200:
        assert "json" in answer.headers["Content-Type"]
        assert placed.study in {uid_of(each) for each in answer.json()}


def test_instances_of_a_series_are_listed_once_each(web: AnsweringNode) -> None:
    """10.6.1.1: of a series its own, of a study all, of all studies all."""
    first = web.put(small_image(PatientID="SERIES"))
    second = web.put(beside(first, small_image(PatientID="SERIES")))
    other = small_image(PatientID="SERIES")
    other.StudyInstanceUID = first.study
    third = web.put(other)
    for path, wanted in (
        (f"{first.series_path}/instances", {first, second}),
        (f"{first.study_path}/instances", {first, second, third}),
        ("/instances?PatientID=SERIES", {first, second, third}),
    ):
        found = [uid_of(each, INSTANCE) for each in web.found(path)]
        assert sorted(found) == sorted(each.instance for each in wanted)
    assert len(web.found(f"{first.study_path}/series")) == 2
