"""Chromium without a window: a page as a person would have it before them."""

from __future__ import annotations

import subprocess
import tempfile

from tests.peers.programs import find_program

DEADLINE_S = 90


def page_after(url: str, *, milliseconds: int = 5000, width: int = 1280, height: int = 900) -> str:
    """The page's DOM as HTML, once its scripts have run for so long. Raises PeerMissing.

    Virtual time: timers fire as fast as the answers of the server allow.
    """
    with tempfile.TemporaryDirectory(prefix="echonode-browser-") as profile:
        done = subprocess.run(
            [
                find_program("chromium"),
                *("--headless=new", "--no-sandbox", "--disable-gpu", "--dump-dom"),
                f"--user-data-dir={profile}",
                f"--window-size={width},{height}",
                f"--virtual-time-budget={milliseconds}",
                url,
            ],
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=True,
        )
    return done.stdout
