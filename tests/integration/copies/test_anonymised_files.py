"""Anonymised copies of ultrasound images: dciodvfy finds no error that was not there before."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread

from echonode.at_rest.writing import Scratch
from echonode.copies.deidentification.copying import Anonymiser
from echonode.copies.deidentification.profile import profile_of
from echonode.copies.deidentification.profile_table import Option
from echonode.copies.deidentification.pseudonyms import Pseudonyms
from echonode.model.instance import StoredInstance
from echonode.transcoding.process_pool import TranscodeWorkers
from echonode.transcoding.reencoder import Reencoder
from tests.peers import dciodvfy
from tests.support.data_folder import images_folder

pytestmark = pytest.mark.peers

PROFILES = {
    "basic": [],
    "most": sorted(set(Option) - {Option.FULL_DATES, Option.UIDS}),
}
_NUMBERS = re.compile(r"[\d.]+")


@pytest.fixture(scope="module")
def workers() -> Iterator[TranscodeWorkers]:
    made = TranscodeWorkers(1)
    yield made
    made.close()


def stored(path: Path) -> StoredInstance:
    ds = dcmread(path, stop_before_pixels=True)
    with path.open("rb") as file:
        file.seek(140)
        offset = 144 + int.from_bytes(file.read(4), "little")
    return StoredInstance(
        sop_class_uid=str(ds.SOPClassUID),
        sop_instance_uid=str(ds.SOPInstanceUID),
        study_instance_uid=str(ds.StudyInstanceUID),
        series_instance_uid=str(ds.SeriesInstanceUID),
        transfer_syntax_uid=str(ds.file_meta.TransferSyntaxUID),
        path=path,
        size=path.stat().st_size,
        dataset_offset=offset,
        dataset_sha256="",
    )


def errors(path: Path) -> set[str]:
    """Without UIDs, which are others in the copy."""
    return {_NUMBERS.sub("", line) for line in dciodvfy(path).errors}


@pytest.mark.filterwarnings("ignore")  # pydicom's, of what vendors write
@pytest.mark.parametrize("profile", PROFILES)
def test_no_new_error(profile: str, workers: TranscodeWorkers, tmp_path: Path) -> None:
    """Of every image at hand, masked or not, under the basic profile and under most options."""
    anonymiser = Anonymiser(
        profile_of(profile, PROFILES[profile]),
        Pseudonyms(b"k" * 32),
        explicit=Reencoder(Scratch(tmp_path), workers).lossless,
        workers=workers,
    )
    for path in sorted((images_folder() / "us").glob("*.dcm")):
        target = BytesIO()
        anonymiser.write(stored(path), target, made_here=False, looked_at=True)
        copy = tmp_path / "copy.dcm"
        copy.write_bytes(target.getvalue())
        assert errors(copy) - errors(path) == set(), path.stem
