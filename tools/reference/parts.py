"""Which part of which document is made by what, and where it lies in the document."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from echonode.model import commitment, delivery
from tools.reference.access import routes_by_role
from tools.reference.audit import records_of_commands, records_of_routes, records_of_services
from tools.reference.behaviours import behaviours
from tools.reference.configuration import configuration
from tools.reference.conformance import conformance
from tools.reference.events import log_events
from tools.reference.licences import licences
from tools.reference.packages import packages
from tools.reference.reasons import reasons
from tools.reference.security import limits, ports
from tools.reference.states import state_diagram
from tools.reference.threats import tests_of_threats


@dataclass(frozen=True, kw_only=True)
class Part:
    """document: its path in the repository. name: as in the marks around the part."""

    document: str
    name: str
    make: Callable[[], str]


PARTS = (
    Part(document="docs/access.md", name="routes by role", make=routes_by_role),
    Part(
        document="docs/architecture.md",
        name="states of a delivery",
        make=lambda: state_diagram(delivery.TRANSITIONS, first=("captured", "queued")),
    ),
    Part(
        document="docs/architecture.md",
        name="states of a transaction",
        make=lambda: state_diagram(commitment.TRANSITIONS, first=("created",)),
    ),
    Part(document="docs/architecture.md", name="packages", make=packages),
    Part(document="docs/audit.md", name="records of routes", make=records_of_routes),
    Part(document="docs/audit.md", name="records of services", make=records_of_services),
    Part(document="docs/audit.md", name="records of commands", make=records_of_commands),
    Part(document="docs/configuration.md", name="keys", make=configuration),
    Part(document="docs/conformance.md", name="statement", make=conformance),
    Part(document="docs/exams.md", name="reasons", make=reasons),
    Part(document="docs/licences.md", name="licences", make=licences),
    Part(document="docs/security.md", name="ports", make=ports),
    Part(document="docs/security.md", name="limits", make=limits),
    Part(document="docs/threats.md", name="tests of threats", make=tests_of_threats),
    Part(document="docs/lying-pacs.md", name="behaviours", make=behaviours),
    Part(document="docs/log-events.md", name="events", make=log_events),
)


def marks(name: str) -> tuple[str, str]:
    """The lines before and after a generated part."""
    return f"<!-- {name}: made by `make docs` -->", f"<!-- end: {name} -->"


def with_part(document: str, part: Part) -> str:
    """The document with the part as it is now. Raises ValueError where a mark is missing."""
    begin, end = marks(part.name)
    if document.count(begin) != 1 or document.count(end) != 1:
        raise ValueError(f"{part.document} must have once: {begin} and {end}")
    before, _, rest = document.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{part.make().strip()}\n\n{end}{after}"


def current(document: str, part: Part) -> bool:
    """Whether the document holds the part as it is now."""
    return with_part(document, part) == document
