"""Which viewer is served, and where it lies on the disk.

The package is `@ohif/app` of the npm registry (MIT licence), in one version: what DICOMweb of this
node was tested with. It does not belong to EchoNode; `echonode viewer install` fetches it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

NAME = "@ohif/app"
VERSION = "3.13.2"
# Of app-3.13.2.tgz, as the registry gives them (dist.integrity).
SHA512 = (
    "5997719a9986eeba85816f5924b71b82bdd70ad2e2d4a0cd3e831a798e4f3dee"
    "a3e06e1f8c48e393271933a0ba664d85f3b04ac457e9abe8dde715d907d13c10"
)
BYTES = 49_906_651
PATH = f"@ohif/app/-/app-{VERSION}.tgz"  # of the file, below the registry's address
START = "index.html"


def folders(viewer_dir: Path | None, data_dir: Path) -> tuple[Path, ...]:
    """Where a node looks for it, the first that has it first: the configured folder or that in
    data_dir, then that of the installation (an image holds it there).
    """
    return (viewer_dir or data_dir / "viewer", Path(sys.prefix) / "share" / "echonode" / "viewer")


def installed_in(candidates: Iterable[Path]) -> Path | None:
    """The folder with the viewer's files; None where it is not installed."""
    versions = (folder / VERSION for folder in candidates)
    return next((folder for folder in versions if (folder / START).is_file()), None)
