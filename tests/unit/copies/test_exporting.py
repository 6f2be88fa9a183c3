"""`echonode export`: what is written, what it is called, and that it is whole or not there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from typer.testing import CliRunner, Result

from echonode.cli import app
from echonode.copies.writing import new_folder
from echonode.store.store import Store
from tests.unit.store.samples import US_MULTI_FRAME, Clock, dataset, put
from tests.unit.transcoding.test_picture_file import read_png

STUDY = "1.2.3.1"
ROWS, COLUMNS, FRAMES = 4, 6, 3
CINE = np.arange(FRAMES * ROWS * COLUMNS, dtype=np.uint8).reshape(FRAMES, ROWS, COLUMNS)
_PIXELS = {"SamplesPerPixel": 1, "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A store with a still, a cine and a report; no node runs."""
    with Store.open(tmp_path / "var", now=Clock()) as store:
        put(store, dataset(1, **_PIXELS))
        put(
            store,
            dataset(
                2,
                SOPClassUID=US_MULTI_FRAME,
                NumberOfFrames=FRAMES,
                Rows=ROWS,
                Columns=COLUMNS,
                PixelData=CINE.tobytes(),
                **_PIXELS,
            ),
        )
        none = dict.fromkeys(("Rows", "Columns", "PixelData", "BitsAllocated"))
        put(store, dataset(3, PhotometricInterpretation=None, Modality="SR", **none))
    file = tmp_path / "echonode.yaml"
    file.write_text(f"ae_title: A\ndata_dir: {tmp_path}/var\n")
    return file


def export(config: Path, *arguments: str | Path) -> Result:
    """Run the command in this process."""
    words = ["export", *map(str, arguments), "--config", str(config)]
    return CliRunner().invoke(app, words)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.slow
def test_every_frame_of_a_study_becomes_a_picture(config: Path, tmp_path: Path) -> None:
    """Numbered, with a list of which file is of which image; what has no picture is said."""
    out = tmp_path / "out"
    done = export(config, "--study", STUDY, "--format", "png", "--out", out)
    assert done.exit_code == 0, done.output
    names = ["0001.png", *(f"0002-000{number}.png" for number in (1, 2, 3))]
    assert files(out) == [*names, "copies.json"]
    for number in range(FRAMES):
        shown = read_png((out / names[1 + number]).read_bytes())
        assert (shown[..., 0] == CINE[number]).all()
    index = json.loads((out / "copies.json").read_text())
    assert [entry["sop_instance_uid"] for entry in index] == ["1.2.3.4.1", "1.2.3.4.2"]
    assert index[1]["files"] == names[1:]
    assert "4 files of 3 instances" in done.stdout
    assert "left out: 1.2.3.4.3: it has no picture" in done.stderr


@pytest.mark.slow
def test_colours_that_two_pixels_share_come_out(tmp_path: Path) -> None:
    """Native YBR_FULL_422 as PNG, as NumPy and as an anonymised DICOM file, value for value."""
    pair = np.array([76, 150, 85, 255], np.uint8)  # two pixels of one red: Y1 Y2 Cb Cr
    with Store.open(tmp_path / "var", now=Clock()) as store:
        image = dataset(
            1,
            **_PIXELS
            | {
                "SamplesPerPixel": 3,
                "PlanarConfiguration": 0,
                "PhotometricInterpretation": "YBR_FULL_422",
                "BurnedInAnnotation": "NO",
                "PixelData": np.tile(pair, 2).tobytes(),
            },
        )
        image["PixelData"].VR = "OB"
        put(store, image)
    config = tmp_path / "echonode.yaml"
    config.write_text(f"ae_title: A\ndata_dir: {tmp_path}/var\n")
    for kind, name in (("png", "a.png"), ("npz", "a.npz"), ("dicom", "a.dcm")):
        anonymised = ("--anonymise", "basic") if kind == "dicom" else ()
        words = ("--instance", "1.2.3.4.1", "--format", kind, "--out", tmp_path / name)
        done = export(config, *words, *anonymised)
        assert done.exit_code == 0, done.output
    red = np.tile([[254, 0, 0], [255, 74, 74]], (2, 1, 1)).reshape(2, 2, 3)
    assert (read_png((tmp_path / "a.png").read_bytes()) == red).all()
    with np.load(tmp_path / "a.npz") as arrays:
        assert (arrays["frames"].reshape(2, 2, 3) == red).all()
    copy = dcmread(tmp_path / "a.dcm")
    assert copy.PhotometricInterpretation == "YBR_FULL_422"
    assert copy.PixelData == np.tile(pair, 2).tobytes()


