"""What Python raises where the system gives no more memory or threads."""

from __future__ import annotations

import errno


def is_shortage(error: BaseException) -> bool:
    """Whether it says that memory or threads are wanting, in Python's several words for that.

    RuntimeError is what CPython raises without a thread, and for a part that was to be stopped
    before its thread ran; ImportError is of a library that found no address space, SystemError of
    an extension that did not look.
    """
    if isinstance(error, RuntimeError):
        return "thread" in str(error)
    if isinstance(error, ImportError):
        return any(sign in str(error) for sign in ("map segment", "allocate", "static TLS"))
    if isinstance(error, OSError):
        return error.errno in (errno.ENOMEM, errno.EAGAIN)
    if isinstance(error, SystemError):
        return "without exception set" in str(error)
    return isinstance(error, MemoryError)
