"""What a request accepts, and which answer it gets (RFC 9110 12.5.1, PS3.18 8.7.3). Pure.

Rules
- The query parameter `accept` counts before the header field (8.3.3.1, 8.7.8).
- A media range is a type with parameters; its `q` says how much it is wanted, 0 not at all. Of two
  offers that are wanted alike, the one that is offered first is taken.
- `transfer-syntax` names one, or `*`: as it is stored (8.7.3.5.2).
- A field that cannot be read is as if it were not there, and `*/*` is meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

MOST_RANGES = 64
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_TYPE = re.compile(rf"\s*({_TOKEN})/({_TOKEN})\s*")
_PARAMETER = re.compile(rf';\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;,\s"]*))\s*')
_BETWEEN = re.compile(r"\s*(?:,|$)\s*")


@dataclass(frozen=True, kw_only=True)
class MediaRange:
    """type: as `image/jpeg`, in small letters. parameters: without `q`."""

    type: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    quality: float = 1.0

    @property
    def is_multipart(self) -> bool:
        """Whether it is multipart/related, or any multipart."""
        return self.type in ("multipart/related", "multipart/*")

    @property
    def part(self) -> str:
        """The media type of what is asked for: of a multipart, of its parts; */* where not said."""
        return self.parameters.get("type", "*/*").lower() if self.is_multipart else self.type

    @property
    def transfer_syntax(self) -> str:
        """The transfer syntax asked for; '' where none is."""
        return self.parameters.get("transfer-syntax", "")

    def takes(self, media_type: str) -> bool:
        """Whether a part of that type is in the range."""
        return _covers(self.part, media_type)


ANYTHING = MediaRange(type="*/*")


def accepted(header: str, parameter: str = "") -> Sequence[MediaRange]:
    """The ranges of a request, the most wanted first."""
    ranges = _ranges(parameter) or _ranges(header) or [ANYTHING]
    return sorted((each for each in ranges if each.quality > 0), key=lambda each: -each.quality)


def takes_any(ranges: Iterable[MediaRange], *media_types: str) -> str:
    """The media type, of those offered, that is wanted most and in one part; '' for none."""
    for each in ranges:
        if each.is_multipart:
            continue
        for offered in media_types:
            if _covers(each.type, offered):
                return offered
    return ""


def _covers(wanted: str, offered: str) -> bool:
    if wanted in ("*/*", offered):
        return True
    kind, _, subtype = wanted.partition("/")
    return subtype == "*" and offered.startswith(f"{kind}/")


def _ranges(text: str) -> list[MediaRange]:
    found: list[MediaRange] = []
    position = 0
    while position < len(text) and len(found) < MOST_RANGES:
        kind = _TYPE.match(text, position)
        if kind is None:
            return []
        position = kind.end()
        parameters: dict[str, str] = {}
        while (parameter := _PARAMETER.match(text, position)) is not None:
            name, quoted, plain = parameter.groups()
            value = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            parameters.setdefault(name.lower(), value)
            position = parameter.end()
        between = _BETWEEN.match(text, position)
        if between is None:
            return []
        position = between.end()
        found.append(
            MediaRange(
                type=f"{kind[1]}/{kind[2]}".lower(),
                quality=_quality(parameters.pop("q", "1")),
                parameters=parameters,
            )
        )
    return found


def _quality(text: str) -> float:
    return float(text) if re.fullmatch(r"(0(\.\d{0,3})?|1(\.0{0,3})?)", text) else 1.0


def media_type_of(header: str) -> MediaRange | None:
    """A Content-Type; None where it cannot be read."""
    found = _ranges(header)
    return found[0] if len(found) == 1 else None