@pytest.mark.slow
def test_one_frame_of_one_image_becomes_one_file(config: Path, tmp_path: Path) -> None:
    """As JPEG, under the name that was given."""
    out = tmp_path / "frame.jpg"
    words = ("--instance", "1.2.3.4.2", "--frame", "2", "--format", "jpeg", "--out", out)
    assert export(config, *words).exit_code == 0
    assert out.read_bytes()[:2] == b"\xff\xd8"


@pytest.mark.slow
def test_what_is_there_is_not_overwritten(config: Path, tmp_path: Path) -> None:
    """Neither a file nor a folder, unless --force says so; other files stay in any case."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    words = ("--study", STUDY, "--format", "png", "--out", out)
    refused = export(config, *words)
    assert refused.exit_code == 2
    assert "is not empty" in refused.stderr
    assert files(out) == ["mine.txt"]
    assert export(config, *words, "--force").exit_code == 0
    assert "0001.png" in files(out)
    assert (out / "mine.txt").read_text() == "mine"


@pytest.mark.slow
def test_a_failure_leaves_nothing(config: Path, tmp_path: Path) -> None:
    """A stored file is gone: exit status 1, the instance is named, and there is no half copy."""
    [gone] = [
        path for path in (tmp_path / "var").rglob("*.dcm") if b"1.2.3.4.2" in path.read_bytes()
    ]
    gone.unlink()
    out = tmp_path / "new" / "out"
    out.parent.mkdir()
    done = export(config, "--study", STUDY, "--format", "png", "--out", out)
    assert done.exit_code == 1
    assert "1.2.3.4.2" in done.stderr
    assert files(out.parent) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--format", "png", "--out", "x"), "give what is to be copied"),
        (("--study", "x", "--format", "png", "--out", "x"), "is not a UID"),
        (("--study", "1.2.9", "--format", "png", "--out", "x"), "the store has no"),
        (("--study", STUDY, "--format", "bmp", "--out", "x"), "no format `bmp` here: give one of"),
        (("--study", STUDY, "--format", "png"), "give --out PATH"),
        (("--study", STUDY, "--format", "png", "--out", "/no/such/x"), "cannot be written"),
        (("--study", STUDY, "--format", "png", "--out", "x", "--frame", "0"), "counts from 1"),
        (("--study", STUDY, "--format", "jpeg", "--out", "x", "--window", "a"), "two numbers"),
    ],
)
def test_wrong_words_are_answered_in_words(config: Path, words: tuple[str, ...], said: str) -> None:
    """Exit status 2, what is wrong, and what to give."""
    done = export(config, *words)
    assert done.exit_code == 2
    assert said in done.stderr


def ended(out: Path) -> None:
    with new_folder(out, force=True) as folder:
        folder.write("DICOM/IM000001", (b"whole",))
        raise KeyboardInterrupt


def test_an_export_that_is_ended_leaves_nothing(config: Path, tmp_path: Path) -> None:
    """Ctrl-C in the middle: no file of it, no folder of ours, and what was there is as it was."""
    with pytest.raises(KeyboardInterrupt):
        ended(tmp_path / "new")
    assert not list(tmp_path.glob("**/.echonode-export-*"))
    assert not (tmp_path / "new").exists()
    stick = tmp_path / "stick"
    stick.mkdir()
    (stick / "mine").write_text("mine")
    with pytest.raises(KeyboardInterrupt):
        ended(stick)
    assert files(stick) == ["mine"]


@pytest.mark.slow
def test_a_new_medium_leaves_no_image_of_the_one_before(config: Path, tmp_path: Path) -> None:
    """--force replaces the folder of images whole: another patient's must not stay among them."""
    stick = tmp_path / "stick"
    (stick / "DICOM").mkdir(parents=True)
    (stick / "DICOM" / "OLD").write_bytes(b"another patient")
    (stick / "letters").mkdir()
    words = ("--instance", "1.2.3.4.1", "--media", stick)
    assert export(config, *words).exit_code == 2
    assert export(config, *words, "--force").exit_code == 0
    assert "DICOM/OLD" not in files(stick)
    assert {"DICOMDIR", "letters", "DICOM/PT000001/ST000001/SE000001/IM000001"} <= set(files(stick))


