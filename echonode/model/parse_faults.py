"""What a parser is known to raise on bytes that are not a dataset, and what is our own fault.

pydicom converts values when they are first looked at, and raises much more than its own errors on
hostile bytes. Every call of it on a dataset from outside catches these.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from pydicom.errors import BytesLengthException, InvalidDicomError

from echonode.errors import InvalidObject

PARSE_FAULTS: Final = (
    ArithmeticError,
    AssertionError,  # pynetdicom on an item shorter than its length says
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,  # pydicom on a VR that it does not know
    OSError,  # without an errno: pydicom where a sequence breaks off
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def is_ours(error: BaseException) -> bool:
    """Whether an error met while parsing is this machine's: its disk or its memory."""
    return isinstance(error, MemoryError) or (
        isinstance(error, OSError) and error.errno is not None
    )


@contextmanager
def fenced(what: str) -> Iterator[None]:
    """Whatever a parser raises within becomes InvalidObject; what is ours is left as it is.

    what: the sentence that says what cannot be done. The error's own text may quote the dataset.
    """
    try:
        yield
    except PARSE_FAULTS as error:
        if is_ours(error):
            raise
        raise InvalidObject(f"{what} ({type(error).__name__})") from None
