"""WADO-RS and WADO-URI answer what PS3.18 asks of an origin server, case by case.

Where this node answers otherwise than Orthanc's plug-in, the reason stands in the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from io import BytesIO

import numpy as np
import pydicom
import pytest
import requests
import simplejpeg
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
)

from tests.integration.dicomweb.answering_node import (
    JSON,
    AnsweringNode,
    Placed,
    beside,
    parts_of,
    small_image,
)
from tests.peers.instances import InstanceKind, build_dataset, new_uid

pytestmark = [pytest.mark.timeout(120), pytest.mark.filterwarnings("ignore")]

OCTETS = "application/octet-stream"
CINE = InstanceKind(name="cine", columns=32, rows=24, frames=5)
COLOUR = InstanceKind(name="colour", columns=48, rows=32, samples=3, frames=2)


@pytest.fixture(scope="module")
def web() -> Iterator[AnsweringNode]:
    with ExitStack() as parts:
        yield AnsweringNode(parts)


@pytest.fixture(scope="module")
def image(web: AnsweringNode) -> Placed:
    return web.put(small_image())


@pytest.fixture(scope="module")
def cine(web: AnsweringNode) -> Placed:
    return web.put(build_dataset(CINE))


@pytest.fixture(scope="module")
def jpeg(web: AnsweringNode) -> Placed:
    """Two frames of colour in JPEG baseline 4:2:2, each in several fragments."""
    made = build_dataset(COLOUR)
    across = np.linspace(0, 255, COLOUR.columns, dtype=np.uint8)
    plane = np.broadcast_to(across, (COLOUR.rows, COLOUR.columns))
    picture = np.ascontiguousarray(np.stack([plane, plane[:, ::-1], plane], axis=-1))
    frame = bytes(simplejpeg.encode_jpeg(picture, 95, colorspace="RGB", colorsubsampling="422"))
    made.PixelData = encapsulate([frame, frame], fragments_per_frame=3, has_bot=True)
    made["PixelData"].VR, made["PixelData"].is_undefined_length = "OB", True
    made.PhotometricInterpretation = "YBR_FULL_422"
    made.LossyImageCompression = "01"
    return web.put(made, JPEGBaseline8Bit)


def multipart(media_type: str, syntax: str = "", quote: str = '"') -> str:
    found = f"multipart/related; type={quote}{media_type}{quote}"
    return f"{found}; transfer-syntax={syntax}" if syntax else found


def pixels_of(placed: Placed) -> bytes:
    read = pydicom.dcmread(BytesIO(placed.file))
    return bytes(read.PixelData)


# --- files ---


@pytest.mark.parametrize("level", ["study_path", "series_path", "path"])
def test_a_level_is_its_files(web: AnsweringNode, image: Placed, level: str) -> None:
    """10.4.1.1.1: multipart/related, a part for each instance, each by its transfer syntax."""
    ((head, content),) = parts_of(web.get(getattr(image, level), multipart("application/dicom")))
    wanted = f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}"
    assert head["content-type"] == wanted
    assert pydicom.dcmread(BytesIO(content)).SOPInstanceUID == image.instance


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (None, 200),
        ("multipart/related", 200),
        (multipart("application/dicom"), 200),
        (multipart("application/dicom", quote=""), 200),
        ("multipart/related; transfer-syntax=*", 200),
        (multipart("application/dicom", "*"), 200),
        (multipart("application/dicom", ExplicitVRLittleEndian), 200),
        ("multipart/nope", 406),
        (multipart("application/nope"), 406),
        ("multipart/related; transfer-syntax=nope", 406),
        (multipart("application/dicom", JPEGBaseline8Bit), 406),
    ],
)
def test_files_by_what_is_accepted(
    web: AnsweringNode, image: Placed, accept: str | None, status: int
) -> None:
    """8.7.3 and 8.7.8: 406 for what cannot be given. Orthanc answers 400 there.

    JPEG baseline loses what the image has, so that it is not made of it.
    """
    assert web.get(image.study_path, accept).status_code == status


def test_a_file_is_given_as_it_is_stored_where_no_syntax_is_named(
    web: AnsweringNode, jpeg: Placed
) -> None:
    """8.7.3.5.2 has Explicit VR Little Endian as the default; this node gives what it has.

    A cine of a lossy syntax is ten times as long uncompressed, and no client of those that are
    tested asks for that by saying nothing. Orthanc uncompresses since release 1.5 of its plug-in.
    Who names the default gets it.
    """
    stored = pixels_of(jpeg)
    for accept in (None, multipart("application/dicom"), multipart("application/dicom", "*")):
        ((head, content),) = parts_of(web.get(jpeg.path, accept))
        assert head["content-type"].endswith(JPEGBaseline8Bit)
        assert pydicom.dcmread(BytesIO(content)).PixelData == stored
    named = multipart("application/dicom", ExplicitVRLittleEndian)
    ((head, content),) = parts_of(web.get(jpeg.path, named))
    read = pydicom.dcmread(BytesIO(content))
    assert read.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
    assert len(read.PixelData) == COLOUR.pixel_bytes
    assert head["content-type"].endswith(ExplicitVRLittleEndian)


# --- what is not there ---


@pytest.mark.parametrize("wrong", ["study", "series", "instance"])
@pytest.mark.parametrize("what", ["/metadata", "", "/rendered", "/frames/1"])
def test_a_path_whose_parts_do_not_belong_together_is_404(
    web: AnsweringNode, image: Placed, wrong: str, what: str
) -> None:
    """8.5: a known instance under another study or series is not there."""
    uids = {"study": image.study, "series": image.series, "instance": image.instance}
    uids[wrong] = new_uid()
    path = "/studies/{study}/series/{series}/instances/{instance}".format(**uids)
    assert web.get(path + what).status_code == 404


# --- metadata and bulk data ---


def test_metadata_of_each_level_is_that_of_its_instances(web: AnsweringNode, image: Placed) -> None:
    """10.4.1.1.2: one object for each, and the same at every level."""
    other = web.put(beside(image, small_image(InstanceNumber=2)))
    listed: dict[str, list[object]] = {}
    for level in (image.study_path, image.series_path, image.path, other.path):
        for each in web.found(f"{level}/metadata"):
            listed.setdefault(each["00080018"]["Value"][0], []).append(each)
    assert {uid: len(found) for uid, found in listed.items()} == {
        image.instance: 3,
        other.instance: 3,
    }
    for found in listed.values():
        assert found[0] == found[1] == found[2]


def test_an_unknown_attribute_keeps_its_bytes(web: AnsweringNode) -> None:
    """F.2.5 to F.2.7: of VR UN; a value inline or by address, an empty one as its VR alone."""
    made = small_image()
    made.add(DataElement(0x00084565, "UN", b""))
    made.add(DataElement(0x00084567, "UN", b"B\0"))
    placed = web.put(made)
    (metadata,) = web.found(f"{placed.path}/metadata")
    assert metadata["00084565"] == {"vr": "UN"}
    assert metadata["00084567"] == {"vr": "UN", "InlineBinary": "QgA="}
    assert web.get(f"{placed.path}/bulkdata/00084567").content == b"B\0"


def test_bulk_data_within_a_private_sequence(web: AnsweringNode) -> None:
    """F.2.6: each item's long value has its own address, from which its bytes come.

    Orthanc counts items from 1 in its addresses, this node from 0: an address is opaque to callers.
    """
    values = [bytes([number]) * 12_288 for number in (1, 2)]
    items = []
    for value in values:
        item = Dataset()
        item.add(DataElement(0x60030010, "LO", "A MAKER"))
        item.add(DataElement(0x60031011, "OB", value))
        items.append(item)
    made = small_image()
    made.add(DataElement(0x60030010, "LO", "A MAKER"))
    made.add(DataElement(0x60031010, "SQ", Sequence(items)))
    placed = web.put(made)
    (metadata,) = web.found(f"{placed.path}/metadata")
    found = [item["60031011"] for item in metadata["60031010"]["Value"]]
    assert [set(each) for each in found] == [{"vr", "BulkDataURI"}] * 2
    for each, value in zip(found, values, strict=True):
        assert each["vr"] == "OB"
        assert requests.get(each["BulkDataURI"], timeout=30).content == value[:12_288]
        asked = {"Accept": multipart(OCTETS)}
        ((_, part),) = parts_of(requests.get(each["BulkDataURI"], headers=asked, timeout=30))
        assert part == value


def test_pixel_data_is_its_frames(web: AnsweringNode, image: Placed, jpeg: Placed) -> None:
    """10.4.1.1.5: native pixels as one value, compressed ones a frame in each part.

    Orthanc gives a part for each fragment, the offset table among them: which fragments make a
    frame its caller must find out.
    """
    for placed, wanted in (
        (image, [pixels_of(image)]),
        (jpeg, list(generate_frames(pixels_of(jpeg), number_of_frames=2))),
    ):
        (metadata,) = web.found(f"{placed.path}/metadata")
        found = metadata["7FE00010"]
        assert set(found) == {"vr", "BulkDataURI"}
        assert found["vr"] in ("OB", "OW")
        asked = {"Accept": "multipart/related"}
        answer = requests.get(found["BulkDataURI"], headers=asked, timeout=30)
        assert [content for _, content in parts_of(answer)] == wanted


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (None, 200),
        ("multipart/related", 200),
        (multipart(OCTETS), 200),
        ('multipart/related;   type =  "application/octet-stream"  ', 200),
        ("multipart/nope", 406),
        (multipart("application/nope"), 406),
    ],
)
def test_bulk_data_by_what_is_accepted(
    web: AnsweringNode, image: Placed, accept: str | None, status: int
) -> None:
    """8.7.3.4: application/octet-stream, in one part or several; 406 else."""
    assert web.get(f"{image.path}/bulkdata/7FE00010", accept).status_code == status


def test_addresses_are_of_the_host_that_was_asked(web: AnsweringNode, image: Placed) -> None:
    """10.4.1.1.2: by Host, which a proxy passes on.

    Forwarded and X-Forwarded-Host are not read, as anyone may send them; Orthanc believes both.
    """
    asked = {"Host": f"localhost:{web.port}", "X-Forwarded-Host": "elsewhere.example"}
    answer = web.get(f"{image.path}/metadata", JSON, Forwarded="host=elsewhere.example", **asked)
    address = answer.json()[0]["7FE00010"]["BulkDataURI"]
    assert address.startswith(f"http://localhost:{web.port}/dicom-web/studies/")


# --- frames ---


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (None, 200),
        ("multipart/related; type=application/octet-stream", 200),
        (multipart(OCTETS), 200),
        (multipart(OCTETS, ExplicitVRLittleEndian), 200),
        (multipart(OCTETS, ImplicitVRLittleEndian), 200),
        (OCTETS, 200),
        (multipart("nope"), 406),
        ("multipart/related; type=image/nope", 406),
        ("image/nope", 406),
    ],
)
def test_a_frame_by_what_is_accepted(
    web: AnsweringNode, image: Placed, accept: str | None, status: int
) -> None:
    """8.7.3.3: the bytes of the frame, whichever way it is asked for; 406 else."""
    answer = web.get(f"{image.path}/frames/1", accept)
    assert answer.status_code == status
    if accept == OCTETS:
        assert answer.content == pixels_of(image)
    elif status == 200:
        ((head, content),) = parts_of(answer)
        assert content == pixels_of(image)
        assert head["content-type"] == f"{OCTETS}; transfer-syntax={ExplicitVRLittleEndian}"


@pytest.mark.parametrize(("number", "status"), [(0, 400), (1, 200), (2, 404)])
def test_a_frame_that_is_not_there_is_refused(
    web: AnsweringNode, image: Placed, number: int, status: int
) -> None:
    """10.4.1.1.6: frames are numbered from 1 on."""
    assert web.get(f"{image.path}/frames/{number}").status_code == status
    assert web.get(f"{image.path}/frames/{number}/rendered").status_code == status


@pytest.mark.parametrize("syntax", [ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian])
def test_big_endian_and_deflated_pixels_come_as_plain_ones(web: AnsweringNode, syntax: str) -> None:
    """8.7.3.5: DICOMweb does not have Explicit VR Big Endian; 16 bit words are turned. A deflated
    data set has no frames of its own. By frame and by the BulkDataURI, whatever is accepted.
    """
    made = small_image(BitsAllocated=16, BitsStored=16, HighBit=15)
    words = np.arange(24 * 32, dtype=np.uint16)
    order = ">u2" if syntax == ExplicitVRBigEndian else "<u2"
    made.PixelData = words.astype(order).tobytes()
    made["PixelData"].VR = "OW"
    placed = web.put(made, syntax)
    (metadata,) = web.found(f"{placed.path}/metadata")
    address = metadata["7FE00010"]["BulkDataURI"].removeprefix(web.url)
    for path in (f"{placed.path}/frames/1", address):
        for accept in (multipart(OCTETS), multipart(OCTETS, "*"), "multipart/related"):
            ((head, content),) = parts_of(web.get(path, accept))
            assert head["content-type"] == f"{OCTETS}; transfer-syntax={ExplicitVRLittleEndian}"
            assert content == words.astype("<u2").tobytes()
        assert web.get(path, OCTETS).content == words.astype("<u2").tobytes()
        assert web.get(path, "image/jpeg").status_code == 406


def test_compressed_frames_come_whole_from_their_fragments(
    web: AnsweringNode, jpeg: Placed
) -> None:
    """8.7.3.5.2: one by one and together, in the order asked for."""
    wanted = list(generate_frames(pixels_of(jpeg), number_of_frames=2))
    accept = multipart("image/jpeg", JPEGBaseline8Bit)
    for numbers in ((1,), (2,), (1, 2), (2, 1)):
        path = f"{jpeg.path}/frames/{','.join(map(str, numbers))}"
        found = parts_of(web.get(path, accept))
        assert [content for _, content in found] == [wanted[number - 1] for number in numbers]
        for head, _ in found:
            assert head["content-type"] == f"image/jpeg; transfer-syntax={JPEGBaseline8Bit}"


def test_compressed_frames_are_given_uncompressed(web: AnsweringNode, jpeg: Placed) -> None:
    """8.7.3.3: application/octet-stream without a syntax; three samples a pixel, also of 4:2:2."""
    ((head, content),) = parts_of(web.get(f"{jpeg.path}/frames/2", multipart(OCTETS)))
    assert head["content-type"].endswith(ExplicitVRLittleEndian)
    shown = np.frombuffer(content, dtype=np.uint8).reshape(COLOUR.rows, COLOUR.columns, 3)
    frame = next(generate_frames(pixels_of(jpeg), number_of_frames=2))
    decoded = simplejpeg.decode_jpeg(frame, "RGB")
    assert np.abs(shown.astype(int) - decoded.astype(int)).max() <= 2


def test_frames_are_made_in_another_syntax_without_loss(web: AnsweringNode, cine: Placed) -> None:
    """8.7.3.5.2: RLE and back is the stored frame. A lossy syntax is refused, 406: what a diagnosis
    is made of does not change on its way. Orthanc makes any.
    """
    accept = multipart("image/dicom-rle", RLELossless)
    found = parts_of(web.get(f"{cine.path}/frames/4,5", accept))
    size = CINE.columns * CINE.rows
    stored = pixels_of(cine)
    for number, (head, content) in zip((4, 5), found, strict=True):
        assert head["content-type"] == f"image/dicom-rle; transfer-syntax={RLELossless}"
        read = pydicom.dcmread(BytesIO(cine.file))
        read.NumberOfFrames = 1
        read.PixelData = encapsulate([content])
        read["PixelData"].VR, read["PixelData"].is_undefined_length = "OB", True
        read.file_meta.TransferSyntaxUID = RLELossless
        assert read.pixel_array.tobytes() == stored[(number - 1) * size : number * size]
    lossy = web.get(f"{cine.path}/frames/1", multipart("image/jpeg", JPEGBaseline8Bit))
    assert lossy.status_code == 406


# --- pictures ---


def grey(jpeg_or_png: bytes) -> NDArray[np.uint8]:
    """Rows by columns."""
    return np.asarray(Image.open(BytesIO(jpeg_or_png)).convert("L"))


@pytest.mark.parametrize("level", ["study_path", "series_path", "path"])
def test_a_picture_of_each_level(web: AnsweringNode, level: str) -> None:
    """10.4.1.1.3: of a study or series with one image, and of a cine, its first frame."""
    placed = web.put(build_dataset(CINE))
    first = web.get(f"{placed.path}/frames/1/rendered", "image/png")
    assert first.headers["Content-Type"] == "image/png"
    assert grey(first.content).shape == (CINE.rows, CINE.columns)
    assert web.get(f"{getattr(placed, level)}/rendered", "image/png").content == first.content
    last = web.get(f"{placed.path}/frames/{CINE.frames}/rendered", "image/png")
    assert grey(last.content).shape == (CINE.rows, CINE.columns)
    assert last.content != first.content


@pytest.mark.parametrize(
    ("function", "center", "width"),
    [
        ("linear", 127, 256),
        ("linear", 16, 128),
        ("linear-exact", 0, 256),
        ("linear-exact", 100, 60),
        ("sigmoid", 127, 256),
    ],
)
def test_a_window_is_the_function_of_the_standard(
    web: AnsweringNode, function: str, center: int, width: int
) -> None:
    """8.3.5.1.4 by PS3.3 C.11.2.1.2 and C.11.2.1.3: each grey within one."""
    stored = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) % 256
    made = small_image(PixelData=stored.astype(np.uint8).tobytes())
    made.RescaleSlope, made.RescaleIntercept, made.RescaleType = 1, 0, "US"
    placed = web.put(made)
    answer = web.get(f"{placed.path}/rendered?window={center},{width},{function}", "image/png")
    assert answer.status_code == 200, answer.text
    x = stored.astype(float)
    if function == "sigmoid":
        wanted = 255 / (1 + np.exp(-4 * (x - center) / width))
    else:
        low = center - width / 2 if function == "linear-exact" else center - 0.5 - (width - 1) / 2
        wanted = (x - low) / (width if function == "linear-exact" else width - 1) * 255
    assert np.abs(grey(answer.content) - wanted.clip(0, 255)).max() <= 1


def test_a_window_is_of_the_values_of_its_frame(web: AnsweringNode) -> None:
    """PS3.3 C.7.6.16.2.9: each frame of a multi-frame image may have a rescale of its own."""
    stored = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) % 256
    made = small_image(PixelData=stored.astype(np.uint8).tobytes() * 3, NumberOfFrames=3)
    made.PerFrameFunctionalGroupsSequence = []
    own = ((1, 0), (1, 100), (2, 0))
    for slope, intercept in own:
        rescale, group = Dataset(), Dataset()
        rescale.RescaleSlope, rescale.RescaleIntercept, rescale.RescaleType = slope, intercept, "US"
        group.PixelValueTransformationSequence = [rescale]
        made.PerFrameFunctionalGroupsSequence.append(group)
    placed = web.put(made)
    for number, (slope, intercept) in enumerate(own, 1):
        asked = f"{placed.path}/frames/{number}/rendered?window=127,256,linear"
        answer = web.get(asked, "image/png")
        assert answer.status_code == 200, answer.text
        wanted = (stored * slope + intercept - (127 - 0.5 - 255 / 2)).clip(0, 255)
        assert np.abs(grey(answer.content) - wanted).max() <= 1, number


def test_without_a_window_the_images_own_is_taken(web: AnsweringNode) -> None:
    """8.3.5.1.4: the same picture as with that window asked for, by WADO-RS and by WADO-URI."""
    stored = np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) * 3
    made = small_image(PixelData=stored.tobytes(), BitsAllocated=16, BitsStored=12, HighBit=11)
    made.WindowCenter, made.WindowWidth = 200, 800
    placed = web.put(made)
    own = web.get(f"{placed.path}/rendered", "image/png").content
    assert own == web.get(f"{placed.path}/rendered?window=200,800,linear", "image/png").content
    assert own == web.get(uri(placed, contentType="image/png")).content
    assert own != web.get(f"{placed.path}/rendered?window=900,300,linear", "image/png").content


# --- WADO-URI ---


def uri(placed: Placed, **parameters: str) -> str:
    asked = {"requestType": "WADO", "objectUID": placed.instance, **parameters}
    return "/wado?" + "&".join(f"{name}={value}" for name, value in asked.items() if value)


def test_wado_uri_gives_the_file(web: AnsweringNode, image: Placed) -> None:
    """9.1.2.1: with its study and series. They may be left out, as with Orthanc: a SOP Instance UID
    names one instance. What they name must be what the instance is in, else it is not there.
    """
    plain = {"contentType": "application/dicom"}
    for given in ({}, {"studyUID": image.study}, {"seriesUID": image.series}):
        answer = web.get(uri(image, **plain, **given))
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("application/dicom")
        assert pydicom.dcmread(BytesIO(answer.content)).SOPInstanceUID == image.instance
    for wrong in ({"studyUID": new_uid()}, {"seriesUID": new_uid()}):
        assert web.get(uri(image, **plain, **wrong)).status_code == 404
    for missing in ({"requestType": ""}, {"objectUID": ""}):
        assert web.get(uri(image, **plain, **missing)).status_code == 400


def test_wado_uri_gives_a_picture(web: AnsweringNode, image: Placed) -> None:
    """9.1.2.1.2: JPEG where nothing is said, PNG on request, the same picture as WADO-RS gives.

    `image/jpg` is no registered media type, and 406; Orthanc takes it for JPEG.
    """
    shown = web.get(uri(image))
    assert shown.headers["Content-Type"] == "image/jpeg"
    assert grey(shown.content).shape == (24, 32)
    png = web.get(uri(image, contentType="image/png"))
    assert png.headers["Content-Type"] == "image/png"
    assert png.content == web.get(f"{image.path}/rendered", "image/png").content
    assert web.get(uri(image, contentType="image/jpg")).status_code == 406
