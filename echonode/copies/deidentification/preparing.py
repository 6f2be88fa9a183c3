"""Instances that are anonymised before a format sees them: a copy in a scratch folder, then gone.

Rules
- Whatever leaves is made of the anonymised copy: its pixels, its attributes and its UIDs.
- One that waits for a person's look, or that cannot be anonymised, is left out and said; the others
  go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from echonode.at_rest.writing import FileWriter, Scratch
from echonode.copies.deidentification.copying import AnonymisedCopy, Anonymiser
from echonode.copies.exporting import Prepare
from echonode.model.instance import StoredInstance


def anonymising(
    anonymiser: Anonymiser,
    scratch: Scratch,
    *,
    is_made_here: Callable[[str], bool],
    is_looked_at: Callable[[str], bool],
) -> Prepare:
    """What an export passes each instance through.

    scratch: takes one copy at a time. is_made_here: by SOP Instance UID, whether this node
    built the instance. is_looked_at: likewise, whether a person has looked at its pixels. The
    callable raises NeedsLook, InvalidObject and OSError.
    """

    @contextmanager
    def prepare(instance: StoredInstance) -> Iterator[StoredInstance]:
        uid = instance.sop_instance_uid
        made_here, looked_at = is_made_here(uid), is_looked_at(uid)
        with scratch.file() as file:
            made = anonymiser.write(instance, file, made_here=made_here, looked_at=looked_at)
            yield _stored(made, file)

    return prepare


def _stored(made: AnonymisedCopy, written: FileWriter) -> StoredInstance:
    with written.opened() as file:
        digest = hashlib.sha256()
        file.seek(made.dataset_offset)
        while piece := file.read(1024 * 1024):
            digest.update(piece)
        return StoredInstance(
            sop_class_uid=made.sop_class_uid,
            sop_instance_uid=made.sop_instance_uid,
            study_instance_uid=made.study_instance_uid,
            series_instance_uid=made.series_instance_uid,
            transfer_syntax_uid=made.transfer_syntax_uid,
            path=written.path,
            cipher=written.cipher,
            size=file.tell(),
            dataset_offset=made.dataset_offset,
            dataset_sha256=digest.hexdigest(),
        )
