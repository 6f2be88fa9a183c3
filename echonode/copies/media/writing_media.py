"""A medium written as a folder, an ISO image or a ZIP file, by the name that it is given."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from echonode.copies.exporting import Codecs, Prepare, Progress, Written, as_it_is, no_progress
from echonode.copies.media.iso9660 import write_iso
from echonode.copies.media.medium import Medium, MediumFile
from echonode.copies.media.profiles import Profile
from echonode.copies.media.zip_file import zip_chunks
from echonode.copies.writing import disk_answers, new_file, new_folder, write_file
from echonode.model.instance import StoredInstance
from echonode.store.files.disk import synchronise

_VOLUME = "DICOM"  # the disc's name, without anything of a patient


@dataclass(frozen=True, kw_only=True)
class MediumCopy:
    """out: FILE.iso, FILE.zip, or else a folder. prepare: what an instance passes through before.
    now: the date of its files.
    """

    out: Path
    profile: Profile
    now: datetime
    prepare: Prepare = as_it_is

    def write(
        self,
        instances: Sequence[StoredInstance],
        codecs: Codecs,
        *,
        force: bool = False,
        on_progress: Progress = no_progress,
    ) -> Written:
        """See exporting.CopyJob."""
        medium = Medium(
            instances,
            codecs=codecs,
            profile=self.profile,
            prepare=self.prepare,
            now=self.now,
        )
        self._write(medium.files(on_progress), force=force)
        count = len(instances)
        said = [f"{self.out}: a medium of {count} instance{'s' * (count != 1)}"]
        if medium.reencoded:
            said.append(f"re-encoded without loss for the profile: {medium.reencoded}")
        said.append(f"profiles (PS3.11): {', '.join(medium.profiles) or 'none fits'}")
        return Written(said=said, left_out={})

    def _write(self, files: Iterator[MediumFile], *, force: bool) -> None:
        kind = self.out.suffix.lower()
        if kind not in (".iso", ".zip") or self.out.is_dir():
            with new_folder(self.out, force=force) as folder:
                for file in files:
                    folder.write(file.name, file.chunks)
            return
        with new_file(self.out, force=force) as path:
            if kind == ".zip":
                write_file(path, zip_chunks(_pairs(files), now=self.now))
                return
            with disk_answers(self.out), path.open("xb") as image:
                write_iso(image, _pairs(files), volume=_VOLUME, now=self.now)
                image.flush()
                synchronise(image.fileno())


def _pairs(files: Iterator[MediumFile]) -> Iterator[tuple[str, Iterable[bytes]]]:
    return ((file.name, file.chunks) for file in files)
