"""A head is read, or its bytes are at fault, or this machine is; the last is never the second."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from echonode.errors import OutOfSpace, Unreadable
from echonode.store.index import dataset_header as dataset_reader
from echonode.store.index.dataset_header import read_stored_head
from echonode.store.store import Store
from tests.unit.store.samples import dataset, put

OURS = [OSError(errno.EIO, "Input/output error"), OSError(errno.EMFILE, "Too many"), MemoryError()]
THEIRS = [OSError("pydicom's own words"), RecursionError(), NotImplementedError()]


def raising(error: BaseException) -> Callable[..., NoReturn]:
    def read(*_arguments: object, **_options: object) -> NoReturn:
        raise error

    return read


@pytest.fixture
def path(store: Store) -> Path:
    return put(store, dataset(1)).instance.path


@pytest.mark.parametrize("error", OURS, ids=repr)
@pytest.mark.parametrize("reads", ["DatasetWalk", "read_dataset"])
def test_a_failure_of_this_machine_is_no_fault_of_the_dataset(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, reads: str
) -> None:
    """EIO, no descriptor, no memory: to be tried again, never "cannot be parsed"."""
    monkeypatch.setattr(dataset_reader, reads, raising(error))
    with pytest.raises(OutOfSpace):
        read_stored_head(path)


@pytest.mark.parametrize("error", THEIRS, ids=repr)
def test_what_the_parser_says_of_the_bytes_is_the_datasets_fault(
    path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """The parser's own errors, of which OSError without a number is one."""
    monkeypatch.setattr(dataset_reader, "read_dataset", raising(error))
    with pytest.raises(Unreadable, match=type(error).__name__) as caught:
        read_stored_head(path)
    assert "words" not in str(caught.value)
