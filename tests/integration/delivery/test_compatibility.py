"""What an archive takes decides how an instance goes there, and that is seen in its pixels."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import FileDataset

from echonode.delivery.policy import DeliveryPolicy
from echonode.model.delivery import DeliveryState
from echonode.model.instance import DerivedCopy
from echonode.transcoding.dataset import derived_uid
from tests.acceptance.clinic import dataset_sha256
from tests.integration.delivery.delivery_fixture import DeliveryFixture
from tests.integration.delivery.pictures import COLOUR_CINE, KINDS, picture
from tests.peers import dciodvfy
from tests.peers.dcmtk import StoreScp
from tests.peers.validators import pixels_by_dcmtk, pixels_by_gdcm

pytestmark = pytest.mark.peers

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
JPEG = "1.2.840.10008.1.2.4.50"
JPEG_LS, JPEG_2000, RLE = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"
S = DeliveryState
US, US_CINE = "1.2.840.10008.5.1.4.1.1.6.1", "1.2.840.10008.5.1.4.1.1.3.1"

# SOP class -> the transfer syntaxes it is taken in, and in no others.
MakeArchive = Callable[[dict[str, list[str]]], StoreScp]


@pytest.fixture
def archive(tmp_path: Path, make_storescp: Callable[..., StoreScp]) -> MakeArchive:
    """DCMTK's storescp with an association profile of the test's own."""

    def make(contexts: dict[str, list[str]]) -> StoreScp:
        syntaxes, accepted = ["[[TransferSyntaxes]]"], ["[[PresentationContexts]]", "[Ours]"]
        for number, (sop_class_uid, wanted) in enumerate(contexts.items(), start=1):
            syntaxes += [f"[Of{number}]"]
            syntaxes += [f"TransferSyntax{n} = {uid}" for n, uid in enumerate(wanted, start=1)]
            accepted += [f"PresentationContext{number} = {sop_class_uid}\\Of{number}"]
        profile = tmp_path / "profile.cfg"
        ending = ["[[Profiles]]", "[Ours]", "PresentationContexts = Ours", ""]
        profile.write_text("\n".join([*syntaxes, *accepted, *ending]))
        return make_storescp(options=("-xf", str(profile), "Ours"))

    return make


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    return [picture(kind, tmp_path) for kind in KINDS]


def received_by(scp: StoreScp) -> dict[str, Path]:
    """SOP Instance UID -> file, of what storescp wrote."""
    return {
        str(dcmread(path, stop_before_pixels=True).SOPInstanceUID): path for path in scp.received()
    }


def read(path: Path) -> FileDataset:
    return dcmread(path)


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Peak signal to noise ratio in dB; endless where nothing differs."""
    error = np.mean((one.astype(float) - other.astype(float)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def test_an_archive_that_takes_only_implicit_vr_gets_that(
    delivery: DeliveryFixture, pictures: list[Path], make_storescp: Callable[..., StoreScp]
) -> None:
    """storescp +xi: all arrive uncompressed in Implicit VR, UID kept, pixels equal."""
    scp = make_storescp(options=("+xi",))
    delivery.deliver_to("pacs", scp.port)
    uids = delivery.put(pictures, ["pacs"])
    delivery.wait_settled("pacs", len(uids))
    received = received_by(scp)
    assert set(received) == set(uids)
    for path in pictures:
        there = read(received[str(read(path).SOPInstanceUID)])
        assert there.file_meta.TransferSyntaxUID == IMPLICIT
        assert np.array_equal(there.pixel_array, read(path).pixel_array)
    assert delivery.states("pacs") == {S.SENT: len(uids)}


def test_big_endian_and_deflated_arrive_where_only_little_endian_is_taken(
    delivery: DeliveryFixture, shared_data: Path, make_storescp: Callable[..., StoreScp]
) -> None:
    """storescp +xi: what few archives take any longer goes there converted, its pixels equal."""
    names = ("us/aloka_ssd4000_segpal_bigendian", "other/mr_bigendian", "other/sc_deflated")
    files = [shared_data / f"{name}.dcm" for name in names]
    scp = make_storescp(options=("+xi",))
    delivery.deliver_to("pacs", scp.port)
    uids = delivery.put(files, ["pacs"])
    delivery.wait_settled("pacs", len(uids))
    assert delivery.states("pacs") == {S.SENT: len(uids)}
    received = received_by(scp)
    for uid, path in zip(uids, files, strict=True):
        there = read(received[uid])
        assert there.file_meta.TransferSyntaxUID == IMPLICIT
        assert np.array_equal(there.pixel_array, read(path).pixel_array)


@pytest.mark.parametrize(
    ("syntax", "colour"), [(RLE, "RGB"), (JPEG_LS, "RGB"), (JPEG_2000, "YBR_RCT")]
)
def test_an_archive_that_takes_only_one_lossless_syntax_gets_it(
    delivery: DeliveryFixture, pictures: list[Path], archive: MakeArchive, syntax: str, colour: str
) -> None:
    """RLE, JPEG-LS, JPEG 2000: the UID stays, other toolkits decode the very same pixels, and
    dciodvfy finds no error.
    """
    scp = archive({US: [syntax], US_CINE: [syntax]})
    delivery.deliver_to("pacs", scp.port)
    uids = delivery.put(pictures, ["pacs"])
    delivery.wait_settled("pacs", len(uids))
    received = received_by(scp)
    assert set(received) == set(uids)
    for uid, path in zip(uids, pictures, strict=True):
        there, here = read(received[uid]), read(path)
        assert there.file_meta.TransferSyntaxUID == syntax
        expected = colour if here.SamplesPerPixel == 3 else "MONOCHROME2"
        assert there.PhotometricInterpretation == expected
        assert dciodvfy(received[uid]).errors == ()
        assert np.array_equal(there.pixel_array, here.pixel_array)
        theirs = pixels_by_gdcm(received[uid]).pixels
        assert np.array_equal(theirs, here.pixel_array.reshape(theirs.shape))


def test_an_archive_that_takes_only_jpeg_baseline_gets_derived_instances_if_it_may(
    delivery: DeliveryFixture, pictures: list[Path], archive: MakeArchive
) -> None:
    """With the profile's leave: a new UID that stays the same, derived from the original and saying
    so, and close to it; what was sent is remembered, and the original is never taken for sent.
    """
    scp = archive({US: [JPEG], US_CINE: [JPEG]})
    delivery.deliver_to("pacs", scp.port, policy=DeliveryPolicy(lossy_quality=95))
    uids = delivery.put(pictures, ["pacs"])
    delivery.wait_settled("pacs", len(uids))
    received = received_by(scp)
    assert set(received) == {derived_uid(uid, JPEG, 95) for uid in uids}
    for uid, path in zip(uids, pictures, strict=True):
        there, here = received[derived_uid(uid, JPEG, 95)], read(path)
        dataset = read(there)
        assert dataset.LossyImageCompression == "01"
        assert dataset.LossyImageCompressionMethod == "ISO_10918_1"
        assert float(dataset.LossyImageCompressionRatio) > 1
        assert dataset.ImageType[0] == "DERIVED"
        assert "JPEG baseline" in dataset.DerivationDescription
        (source,) = dataset.SourceImageSequence
        assert (source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID) == (
            here.SOPClassUID,
            uid,
        )
        expected = "YBR_FULL_422" if here.SamplesPerPixel == 3 else "MONOCHROME2"
        assert dataset.PhotometricInterpretation == expected
        assert dciodvfy(there).errors == dciodvfy(path).errors == ()
        decoded = pixels_by_dcmtk(there).pixels
        assert psnr(decoded, here.pixel_array.reshape(decoded.shape)) > 38
        job = delivery.job(uid, "pacs")
        assert job.state is S.SENT
        assert job.derived == DerivedCopy(
            sop_class_uid=here.SOPClassUID,
            sop_instance_uid=derived_uid(uid, JPEG, 95),
            transfer_syntax_uid=JPEG,
            dataset_sha256=dataset_sha256(there),
        )
        assert derived_uid(uid, JPEG, 95) in job.last_error


def test_a_derived_instance_comes_out_the_same_again(tmp_path: Path, archive: MakeArchive) -> None:
    """Made again by another node that knows nothing of the first time: same UID, same bytes."""
    path = picture(COLOUR_CINE, tmp_path)
    scp = archive({US_CINE: [JPEG]})
    jobs = []
    for number in range(2):
        delivery = DeliveryFixture(tmp_path / f"var{number}")
        delivery.deliver_to("pacs", scp.port, policy=DeliveryPolicy(lossy_quality=95))
        [uid] = delivery.put([path], ["pacs"])
        delivery.wait_settled("pacs", 1)
        jobs.append(delivery.job(uid, "pacs"))
        delivery.close()
    assert jobs[0].derived is not None
    assert jobs[0].derived == jobs[1].derived
    assert set(received_by(scp)) == {jobs[0].derived.sop_instance_uid}


def test_an_archive_that_takes_only_jpeg_baseline_gets_nothing_otherwise(
    delivery: DeliveryFixture, pictures: list[Path], archive: MakeArchive
) -> None:
    """Without leave to lose anything every instance is held, with the reason."""
    scp = archive({US: [JPEG], US_CINE: [JPEG]})
    delivery.deliver_to("pacs", scp.port)
    uids = delivery.put(pictures, ["pacs"])
    delivery.wait_settled("pacs", len(uids))
    assert received_by(scp) == {}
    assert {delivery.job(uid, "pacs").state for uid in uids} == {S.HELD}
    assert "in none of" in delivery.job(uids[0], "pacs").last_error


def test_an_archive_that_refuses_multi_frame_gets_the_stills(
    delivery: DeliveryFixture, pictures: list[Path], archive: MakeArchive
) -> None:
    """The cines are held with their reason; the rest of the exam goes on and arrives whole."""
    scp = archive({US: [EXPLICIT, IMPLICIT]})
    worker = delivery.deliver_to("pacs", scp.port)
    uids = delivery.put(pictures, ["pacs"])
    delivery.wait_settled("pacs", len(uids))
    by_uid = {str(read(path).SOPInstanceUID): read(path) for path in pictures}
    stills = {uid for uid, dataset in by_uid.items() if "NumberOfFrames" not in dataset}
    assert set(received_by(scp)) == stills
    for uid in uids:
        job = delivery.job(uid, "pacs")
        assert job.state is (S.SENT if uid in stills else S.HELD)
    assert worker.status.accepts[US_CINE] == ()
    assert worker.status.accepts[US] == (IMPLICIT, EXPLICIT)


def test_what_was_received_compressed_is_decoded_for_an_archive_that_takes_only_native(
    delivery: DeliveryFixture, shared_data: Path, make_storescp: Callable[..., StoreScp]
) -> None:
    """JPEG lossless, RLE, JPEG 2000 and JPEG baseline of real vendors arrive uncompressed; what was
    lossless is equal to what GDCM decodes, and what was not says so.
    """
    scp = make_storescp(options=("+xe",))
    delivery.deliver_to("pacs", scp.port)
    lossless = ["medistim_veriqc_jpegll_rgb_2f", "philips_cx50_pal_rle_2f", "ge_logiq700_us1_j2kr"]
    lossy = ["sonosite_turbo_30f"]
    files = [shared_data / "us" / f"{name}.dcm" for name in (*lossless, *lossy)]
    uids = delivery.put(files, ["pacs"])
    delivery.wait_settled("pacs", len(files))
    received = received_by(scp)
    assert set(received) == set(uids)
    for file, uid in zip(files, uids, strict=True):
        there = read(received[uid])
        assert there.file_meta.TransferSyntaxUID == EXPLICIT
        if file.stem in lossless:
            theirs = pixels_by_gdcm(file).pixels
            assert np.array_equal(there.pixel_array.reshape(theirs.shape), theirs)
        else:
            assert there.LossyImageCompression == "01"
            theirs = pixels_by_dcmtk(file).pixels
            assert psnr(there.pixel_array.reshape(theirs.shape), theirs) > 40
