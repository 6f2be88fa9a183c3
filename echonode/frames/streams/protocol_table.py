"""Every protocol that can be configured: EchoNode's own, and those of installed distributions.

A distribution brings a protocol by an entry point of the group `echonode.protocols`:

    [project.entry-points."echonode.protocols"]
    mine = "my_probe:PROTOCOL"
    "other.kit" = "my_probe:KIT"

The name is PROTOCOL or PROTOCOL.DIALECT, the object is a `Protocol`.

Rules
- A name is listed without an import of its module. Only the protocol that a probe is configured
  with is imported.
- Two of one name exclude each other, EchoNode's own included: which one is meant is not guessed.
- Whatever another author's code or metadata raises becomes ProtocolUnusable. Protocols of other
  distributions, and EchoNode's own, are not affected.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata

from echonode.errors import ProtocolUnusable
from echonode.frames.streams.protocols import PROTOCOLS, Protocol, Wire

GROUP = "echonode.protocols"
# Of what an import raised; it is one line of check-config.
_LONGEST_REASON = 200


@dataclass(frozen=True, kw_only=True)
class _Offer:
    """An entry point. origin: name and version of its distribution, for the operator."""

    key: tuple[str, str]
    origin: str
    point: metadata.EntryPoint


def find_protocol(protocol: str, dialect: str) -> Protocol | None:
    """The protocol of a configured probe; None where no distribution has it.

    dialect: '' where the protocol has none. Raises ProtocolUnusable.
    """
    key = (protocol, dialect)
    own, offers = PROTOCOLS.get(key), [offer for offer in _installed() if offer.key == key]
    if len(offers) + (own is not None) > 1:
        raise _clash(key, own, offers)
    return _loaded(offers[0]) if offers else own


def known_protocols() -> list[tuple[str, str]]:
    """(protocol, dialect) of all of them, EchoNode's own first; '' where there is no dialect."""
    return list(dict.fromkeys([*PROTOCOLS, *(offer.key for offer in _installed())]))


def dialects_of(protocol: str) -> list[str]:
    """The dialects of a protocol, in the table's order; empty where it has none, or is unknown."""
    return [dialect for name, dialect in known_protocols() if name == protocol and dialect]


def _installed() -> tuple[_Offer, ...]:
    return _offers(tuple(sys.path))


@lru_cache(maxsize=1)
def _offers(folders: tuple[str, ...]) -> tuple[_Offer, ...]:
    """What the distributions in `folders` bring; of two of one name the first one counts.

    Remembered: each file of entry points is read once a process.
    """
    first: dict[str, list[_Offer]] = {}
    for distribution in metadata.distributions(path=list(folders)):
        if points := _points(distribution):
            name, origin = _name_and_origin(distribution)
            first.setdefault(name, [_offer(point, origin) for point in points])
    return tuple(offer for offers in first.values() for offer in offers)


def _offer(point: metadata.EntryPoint, origin: str) -> _Offer:
    protocol, _, dialect = point.name.partition(".")
    return _Offer(key=(protocol, dialect), origin=origin, point=point)


def _points(distribution: metadata.Distribution) -> tuple[metadata.EntryPoint, ...]:
    try:
        return tuple(distribution.entry_points.select(group=GROUP))
    except Exception:  # noqa: BLE001 - a stranger's file; what cannot be read brings no protocol
        return ()


def _name_and_origin(distribution: metadata.Distribution) -> tuple[str, str]:
    try:
        return distribution.name.lower(), f"{distribution.name} {distribution.version}"
    except Exception:  # noqa: BLE001 - a stranger's file; its protocol may be usable all the same
        return "", "a distribution without a name"


def _clash(key: tuple[str, str], own: Protocol | None, offers: list[_Offer]) -> ProtocolUnusable:
    origins = [*(["EchoNode itself"] if own else []), *(offer.origin for offer in offers)]
    return ProtocolUnusable(
        f"`{_joined(key)}` is the name of a protocol of {' and of '.join(origins)}",
        "Uninstall the distribution that is not meant, or have its entry point renamed.",
    )


def _loaded(offer: _Offer) -> Protocol:
    """The object of an entry point, checked, with its stream imported as well."""
    found = _imported(offer, offer.point.value, offer.point.load)
    if not isinstance(found, Protocol):
        raise _unusable(offer, f"{offer.point.value} is a {type(found).__name__}, not a Protocol")
    if found.wire is Wire.FILE:
        raise _unusable(offer, f"{offer.point.value} says Wire.FILE, which is EchoNode's own")
    if not callable(_imported(offer, found.stream, found.factory)):
        raise _unusable(offer, f"{found.stream} cannot be called")
    return found


def _imported(offer: _Offer, what: str, load: Callable[[], object]) -> object:
    try:
        return load()
    except (Exception, SystemExit) as error:  # what a module raises is its own
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:_LONGEST_REASON]
        raise _unusable(offer, f"{what} cannot be imported ({reason})") from error


def _unusable(offer: _Offer, problem: str) -> ProtocolUnusable:
    return ProtocolUnusable(
        f"`{_joined(offer.key)}` of the distribution {offer.origin} cannot be used: {problem}",
        "Correct that distribution, or install the version of it that fits.",
    )


def _joined(key: tuple[str, str]) -> str:
    """As the entry point has it."""
    return ".".join(word for word in key if word)
