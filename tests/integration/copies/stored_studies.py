"""A store with studies for copies: known pixels, names in several scripts, several syntaxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from echonode.model.file_meta_head import read_meta
from echonode.model.instance import Origin
from echonode.store.store import Store
from tests.integration.web.kept_images import DURATIONS_MS, TIMES, picture
from tests.peers.dcmtk import dcmtk
from tests.unit.store.samples import US_MULTI_FRAME, Clock, dataset, encoded, put

ROWS, COLUMNS = picture().shape
IMAGE = {
    "Rows": ROWS,
    "Columns": COLUMNS,
    "SamplesPerPixel": 1,
    "BitsStored": 8,
    "HighBit": 7,
    "PixelRepresentation": 0,
    "PixelData": picture().tobytes(),
}
CINE = {
    **IMAGE,
    "SOPClassUID": US_MULTI_FRAME,
    "NumberOfFrames": len(TIMES),
    "FrameIncrementPointer": 0x00181065,
    "FrameTimeVector": TIMES,
    "PixelData": b"".join(picture(frame).tobytes() for frame in range(len(TIMES))),
}
STUDY, OTHER_STUDY = "1.2.3.1", "1.2.3.7"
PATIENT = {"PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう", "PatientID": "P7"}
FRAME_TIMES_MS = DURATIONS_MS


def fill(store: Store, *, stills: int = 3) -> list[str]:
    """Stills and a cine of one patient, and an RGB still without a Patient ID; their UIDs."""
    for number in range(1, stills + 1):
        put(store, dataset(number, **IMAGE))
    put(store, dataset(stills + 1, **CINE, **PATIENT, **other(1)))
    colour = np.stack([picture(), picture(1), picture(2)], axis=-1)
    put(
        store,
        dataset(
            stills + 2,
            **{
                **IMAGE,
                "SamplesPerPixel": 3,
                "PlanarConfiguration": 0,
                "PhotometricInterpretation": "RGB",
                "PixelData": colour.tobytes(),
                "PatientID": "",
                "StudyID": None,
                "SeriesNumber": None,
                "StudyInstanceUID": "1.2.3.8",
                "SeriesInstanceUID": "1.2.3.8.1",
            },
        ),
    )
    return [f"1.2.3.4.{number}" for number in range(1, stills + 3)]


def other(number: int) -> dict[str, str]:
    """The UIDs of the other patient's study."""
    return {"StudyInstanceUID": OTHER_STUDY, "SeriesInstanceUID": f"{OTHER_STUDY}.{number}"}


def put_in_syntax(store: Store, folder: Path, option: str, number: int) -> None:
    """A still of the other patient, re-encoded by DCMTK's dcmconv or dcmcjpeg."""
    plain, made = folder / "plain.dcm", folder / "made.dcm"
    ds = dataset(number, **IMAGE, **PATIENT, **other(2))
    encoded(ds)  # gives it its meta information
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    ds.save_as(plain, enforce_file_format=True)
    program = "dcmconv" if option.startswith("+t") else "dcmcjpeg"
    assert dcmtk(program, option, plain, made).ok
    put_file(store, made)


def put_file(store: Store, path: Path) -> None:
    """A file as a peer sends it."""
    whole = path.read_bytes()
    meta = read_meta(whole, is_whole=True)
    assert meta is not None
    file = store.files.open_incoming(
        sop_class_uid=meta.sop_class_uid,
        sop_instance_uid=meta.sop_instance_uid,
        transfer_syntax_uid=meta.transfer_syntax_uid,
        source_ae_title="",
    )
    file.write(whole[meta.length :])
    store.files.commit(file, store.files.read_record(file), origin=Origin.RECEIVED, destinations=())


def new_store(folder: Path) -> Store:
    return Store.open(folder / "var", now=Clock())


def config_of(folder: Path) -> Path:
    """A configuration of that store."""
    file = folder / "echonode.yaml"
    # How full the disk of this machine is must not decide what the tests find.
    full = "retention: {minimum_free_percent: 0}"
    file.write_text(f"ae_title: ECHONODE\ndata_dir: {folder}/var\n{full}\n")
    return file


def unused_uid() -> str:
    return str(generate_uid())
