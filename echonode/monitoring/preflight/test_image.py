"""The image that a preflight stores: tiny, valid, and clearly not of a patient.

Rules
- It is always the same: a node stores the same bytes under the same UID each time, so an archive
  that is checked daily holds one test image and not a thousand.
- Its date is long past, so that it is at the end of every list.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from pydicom.uid import ExplicitVRLittleEndian

from echonode import __version__
from echonode.at_rest.writing import Scratch
from echonode.dimse.services import Part10File
from echonode.frames.frame import Acquisition, Frame, ImageFacts, ProbeIdentity
from echonode.model.exam import ExamFacts
from echonode.model.identity import derive_uid
from echonode.model.instance import StoredInstance
from echonode.model.patient import Patient
from echonode.objects.equipment import NodeEquipment
from echonode.objects.ultrasound import UltrasoundObject, build, encode
from echonode.transcoding.process_pool import TranscodeWorkers
from echonode.transcoding.reencoder import Reencoder

TEST_PATIENT = Patient(id="ECHONODE-PREFLIGHT", name="PREFLIGHT^TEST^NO PATIENT", sex="O")
_LONG_AGO = datetime(2000, 1, 1, 12, 0, tzinfo=UTC)
_SIDE = 64  # pixels


def preflight_image(ae_title: str) -> UltrasoundObject:
    """The image of the node called `ae_title`; the version is part of it, so of its UIDs too."""
    maker = f"preflight {ae_title} {__version__}"
    stripes = np.indices((_SIDE, _SIDE)).sum(axis=0) // 8 % 2 * 128
    frame = Frame(
        pixels=stripes.astype(np.uint8),
        calibration=None,
        acquired_at=_LONG_AGO,
        elapsed_s=0.0,
        sequence=0,
        facts=ImageFacts(burned_in=False),
    )
    acquisition = Acquisition(
        probe=ProbeIdentity(name="preflight", manufacturer="EchoNode", model="Preflight"),
        connection_id=maker,
        number=1,
        frames=(frame,),
    )
    exam = ExamFacts(
        study_instance_uid=derive_uid("study", maker),
        patient=TEST_PATIENT,
        started_at=_LONG_AGO,
        study_id="PREFLIGHT",
        study_description="EchoNode preflight: test image, no patient",
    )
    return build(
        acquisition,
        exam,
        equipment=NodeEquipment(
            software_versions=(f"EchoNode {__version__}",), station_name=ae_title
        ),
        node_id=maker,
        now=_LONG_AGO,
        local=UTC,
    )


@contextmanager
def file_of(
    image: UltrasoundObject, transfer_syntax_uid: str, *, quality: int | None = None
) -> Iterator[Part10File]:
    """Its dataset as a file in this syntax, gone on exit; made as delivery makes it.

    quality: of JPEG baseline, and then it is another instance with a UID of its own.
    """
    explicit = b"".join(bytes(piece) for piece in encode(image))
    with TemporaryDirectory(prefix="echonode-preflight-") as folder, ExitStack() as made:
        path = Path(folder) / "dataset"
        path.write_bytes(explicit)
        stored = StoredInstance(
            sop_class_uid=image.sop_class_uid,
            sop_instance_uid=image.sop_instance_uid,
            study_instance_uid=image.study_instance_uid,
            series_instance_uid=image.series_instance_uid,
            transfer_syntax_uid=ExplicitVRLittleEndian,
            path=path,
            size=len(explicit),
            dataset_offset=0,  # the dataset alone: only that is sent
            dataset_sha256=sha256(explicit).hexdigest(),
        )
        if transfer_syntax_uid == ExplicitVRLittleEndian:
            yield Part10File.of(stored)
            return
        reencoder = Reencoder(Scratch(Path(folder)), TranscodeWorkers(1))
        made.callback(reencoder.close)
        reencode = reencoder.lossless if quality is None else reencoder.with_loss(quality)
        yield made.enter_context(reencode(stored, transfer_syntax_uid))
