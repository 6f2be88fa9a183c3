"""The README of a medium: for the person who puts it into a computer. Pure; ASCII, as PS3.12 has
names and plain texts. Nothing of a patient is in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from echonode.model.identity import IMPLEMENTATION_VERSION_NAME

_TEXT = """\
MEDICAL IMAGES

To look at the images, open INDEX.HTM in a web browser. It needs no
connection, installs nothing, and shows reduced pictures: they are not
for a diagnosis.

For a diagnosis, open this folder or disc in a DICOM viewer, which reads
the file DICOMDIR. The images themselves are in the folder DICOM.

  Images and documents: {objects}
  Written:              {date}
  Written by:           EchoNode ({version})
  Application profiles: {profiles}

Do not rename or move files of this medium: DICOMDIR names each of them.
This medium holds a patient's data. Keep it as you keep a medical record.
"""


def readme(objects: int, profiles: Sequence[str], now: datetime) -> bytes:
    """The whole file, with the line ends of every system's simplest editor."""
    fit = f"\n{' ' * 24}".join(profiles) if profiles else "none fits the encoding of these images"
    text = _TEXT.format(
        objects=objects,
        date=f"{now:%Y-%m-%d}",
        version=IMPLEMENTATION_VERSION_NAME,
        profiles=fit,
    )
    return text.replace("\n", "\r\n").encode("ascii")
