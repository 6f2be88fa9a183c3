"""`echonode export --format`: each chosen instance through a format, into a folder or one file.

Rules
- Files are numbered in the order of the instances: 0001.png, 0002-0001.png (frame 1 of a cine).
  `copies.json` says which instance each of them is of; no other name is of the data.
- An instance that has no such copy, such as a report that is to be a PNG, is left out and said; an
  export of which nothing is left is refused.
- A copy that must be changed first (de-identified) passes through `prepare`, whatever the format.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from echonode.at_rest.writing import Scratch
from echonode.copies.source import CopyOptions, CopySource, Make
from echonode.copies.stored_source import StoredSource
from echonode.copies.writing import new_file, new_folder, write_file
from echonode.errors import InvalidObject, OperatorRefused
from echonode.model.instance import StoredInstance
from echonode.store.files.kept_lines import OpenLines
from echonode.transcoding.process_pool import TranscodeWorkers
from echonode.transcoding.reencoder import Reencode, Reencoder
from echonode.transcoding.single_frame import FrameReader

INDEX = "copies.json"
# What leaves in an instance's place: the instance itself, or one made of it, while it is copied.
Prepare = Callable[[StoredInstance], AbstractContextManager[StoredInstance]]
Progress = Callable[[int, int], None]  # how many instances are done, and of how many


LinesOf = Callable[[str], OpenLines | None]


def no_lines(_uid: str) -> OpenLines | None:
    """The LinesOf where none are kept."""
    return None


def no_progress(done: int, total: int) -> None:
    """The Progress that is not shown."""


def as_it_is(instance: StoredInstance) -> AbstractContextManager[StoredInstance]:
    """The Prepare that changes nothing."""
    return nullcontext(instance)


@dataclass(frozen=True, kw_only=True)
class Written:
    """said: lines for the person who asked. left_out: SOP Instance UID -> why it has no copy."""

    said: Sequence[str]
    left_out: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Codecs:
    """reader: decodes frames. lossless: Reencoder.lossless."""

    reader: FrameReader
    lossless: Reencode


class CopyJob(Protocol):
    """What one call of `echonode export` writes, and where: Export, or a medium."""

    @property
    def out(self) -> Path:
        """Where it goes."""

    def write(
        self,
        instances: Sequence[StoredInstance],
        codecs: Codecs,
        *,
        force: bool = False,
        on_progress: Progress = no_progress,
    ) -> Written:
        """Raises UsageError, OperatorRefused, Damaged, OutOfSpace; then nothing is written."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """out: the folder; or the file, where it has a suffix and one instance becomes one file.
    make: the format. prepare: what an instance passes through before it. lines_of: where the scan
    lines of an instance are, by its UID.
    """

    out: Path
    make: Make
    options: CopyOptions
    prepare: Prepare = as_it_is
    lines_of: LinesOf = no_lines

    def write(
        self,
        instances: Sequence[StoredInstance],
        codecs: Codecs,
        *,
        force: bool = False,
        on_progress: Progress = no_progress,
    ) -> Written:
        """See CopyJob."""
        if len(instances) == 1 and self.out.suffix and not self.out.is_dir():
            return self._write_one(instances[0], codecs, force=force)
        left_out: dict[str, str] = {}
        index: list[dict[str, object]] = []
        with new_folder(self.out, force=force) as folder:
            for number, instance in enumerate(instances, 1):
                on_progress(number - 1, len(instances))
                try:
                    with self._source(instance, codecs) as source:
                        names = []
                        for file in self.make(source, self.options):
                            names.append(f"{number:04d}{file.ending}")
                            folder.write(names[-1], file.chunks)
                        index.append(index_entry(source, names))
                except InvalidObject as fault:
                    left_out[instance.sop_instance_uid] = str(fault)
            if not index:
                raise OperatorRefused(said_of_nothing(left_out))
            folder.write(INDEX, (json.dumps(index, indent=1).encode(),))
        on_progress(len(instances), len(instances))
        files, of = len(folder.names) - 1, len(instances)
        said = f"{self.out}: {files} file{'s' * (files != 1)} of {of} instance{'s' * (of != 1)}"
        return Written(said=(said,), left_out=left_out)

    def _write_one(self, instance: StoredInstance, codecs: Codecs, *, force: bool) -> Written:
        with new_file(self.out, force=force) as path:
            try:
                with self._source(instance, codecs) as source:
                    for count, file in enumerate(self.make(source, self.options)):
                        if count:
                            raise OperatorRefused(
                                "it becomes several files: give a folder, or --frame N"
                            )
                        write_file(path, file.chunks)
            except InvalidObject as fault:
                raise OperatorRefused(
                    said_of_nothing({instance.sop_instance_uid: str(fault)})
                ) from None
        return Written(said=(f"{self.out}: 1 file of 1 instance",), left_out={})

    @contextmanager
    def _source(self, instance: StoredInstance, codecs: Codecs) -> Iterator[CopySource]:
        with self.prepare(instance) as leaving:
            yield StoredSource(leaving, codecs.reader, self.lines_of(instance.sop_instance_uid))


@contextmanager
def codecs_in(scratch: Scratch) -> Iterator[Codecs]:
    """With processes of their own. scratch: for re-encoded data sets."""
    workers = TranscodeWorkers()
    try:
        lossless = Reencoder(scratch, workers).lossless
        yield Codecs(reader=FrameReader(workers, lossless), lossless=lossless)
    finally:
        workers.close()


def index_entry(source: CopySource, names: Sequence[str]) -> dict[str, object]:
    """What `copies.json` says of an instance's files."""
    return {
        "files": list(names),
        "study_instance_uid": source.instance.study_instance_uid,
        "series_instance_uid": source.instance.series_instance_uid,
        "sop_instance_uid": source.instance.sop_instance_uid,
        "frames": source.frames,
    }


def said_of_nothing(left_out: Mapping[str, str]) -> str:
    """Why an export has no file."""
    uid, why = next(iter(left_out.items()))
    return f"there is no such copy of {uid}: {why}"
