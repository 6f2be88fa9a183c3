"""An instance's dataset in the other uncompressed syntax, for a receiver that takes only that one.

Nothing is lost between Explicit and Implicit VR Little Endian, so the SOP Instance UID stays
(PS3.5 10.1). What is compressed, deflated or big endian is not re-encoded here. Delivery and
retrieval both take this as a callable from node.py.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from echonode.dimse.contexts import EXPLICIT_LE, IMPLICIT_LE
from echonode.dimse.services import Part10File
from echonode.errors import ContextNotAccepted
from echonode.model.instance import StoredInstance
from echonode.objects.native_syntax import reencode

Reencode = Callable[[StoredInstance, str], AbstractContextManager[Part10File]]

_NATIVE = frozenset({EXPLICIT_LE, IMPLICIT_LE})


def native_reencoder(scratch: Path) -> Reencode:
    """A re-encoder whose files are in `scratch` for as long as one is being sent.

    It raises ContextNotAccepted for other syntaxes, InvalidObject for a dataset it cannot follow
    and OSError; it holds no dataset in memory.
    """

    @contextmanager
    def in_other_syntax(instance: StoredInstance, transfer_syntax_uid: str) -> Iterator[Part10File]:
        stored = instance.transfer_syntax_uid
        if not _NATIVE.issuperset({stored, transfer_syntax_uid}):
            raise ContextNotAccepted(f"{stored} is not re-encoded into {transfer_syntax_uid}")
        with tempfile.NamedTemporaryFile(dir=scratch, suffix=".part") as target:
            with (
                instance.path.open("rb") as source,
                mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as data,
                memoryview(data) as whole,
                whole[instance.dataset_offset :] as dataset,
            ):
                reencode(
                    dataset,
                    target.write,
                    from_implicit=stored == IMPLICIT_LE,
                    to_implicit=transfer_syntax_uid == IMPLICIT_LE,
                )
            target.flush()
            yield Part10File(
                path=Path(target.name),
                sop_class_uid=instance.sop_class_uid,
                sop_instance_uid=instance.sop_instance_uid,
                transfer_syntax_uid=transfer_syntax_uid,
                dataset_offset=0,  # the dataset alone: only that travels
                size=target.tell(),
            )

    return in_other_syntax
