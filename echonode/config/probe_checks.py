"""What must agree in a probe's section: by the table of protocols, so that a new one is known here.

Each check yields its faults.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from echonode.config.probe import Probe
from echonode.errors import ConfigFault, ProtocolUnusable
from echonode.frames.streams.protocol_table import dialects_of, find_protocol, known_protocols
from echonode.frames.streams.protocols import Protocol, Wire

# Keys that a protocol must claim for itself to be of any meaning.
_OF_ONE_PROTOCOL = ("device", "path", "loop", "fps")


def probe_faults(path: str, probe: Probe, *, has_web: bool) -> Iterator[ConfigFault]:
    """Every fault of one probe; path: of its section. has_web: captures may be asked for there."""
    try:
        protocol = find_protocol(probe.protocol, probe.dialect or "")
    except ProtocolUnusable as unusable:
        yield _fault(f"{path}.protocol", unusable.problem, unusable.remedy)
        return
    if protocol is None:
        yield from _unknown(path, probe)
        return
    yield from _belongs(path, probe, protocol)
    if probe.capture.keep_rf and probe.protocol != "echopen":
        yield _fault(
            f"{path}.capture.keep_rf",
            f"has no effect with {probe.protocol}: it sends no scan lines that are kept",
            "Take it away.",
        )
    if not has_web:
        yield from _manual(path, probe, protocol)
    if protocol.wire is Wire.FILE:
        yield from _recording(path, probe)
    else:
        yield from _address(path, probe, protocol)
    for key in protocol.needs:
        if getattr(probe.profile, key) is None:
            yield _fault(
                f"{path}.profile.{key}",
                f"is missing; a {probe.dialect or probe.protocol} probe sends no header, so "
                "nothing else says it",
                "Give the probe's own value.",
            )


def _fault(path: str, problem: str, remedy: str) -> ConfigFault:
    return ConfigFault(path=path, problem=problem, remedy=remedy)


def _unknown(path: str, probe: Probe) -> Iterator[ConfigFault]:
    """Neither the table has it: which of the two words it is."""
    known = list(dict.fromkeys(name for name, _ in known_protocols()))
    if probe.protocol not in known:
        yield _fault(
            f"{path}.protocol",
            f"{probe.protocol!r} is not spoken by this version",
            _advice(probe.protocol, known),
        )
        return
    dialects = dialects_of(probe.protocol)
    if not dialects:
        yield _fault(f"{path}.dialect", f"`{probe.protocol}` has no dialects", "Remove it.")
    elif probe.dialect is None:
        yield _fault(
            f"{path}.dialect",
            f"is missing; the wire does not show which dialect of {probe.protocol} it is",
            f"Use {_choice(dialects)}.",
        )
    else:
        yield _fault(
            f"{path}.dialect",
            f"{probe.dialect!r} is not a dialect of {probe.protocol} that this version speaks",
            _advice(probe.dialect, dialects),
        )


def _advice(written: str, known: list[str]) -> str:
    close = difflib.get_close_matches(written, known, n=1)
    return f"Did you mean `{close[0]}`?" if close else f"Use {_choice(known)}."


def _choice(words: list[str]) -> str:
    return ", ".join(words[:-1]) + f" or {words[-1]}" if len(words) > 1 else words[0]


def _address(path: str, probe: Probe, protocol: Protocol) -> Iterator[ConfigFault]:
    """From where it comes: one way, and the one that its protocol has."""
    port = f", usually port {protocol.usual_port}" if protocol.usual_port else ""
    both = probe.connect is not None and probe.listen is not None
    if both and protocol.wire is not Wire.COMMANDS:
        yield _fault(path, "`connect` and `listen` exclude each other", "Remove one.")
    elif probe.connect is None and protocol.wire is not Wire.EITHER:
        yield _fault(
            f"{path}.connect",
            f"is missing; an {probe.protocol} probe listens and this node connects to it",
            f"Give its HOST:PORT{port}.",
        )
    elif probe.connect is None and probe.listen is None:
        yield _fault(
            f"{path}.connect",
            "is missing; where `listen` is missing too, nothing can come",
            f"Give the sender's HOST:PORT{port}, or listen: HOST:PORT.",
        )


def _manual(path: str, probe: Probe, protocol: Protocol) -> Iterator[ConfigFault]:
    """Stills and clips on request need a probe that can request them."""
    if probe.capture.mode == "manual" and not protocol.asks:
        yield _fault(
            f"{path}.capture.mode",
            f"`manual` would record nothing: `{probe.protocol}` has no way to ask for a capture",
            "Use auto, or add a `web` section: captures are then asked for over HTTP. Only an "
            "OpenIGTLink sender can ask by itself, by COMMAND messages.",
        )


def _belongs(path: str, probe: Probe, protocol: Protocol) -> Iterator[ConfigFault]:
    """Keys that mean nothing to the probe's protocol are a mistake about it."""
    for key in _OF_ONE_PROTOCOL:
        if getattr(probe, key) and key not in protocol.keys:
            yield _fault(f"{path}.{key}", f"`{probe.protocol}` has no `{key}`", "Remove it.")
    if probe.listen is None or protocol.wire is Wire.COMMANDS:
        for key in ("addresses", "tls"):
            if getattr(probe, key):
                yield _fault(
                    f"{path}.{key}",
                    "is for senders that connect to `listen`; this node connects to the probe "
                    "itself",
                    "Remove it.",
                )
    if protocol.wire is Wire.FILE:
        for key in ("connect", "listen"):
            if getattr(probe, key):
                yield _fault(f"{path}.{key}", "a file is at no address", "Remove it.")


def _recording(path: str, probe: Probe) -> Iterator[ConfigFault]:
    if probe.path is None:
        yield _fault(f"{path}.path", "is missing", "Give the recording to play.")
    elif not probe.path.exists():
        yield _fault(f"{path}.path", f"{probe.path} does not exist", "Give a recording.")
