"""Each refusal of the operating system has a sentence for a person; its own words stand behind."""

from __future__ import annotations

import ast
import errno
import os
import socket
from pathlib import Path

import pytest

from echonode.system_faults import NAME_SENTENCES, SENTENCES, said_of

PACKAGE = Path(__file__).resolve().parents[2] / "echonode"
# Where the system's own words may stand alone: no page of the console shows what is said there.
ALONE = (
    "commands/*",  # a terminal
    "config/*",  # before the node starts
    "at_rest/*",
    "store/files/database_key.py",
    "store/files/layout.py",
    "dimse/acceptor.py",
    "exam/hl7/listener.py",
    "probe/link/tcp_listener.py",
    "web/server.py",
    "store/backup/*",  # of the command `backup`
    "store/moving/*",  # of the command `move`
    "copies/media/*",  # of the command `import`
    "node/local_key.py",  # the log
    "node/scanning.py",
    "web/tls_listener.py",
    "dimse/upper_layer/tls_context.py",
    "monitoring/notices/webhook.py",
    # Words of ours: `Altered` says what it found.
    "delivery/stow/file_body.py",
    "store/ingest/ingest.py",
    "dimse/association/file_stream.py",
    "errors.py",  # asks whether there are any
    "system_faults.py",
)


@pytest.mark.parametrize(("number", "sentence"), SENTENCES.items())
def test_each_number_has_its_sentence_and_the_systems_words_behind(
    number: int, sentence: str
) -> None:
    """By the number: the words of another system do not matter."""
    error = OSError(number, os.strerror(number))
    assert said_of(error) == f"{sentence} ({os.strerror(number)})"


def test_a_real_full_disk_and_a_real_refusal_are_told() -> None:
    """As the system raises them here."""
    with pytest.raises(OSError) as full, Path("/dev/full").open("wb", buffering=0) as disk:
        disk.write(b"x")
    assert said_of(full.value) == "the disk is full (No space left on device)"
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(OSError) as refused:
            socket.create_connection(closed.getsockname(), timeout=5).close()
    assert said_of(refused.value).startswith("the machine answers, and nothing listens on the port")


@pytest.mark.parametrize(("number", "sentence"), NAME_SENTENCES.items())
def test_a_name_without_an_address_is_told(number: int, sentence: str) -> None:
    """getaddrinfo has numbers of its own."""
    assert said_of(socket.gaierror(number, "as the resolver says")) == (
        f"{sentence} (as the resolver says)"
    )


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TimeoutError("timed out"), "no answer came in time (timed out)"),
        (TimeoutError(), "no answer came in time (timed out)"),
        (OSError(errno.EIO, "the file became shorter"), "the file became shorter"),
        (OSError(errno.EXDEV, os.strerror(errno.EXDEV)), os.strerror(errno.EXDEV)),
        (ConnectionResetError("the receiver closed the connection"), "the receiver closed the"),
        (ConnectionAbortedError(), "ConnectionAbortedError"),
    ],
)
def test_other_words_stay_as_they_are(error: OSError, words: str) -> None:
    """What a part of EchoNode said itself, and what has no sentence; never nothing."""
    assert said_of(error).startswith(words)


@pytest.mark.slow
def test_no_other_module_shows_the_systems_words_alone() -> None:
    """A new one asks system_faults.py, so that the console has its sentence."""
    allowed = {path for pattern in ALONE for path in PACKAGE.glob(pattern)}
    allowed |= {
        path
        for room in ALONE
        if room.endswith("/*")
        for path in (PACKAGE / room[:-2]).rglob("*.py")
    }
    raw = [
        f"{module.relative_to(PACKAGE)}:{node.lineno}"
        for module in sorted(set(PACKAGE.rglob("*.py")) - allowed)
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "strerror"
    ]
    assert raw == []
