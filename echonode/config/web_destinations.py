"""What must agree where a destination is a DICOMweb server, and what deserves a second look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from echonode.config.addresses import is_loopback
from echonode.config.destination import DestinationSection
from echonode.config.dicomweb_address import parsed
from echonode.config.schema import Config
from echonode.config.secret_files import is_open_to_others
from echonode.errors import ConfigFault
from echonode.model.identity import CommitmentPolicy


def web_destination_faults(
    path: str, section: DestinationSection, config: Config
) -> Iterator[ConfigFault]:
    """The faults of one destination; none where it is a peer."""
    if section.dicomweb is None:
        return
    if section.target in config.peers:
        yield ConfigFault(
            path=f"{path}.name",
            problem=f"`{section.target}` is a peer already",
            remedy="Give the destination a name of its own.",
        )
    if section.commitment is CommitmentPolicy.REQUIRED:
        yield ConfigFault(
            path=f"{path}.commitment",
            problem="`required`, but no archive is asked for storage commitment by DICOMweb",
            remedy="Give `commitment: verify`: each instance is found again by QIDO-RS.",
        )
    for key in ("token_file", "password_file"):
        file = getattr(section, key)
        if file is not None:
            yield from _secret_faults(f"{path}.{key}", file)


def _secret_faults(path: str, file: Path) -> Iterator[ConfigFault]:
    try:
        is_open = is_open_to_others(file)
        with file.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        yield ConfigFault(
            path=path,
            problem=f"{file} cannot be read: {error.strerror}",
            remedy="Give an existing file that this user may read.",
        )
        return
    if is_open:
        yield ConfigFault(
            path=path,
            problem="can be read by other users",
            remedy=f"Run: chmod 600 {file}",
        )


def web_destination_doubts(config: Config) -> Iterator[ConfigFault]:
    """Servers that are reached in clear, over a network."""
    for index, section in enumerate(config.destinations):
        if section.dicomweb is None:
            continue
        address = parsed(section.dicomweb)
        if not address.is_encrypted and not is_loopback(address.host):
            yield ConfigFault(
                path=f"destinations[{index}].dicomweb",
                problem="everyone on the way to it can read the images, and the token or password",
                remedy="Give its address with https://.",
            )
