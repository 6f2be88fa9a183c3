"""The statuses of DIMSE responses: complete, and of the classes that the standard gives them."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pynetdicom.status
import pytest

import echonode
from echonode.model import status
from echonode.model.status import Status, StatusKind

# Statuses of services that EchoNode does not provide: prior record keys and frames (PS3.4 C.4.1,
# annex Y), and the limit of responses.
NOT_OURS = {0xA710, 0xB001, 0xAA00, 0xAA01, 0xAA02, 0xAA03, 0xAA04}
TABLES = [
    ("GENERAL", pynetdicom.status.GENERAL_STATUS),
    ("STORAGE", pynetdicom.status.STORAGE_SERVICE_CLASS_STATUS),
    ("FIND", pynetdicom.status.QR_FIND_SERVICE_CLASS_STATUS),
    ("MOVE", pynetdicom.status.QR_MOVE_SERVICE_CLASS_STATUS),
    ("GET", pynetdicom.status.QR_GET_SERVICE_CLASS_STATUS),
    ("COMMITMENT", pynetdicom.status.STORAGE_COMMITMENT_SERVICE_CLASS_STATUS),
]


def rows(name: str) -> tuple[Status, ...]:
    table: tuple[Status, ...] = getattr(status, name)
    return table


@pytest.mark.parametrize(("name", "theirs"), TABLES, ids=[name for name, _ in TABLES])
def test_every_status_of_the_standard_is_there_with_its_class(
    name: str, theirs: dict[int, tuple[str, str]]
) -> None:
    """pynetdicom's tables were written from the same texts: each code of theirs has a row."""
    for code, (kind, _) in theirs.items():
        if code in NOT_OURS:
            continue
        found = status.look_up(code, rows(name))
        assert found is not None, f"{code:04X}"
        assert found.kind == kind.lower(), f"{code:04X}"


@pytest.mark.parametrize("name", [name for name, _ in TABLES])
def test_a_range_is_of_one_class_and_no_code_has_two_rows(name: str) -> None:
    """The narrowest row decides, so two rows may not begin and end alike."""
    for row in rows(name):
        assert {status.kind_of(row.code), status.kind_of(row.last)} == {row.kind}
    assert max(Counter((row.code, row.last) for row in rows(name)).values()) == 1


@pytest.mark.parametrize(
    ("code", "service", "pattern", "name"),
    [
        (0xA7C3, status.STORAGE, "A7xx", "Out of Resources"),
        (0xC211, status.STORAGE, "Cxxx", "Cannot Understand"),
        (0xC211, status.FIND, "Cxxx", "Unable to Process"),
        (0xA900, status.FIND, "A900", "Identifier Does Not Match SOP Class"),
        (0x0122, status.MOVE, "0122", "SOP Class Not Supported"),
    ],
)
def test_a_code_is_read_by_the_service_that_answered(
    code: int, service: tuple[Status, ...], pattern: str, name: str
) -> None:
    """The same number means another thing to another service; a range covers what is in it."""
    found = status.look_up(code, service)
    assert found is not None
    assert (found.pattern, found.name) == (pattern, name)


def test_an_unknown_code_is_a_failure_without_a_row() -> None:
    """It proves nothing, and it is not a success."""
    assert status.look_up(0x1234, status.STORAGE) is None
    assert status.kind_of(0x1234) is StatusKind.FAILURE


@pytest.mark.slow
def test_no_other_module_names_a_status() -> None:
    """A number that two modules define can come to differ.

    The archive that lies has its own: it shares no code with the node that it judges.
    """
    names = {name for name, value in vars(status).items() if isinstance(value, int)}
    package = Path(echonode.__file__).parent
    found = [
        f"{path.relative_to(package)}:{node.lineno}: {target.id}"
        for path in package.rglob("*.py")
        if path != Path(status.__file__) and "lying_pacs" not in path.parts
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, int)
        and not isinstance(node.value.value, bool)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id.lstrip("_") in names
    ]
    assert found == []
