"""The OHIF viewer: the pinned package, unpacked into build/ by our own command, and a browser."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from echonode.web.viewer.package import installed_in
from tests.peers.programs import PeerMissing, find_program

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "viewer"
# It draws by WebGL: here in software.
_DRAWING = ("--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
_QUIET = ("--no-sandbox", "--disable-background-networking")
_ALONE = ("--disable-component-update", "--disable-sync")


def viewer_dir() -> Path:
    """A folder for `web.viewer_dir`, fetched now where it is not there. Raises PeerMissing."""
    if installed_in([FOLDER]) is None:
        registry = subprocess.run(
            [find_program("npm"), "config", "get", "registry"],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        address = registry.stdout.strip()
        command = ["viewer", "install", "--to", str(FOLDER), "--registry", address]
        done = subprocess.run(
            [sys.executable, "-m", "echonode", *command],
            cwd=ROOT,
            capture_output=True,
            check=False,
            timeout=300,
        )
        if done.returncode:
            raise PeerMissing("@ohif/app (npm's registry was not reached)", "npm")
    return FOLDER


@contextmanager
def drawing_browser() -> Iterator[Browser]:
    """Chromium that draws in three dimensions. Raises PeerMissing."""
    program = find_program("chromium")
    arguments = [*_DRAWING, *_QUIET, *_ALONE]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            yield started
        finally:
            started.close()
