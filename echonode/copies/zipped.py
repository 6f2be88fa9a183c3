"""Copies of instances in one format, as the files of a ZIP file that is made while it is sent.

Rules
- The files have the names that a folder of `echonode export` has, and `copies.json` says what each
  is of. What has no such copy is in `left_out.json` with the reason.
- A file is whole before its first byte is handed on: what fails is left out, and the others go on.
- Where nothing would be in it, it is refused before anything is handed on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from echonode.at_rest.writing import FileWriter, Scratch
from echonode.copies.exporting import (
    INDEX,
    Codecs,
    LinesOf,
    Prepare,
    as_it_is,
    index_entry,
    no_lines,
    said_of_nothing,
)
from echonode.copies.source import CopyOptions, Make
from echonode.copies.stored_source import StoredSource
from echonode.errors import InvalidObject, OperatorRefused
from echonode.model.instance import StoredInstance

LEFT_OUT = "left_out.json"
_PIECE = 1024 * 1024

Pairs = Iterator[tuple[str, Iterable[bytes]]]


def zipped_copies(
    instances: Sequence[StoredInstance],
    make: Make,
    options: CopyOptions,
    codecs: Codecs,
    *,
    scratch: Scratch,
    prepare: Prepare = as_it_is,
    lines_of: LinesOf = no_lines,
) -> Pairs:
    """Name and bytes of each file; the first is made before this returns.

    scratch: takes one file at a time. Raises OperatorRefused where nothing can be made,
    UsageError where the format wants something else, Damaged, OSError; later on Damaged, OSError.
    """
    files = _files(instances, make, options, codecs, scratch, prepare, lines_of)
    return chain([next(files)], files)


def _files(
    instances: Sequence[StoredInstance],
    make: Make,
    options: CopyOptions,
    codecs: Codecs,
    scratch: Scratch,
    prepare: Prepare,
    lines_of: LinesOf,
) -> Pairs:
    left_out: dict[str, str] = {}
    index: list[dict[str, object]] = []
    for number, instance in enumerate(instances, 1):
        uid = instance.sop_instance_uid
        try:
            with prepare(instance) as leaving:
                source = StoredSource(leaving, codecs.reader, lines_of(uid))
                names = []
                for file in make(source, options):
                    names.append(f"{number:04d}{file.ending}")
                    with scratch.file() as spooled:
                        for chunk in file.chunks:
                            spooled.write(chunk)
                        yield names[-1], _pieces(spooled)
                index.append(index_entry(source, names))
        except InvalidObject as fault:
            left_out[uid] = str(fault)
    if not index:
        raise OperatorRefused(said_of_nothing(left_out))
    if left_out:
        yield LEFT_OUT, (json.dumps(left_out, indent=1).encode(),)
    yield INDEX, (json.dumps(index, indent=1).encode(),)


def _pieces(written: FileWriter) -> Iterator[bytes]:
    with written.opened() as file:
        while piece := file.read(_PIECE):
            yield piece
