"""The conformance statement of the example configuration, below the page's own first lines."""

from __future__ import annotations

from pathlib import Path

from echonode.config import load
from echonode.monitoring.conformance.document import markdown
from echonode.monitoring.conformance.statement import claims

EXAMPLE = Path(__file__).resolve().parents[2] / "config" / "echonode.yaml"


def conformance() -> str:
    """Without its title, which the page has."""
    return markdown(claims(load(EXAMPLE, {}))).partition("\n")[2]