@pytest.mark.slow
def test_a_medium_on_which_an_object_is_damaged_is_not_written(
    config: Path, tmp_path: Path
) -> None:
    """Its hash is compared on the way: a bit that fell over is not handed to a patient."""
    [path] = [
        path for path in (tmp_path / "var").rglob("*.dcm") if b"1.2.3.4.2" in path.read_bytes()
    ]
    whole = bytearray(path.read_bytes())
    whole[-1] ^= 1
    path.write_bytes(whole)
    done = export(config, "--study", STUDY, "--media", tmp_path / "m.zip")
    assert done.exit_code == 1
    assert "is not what was stored" in done.stderr
    assert not list(tmp_path.glob("*.zip"))


@pytest.mark.slow
def test_a_copy_without_the_patient_has_other_names_and_uids(config: Path, tmp_path: Path) -> None:
    """With --anonymise; the original stays, and the same study gets the same UIDs again."""
    words = ("--instance", "1.2.3.4.4", "--format", "dicom", "--anonymise", "basic", "--out")
    with Store.open(tmp_path / "var", now=Clock()) as store:
        put(store, dataset(4, BurnedInAnnotation="NO", **_PIXELS))
    for name in ("first.dcm", "second.dcm"):
        done = export(config, *words, tmp_path / name)
        assert done.exit_code == 0, done.output
    first = (tmp_path / "first.dcm").read_bytes()
    assert first == (tmp_path / "second.dcm").read_bytes()
    for canary in (b"Doe", b"Jane", b"19700102", b"1.2.3.4", b"1.2.3.1"):
        assert canary not in first
    made = dcmread(tmp_path / "first.dcm")
    assert str(made.PatientName).startswith("P-")
    assert made.PixelData == bytes([4, 1, 2, 3])
    assert (tmp_path / "var" / "pseudonyms.key").exists()


@pytest.mark.slow
def test_pictures_that_may_carry_text_wait_for_a_person(config: Path, tmp_path: Path) -> None:
    """They are named and left out; --looked-at says that someone has seen them."""
    words = ("--study", STUDY, "--format", "png", "--anonymise", "basic", "--out", tmp_path / "out")
    refused = export(config, *words)
    assert refused.exit_code == 1
    assert "a person must look at it first" in refused.stderr
    assert not (tmp_path / "out").exists()
    done = export(config, *words, "--looked-at")
    assert done.exit_code == 0, done.output
    index = (tmp_path / "out" / "copies.json").read_text()
    assert "1.2.3.4" not in index


@pytest.mark.slow
def test_a_profile_of_the_configuration_is_used_by_its_name(config: Path, tmp_path: Path) -> None:
    """And one that is not there is named, with those that are."""
    config.write_text(
        config.read_text() + "anonymise: {study-7: {options: [retain_full_dates, retain_uids]}}\n"
    )
    words = ("--instance", "1.2.3.4.1", "--format", "dicom", "--looked-at", "--out")
    assert export(config, *words, tmp_path / "a.dcm", "--anonymise", "study-7").exit_code == 0
    made = dcmread(tmp_path / "a.dcm")
    assert made.SOPInstanceUID == "1.2.3.4.1"
    assert made.StudyDate == "20261120"
    wrong = export(config, *words, tmp_path / "b.dcm", "--anonymise", "study-8")
    assert wrong.exit_code == 2
    assert "give one of basic, study-7" in wrong.stderr


@pytest.mark.slow
def test_an_image_without_a_tracker_makes_no_volume(config: Path, tmp_path: Path) -> None:
    """It says so; numbers that are no calibration are refused before anything is read."""
    words = ("--instance", "1.2.3.4.2", "--format", "volume-mha", "--out", tmp_path / "v.mha")
    refused = export(config, *words)
    assert refused.exit_code == 1
    assert "the probe was not tracked" in refused.stderr
    wrong = export(config, *words, "--image-to-probe", "1 2 3")
    assert wrong.exit_code == 2
    assert "sixteen numbers" in wrong.stderr


@pytest.mark.slow
def test_a_clinic_may_demand_that_research_copies_are_anonymised(
    config: Path, tmp_path: Path
) -> None:
    """By one profile, without a word in the command; another profile is refused."""
    config.write_text(config.read_text() + "research: {anonymise: basic}\n")
    words = ("--instance", "1.2.3.4.2", "--out", tmp_path / "a.npz", "--looked-at", "--format")
    assert export(config, *words, "npz").exit_code == 0
    other = export(config, *words, "npz", "--anonymise", "study-7")
    assert other.exit_code == 2
    assert "research.anonymise demands the profile `basic`" in other.stderr
    waiting = export(
        config, "--instance", "1.2.3.4.2", "--out", tmp_path / "b.npz", "--format", "npz"
    )
    assert waiting.exit_code == 1
    assert "a person must look at it first" in waiting.stderr
