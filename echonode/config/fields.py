"""What every section is made of: a strict base, and values that are checked on their own."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo

from echonode.model.identity import is_valid_ae_title


@dataclass(frozen=True)
class Allowed:
    """What a value may be, in words, for docs/configuration.md; it follows the check itself."""

    text: str


_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_AE_TITLE_LENGTH = 16  # PS3.5 table 6.2-1, VR AE
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")


def _ae_title(value: str) -> str:
    if len(value.strip(" ")) > _AE_TITLE_LENGTH:
        raise ValueError(
            f"{value[:40]} has {len(value)} characters; an AE title has 1 to {_AE_TITLE_LENGTH}"
        )
    if not is_valid_ae_title(value):
        raise ValueError("an AE title is 1 to 16 printable ASCII characters without a backslash")
    return value.strip(" ")


def checked_host(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        if scheme := _SCHEME.match(value):
            raise ValueError(
                f"not a host name or IP address; take away `{scheme.group()}`"
            ) from None
        if not _HOST_NAME.fullmatch(value):
            raise ValueError("not a host name or IP address") from None
    return value


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("a name is 1 to 32 letters, digits, '-' or '_'")
    return value


def _address(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError("an address is HOST:PORT, with a port from 1 to 65535")
    checked_host(host.strip("[]"))
    return value


def _address_range(value: str) -> str:
    try:
        ipaddress.ip_network(value)
    except ValueError:
        raise ValueError("not an IP address, nor a network such as 10.0.0.0/24") from None
    return value


def _in_folder(value: Path, info: ValidationInfo) -> Path:
    """A relative path is relative to the folder of the configuration file, where there is one."""
    folder = (info.context or {}).get("folder")
    return folder / value if folder is not None else value


AETitle = Annotated[
    str, AfterValidator(_ae_title), Allowed("1 to 16 printable ASCII characters, no backslash")
]
Host = Annotated[str, AfterValidator(checked_host), Allowed("host name or IP address")]
Port = Annotated[int, Field(ge=1, le=65535, strict=True)]
Name = Annotated[str, AfterValidator(_name), Allowed("1 to 32 letters, digits, `-` or `_`")]
Address = Annotated[str, AfterValidator(_address), Allowed("HOST:PORT")]
AddressRange = Annotated[
    str, AfterValidator(_address_range), Allowed("IP address or network (10.0.0.0/24)")
]
FilePath = Annotated[
    Path,
    AfterValidator(_in_folder),
    Allowed("path; a relative one is relative to the folder of this file"),
]
LongString = Annotated[
    str,
    Field(max_length=64, pattern=r"^[^\\\x00-\x1f]*$"),  # VR LO
    Allowed("up to 64 characters without a backslash"),
]
CodeString = Annotated[
    str,
    Field(max_length=16, pattern=r"^[A-Z0-9 _]*$"),  # VR CS
    Allowed("up to 16 capital letters, digits, spaces or `_`"),
]


class Section(BaseModel):
    """A part of the file: frozen, and strict about keys it does not know."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )
