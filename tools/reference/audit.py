"""What leaves which audit record: routes, DIMSE services, commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from echonode.audit.sources.command_records import COMMAND_RECORDS
from echonode.audit.sources.record_rows import Row, Unrecorded
from echonode.audit.sources.route_records import RECORDS, SEARCHED
from echonode.audit.sources.service_records import SERVICE_RECORDS

_HEAD = "| {} | record: EventID, EventTypeCode, action |\n|---|---|"
_SEARCH = "GET /dicom-web/*, a search (QIDO-RS)"


def records_of_routes() -> str:
    """A line for each row of the table of routes."""
    rows: dict[str, Row] = {**RECORDS, _SEARCH: SEARCHED}
    shown = {name.replace("WEBSOCKET", "WebSocket"): row for name, row in rows.items()}
    return _table("route", shown)


def records_of_services() -> str:
    """A line for each DIMSE service, as the conformance statement names it."""
    return "\n".join([_HEAD.format("service"), *_services()])


def _services() -> Iterator[str]:
    for name, rows in SERVICE_RECORDS.items():
        said = str(rows) if isinstance(rows, Unrecorded) else "; ".join(map(str, rows))
        yield f"| `{name}` | {said} |"


def records_of_commands() -> str:
    """A line for each command."""
    return _table("command", COMMAND_RECORDS)


def _table(what: str, rows: Mapping[str, Row]) -> str:
    lines = [f"| `{name}` | {row} |" for name, row in rows.items()]
    return "\n".join([_HEAD.format(what), *lines])
