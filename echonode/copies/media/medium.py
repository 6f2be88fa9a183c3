"""What lies on a medium: the objects, then their directory, a README and a page that shows them.

Rules
- An object goes byte for byte as it is stored, its hash compared on the way; one in a syntax that
  the profile does not take is re-encoded without loss. A medium is whole: an object that cannot go
  on it ends the export.
- Files come one after the other. Of an object only its record stays in memory and, within a limit,
  its pictures: a medium may be streamed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime

from echonode.copies.exporting import Codecs, Prepare, Progress, as_it_is, no_progress
from echonode.copies.media.directory import Directory
from echonode.copies.media.profiles import OnMedium, Profile, fitting, syntax_for
from echonode.copies.media.readme import readme
from echonode.copies.media.records import TAGS, Place
from echonode.copies.media.viewer_page import ViewerPage
from echonode.copies.stored_source import StoredSource, kept, read_header
from echonode.dimse.services import Part10File
from echonode.errors import Damaged, InvalidObject, OperatorRefused, OutOfSpace
from echonode.model.identity import derive_uid
from echonode.model.instance import StoredInstance, open_bytes
from echonode.store.files.file_meta import encode, sent_meta
from echonode.system_faults import said_of

DICOMDIR, README, PAGE = "DICOMDIR", "README.TXT", "INDEX.HTM"
PIECE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class MediumFile:
    """name: its path on the medium, with `/`, each part up to 8.3 characters. chunks: its bytes."""

    name: str
    chunks: Iterable[bytes]


class Medium:
    """Made once, of instances that are here; `files` is read once, to its end.

    now: the date of the README.
    """

    def __init__(
        self,
        instances: Sequence[StoredInstance],
        *,
        codecs: Codecs,
        profile: Profile = Profile.GENERAL,
        prepare: Prepare = as_it_is,
        now: datetime,
    ) -> None:
        self._instances = instances
        self._reader = codecs.reader
        self._lossless = codecs.lossless
        self._profile = profile
        self._prepare = prepare
        self._now = now
        self._directory = Directory()
        self._objects: list[OnMedium] = []
        self._uids: list[str] = []
        self.reencoded = 0

    @property
    def profiles(self) -> tuple[str, ...]:
        """What it conforms to, once `files` was read."""
        return fitting(self._objects)

    def files(self, on_progress: Progress = no_progress) -> Iterator[MediumFile]:
        """Each file of the medium. Raises OperatorRefused, Damaged."""
        page = ViewerPage(len(self._instances))
        for number, instance in enumerate(self._instances):
            on_progress(number, len(self._instances))
            try:
                with self._prepare(instance) as leaving:
                    yield from self._object(leaving, page)
            except InvalidObject as fault:
                raise OperatorRefused(
                    f"{instance.sop_instance_uid} cannot lie on a medium: {fault}"
                ) from None
        uid = derive_uid("file set", *self._uids)
        yield MediumFile(name=DICOMDIR, chunks=(self._directory.file(uid),))
        yield MediumFile(
            name=README,
            chunks=(readme(len(self._objects), self.profiles, self._now),),
        )
        yield MediumFile(name=PAGE, chunks=page.html())
        on_progress(len(self._instances), len(self._instances))

    def _object(self, instance: StoredInstance, page: ViewerPage) -> Iterator[MediumFile]:
        header = read_header(instance, TAGS)
        syntax = syntax_for(self._profile, instance.transfer_syntax_uid)
        file_id = self._directory.add(
            header,
            Place(
                sop_class_uid=instance.sop_class_uid,
                sop_instance_uid=instance.sop_instance_uid,
                transfer_syntax_uid=syntax,
            ),
        )
        self._uids.append(instance.sop_instance_uid)
        self._objects.append(
            OnMedium(
                sop_class_uid=instance.sop_class_uid,
                transfer_syntax_uid=syntax,
                photometric=str(header.get("PhotometricInterpretation") or ""),
            )
        )
        name = "/".join(file_id)
        if syntax == instance.transfer_syntax_uid:
            yield MediumFile(name=name, chunks=whole_file(instance))
        else:
            self.reencoded += 1
            yield MediumFile(name=name, chunks=self._reencoded_file(instance, syntax))
        page.add(StoredSource(instance, self._reader), name)

    def _reencoded_file(self, instance: StoredInstance, syntax: str) -> Iterator[bytes]:
        with self._converted(instance, syntax) as file:
            yield encode(
                sop_class_uid=file.sop_class_uid,
                sop_instance_uid=file.sop_instance_uid,
                transfer_syntax_uid=syntax,
            )
            with file.opened() as data:
                data.seek(file.dataset_offset)
                while piece := data.read(PIECE):
                    yield piece

    @contextmanager
    def _converted(self, instance: StoredInstance, syntax: str) -> Iterator[Part10File]:
        with ExitStack() as stack:
            try:
                file = stack.enter_context(self._lossless(instance, syntax))
            except OSError as error:
                raise OutOfSpace(
                    f"{instance.sop_instance_uid} cannot be re-encoded: {said_of(error)}"
                ) from error
            yield file


def whole_file(instance: StoredInstance) -> Iterator[bytes]:
    """The stored file, its meta made again. Raises Damaged at its end where it is not as stored."""
    digest = hashlib.sha256()
    with kept(instance), open_bytes(instance) as file:
        file.seek(instance.dataset_offset)
        yield sent_meta(instance)
        while piece := file.read(PIECE):
            digest.update(piece)
            yield piece
    if digest.hexdigest() != instance.dataset_sha256:
        raise Damaged(
            f"the stored file of {instance.sop_instance_uid} is not what was stored: nothing was "
            "copied. Have its sender send it again"
        )
