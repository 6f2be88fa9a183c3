"""A medium of ours is read by DCMTK, GDCM, pydicom, xorriso and Orthanc."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.fileset import FileSet
from typer.testing import CliRunner

from echonode.cli import app
from echonode.model.instance import StoredInstance
from tests.integration.copies.stored_studies import (
    OTHER_STUDY,
    STUDY,
    config_of,
    fill,
    new_store,
    put_in_syntax,
)
from tests.peers.dcmtk import dcmtk
from tests.peers.orthanc import OrthancServer
from tests.peers.programs import find_program
from tests.peers.validators import dciodvfy

pytestmark = [pytest.mark.peers, pytest.mark.slow]

STUDIES = ("--study", STUDY, "--study", OTHER_STUDY, "--study", "1.2.3.8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with three patients, and in it what a general medium does not take as it is."""
    found = tmp_path_factory.mktemp("media")
    with new_store(found) as store:
        fill(store)
        put_in_syntax(store, found, "+ti", 8)
        put_in_syntax(store, found, "+e1", 9)
    config_of(found)
    return found


@pytest.fixture(scope="module")
def medium(folder: Path) -> Path:
    return export(folder, "m", *STUDIES)


def export(folder: Path, name: str, *words: str) -> Path:
    """Write a medium by the command."""
    out = folder / name
    arguments = ["export", *words, "--media", str(out), "--config", f"{folder}/echonode.yaml"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return out


def stored(folder: Path) -> dict[str, StoredInstance]:
    with new_store(folder) as store:
        uids = [f"1.2.3.4.{number}" for number in (1, 2, 3, 4, 5, 8, 9)]
        return {uid: found for uid in uids if (found := store.index.instance(uid))}


def data_set_hash(path: Path) -> str:
    whole = path.read_bytes()
    return hashlib.sha256(whole[144 + int.from_bytes(whole[140:144], "little") :]).hexdigest()


def test_pydicom_finds_every_object_byte_for_byte(folder: Path, medium: Path) -> None:
    """Each in its place by patient, study and series; only what had to be is re-encoded."""
    kept = stored(folder)
    found = FileSet(medium / "DICOMDIR")
    assert {str(each.SOPInstanceUID) for each in found} == kept.keys()
    for each in found:
        uid, path = str(each.SOPInstanceUID), Path(each.path)
        assert dcmread(path).SOPInstanceUID == uid
        if kept[uid].transfer_syntax_uid != "1.2.840.10008.1.2":
            assert data_set_hash(path) == kept[uid].dataset_sha256
    [unnamed] = found.find(SOPInstanceUID="1.2.3.4.5")
    assert unnamed.PatientID.startswith("NONE")
    assert dcmread(unnamed.path).PatientID == "", "the object stays as it is"
    [cine] = found.find(SOPInstanceUID="1.2.3.4.4")
    assert str(cine.PatientName) == "Yamada^Tarou=山田^太郎=やまだ^たろう"
    found._stage["t"].cleanup()  # its temporary folder, which nothing else ends


def test_dciodvfy_has_no_error(medium: Path) -> None:
    """On the DICOMDIR, with supplied keys and a name in three scripts."""
    said = dciodvfy(medium / "DICOMDIR")
    assert said.errors == ()
    assert said.iod == "BasicDirectory"


def test_dcmtk_reads_it_and_would_make_the_same(medium: Path) -> None:
    """dcmftest and dcmdump; dcmgpdir finds every file consistent, and as many records."""
    assert dcmtk("dcmftest", medium / "DICOMDIR").output.startswith("yes")
    records = dcmtk("dcmdump", medium / "DICOMDIR").output
    assert records.count('"Directory Record" IMAGE') == 7
    files = [path.relative_to(medium) for path in medium.glob("DICOM/*/*/*/*")]
    assert len(files) == 7
    words = ("+I", "+id", medium, "+D", medium.parent / "theirs", "-nb")
    theirs = dcmtk("dcmmkdir", *words, "-Pfl", *sorted(files))
    assert theirs.ok, theirs.output


def test_gdcm_reads_it(medium: Path) -> None:
    """As a DICOMDIR, with all of its records."""
    words = [find_program("gdcmdump"), str(medium / "DICOMDIR")]
    said = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60)
    assert said.stdout.count("[IMAGE ]") + said.stdout.count("[IMAGE]") == 7


def test_an_iso_image_and_a_zip_have_the_same_files(folder: Path, medium: Path) -> None:
    """xorriso and unzip give back what the folder has."""
    image, archive = export(folder, "m.iso", *STUDIES), export(folder, "m.zip", *STUDIES)
    from_image, from_archive = folder / "iso", folder / "zip"
    words = ["-osirrox", "on", "-indev", str(image), "-extract", "/", str(from_image)]
    subprocess.run([find_program("xorriso"), *words], check=True, capture_output=True, timeout=60)
    words = ["-m", "zipfile", "-e", str(archive), str(from_archive)]
    subprocess.run([find_program("python3"), *words], check=True, timeout=60)
    names = contents(medium)
    assert contents(from_image) == names
    assert contents(from_archive) == names
    assert {"DICOMDIR", "README.TXT", "INDEX.HTM"} < names.keys()


def contents(folder: Path) -> dict[str, str]:
    """Each file's hash; README and page have no time of day in them, so all are equal."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_orthanc_takes_the_zip_in(folder: Path, make_orthanc: Callable[..., OrthancServer]) -> None:
    """Every object of it, as the archive reads a patient's disc."""
    archive = export(folder, "orthanc.zip", *STUDIES)
    orthanc = make_orthanc()
    orthanc.rest.post("/instances", archive.read_bytes())
    found = orthanc.rest.post("/tools/find", {"Level": "Instance", "Query": {}, "Expand": True})
    assert {each["MainDicomTags"]["SOPInstanceUID"] for each in found} == stored(folder).keys()


@pytest.mark.parametrize(
    ("name", "uid", "option"),
    [
        ("cd", "1.2.3.4.9", "-Pgp"),
        ("ultrasound", "1.2.3.4.4", "-Pum"),
        ("ultrasound", "1.2.3.4.1", "-Pus"),
    ],
)
def test_a_profile_is_one_that_dcmtk_accepts(
    folder: Path, name: str, uid: str, option: str
) -> None:
    """What is said to fit STD-GEN-CD or STD-US passes dcmmkdir's checks of that profile."""
    out = export(folder, f"m{option}", "--instance", uid, "--profile", name)
    [file] = out.glob("DICOM/*/*/*/*")
    said = (out / "README.TXT").read_text()
    assert {"-Pgp": "STD-GEN-CD", "-Pum": "STD-US-ID-MF", "-Pus": "STD-US-ID-SF"}[option] in said
    words = ("+id", out, "+D", folder / f"theirs{option}", "-nb", option)
    theirs = dcmtk("dcmmkdir", *words, file.relative_to(out))
    assert theirs.ok, theirs.output
