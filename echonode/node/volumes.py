"""The volume of a tracked sweep, kept in the study of its cine as an Enhanced US Volume.

It has the deliveries and the proof of an image; durable on return.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pydicom import Dataset

from echonode.config import Config
from echonode.copies.choosing import Wanted, choose
from echonode.copies.exporting import Codecs
from echonode.copies.source import CopyOptions
from echonode.copies.stored_source import StoredSource
from echonode.copies.volume.enhanced_volume import enhanced_volume
from echonode.copies.volume.volume_files import volume_of
from echonode.errors import InvalidObject, OperatorRefused
from echonode.exam.keeping import encoded, keep_object
from echonode.log import get_logger
from echonode.model.parse_faults import fenced
from echonode.store.store import Store
from echonode.web.volumes import Json, VolumeWish

log = get_logger(__name__)


class NodeVolumes:
    """Implements web.volumes.VolumeApi. The same volume, asked for twice, is one instance."""

    def __init__(
        self, config: Config, store: Store, codecs: Codecs, *, now: Callable[[], datetime]
    ) -> None:
        self._store, self._codecs, self._now = store, codecs, now
        self._destinations = [each.name for each in config.destination_values()]

    def keep(self, sop_instance_uid: str, wish: VolumeWish, *, by: str) -> Json:
        """Raises UsageError, OperatorRefused, StoreError."""
        options = CopyOptions(
            transform=wish.transform,
            image_to_probe=wish.image_to_probe,
            voxel_mm=wish.voxel_mm,
        )
        [cine] = choose(self._store.index, Wanted(instances=(sop_instance_uid,))).instances
        source = StoredSource(cine, self._codecs.reader)
        try:
            volume = volume_of(source, options)
            with fenced("its attributes cannot be read"):
                header = Dataset(source.header)
                if self._store.index.is_looked_at(sop_instance_uid):
                    header.BurnedInAnnotation = "NO"  # a person saw that there is no text
                made = enhanced_volume(header, volume)
        except InvalidObject as fault:
            raise OperatorRefused(f"no volume can be made of it: {fault}") from None
        uid, study = str(made.SOPInstanceUID), str(made.StudyInstanceUID)
        is_new = self._store.index.instance(uid) is None
        if is_new:
            keep_object(
                self._store.files,
                (str(made.SOPClassUID), uid),
                [encoded(made)],
                destinations=self._destinations,
                at=self._now(),
            )
            log.info("volume_kept", sop_instance_uid=uid, of=sop_instance_uid, user=by)
        return {"sop_instance_uid": uid, "study_instance_uid": study, "is_new": is_new}
