"""The folder of recordings and DICOM files: the real ones next to the checkout, or stand-ins.

Stand-ins have the same names in the same folders and the same file forms. A test that measures a
margin, or names what only a real file has, asks for `real_data` and is skipped without it.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from tests.support.stand_in_images import write_images
from tests.support.stand_in_recordings import (
    BONE,
    FILM,
    LOUNGERS,
    STILLS,
    write_bone,
    write_film,
    write_lounger,
    write_still,
)

REAL: Final = Path(__file__).resolve().parents[3] / "shared" / "data"
WHY_SKIPPED: Final = "needs the real recordings in ../shared/data"


def has_real_data() -> bool:
    return REAL.is_dir()


@cache
def images_folder() -> Path:
    """The folder with us/, other/ and bad/; stand-ins are made once in a process."""
    return REAL if has_real_data() else _stand_in_images()


@cache
def data_folder() -> Path:
    """The same with probe/ as well."""
    folder = images_folder()
    if not has_real_data():
        probe = folder / "probe"
        (probe / BONE).parent.mkdir(parents=True)
        write_film(probe / FILM)
        for name, seed in STILLS.items():
            write_still(probe / name, seed)
        for name, title in LOUNGERS.items():
            write_lounger(probe / name, title)
        write_bone(probe / BONE)
    return folder


def _stand_in_images() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="echonode-stand-ins-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    write_images(folder)
    return folder
