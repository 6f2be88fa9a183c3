"""The commands and configurations in README, docs/ and the other documents do what they promise."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from echonode.config import parse
from tests.docs.blocks import (
    DOCUMENTS,
    ROOT,
    Block,
    blocks_in,
    blocks_of,
    commands_of,
    faults_of,
    prints,
)
from tests.docs.session import DocumentSession
from tests.peers.fixtures import require_program

BLOCKS = [block for document in DOCUMENTS for block in blocks_of(document)]
TESTED = [block for block in BLOCKS if block.mark == "test"]
CONSOLE = [
    document
    for document in DOCUMENTS
    if any(block.document == document and block.language == "console" for block in TESTED)
]
# What a new reader runs first is run with every change, the other documents in `make long`.
FIRST_READ = ("README.md", "conformance.md")
CONFIGURATIONS = [block for block in TESTED if block.language == "yaml"]
TLS_FOLDER = "/etc/echonode/tls"


def test_every_block_is_marked() -> None:
    """A block that a reader would copy is run here, or says why not."""
    assert [fault for block in BLOCKS for fault in faults_of(block)] == []


def test_every_block_that_is_to_be_run_is_run() -> None:
    """There is a way to run each language that is marked so."""
    assert {block.language for block in TESTED} <= {"console", "sh", "yaml"}


def test_a_test_that_is_named_as_a_reason_exists() -> None:
    """`not run: tests/... runs it` points to that test."""
    for block in BLOCKS:
        first = block.detail.split(" ")[0]
        if block.mark == "not run" and first.startswith("tests/"):
            assert (ROOT / first).exists(), block


@pytest.mark.peers
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "document",
    [
        pytest.param(
            path, id=path.name, marks=[] if path.name in FIRST_READ else [pytest.mark.long]
        )
        for path in CONSOLE
    ],
)
def test_the_commands_of_a_document_do_what_it_says(document: Path, tmp_path: Path) -> None:
    """One after the other in an empty folder, with a real node, archive and simulated probe."""
    require_program("Orthanc")
    with ExitStack() as parts:
        session = DocumentSession(tmp_path, parts)
        if document.name == "README.md":  # there the reader has entered the node in a PACS
            session.start_archive()
        for block in TESTED:
            if block.document == document and block.language == "console":
                session.run(block)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder in which the commands of docs/tls.md were run."""
    require_program("openssl")
    (script,) = (block for block in TESTED if block.language == "sh")
    folder = tmp_path_factory.mktemp("tls")
    with ExitStack() as parts:
        DocumentSession(folder, parts).run_script(script)
        yield folder


@pytest.mark.parametrize("block", CONFIGURATIONS, ids=str)
def test_a_configuration_of_a_document_is_valid(
    block: Block, tmp_path: Path, certificates: Path
) -> None:
    """With what every file has around it, and the certificates that docs/tls.md makes."""
    text = block.text.replace(TLS_FOLDER, str(certificates))
    usual = {
        "ae_title": "ECHONODE",
        "data_dir": str(tmp_path / "var"),
        "peers": {"pacs": {"ae_title": "PACS", "host": "10.0.0.4", "port": 104}},
    }
    parse(yaml.safe_dump({**usual, **yaml.safe_load(text)}), {})


# --- how blocks are read ---


def block_of(text: str) -> Block:
    (block,) = blocks_in(text, ROOT / "x.md")
    return block


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("```console\n$ rm -r /\n```", "mark it"),
        ("```\n$ rm -r /\n```", "give the block a language"),
        ("<!-- not run -->\n```sh\nrm\n```", "needs a reason"),
    ],
)
def test_a_block_without_its_mark_is_refused(text: str, fault: str) -> None:
    """No command comes into a document without a decision whether it is run."""
    (found,) = faults_of(block_of(text))
    assert fault in found
    assert found.startswith("x.md:")


def test_commands_and_what_they_print_are_read_apart() -> None:
    """A line that ends in a backslash goes on in the next."""
    block = block_of("<!-- test -->\n```console\n$ echo a \\\n  b\na b\n$ true\n```")
    first, second = commands_of(block)
    assert (first.line, first.output) == ("echo a b", "a b")
    assert (second.line, second.output) == ("true", "")


@pytest.mark.parametrize(
    ("promised", "printed", "holds"),
    [
        ("all\n...\nwell", "all\nis\nreally\nwell\n", True),
        ("all\n...\nwell", "all\nwell\n", True),
        ("all ... well", "all is well", True),
        ("ok   tcp", "ok        tcp", True),
        ("all is well", "all is lost", False),
        ("all", "all\nand more", False),
        ("", "anything", True),
    ],
)
def test_what_is_printed_is_compared_with_what_is_promised(
    promised: str, printed: str, *, holds: bool
) -> None:
    """Three dots stand for anything; the rest must be there, and nothing else."""
    assert prints(promised, printed) is holds


def test_a_document_that_promises_another_output_fails(tmp_path: Path) -> None:
    """The session compares output and exit status."""
    with ExitStack() as parts:
        session = DocumentSession(tmp_path, parts)
        session.run(block_of("<!-- test: exit 3 -->\n```console\n$ echo a; exit 3\na\n```"))
        for wrong in ("$ echo a\nb", "$ exit 3"):
            with pytest.raises(AssertionError, match=r"\$ e"):
                session.run(block_of(f"<!-- test -->\n```console\n{wrong}\n```"))
