"""What the operating system's errors mean, in words for a person: one sentence for each errno.

Rules
- The sentence says what is wrong; the system's own words stand behind it in brackets, for
  a search: "the disk is full (No space left on device)".
- It is chosen by the number, never by the words: those differ between systems and languages.
- An error whose words are not the system's was raised by a part of EchoNode, which has said what it
  means: those words stay as they are. So do those of a number that has no sentence here.
- A sentence names no path and no data, so it may stand in the log and in the ledger.

The console has each sentence in its other language (core/system-words.js).
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Mapping
from types import MappingProxyType

_NO_ANSWER = "no answer came in time"

# By errno (POSIX.1-2017, 2.3 Error Numbers).
SENTENCES: Mapping[int, str] = MappingProxyType(
    {
        errno.ENOSPC: "the disk is full",
        errno.EDQUOT: "the disk quota of the node's user is used up",
        errno.EIO: "the disk or device reports a fault and may be failing",
        errno.EROFS: "the disk can be read and not written",
        errno.EACCES: "the node's user has no permission for it",
        errno.EPERM: "the system does not permit it",
        errno.ENOENT: "there is no such file or folder",
        errno.ENOTDIR: "a part of the path is not a folder",
        errno.EISDIR: "it is a folder, and a file is needed",
        errno.EEXIST: "it exists already",
        errno.ENAMETOOLONG: "the name is too long",
        errno.ELOOP: "its symbolic links lead in a circle",
        errno.EFBIG: "the file is larger than the system allows",
        errno.EBUSY: "another program uses it",
        errno.ENXIO: "the device is not there",
        errno.ENODEV: "the device is not there any more",
        errno.ESTALE: "the file server does not know the file any more",
        errno.EMFILE: "the node has as many files open as it may",
        errno.ENFILE: "this machine has as many files open as it can",
        errno.ENOMEM: "this machine has no memory left",
        errno.EAGAIN: "the system has no room for it at this moment",
        errno.EADDRINUSE: "another program uses the address and port",
        errno.EADDRNOTAVAIL: "this machine does not have the address",
        errno.ECONNREFUSED: "the machine answers, and nothing listens on the port",
        errno.ECONNRESET: "the other side broke off the connection",
        errno.ECONNABORTED: "the connection was broken off",
        errno.EPIPE: "the other side has closed the connection",
        errno.ENOTCONN: "the connection has ended",
        errno.ETIMEDOUT: _NO_ANSWER,
        errno.EHOSTUNREACH: "the network does not reach the machine",
        errno.EHOSTDOWN: "the machine is switched off or not on the network",
        errno.ENETUNREACH: "the network does not lead to the address",
        errno.ENETDOWN: "the network of this machine is down",
    }
)

# By the number of getaddrinfo (RFC 3493, 6.1); these are not errno.
NAME_SENTENCES: Mapping[int, str] = MappingProxyType(
    {
        socket.EAI_NONAME: "no machine has the name",
        socket.EAI_AGAIN: "the name server does not answer",
        socket.EAI_FAIL: "the name server failed",
        getattr(socket, "EAI_NODATA", -5): "the name has no address",  # absent on some systems
    }
)


def said_of(error: OSError) -> str:
    """The sentence with the system's words in brackets; or the error's own words; never empty."""
    if isinstance(error, socket.gaierror):
        return _with_detail(NAME_SENTENCES.get(error.errno or 0), error.strerror or str(error))
    if error.errno is None and isinstance(error, TimeoutError) and type(error) is TimeoutError:
        return _with_detail(_NO_ANSWER, str(error) or "timed out")
    if error.errno is None or error.strerror != os.strerror(error.errno):
        return error.strerror or str(error) or type(error).__name__
    return _with_detail(SENTENCES.get(error.errno), error.strerror)


def _with_detail(sentence: str | None, detail: str) -> str:
    return f"{sentence} ({detail})" if sentence else detail
