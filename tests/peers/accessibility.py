"""axe-core: what keeps a person from using a page, by the Web Content Accessibility Guidelines."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page

from tests.peers.node_modules import node_modules

WCAG_22_AA = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
CONTRAST = ["color-contrast"]
_RUN = "([type, values]) => axe.run(document, {runOnly: {type, values}})"


def accessibility_faults(page: Page, *, contrast_alone: bool = False) -> list[str]:
    """What axe-core finds in the page as it stands: a line for each fault, with its element.

    contrast_alone: of a page that differs only by its colours from one that was looked at.
    Raises PeerMissing where axe-core cannot be installed.
    """
    if not page.evaluate("typeof axe === 'object'"):
        # Evaluated, not added as a script: the console's policy allows no script of another origin.
        page.evaluate((node_modules("axe") / "axe-core" / "axe.min.js").read_text(encoding="utf-8"))
    found: dict[str, Any] = page.evaluate(
        _RUN, ["rule", CONTRAST] if contrast_alone else ["tag", WCAG_22_AA]
    )
    return [
        f"{fault['id']}: {node['target']}: {node['failureSummary']}"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]
