"""dicomweb-client drives every call that it has; what it gets is compared with the files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import BytesIO
from typing import Any

import numpy as np
import pydicom
import pytest
import requests
from dicomweb_client.api import DICOMwebClient
from PIL import Image
from pydicom.dataset import Dataset

from tests.integration.dicomweb.answering_node import (
    AnsweringNode,
    Placed,
    beside,
    file_of,
    small_image,
)
from tests.peers.instances import InstanceKind, build_dataset

pytestmark = [pytest.mark.timeout(120), pytest.mark.filterwarnings("ignore")]

CINE = InstanceKind(name="cine", columns=32, rows=24, frames=4)
FRAME_BYTES = CINE.columns * CINE.rows
UID = "00080018"


class Asked:
    """A client, a study of a cine and a still, and one of a cine alone."""

    def __init__(self, web: AnsweringNode) -> None:
        self.client = DICOMwebClient(web.url)
        self.cine = web.put(build_dataset(CINE))
        self.still = web.put(beside(self.cine, small_image(InstanceNumber=2)))
        self.alone = web.put(build_dataset(CINE))
        self.study = (self.cine.study,)
        self.series = (*self.study, self.cine.series)
        self.instance = (*self.series, self.cine.instance)

    def whole(self, found: Any) -> None:
        """These are both instances, each as its file."""
        listed = {str(each.SOPInstanceUID): each for each in found}
        assert set(listed) == {self.cine.instance, self.still.instance}
        for placed in (self.cine, self.still):
            same(listed[placed.instance], placed)

    def named(self, found: list[dict[str, dict[str, Any]]]) -> None:
        """These are the attributes of both."""
        uids = sorted(each[UID]["Value"][0] for each in found)
        assert uids == sorted([self.cine.instance, self.still.instance])

    def frames(self, found: Any) -> None:
        """These are the frames 4 and 2."""
        pixels = read(self.cine).PixelData
        wanted = [pixels[(number - 1) * FRAME_BYTES : number * FRAME_BYTES] for number in (4, 2)]
        assert list(found) == wanted

    def pixels(self, found: Any) -> None:
        """This is the pixel data."""
        assert list(found) == [read(self.cine).PixelData]

    def address(self) -> str:
        """Of the pixel data, as the metadata has it."""
        metadata = self.client.retrieve_instance_metadata(*self.instance)
        return str(metadata["7FE00010"]["BulkDataURI"])


def read(placed: Placed) -> Dataset:
    return pydicom.dcmread(BytesIO(placed.file))


def same(found: Dataset, placed: Placed) -> None:
    """Every element of the file, the pixels among them."""
    assert found == read(placed)


def shown(found: bytes) -> None:
    """A picture of the cine's size."""
    assert np.asarray(Image.open(BytesIO(found))).shape[:2] == (CINE.rows, CINE.columns)


def study_is_listed(asked: Asked) -> None:
    (found,) = asked.client.search_for_studies(
        search_filters={"StudyInstanceUID": asked.cine.study}, fields=["StudyID"]
    )
    assert found["00201208"]["Value"] == [2]


def study_is_stored(asked: Asked) -> None:
    made = pydicom.dcmread(BytesIO(file_of(small_image(InstanceNumber=3))))
    answer = asked.client.store_instances([made], study_instance_uid=str(made.StudyInstanceUID))
    (stored,) = answer.ReferencedSOPSequence
    assert stored.ReferencedSOPInstanceUID == made.SOPInstanceUID
    found = asked.client.retrieve_instance(
        made.StudyInstanceUID, made.SeriesInstanceUID, made.SOPInstanceUID
    )
    assert found == made


def deletion_is_refused(delete: Callable[[], None]) -> None:
    """What is kept is deleted by the rules of retention alone, and by no caller."""
    with pytest.raises(requests.HTTPError, match="405"):
        delete()


CALLS: dict[str, Callable[[Asked], None]] = {
    "search_for_studies": study_is_listed,
    "search_for_series": lambda a: _one(a.client.search_for_series(*a.study), "0020000E", a.cine),
    "search_for_instances": lambda a: a.named(
        a.client.search_for_instances(*a.series, limit=1, get_remaining=True)
    ),
    "retrieve_study": lambda a: a.whole(a.client.retrieve_study(*a.study)),
    "iter_study": lambda a: a.whole(a.client.iter_study(*a.study)),
    "retrieve_series": lambda a: a.whole(a.client.retrieve_series(*a.series)),
    "iter_series": lambda a: a.whole(a.client.iter_series(*a.series)),
    "retrieve_instance": lambda a: same(a.client.retrieve_instance(*a.instance), a.cine),
    "retrieve_study_metadata": lambda a: a.named(a.client.retrieve_study_metadata(*a.study)),
    "retrieve_series_metadata": lambda a: a.named(a.client.retrieve_series_metadata(*a.series)),
    "retrieve_instance_metadata": lambda a: _one(
        [a.client.retrieve_instance_metadata(*a.instance)], "0020000E", a.cine
    ),
    "retrieve_instance_frames": lambda a: a.frames(
        a.client.retrieve_instance_frames(*a.instance, frame_numbers=[4, 2])
    ),
    "iter_instance_frames": lambda a: a.frames(
        a.client.iter_instance_frames(*a.instance, frame_numbers=[4, 2])
    ),
    "retrieve_bulkdata": lambda a: a.pixels(a.client.retrieve_bulkdata(a.address())),
    "iter_bulkdata": lambda a: a.pixels(a.client.iter_bulkdata(a.address())),
    "retrieve_series_rendered": lambda a: shown(
        a.client.retrieve_series_rendered(
            a.alone.study, a.alone.series, media_types=("image/jpeg",)
        )
    ),
    "retrieve_instance_rendered": lambda a: shown(
        a.client.retrieve_instance_rendered(*a.instance, media_types=("image/png",))
    ),
    "retrieve_instance_frames_rendered": lambda a: shown(
        a.client.retrieve_instance_frames_rendered(
            *a.instance, frame_numbers=[3], media_types=("image/jpeg",)
        )
    ),
    "store_instances": study_is_stored,
    "delete_study": lambda a: deletion_is_refused(lambda: a.client.delete_study(*a.study)),
    "delete_series": lambda a: deletion_is_refused(lambda: a.client.delete_series(*a.series)),
    "delete_instance": lambda a: deletion_is_refused(lambda: a.client.delete_instance(*a.instance)),
}
# They send nothing.
LOCAL = {"lookup_keyword", "lookup_tag", "set_chunk_size", "set_http_retry_params"}


def _one(found: list[dict[str, dict[str, Any]]], tag: str, placed: Placed) -> None:
    (each,) = found
    assert each[tag]["Value"] == [placed.series]


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    with ExitStack() as parts:
        yield Asked(AnsweringNode(parts))


@pytest.mark.parametrize("call", CALLS)
def test_a_call(asked: Asked, call: str) -> None:
    """With the media types that the client asks for by itself, but for pictures."""
    CALLS[call](asked)


def test_no_call_is_left_out() -> None:
    """Of this version of the client."""
    public = {
        name
        for name in vars(DICOMwebClient)
        if not name.startswith("_") and callable(getattr(DICOMwebClient, name))
    }
    assert public == CALLS.keys() | LOCAL
