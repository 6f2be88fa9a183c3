"""What is kept, as the HTTP API has it: studies, images, pictures, files, measurements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydicom.dataset import Dataset

from echonode.at_rest.reading import StoredFile
from echonode.errors import Damaged, FieldRefused, InvalidObject, StoreError, Unreadable, UsageError
from echonode.model.criteria import Level, Query, Root, SingleValue
from echonode.model.instance import StoredInstance, open_bytes
from echonode.node.review_json import (
    correction,
    instance_json,
    measurement_json,
    proof_json,
    series_json,
    study_json,
    view_json,
)
from echonode.review.image_view import TAGS, image_view
from echonode.review.measuring import Measuring
from echonode.review.study_search import search
from echonode.store.files.file_meta import sent_meta
from echonode.store.index.attribute_reader import read_attributes
from echonode.store.store import Store
from echonode.store.values import LedgerChoice, LedgerRow
from echonode.transcoding.picture import Window
from echonode.transcoding.picture_file import HIGHEST_QUALITY, LOWEST_QUALITY, QUALITY
from echonode.transcoding.rendered_frames import (
    PictureKind,
    PictureRequest,
    RenderedFrames,
    tag_of,
)

Json = Mapping[str, Any]
# Of one study, in one answer: a day's scans have some hundred. More is said, not cut in silence.
MOST_INSTANCES = 5_000
_PIECE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class StoredPicture:
    """A frame that is here, not yet made. web.archive.Picture."""

    tag: str
    media_type: str
    make: Callable[[], bytes]

    def bytes(self) -> bytes:
        """Raises InvalidObject, StoreError."""
        try:
            return self.make()
        except FileNotFoundError:
            raise UsageError("its file is not here any more") from None
        except OSError as error:
            raise StoreError(
                f"the frame cannot be made just now ({type(error).__name__})"
            ) from None


@dataclass(frozen=True, kw_only=True)
class StoredDownload:
    """A stored file on its way out: its dataset as it is, its meta made again.

    web.archive.Download. file: stands where its dataset begins.
    """

    tag: str
    size: int
    head: bytes
    file: StoredFile

    def pieces(self) -> Iterator[bytes]:
        """All of it."""
        with self.file as file:
            yield self.head
            while piece := file.read(_PIECE):
                yield piece


class NodeReview:
    """web.archive.ArchiveApi on a node. check: raises Damaged where an instance's bytes changed."""

    def __init__(
        self,
        store: Store,
        rendered: RenderedFrames,
        *,
        check: Callable[[StoredInstance], None],
        now: Callable[[], datetime],
    ) -> None:
        self._store, self._rendered, self._check = store, rendered, check
        self._measuring = Measuring(
            store.measurements, find=store.index.instance, read=_attributes, now=now
        )

    def studies(self, *, text: str, date_from: str, date_to: str, cursor: str) -> Json:
        page = search(
            self._store.studies, text=text, date_from=date_from, date_to=date_to, cursor=cursor
        )
        return {"studies": [study_json(row) for row in page.studies], "next": page.next}

    def study(self, uid: str, *, row: int | None) -> Json:
        found = self._store.studies.studies(uid)
        chosen = next((each for each in found if row is None or each.row == row), None)
        if chosen is None:
            raise UsageError("there is no such study")
        proof = self._proof(uid)
        series: dict[str, dict[str, Any]] = {}
        count, instances = 0, self._store.studies.instances(chosen.row)
        for instance in instances:
            count += 1
            if count <= MOST_INSTANCES:
                values = instance.values
                of_series = series.setdefault(values["SeriesInstanceUID"], series_json(values))
                of_series["instances"].append(instance_json(instance, proof))
        return {
            **study_json(chosen),
            # Images of another patient came under this UID: they are a study of their own.
            "other_rows": [each.row for each in found if each.row != chosen.row],
            "left_out": max(0, count - MOST_INSTANCES),
            "series_list": list(series.values()),
        }

    def instance(self, uid: str) -> Json:
        instance = self._instance(uid)
        row = self._row(uid)
        view = image_view(_attributes(instance))
        proof = self._proof(instance.study_instance_uid).get(uid, [])
        return {
            "sop_instance_uid": uid,
            "sop_class": instance.sop_class_uid,
            "transfer_syntax": instance.transfer_syntax_uid,
            "size": instance.size,
            **view_json(view),
            "number": row.get("InstanceNumber", ""),
            "content_date": row.get("ContentDate", ""),
            "content_time": row.get("ContentTime", ""),
            "comments": row.get("ImageComments", ""),
            "patient": {
                "id": row.get("PatientID", ""),
                "issuer": row.get("IssuerOfPatientID", ""),
                "name": row.get("PatientName", ""),
                "birth_date": row.get("PatientBirthDate", ""),
                "sex": row.get("PatientSex", ""),
            },
            "study": {
                "study_instance_uid": instance.study_instance_uid,
                "study_date": row.get("StudyDate", ""),
                "study_time": row.get("StudyTime", ""),
                "description": row.get("StudyDescription", ""),
                "accession_number": row.get("AccessionNumber", ""),
            },
            "series": {
                "series_instance_uid": instance.series_instance_uid,
                "modality": row.get("Modality", ""),
                "description": row.get("SeriesDescription", ""),
            },
            "exam": self._store.measurements.exam_of(uid),
            **correction(proof),
            "proof": [proof_json(each) for each in proof],
        }

    def picture(
        self,
        uid: str,
        *,
        frame: int,
        png: bool,
        quality: int | None,
        window: tuple[float, float] | None,
        for_srgb: bool,
    ) -> StoredPicture:
        quality = QUALITY if quality is None else quality
        if not LOWEST_QUALITY <= quality <= HIGHEST_QUALITY:
            raise FieldRefused("quality", "is out of range", "give 1 to 100")
        chosen = Window(center=window[0], width=window[1]) if window else None
        if chosen is not None and not chosen.is_valid:
            raise FieldRefused("window_width", "is too small", "give 1 or more")
        if frame < 1:
            raise UsageError("there is no such frame")
        instance = self._instance(uid)
        request = PictureRequest(
            number=frame - 1,
            kind=PictureKind.PNG if png else PictureKind.JPEG,
            quality=quality,
            window=chosen,
            for_srgb=for_srgb,
        )
        return StoredPicture(
            tag=tag_of(instance, request),
            media_type="image/png" if png else "image/jpeg",
            make=lambda: self._rendered.picture(instance, request),
        )

    def file(self, uid: str, *, known: str) -> StoredDownload | str:
        instance = self._instance(uid)
        head = sent_meta(instance)
        size = len(head) + instance.size - instance.dataset_offset
        # The whole file's tag: meta information may differ though the dataset is the same.
        tag = f"{instance.dataset_sha256[:32]}-{size}"
        if tag in known:
            return tag
        try:
            self._check(instance)
            file = open_bytes(instance)
            file.seek(instance.dataset_offset)
        except Damaged:
            raise InvalidObject("its file has changed since it was stored") from None
        except FileNotFoundError:
            raise UsageError("its file is not here any more") from None
        except OSError as error:
            raise StoreError(f"its file cannot be read ({type(error).__name__})") from None
        return StoredDownload(tag=tag, size=size, head=head, file=file)

    def measurements(self, *, exam_id: str, uid: str) -> Sequence[Json]:
        if exam_id:
            if self._store.exams.exam(exam_id) is None:
                raise UsageError("there is no such exam")
            found = self._measuring.of_exam(exam_id)
        else:
            found = self._measuring.of_instance(uid)
        return [measurement_json(each) for each in found]

    def measure(
        self,
        *,
        exam_id: str,
        uid: str,
        frame: int,
        kind: str,
        points: object,
        label: str,
        by: str,
    ) -> Json:
        return measurement_json(
            self._measuring.measure(
                uid,
                frame=frame,
                kind=kind,
                points=points,
                label=label,
                by=by,
                exam_id=exam_id,
            )
        )

    def delete_measurement(self, measurement_id: str, *, exam_id: str, uid: str, by: str) -> Json:
        return measurement_json(
            self._measuring.delete(measurement_id, by=by, exam_id=exam_id, sop_instance_uid=uid)
        )

    def _instance(self, uid: str) -> StoredInstance:
        instance = self._store.index.instance(uid)
        if instance is None:
            raise UsageError("there is no such image here")
        return instance

    def _row(self, uid: str) -> Mapping[str, str]:
        """What the index has of an instance and all above it."""
        query = Query(
            root=Root.STUDY, level=Level.IMAGE, criteria={"SOPInstanceUID": SingleValue(uid)}
        )
        return next((row for row in list(self._store.index.find(query))), {})

    def _proof(self, study_instance_uid: str) -> dict[str, list[LedgerRow]]:
        """SOP Instance UID -> its rows of the ledger."""
        found: dict[str, list[LedgerRow]] = {}
        for row in self._store.ledger.rows(LedgerChoice(study_instance_uid=study_instance_uid)):
            found.setdefault(row.sop_instance_uid, []).append(row)
        return found


def _attributes(instance: StoredInstance) -> Dataset:
    try:
        return read_attributes(instance, TAGS)
    except Unreadable:
        raise InvalidObject("its file cannot be read as a DICOM data set") from None
