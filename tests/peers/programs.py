"""Where the real programs are, and what to do when one is missing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

# Never the virtual environment's folder: pynetdicom installs scripts there that bear the names of
# DCMTK's programs (echoscu, storescu, storescp, ...) and are other programs.
SEARCH_PATH = (
    "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
    ":/usr/lib/postgresql/15/bin:/usr/lib/postgresql/17/bin"
)

PACKAGES: Mapping[str, str] = {
    "Orthanc": "orthanc",
    "dciodvfy": "dicom3tools",
    "chromium": "chromium-headless-shell",
    "gdcmconv": "libgdcm-tools",
    "gdcmdump": "libgdcm-tools",
    "gdcmraw": "libgdcm-tools",
    "haproxy": "haproxy",
    "initdb": "postgresql",
    "node": "nodejs",
    "npm": "npm",
    "openssl": "openssl",
    "pdffonts": "poppler-utils",
    "pdftoppm": "poppler-utils",
    "pdftotext": "poppler-utils",
    "postgres": "postgresql",
    "python3": "python3",
    "setpriv": "util-linux",
    "strace": "strace",
    "swtpm": "swtpm",
    "systemd-analyze": "systemd",
    "systemd-creds": "systemd",
    "xorriso": "xorriso",
    "ffmpeg": "ffmpeg",
    "ffprobe": "ffmpeg",
    "pipx": "pipx",
    "promtool": "prometheus",
    "syslog-ng": "syslog-ng-core",
}
"""Program to Debian package; every program that is not named here is DCMTK's."""


# Taken instead, where it is there. Of the two builds of Chromium the one that has no windows starts
# a page with a fifth of the processor time.
_RATHER: Mapping[str, str] = {"chromium": "chromium-headless-shell"}


class PeerMissing(Exception):
    """A real program is not installed; names its Debian package."""

    def __init__(self, program: str, package: str) -> None:
        super().__init__(f"{program} is missing: install the Debian package {package}")
        self.program, self.package = program, package


def find_program(name: str) -> str:
    """The absolute path of a system program. Raises PeerMissing, which names its package."""
    names = filter(None, (_RATHER.get(name), name))
    found = next(filter(None, (shutil.which(each, path=SEARCH_PATH) for each in names)), None)
    if found is None:
        raise PeerMissing(name, PACKAGES.get(name, "dcmtk"))
    return found


def peers_required() -> bool:
    """Whether a missing program is a failure here, and not only a reason to skip."""
    return (
        os.environ.get("ECHONODE_REQUIRE_PEERS", "") == "1"
        or os.environ.get("CI", "").lower() == "true"
    )
